#include "config/value.h"

#include "common/clock.h"

#include <stdio.h>
#include "common/banned.h"

struct unit {
	const char *name;
	uint64_t factor;
};
/// Largest first: the first that divides a value shows it shortest.
static const struct unit durations[] = {
	{"d", 86400 * SP_NS_PER_SEC},
	{"h", 3600 * SP_NS_PER_SEC},
	{"m", 60 * SP_NS_PER_SEC},
	{"s", SP_NS_PER_SEC},
	{"ms", SP_NS_PER_MS},
	{"us", SP_NS_PER_US},
	{"ns", 1},
};
static const struct unit sizes[] = {
	{"TiB", 1ull << 40},
	{"GiB", 1ull << 30},
	{"MiB", 1ull << 20},
	{"KiB", 1ull << 10},
	{"B", 1},
};

/// 010 is eight to some readers.
static bool octal(const char *s)
{
	return s[0] == '0' && s[1] >= '0' && s[1] <= '9';
}

int sp_value_number(const char *s, uint64_t *ret)
{
	if (octal(s))
		return -EINVAL;
	return sp_bytes_u64(sp_bytes_cstr(s), ret);
}

static int with_unit(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
	size_t digits = strspn(s, "0123456789");
	uint64_t v;

	SP_TRY(sp_bytes_u64(sp_bytes(s, digits), &v));
	if (s[digits] == 0 && v == 0) {
		*ret = 0;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s + digits, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v))
			return -ERANGE;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

int sp_value_duration(const char *s, uint64_t *ret_ns)
{
	return with_unit(s, durations, SP_ARRAY_LEN(durations), ret_ns);
}

int sp_value_size(const char *s, uint64_t *ret_bytes)
{
	return with_unit(s, sizes, SP_ARRAY_LEN(sizes), ret_bytes);
}

#define MICROS 1000000u

int sp_value_money(const char *s, uint64_t *ret_micros)
{
	size_t whole = strspn(s, "0123456789"), parts;
	uint64_t units, micros = 0;

	if (octal(s))
		return -EINVAL;
	SP_TRY(sp_bytes_u64(sp_bytes(s, whole), &units));
	if (s[whole] == '.') {
		parts = strspn(s + whole + 1, "0123456789");
		if (parts == 0 || parts > 6 || s[whole + 1 + parts] != 0)
			return -EINVAL;
		SP_TRY(sp_bytes_u64(sp_bytes(s + whole + 1, parts), &micros));
		for (; parts < 6; parts++)
			micros *= 10;
	} else if (s[whole] != 0) {
		return -EINVAL;
	}
	if (__builtin_mul_overflow(units, MICROS, &units) ||
		__builtin_add_overflow(units, micros, &units))
		return -ERANGE;
	*ret_micros = units;
	return 0;
}

int sp_value_bool(const char *s, bool *ret)
{
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		return -EINVAL;
	*ret = s[0] == 't';
	return 0;
}

static void show(uint64_t v, const struct unit *units, size_t n, char *buf, size_t cap)
{
	size_t i = 0;

	while (i < n - 1 && v % units[i].factor)
		i++;
	if (v == 0)
		snprintf(buf, cap, "0");
	else
		snprintf(buf, cap, "%llu%s", (unsigned long long)(v / units[i].factor),
			units[i].name);
}

void sp_value_show_duration(uint64_t ns, char *buf, size_t cap)
{
	show(ns, durations, SP_ARRAY_LEN(durations), buf, cap);
}

void sp_value_show_size(uint64_t bytes, char *buf, size_t cap)
{
	show(bytes, sizes, SP_ARRAY_LEN(sizes), buf, cap);
}

void sp_value_show_money(uint64_t micros, char *buf, size_t cap)
{
	unsigned long long units = micros / MICROS;
	unsigned rest = (unsigned)(micros % MICROS), places = 6;

	for (; rest && rest % 10 == 0; places--)
		rest /= 10;
	if (rest)
		snprintf(buf, cap, "%llu.%0*u", units, (int)places, rest);
	else
		snprintf(buf, cap, "%llu", units);
}

#define WORD_MAX 40u

/// Edit distance with swaps of neighbours (optimal string alignment), for words under WORD_MAX.
static unsigned distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1];
			unsigned best = d[i - 1][j - 1] + cost;

			best = sp_min(best, d[i - 1][j] + 1);
			best = sp_min(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = sp_min(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const char *sp_value_nearest(const char *s, const char *const *words)
{
	size_t n = strlen(s);
	unsigned most = n < 4 ? 1 : n < 8 ? 2 : 3;
	const char *best = NULL;

	if (n == 0 || n > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		unsigned d;

		if (strlen(*words) > WORD_MAX)
			continue;
		d = distance(s, *words);
		if (d <= most) {
			most = d - (d > 0);
			best = *words;
		}
		if (d == 0)
			break;
	}
	return best;
}
