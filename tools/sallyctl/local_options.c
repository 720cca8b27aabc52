/// What local commands have in common: their options, and policy as a snapshot.
#include "config/compile.h"
#include "config/load.h"
#include "tools/sallyctl/args.h"
#include "tools/sallyctl/local_files.h"
#include "common/banned.h"

static int usage(const struct sp_line *l, const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s %s; see 'sallyctl help %s'\n", what, which, l->command->words);
	return -EINVAL;
}

static int take(const struct sp_line *l, const struct sp_local_option *option, unsigned n, int *at)
{
	const char *arg = l->argv[*at] + 2, *eq = strchr(arg, '=');
	size_t len = eq ? (size_t)(eq - arg) : strlen(arg);
	const char **value;

	for (unsigned i = 0; i < n; i++) {
		if (strlen(option[i].name) != len || memcmp(option[i].name, arg, len) != 0)
			continue;
		value = option[i].value + (option[i].many ? (*option[i].many)++ : 0);
		if (!option[i].many && *value)
			return usage(l, "given twice:", l->argv[*at]);
		if (!eq && *at + 1 >= l->argc)
			return usage(l, "a value must follow", l->argv[*at]);
		*value = eq ? eq + 1 : l->argv[++*at];
		return 0;
	}
	return usage(l, "unknown option", l->argv[*at]);
}

int sp_local_options(const struct sp_line *l, const struct sp_local_option *option,
	unsigned options_n, const char **path)
{
	int n = 0;

	for (int i = 0; i < l->argc; i++) {
		if (strncmp(l->argv[i], "--", 2) != 0)
			path[n++] = l->argv[i];
		else
			SP_TRY(take(l, option, options_n, &i));
	}
	return n;
}

void sp_local_problems(const struct sp_check *check)
{
	char text[1024];

	for (uint32_t i = 0; i < check->n; i++) {
		sp_problem_text(&check->v[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
	if (check->dropped)
		fprintf(stderr, "sallyctl: and %u more\n", check->dropped);
}

int sp_local_snap(
	const char *const *path, int n, struct sp_check *check, struct sp_local_snap *ret)
{
	struct sp_local_snap s;
	struct sp_compile_in in = {.generation = 1};
	size_t bytes;
	int err;

	SP_TRY(sp_local_policy(path, n, check, &s.policy));
	in.policy = s.policy;
	err = sp_compile(&in, check, &s.blob, &bytes);
	if (err) {
		sp_policy_free(s.policy);
		return err;
	}
	err = sp_snap_open(s.blob, bytes, &s.snap);
	if (err)
		sp_local_snap_done(&s);
	else
		*ret = s;
	return err;
}

void sp_local_snap_done(struct sp_local_snap *s)
{
	free(s->blob);
	sp_policy_free(s->policy);
}

int sp_local_snapshot(const char *const *path, int n, uint8_t **ret_blob, struct sp_snap *ret)
{
	struct sp_local_snap s;
	struct sp_check check;
	int err;

	sp_check_init(&check);
	err = sp_local_snap(path, n, &check, &s);
	sp_local_problems(&check);
	if (err && check.n == 0)
		fprintf(stderr, "sallyctl: %s: %s\n", path[0], strerror(-err));
	if (err == 0) {
		sp_policy_free(s.policy);
		*ret_blob = s.blob;
		*ret = s.snap;
	}
	sp_check_done(&check);
	return err;
}

static int read_stream(size_t max, uint8_t **ret, size_t *ret_n)
{
	uint8_t *text = malloc(max + 1);
	size_t n;

	if (!text)
		return -ENOMEM;
	n = fread(text, 1, max + 1, stdin);
	if (ferror(stdin) || n > max) {
		free(text);
		return n > max ? -E2BIG : -EIO;
	}
	*ret = text;
	*ret_n = n;
	return 0;
}

int sp_local_read(const char *path, size_t max, uint8_t **ret, size_t *ret_n)
{
	if (strcmp(path, "-") == 0)
		return read_stream(max, ret, ret_n);
	return sp_load_file(path, max, ret, ret_n);
}

void sp_local_put_json(struct sp_bytes s)
{
	uint8_t buf[6];

	putchar('"');
	for (size_t i = 0; i < s.n; i++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));

		sp_out_json_escaped(&o, sp_bytes(s.p + i, 1));
		fwrite(buf, 1, o.len, stdout);
	}
	putchar('"');
}

void sp_local_put_text(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		putchar(s.p[i] < ' ' || s.p[i] == 0x7f ? '?' : s.p[i]);
}
