#include "config/cel/ast.h"

#include <fcntl.h>
#include "common/banned.h"

#define ZONES "/usr/share/zoneinfo/"
#define FILE_MAX 65536u
#define HEAD_N 44u
#define SHIFTS_MAX 1024u
#define LAST_YEAR 2100 ///< up to which the rule at a table's end is written out
#define DAY_S 86400ll

/// A table of RFC 8536, version 2 or later.
struct table {
	struct sp_bytes file;
	size_t at; ///< of the second block's data
	uint32_t times_n, types_n, chars_n, leaps_n, std_n, ut_n;
	struct sp_cel_shift *shift;
	uint32_t n;
};
/// The half of a rule "M3.2.0/2": when, in local time, the year's clock changes.
struct change {
	int month, week, day;
	int64_t time;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void add(struct table *t, int64_t at, int64_t shift)
{
	if (t->n < SHIFTS_MAX)
		t->shift[t->n++] = (struct sp_cel_shift){at, (int32_t)shift, 0};
}

/// Sizes of the block at `at`; false when the file ends before its data does.
static bool block(struct table *t, size_t at, unsigned time_n, size_t *ret_end)
{
	const uint8_t *p = t->file.p + at;

	if (t->file.n < at + HEAD_N || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return false;
	t->ut_n = be32(p + 20);
	t->std_n = be32(p + 24);
	t->leaps_n = be32(p + 28);
	t->times_n = be32(p + 32);
	t->types_n = be32(p + 36);
	t->chars_n = be32(p + 40);
	t->at = at + HEAD_N;
	*ret_end = t->at + (uint64_t)t->times_n * (time_n + 1) + (uint64_t)t->types_n * 6 +
		   t->chars_n + (uint64_t)t->leaps_n * (time_n + 4) + t->std_n + t->ut_n;
	return t->types_n && *ret_end <= t->file.n;
}

static int32_t shift_of(const struct table *t, uint32_t type)
{
	const uint8_t *p = t->file.p + t->at + t->times_n * 9ul + type * 6ul;

	return (int32_t)be32(p);
}

static bool written(struct table *t)
{
	const uint8_t *times = t->file.p + t->at, *types = times + t->times_n * 8ul;
	int64_t at, before = INT64_MIN;

	add(t, INT64_MIN, shift_of(t, 0));
	for (uint32_t i = 0; i < t->times_n; i++) {
		at = (int64_t)((uint64_t)be32(times + i * 8ul) << 32 | be32(times + i * 8ul + 4));
		if (types[i] >= t->types_n || at < before)
			return false;
		add(t, at, shift_of(t, types[i]));
		before = at;
	}
	return t->n < SHIFTS_MAX;
}

static bool letters(const char **s)
{
	const char *from = *s;

	if (**s == '<') {
		while (**s && **s != '>')
			(*s)++;
		return *(*s)++ == '>';
	}
	while ((**s | 0x20) >= 'a' && (**s | 0x20) <= 'z')
		(*s)++;
	return *s - from >= 3;
}

/// "-5:30" in seconds, as it is written.
static bool clock_of(const char **s, int64_t *ret)
{
	int64_t v = 0, unit = 3600;
	bool minus = **s == '-';
	char *end;

	*s += minus || **s == '+';
	for (; unit; unit /= 60) {
		if (**s < '0' || **s > '9')
			return false;
		v += (int64_t)strtol(*s, &end, 10) * unit;
		*s = end;
		if (**s != ':')
			break;
		(*s)++;
	}
	*ret = minus ? -v : v;
	return v <= 7 * DAY_S;
}

/// A small number after `lead`.
static bool part_of(const char **s, const char *lead, int max, int *ret)
{
	size_t n = strlen(lead);
	char *end;
	long v;

	if (strncmp(*s, lead, n) != 0 || (*s)[n] < '0' || (*s)[n] > '9')
		return false;
	v = strtol(*s + n, &end, 10);
	*s = end;
	*ret = (int)v;
	return v <= max;
}

static bool change_of(const char **s, struct change *c)
{
	if (!part_of(s, ",M", 12, &c->month) || !part_of(s, ".", 5, &c->week) ||
		!part_of(s, ".", 6, &c->day) || c->month < 1 || c->week < 1)
		return false;
	c->time = 7200;
	if (**s != '/')
		return true;
	(*s)++;
	return clock_of(s, &c->time);
}

static int64_t days_of(int64_t y, int month, int day)
{
	int64_t era, yoe, doy;

	y -= month <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/// Seconds since 1970, local time, of a change in a year.
static int64_t moment(const struct change *c, int64_t year)
{
	int64_t first = days_of(year, c->month, 1);
	int64_t next = c->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, c->month + 1, 1);
	int64_t day = first + (c->day - (first + 4) % 7 + 7) % 7 + (c->week - 1) * 7;

	while (day >= next)
		day -= 7;
	return day * DAY_S + c->time;
}

/// What holds after the last time of the table: "AEST-10AEDT,M10.1.0,M4.1.0/3".
static bool ruled(struct table *t, const char *s)
{
	int64_t std, dst, last = t->shift[t->n - 1].at, year;
	struct change to_dst, to_std;

	if (!letters(&s) || !clock_of(&s, &std))
		return false;
	std = -std;
	if (!*s) {
		if (t->shift[t->n - 1].shift != std)
			add(t, last == INT64_MIN ? last : last + 1, std);
		return true;
	}
	if (!letters(&s))
		return false;
	dst = std + 3600;
	if (*s != ',') {
		if (!clock_of(&s, &dst))
			return false;
		dst = -dst;
	}
	if (!change_of(&s, &to_dst) || !change_of(&s, &to_std) || *s)
		return false;
	year = last < 0 ? 1970 : 1970 + last / (DAY_S * 366);
	for (; year <= LAST_YEAR; year++) {
		int64_t a = moment(&to_dst, year) - std, b = moment(&to_std, year) - dst;

		if (a < b && a > last)
			add(t, a, dst);
		if (b > last)
			add(t, b, std);
		if (a > b && a > last)
			add(t, a, dst);
	}
	return t->n < SHIFTS_MAX;
}

static bool read_table(struct table *t)
{
	char rule[128];
	size_t end;

	if (!block(t, 0, 4, &end) || !block(t, end, 8, &end) || !written(t))
		return false;
	if (t->file.n < end + 2 || t->file.p[end] != '\n' || t->file.n - end - 2 >= sizeof(rule) ||
		t->file.p[t->file.n - 1] != '\n')
		return false;
	memcpy(rule, t->file.p + end + 1, t->file.n - end - 2);
	rule[t->file.n - end - 2] = '\0';
	return !rule[0] || ruled(t, rule);
}

static int open_zone(struct sp_bytes name)
{
	char path[128] = ZONES;
	size_t n = sizeof(ZONES) - 1;

	if (name.n == 0 || name.n > 64 || name.p[0] == '/')
		return -1;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i], low = c | 0x20;

		if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
			    c == '-' || c == '+' || c == '/'))
			return -1;
		path[n++] = (char)c;
	}
	path[n] = '\0';
	return open(path, O_RDONLY | O_CLOEXEC);
}

const uint8_t *cel_zone(struct sp_arena *arena, struct sp_bytes name, size_t *ret_n)
{
	uint8_t *file = sp_arena_alloc(arena, FILE_MAX);
	struct table t = {.n = 0};
	SP_AUTO_FD fd = -1;
	int64_t shift;
	ssize_t n;

	t.shift = sp_arena_alloc(arena, SHIFTS_MAX * sizeof(*t.shift));
	if (!file || !t.shift)
		return NULL;
	if (sp_cel_zone_fixed(name, &shift)) {
		add(&t, INT64_MIN, shift);
	} else {
		fd = open_zone(name);
		n = fd < 0 ? -1 : read(fd, file, FILE_MAX);
		if (n <= 0 || n == (ssize_t)FILE_MAX)
			return NULL;
		t.file = sp_bytes(file, (size_t)n);
		if (!read_table(&t))
			return NULL;
	}
	*ret_n = t.n * sizeof(*t.shift);
	return (const uint8_t *)t.shift;
}
