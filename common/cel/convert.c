#include "common/cel/value.h"

#include <stdio.h>
#include "common/banned.h"

#define DIGITS_MAX 512u ///< of a number's text that is looked at as a whole

bool sp_cel_utf8(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c = s.p[i], low;
		size_t more;

		if (c < 0x80) {
			i++;
			continue;
		}
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		low = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
		if (c < 0xc2 || c > 0xf4 || s.n - i <= more)
			return false;
		c &= 0x3fu >> more;
		for (size_t k = 1; k <= more; k++) {
			if ((s.p[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (s.p[i + k] & 0x3fu);
		}
		if (c < low || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		i += more + 1;
	}
	return true;
}

static size_t digits(struct sp_bytes s, size_t i)
{
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i;
}

/// Decimal with optional sign, fraction and exponent; the whole text.
static bool is_decimal(struct sp_bytes s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), from = i, at;
	bool any;

	i = digits(s, i);
	any = i > from;
	if (i < s.n && s.p[i] == '.') {
		at = digits(s, i + 1);
		any |= at > i + 1;
		i = at;
	}
	if (!any)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
		at = digits(s, i);
		if (at == i)
			return false;
		i = at;
	}
	return i == s.n;
}

static bool is_word(struct sp_bytes s)
{
	struct sp_bytes word = s;

	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		word = sp_bytes(s.p + 1, s.n - 1);
	return sp_bytes_ieq(word, SP_LIT("inf")) || sp_bytes_ieq(word, SP_LIT("infinity")) ||
	       sp_bytes_ieq(s, SP_LIT("nan"));
}

bool cel_double_read(struct sp_bytes s, double *ret)
{
	char text[DIGITS_MAX + 1];

	if (s.n > DIGITS_MAX || (!is_decimal(s) && !is_word(s)))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*ret = strtod(text, NULL);
	return true;
}

enum sp_cel_error cel_to_double(struct sp_cel *v)
{
	double d;

	switch (v->type) {
	case SP_CEL_INT:
		d = (double)v->i;
		break;
	case SP_CEL_UINT:
		d = (double)v->u;
		break;
	case SP_CEL_DOUBLE:
		return SP_CEL_E_NONE;
	case SP_CEL_STRING:
		if (!cel_double_read(v->s, &d))
			return SP_CEL_E_CONVERT;
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	v->type = SP_CEL_DOUBLE;
	v->d = d;
	return SP_CEL_E_NONE;
}

/// Decimal digits with an optional sign.
static enum sp_cel_error read_int(struct sp_bytes s, int64_t *ret)
{
	bool minus = s.n && s.p[0] == '-';
	uint64_t u;
	int err;

	if (minus || (s.n && s.p[0] == '+'))
		s = sp_bytes(s.p + 1, s.n - 1);
	err = sp_bytes_u64(s, &u);
	if (err < 0)
		return err == -ERANGE ? SP_CEL_E_OVERFLOW : SP_CEL_E_CONVERT;
	if (u > (uint64_t)INT64_MAX + minus)
		return SP_CEL_E_OVERFLOW;
	*ret = (int64_t)(minus ? 0 - u : u);
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_to_int(struct sp_cel *v)
{
	enum sp_cel_error e = SP_CEL_E_NONE;
	int64_t i = v->i;

	switch (v->type) {
	case SP_CEL_INT:
	case SP_CEL_TIMESTAMP:
		break;
	case SP_CEL_UINT:
		e = v->u > INT64_MAX ? SP_CEL_E_OVERFLOW : SP_CEL_E_NONE;
		break;
	case SP_CEL_DOUBLE:
		if (!(v->d > -CEL_2_63 && v->d < CEL_2_63))
			return SP_CEL_E_OVERFLOW;
		i = (int64_t)v->d;
		break;
	case SP_CEL_STRING:
		e = read_int(v->s, &i);
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	if (!e)
		cel_set_int(v, i);
	return e;
}

enum sp_cel_error cel_to_uint(struct sp_cel *v)
{
	uint64_t u = v->u;
	int err;

	switch (v->type) {
	case SP_CEL_UINT:
		return SP_CEL_E_NONE;
	case SP_CEL_INT:
		if (v->i < 0)
			return SP_CEL_E_OVERFLOW;
		break;
	case SP_CEL_DOUBLE:
		if (!(v->d >= 0 && v->d < CEL_2_64))
			return SP_CEL_E_OVERFLOW;
		u = (uint64_t)v->d;
		break;
	case SP_CEL_STRING:
		err = sp_bytes_u64(v->s, &u);
		if (err < 0)
			return err == -ERANGE ? SP_CEL_E_OVERFLOW : SP_CEL_E_CONVERT;
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	v->type = SP_CEL_UINT;
	v->u = u;
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_to_bool(struct sp_cel *v)
{
	static const char *const word[2][5] = {
		{"0", "f", "false", "FALSE", "False"}, {"1", "t", "true", "TRUE", "True"}};

	if (v->type == SP_CEL_BOOL)
		return SP_CEL_E_NONE;
	if (v->type != SP_CEL_STRING)
		return SP_CEL_E_NO_OVERLOAD;
	for (unsigned i = 0; i < 10; i++) {
		if (sp_bytes_eq(v->s, sp_bytes_cstr(word[i / 5][i % 5]))) {
			cel_set_bool(v, i / 5);
			return SP_CEL_E_NONE;
		}
	}
	return SP_CEL_E_CONVERT;
}

enum sp_cel_error cel_to_bytes(struct sp_cel *v)
{
	if (v->type != SP_CEL_STRING && v->type != SP_CEL_BYTES)
		return SP_CEL_E_NO_OVERLOAD;
	v->type = SP_CEL_BYTES;
	return SP_CEL_E_NONE;
}

size_t cel_double_text(double d, char *buf)
{
	char digits_of[32], *e;
	int precision = 0, exponent;
	size_t n;

	if (__builtin_isnan(d))
		return (size_t)snprintf(buf, 40, "NaN");
	if (__builtin_isinf(d))
		return (size_t)snprintf(buf, 40, "%sInf", d < 0 ? "-" : "+");
	do {
		snprintf(digits_of, sizeof(digits_of), "%.*e", precision, d);
	} while (++precision < 17 && strtod(digits_of, NULL) != d);
	e = strchr(digits_of, 'e');
	exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (exponent < -4 || exponent >= 21)
		return (size_t)snprintf(buf, 40, "%s", digits_of);
	if (exponent < precision - 1)
		return (size_t)snprintf(buf, 40, "%.*f", precision - 1 - exponent, d);
	n = d < 0;
	buf[0] = '-';
	for (const char *c = digits_of; c < e; c++)
		if (*c >= '0' && *c <= '9')
			buf[n++] = *c;
	for (int zeros = exponent - precision + 1; zeros > 0; zeros--)
		buf[n++] = '0';
	return n;
}

enum sp_cel_error cel_to_string(struct sp_cel *v, struct cel_meter *m)
{
	char buf[48];
	size_t n = 0;
	uint8_t *p;

	switch (v->type) {
	case SP_CEL_STRING:
		return SP_CEL_E_NONE;
	case SP_CEL_BYTES:
		if (!cel_pay(m, v->s.n / 16))
			return SP_CEL_E_COST;
		if (!sp_cel_utf8(v->s))
			return SP_CEL_E_CONVERT;
		v->type = SP_CEL_STRING;
		return SP_CEL_E_NONE;
	case SP_CEL_BOOL:
		v->s = v->b ? SP_LIT("true") : SP_LIT("false");
		v->type = SP_CEL_STRING;
		return SP_CEL_E_NONE;
	case SP_CEL_INT:
		n = (size_t)snprintf(buf, sizeof(buf), "%lld", (long long)v->i);
		break;
	case SP_CEL_UINT:
		n = (size_t)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v->u);
		break;
	case SP_CEL_DOUBLE:
		n = cel_double_text(v->d, buf);
		break;
	case SP_CEL_DURATION:
	case SP_CEL_TIMESTAMP:
		n = cel_time_text(v, buf);
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	p = sp_cel_alloc(m->arena, n);
	if (!p)
		return SP_CEL_E_COST;
	memcpy(p, buf, n);
	v->type = SP_CEL_STRING;
	v->s = sp_bytes(p, n);
	return SP_CEL_E_NONE;
}
