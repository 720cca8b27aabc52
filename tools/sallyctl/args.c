#include "tools/sallyctl/args.h"

#include "common/clock.h"
#include "tools/sallyctl/sources.h"

#include <limits.h>
#include <stdio.h>
#include "common/banned.h"

#define TIMEOUT_S 150u // a publish waits for slow workers, a reload for slow key servers

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s '%s'; 'sallyctl help' shows what there is\n", what, which);
	return -EINVAL;
}

static int number(const char *text, uint64_t *ret)
{
	return sp_bytes_u64(sp_bytes_cstr(text), ret);
}

/// `--name value` or `--name=value`: 1 with *ret_value, 0 when it is another option.
static int option_value(
	const char *name, int argc, const char *const *argv, int *at, const char **ret_value)
{
	const char *arg = argv[*at];
	size_t n = strlen(name);

	if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, n) != 0)
		return 0;
	if (arg[2 + n] == '=') {
		*ret_value = arg + 3 + n;
		return 1;
	}
	if (arg[2 + n] != 0)
		return 0;
	if (*at + 1 >= argc)
		return usage("a value must follow", arg);
	*ret_value = argv[++*at];
	return 1;
}

static int global_option(struct sp_line *l, int argc, const char *const *argv, int *at)
{
	const char *arg = argv[*at], *value;
	uint64_t v;
	int r;

	if (strcmp(arg, "--json") == 0)
		return l->json = true, 1;
	if (strcmp(arg, "--no-color") == 0)
		return l->no_color = true, 1;
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		return l->help = true, 1;
	if (strcmp(arg, "--version") == 0)
		return l->version = true, 1;
	r = option_value("run-dir", argc, argv, at, &l->run_dir);
	if (r != 0)
		return r;
	r = option_value("timeout", argc, argv, at, &value);
	if (r <= 0)
		return r;
	if (number(value, &v) < 0 || v == 0 || v > 86400)
		return usage("--timeout takes seconds, not", value);
	l->timeout_s = (unsigned)v;
	return 1;
}

/// The first of two words alone is no command: say what may follow it.
static int no_command(const char *word)
{
	size_t n = strlen(word);
	bool any = false;

	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		const char *w = sp_ctl_command(i)->words;

		if (strncmp(w, word, n) != 0 || w[n] != ' ')
			continue;
		if (!any)
			fprintf(stderr, "sallyctl: '%s' is followed by one of:", word);
		fprintf(stderr, " %s", w + n + 1);
		any = true;
	}
	if (!any)
		return usage("there is no command", word);
	fputs("\n", stderr);
	return -EINVAL;
}

void sp_line_words(const struct sp_line *l, int n, char *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap - 1);

	for (int i = 0; i < n && i < l->argc; i++) {
		if (i)
			sp_out_lit(&o, " ");
		sp_out_bytes(&o, sp_bytes_cstr(l->argv[i]));
	}
	buf[o.overflow ? 0 : o.len] = 0; // longer than any command's
}

static int find_command(struct sp_line *l)
{
	char words[64];
	int used = 0;

	for (int n = sp_min(l->argc, SP_CTL_WORDS_MAX); n > 0 && !l->command; n--) {
		sp_line_words(l, n, words, sizeof(words));
		l->command = sp_ctl_command_find(sp_bytes_cstr(words));
		used = n;
	}
	if (!l->command && l->argc > 0)
		return no_command(words[0] ? words : l->argv[0]);
	l->argc -= used;
	memmove(l->argv, l->argv + used, (size_t)l->argc * sizeof(l->argv[0]));
	return 0;
}

int sp_line_read(int argc, char **argv, struct sp_line *ret)
{
	const char *dir = getenv("SALLYPORT_RUN_DIR");
	struct sp_line l = {
		.run_dir = dir && dir[0] ? dir : "/run/sallyport", .timeout_s = TIMEOUT_S};

	for (int i = 1; i < argc; i++) {
		int r = global_option(&l, argc, (const char *const *)argv, &i);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if ((size_t)l.argc == SP_ARRAY_LEN(l.argv))
			return usage("too many arguments, from", argv[i]);
		l.argv[l.argc++] = argv[i];
	}
	SP_TRY(find_command(&l));
	*ret = l;
	return 0;
}

static int two_digits(const char **p, int *ret)
{
	if ((*p)[0] < '0' || (*p)[0] > '9' || (*p)[1] < '0' || (*p)[1] > '9')
		return -EINVAL;
	*ret = ((*p)[0] - '0') * 10 + (*p)[1] - '0';
	*p += 2;
	return 0;
}

static int separator(const char **p, char c)
{
	if (**p != c && !(c == 'T' && (**p == 't' || **p == ' ')))
		return -EINVAL;
	++*p;
	return 0;
}

/// "Z" or "+hh:mm": seconds to take off.
static int offset(const char **p, int *ret)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	if (**p == 'Z' || **p == 'z') {
		++*p;
		*ret = 0;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -EINVAL;
	++*p;
	SP_TRY(two_digits(p, &h));
	SP_TRY(separator(p, ':'));
	SP_TRY(two_digits(p, &m));
	*ret = sign * (h * 3600 + m * 60);
	return 0;
}

static int rfc3339(const char *p, uint64_t *ret)
{
	struct tm tm = {0};
	int century, year, east;
	time_t t;

	SP_TRY(two_digits(&p, &century));
	SP_TRY(two_digits(&p, &year));
	SP_TRY(separator(&p, '-'));
	SP_TRY(two_digits(&p, &tm.tm_mon));
	SP_TRY(separator(&p, '-'));
	SP_TRY(two_digits(&p, &tm.tm_mday));
	SP_TRY(separator(&p, 'T'));
	SP_TRY(two_digits(&p, &tm.tm_hour));
	SP_TRY(separator(&p, ':'));
	SP_TRY(two_digits(&p, &tm.tm_min));
	SP_TRY(separator(&p, ':'));
	SP_TRY(two_digits(&p, &tm.tm_sec));
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9';)
			p++;
	SP_TRY(offset(&p, &east));
	if (*p || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon--;
	t = timegm(&tm) - east;
	if (t < 0)
		return -EINVAL;
	*ret = (uint64_t)t * SP_NS_PER_SEC;
	return 0;
}

int sp_time_parse(const char *text, uint64_t wall_ns, uint64_t *ret)
{
	static const char letters[] = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	size_t n = strlen(text);
	const char *unit = n > 1 ? strchr(letters, text[n - 1]) : NULL;
	uint64_t v;

	if (!unit)
		return rfc3339(text, ret);
	if (sp_bytes_u64(sp_bytes(text, n - 1), &v) < 0 || v > 36500 * 86400ull)
		return -EINVAL;
	v *= seconds[unit - letters] * SP_NS_PER_SEC;
	if (v > wall_ns)
		return -EINVAL;
	*ret = wall_ns - v;
	return 0;
}

static int put_path(const char *text, struct sp_cv_out *o)
{
	char full[PATH_MAX];

	if (!realpath(text, full)) {
		fprintf(stderr, "sallyctl: %s: %s\n", text, strerror(errno));
		return -EINVAL;
	}
	sp_cv_put_str(o, full);
	return 0;
}

/// One of the words of `choices`, or anything when there are none.
static bool is_choice(const char *choices, const char *text)
{
	size_t n = strlen(text);

	for (const char *at = choices; at && *at;) {
		size_t len = strcspn(at, " ");

		if (len == n && memcmp(at, text, n) == 0)
			return true;
		at += len + (at[len] == ' ');
	}
	return !choices;
}

static int put_value(
	const struct sp_ctl_arg *a, const char *text, uint64_t wall_ns, struct sp_cv_out *o)
{
	uint64_t v;

	sp_cv_put_str(o, a->name);
	switch (a->kind) {
	case SP_ARG_TEXT:
	case SP_OPT_TEXT:
		if (!is_choice(a->choices, text)) {
			fprintf(stderr, "sallyctl: %s is one of %s, not '%s'\n", a->name, a->choices, text);
			return -EINVAL;
		}
		sp_cv_put_str(o, text);
		return 0;
	case SP_ARG_NUMBER:
	case SP_OPT_NUMBER:
		if (number(text, &v) < 0)
			return usage("a number is needed, not", text);
		sp_cv_put_u64(o, v);
		return 0;
	case SP_OPT_TIME:
		if (sp_time_parse(text, wall_ns, &v) < 0)
			return usage(
				"a time is needed (2026-01-31T08:00:00Z, 90s, 15m, 2h, 7d), not",
				text);
		sp_cv_put_u64(o, v);
		return 0;
	case SP_ARG_PATH:
		return put_path(text, o);
	case SP_ARG_SOURCES:
		return sp_sources_put(text, o) < 0 ? -EIO : 0;
	case SP_OPT_FLAG:
		sp_cv_put_bool(o, true);
		return 0;
	}
	return -EINVAL;
}

/// The option at argv[*at]: its place in the table and its value.
static int find_option(const struct sp_line *l, int *at, const char **ret_value)
{
	const struct sp_ctl_command *c = l->command;

	for (unsigned i = 0; i < c->args_n; i++) {
		int r = 0;

		if (!sp_ctl_arg_is_option(&c->args[i]))
			continue;
		*ret_value = NULL;
		if (c->args[i].kind != SP_OPT_FLAG)
			r = option_value(c->args[i].name, l->argc, l->argv, at, ret_value);
		else if (strcmp(l->argv[*at] + 2, c->args[i].name) == 0)
			r = 1;
		if (r != 0)
			return r < 0 ? r : (int)i;
	}
	return usage("unknown option", l->argv[*at]);
}

static int next_positional(const struct sp_ctl_command *c, uint32_t used, const char *text)
{
	for (unsigned i = 0; i < c->args_n && !sp_ctl_arg_is_option(&c->args[i]); i++)
		if (!(used >> i & 1))
			return (int)i;
	return usage("one argument too many:", text);
}

int sp_line_args(const struct sp_line *l, uint64_t wall_ns, struct sp_cv_out *o)
{
	const struct sp_ctl_command *c = l->command;
	uint32_t used = 0;

	sp_cv_put_map(o);
	for (int i = 0; i < l->argc; i++) {
		bool option = strncmp(l->argv[i], "--", 2) == 0;
		const char *value = l->argv[i];
		int which = option ? find_option(l, &i, &value) : next_positional(c, used, value);

		if (which < 0)
			return which;
		if (used >> which & 1)
			return usage("given twice:", l->argv[i]);
		used |= 1u << which;
		SP_TRY(put_value(&c->args[which], value, wall_ns, o));
	}
	for (unsigned i = 0; i < c->args_n; i++) {
		if (!c->args[i].required || used >> i & 1)
			continue;
		fprintf(stderr, "sallyctl: %s needs %s (%s); see 'sallyctl help %s'\n", c->words,
			c->args[i].meta, c->args[i].help, c->words);
		return -EINVAL;
	}
	sp_cv_put_end(o);
	return 0;
}
