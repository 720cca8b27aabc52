#include "common/cel/value.h"

#include <stdio.h>
#include "common/banned.h"

#define NS_S 1000000000ll
#define DAY_S 86400ll
#define TIME_MIN (-62135596800ll) ///< 0001-01-01T00:00:00Z
#define TIME_MAX 253402300799ll ///< 9999-12-31T23:59:59Z

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
static int64_t days_of(int64_t y, unsigned month, unsigned day)
{
	int64_t era, yoe, doy;

	y -= month <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct date {
	int64_t year;
	unsigned month, day; ///< from 1
};

static struct date date_of(int64_t days)
{
	int64_t era, doe, yoe, doy, mp;
	struct date d;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	d.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	d.month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	d.year = yoe + era * 400 + (d.month <= 2);
	return d;
}

static unsigned month_days(int64_t y, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/// Exactly `n` digits at *at, which moves on.
static bool number(struct sp_bytes s, size_t *at, unsigned n, unsigned *ret)
{
	unsigned v = 0;

	if (s.n - *at < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		uint8_t c = s.p[*at + i];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	*at += n;
	*ret = v;
	return true;
}

static bool skip(struct sp_bytes s, size_t *at, const char *any)
{
	if (*at >= s.n || !s.p[*at] || !strchr(any, s.p[*at]))
		return false;
	(*at)++;
	return true;
}

static bool hours_minutes(struct sp_bytes s, size_t *at, int64_t *ret)
{
	unsigned h, m;

	if (!number(s, at, 2, &h) || !skip(s, at, ":") || !number(s, at, 2, &m) || h > 23 || m > 59)
		return false;
	*ret = h * 3600ll + m * 60ll;
	return true;
}

bool sp_cel_zone_fixed(struct sp_bytes name, int64_t *ret)
{
	bool minus = name.n && name.p[0] == '-';
	size_t at = minus || (name.n && name.p[0] == '+');
	int64_t shift = 0;

	if (sp_bytes_eq(name, SP_LIT("UTC")) || sp_bytes_eq(name, SP_LIT("Z")) ||
		sp_bytes_eq(name, SP_LIT("GMT"))) {
		*ret = 0;
		return true;
	}
	if (!hours_minutes(name, &at, &shift) || at != name.n)
		return false;
	*ret = minus ? -shift : shift;
	return true;
}

/// Nanoseconds of ".123"; at most nine digits count, as many more are refused.
static bool fraction(struct sp_bytes s, size_t *at, uint32_t *ret)
{
	uint32_t unit = NS_S / 10, ns = 0;
	size_t from;

	*ret = 0;
	if (!skip(s, at, "."))
		return true;
	for (from = *at; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++) {
		if (!unit)
			return false;
		ns += (uint32_t)(s.p[*at] - '0') * unit;
		unit /= 10;
	}
	*ret = ns;
	return *at > from;
}

static bool read_timestamp(struct sp_bytes s, int64_t *ret_s, uint32_t *ret_ns)
{
	unsigned y, mo, d, h, mi, sec;
	int64_t shift = 0;
	bool minus;
	size_t at = 0;

	if (!number(s, &at, 4, &y) || !skip(s, &at, "-") || !number(s, &at, 2, &mo) ||
		!skip(s, &at, "-") || !number(s, &at, 2, &d) || !skip(s, &at, "Tt") ||
		!number(s, &at, 2, &h) || !skip(s, &at, ":") || !number(s, &at, 2, &mi) ||
		!skip(s, &at, ":") || !number(s, &at, 2, &sec) || !fraction(s, &at, ret_ns))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 59)
		return false;
	if (!skip(s, &at, "Zz")) {
		minus = at < s.n && s.p[at] == '-';
		if (!skip(s, &at, "+-") || !hours_minutes(s, &at, &shift))
			return false;
		shift = minus ? -shift : shift;
	}
	*ret_s = days_of(y, mo, d) * DAY_S + h * 3600ll + mi * 60ll + sec - shift;
	return at == s.n;
}

static enum sp_cel_error set_time(struct sp_cel *v, int64_t s, uint32_t ns)
{
	if (s < TIME_MIN || s > TIME_MAX)
		return SP_CEL_E_OVERFLOW;
	v->type = SP_CEL_TIMESTAMP;
	v->i = s;
	v->ns = ns;
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_to_timestamp(struct sp_cel *v)
{
	int64_t s;
	uint32_t ns;

	switch (v->type) {
	case SP_CEL_TIMESTAMP:
		return SP_CEL_E_NONE;
	case SP_CEL_INT:
		return set_time(v, v->i, 0);
	case SP_CEL_STRING:
		return read_timestamp(v->s, &s, &ns) ? set_time(v, s, ns) : SP_CEL_E_CONVERT;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
}

static bool unit_of(struct sp_bytes s, size_t *at, int64_t *ret)
{
	static const struct {
		const char *name;
		int64_t ns;
	} unit[] = {{"ns", 1}, {"us", 1000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
		{"ms", 1000000}, {"h", 3600 * NS_S}, {"s", NS_S}, {"m", 60 * NS_S}};

	for (size_t i = 0; i < SP_ARRAY_LEN(unit); i++) {
		if (sp_bytes_starts(sp_bytes(s.p + *at, s.n - *at), sp_bytes_cstr(unit[i].name))) {
			*at += strlen(unit[i].name);
			*ret = unit[i].ns;
			return true;
		}
	}
	return false;
}

/// One number and unit, "1.5h", added to *sum.
static enum sp_cel_error read_part(struct sp_bytes s, size_t *at, __int128 *sum)
{
	__int128 whole = 0, part = 0, scale = 1;
	size_t from = *at, count = 0;
	int64_t unit;

	for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++, count++) {
		whole = whole * 10 + (s.p[*at] - '0');
		if (*at - from > 18)
			return SP_CEL_E_OVERFLOW;
	}
	if (skip(s, at, ".")) {
		for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++, count++) {
			if (scale < 1000000000000000000) {
				part = part * 10 + (s.p[*at] - '0');
				scale *= 10;
			}
		}
	}
	if (!count || !unit_of(s, at, &unit))
		return SP_CEL_E_CONVERT;
	*sum += whole * unit + part * unit / scale;
	return *sum > (__int128)INT64_MAX + 1 ? SP_CEL_E_OVERFLOW : SP_CEL_E_NONE;
}

enum sp_cel_error cel_to_duration(struct sp_cel *v)
{
	struct sp_bytes s = v->s;
	enum sp_cel_error e = SP_CEL_E_NONE;
	__int128 sum = 0;
	bool minus;
	size_t at;

	if (v->type == SP_CEL_DURATION)
		return SP_CEL_E_NONE;
	if (v->type != SP_CEL_STRING)
		return SP_CEL_E_NO_OVERLOAD;
	minus = s.n && s.p[0] == '-';
	at = minus || (s.n && s.p[0] == '+');
	if (at == s.n)
		return SP_CEL_E_CONVERT;
	if (s.n == at + 1 && s.p[at] == '0')
		at = s.n;
	while (!e && at < s.n)
		e = read_part(s, &at, &sum);
	if (e)
		return e;
	sum = minus ? -sum : sum;
	if (sum > INT64_MAX)
		return SP_CEL_E_OVERFLOW;
	v->type = SP_CEL_DURATION;
	v->i = (int64_t)sum;
	return SP_CEL_E_NONE;
}

/// A fraction of a second without its trailing zeros.
static size_t fraction_text(uint32_t ns, char *buf, size_t cap)
{
	size_t n;

	if (!ns)
		return 0;
	n = (size_t)snprintf(buf, cap, ".%09u", ns);
	while (buf[n - 1] == '0')
		n--;
	return n;
}

size_t cel_time_text(const struct sp_cel *v, char *buf)
{
	int64_t days, s = v->i / NS_S, part = v->i % NS_S;
	struct date d;
	size_t n;

	if (v->type == SP_CEL_DURATION) {
		n = (size_t)snprintf(
			buf, 48, "%s%lld", v->i < 0 ? "-" : "", (long long)(s < 0 ? -s : s));
		n += fraction_text((uint32_t)(part < 0 ? -part : part), buf + n, 48 - n);
		buf[n++] = 's';
		return n;
	}
	days = (v->i - TIME_MIN) / DAY_S + TIME_MIN / DAY_S;
	s = v->i - days * DAY_S;
	d = date_of(days);
	n = (size_t)snprintf(buf, 48, "%04d-%02u-%02uT%02d:%02d:%02d", (int)d.year, d.month, d.day,
		(int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	n += fraction_text(v->ns, buf + n, 48 - n);
	buf[n++] = 'Z';
	return n;
}

enum sp_cel_error cel_time_add(const struct sp_cel *t, int64_t ns, struct sp_cel *ret)
{
	int64_t part = (int64_t)t->ns + ns % NS_S, s = t->i + ns / NS_S;

	if (part < 0) {
		part += NS_S;
		s--;
	} else if (part >= NS_S) {
		part -= NS_S;
		s++;
	}
	return set_time(ret, s, (uint32_t)part);
}

enum sp_cel_error cel_time_diff(const struct sp_cel *a, const struct sp_cel *b, struct sp_cel *ret)
{
	int64_t ns;

	if (__builtin_mul_overflow(a->i - b->i, NS_S, &ns) ||
		__builtin_add_overflow(ns, (int64_t)a->ns - (int64_t)b->ns, &ns))
		return SP_CEL_E_OVERFLOW;
	ret->type = SP_CEL_DURATION;
	ret->i = ns;
	ret->ns = 0;
	return SP_CEL_E_NONE;
}

int64_t cel_zone_shift(const uint8_t *shifts, uint32_t n, int64_t at)
{
	struct sp_cel_shift s;
	uint32_t lo = 0, hi = n;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		memcpy(&s, shifts + mid * sizeof(s), sizeof(s));
		if (s.at <= at)
			lo = mid;
		else
			hi = mid;
	}
	memcpy(&s, shifts + lo * sizeof(s), sizeof(s));
	return s.shift;
}

static enum sp_cel_error duration_get(enum sp_cel_fn fn, struct sp_cel *v)
{
	static const int64_t unit[] = {3600 * NS_S, 60 * NS_S, NS_S, 1000000};
	int64_t i;

	if (fn < SP_CEL_F_HOURS)
		return SP_CEL_E_NO_OVERLOAD;
	i = v->i / unit[fn - SP_CEL_F_HOURS];
	cel_set_int(v, fn == SP_CEL_F_MILLIS ? i % 1000 : i);
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_time_get(enum sp_cel_fn fn, struct sp_cel *v, int64_t shift)
{
	int64_t t = v->i + shift, days, s, r;
	struct date d;

	if (v->type == SP_CEL_DURATION)
		return duration_get(fn, v);
	if (v->type != SP_CEL_TIMESTAMP)
		return SP_CEL_E_NO_OVERLOAD;
	days = t >= 0 ? t / DAY_S : -((-t + DAY_S - 1) / DAY_S);
	s = t - days * DAY_S;
	d = date_of(days);
	switch (fn) {
	case SP_CEL_F_YEAR:
		r = d.year;
		break;
	case SP_CEL_F_MONTH:
		r = d.month - 1;
		break;
	case SP_CEL_F_DATE:
		r = d.day;
		break;
	case SP_CEL_F_DAY_OF_MONTH:
		r = d.day - 1;
		break;
	case SP_CEL_F_DAY_OF_WEEK:
		r = ((days + 4) % 7 + 7) % 7;
		break;
	case SP_CEL_F_DAY_OF_YEAR:
		r = days - days_of(d.year, 1, 1);
		break;
	case SP_CEL_F_HOURS:
		r = s / 3600;
		break;
	case SP_CEL_F_MINUTES:
		r = s / 60 % 60;
		break;
	case SP_CEL_F_SECONDS:
		r = s % 60;
		break;
	default:
		r = v->ns / 1000000;
	}
	cel_set_int(v, r);
	return SP_CEL_E_NONE;
}
