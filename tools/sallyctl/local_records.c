#include "tools/sallyctl/local_records.h"

#include "config/load.h"
#include "tools/sallyctl/show.h"

#include <stdio.h>
#include "common/banned.h"

static int usage(const struct sp_line *l, const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s%s; see 'sallyctl help %s'\n", what, which, l->command->words);
	return SP_CTL_USAGE;
}

static bool takes(const struct sp_line *l, const char *option)
{
	for (unsigned i = 0; i < l->command->args_n; i++)
		if (sp_ctl_arg_is_option(&l->command->args[i]) &&
			strcmp(l->command->args[i].name, option) == 0)
			return true;
	return false;
}

/// "--name VALUE" or "--name=VALUE" of the table; NULL when argv[*at] is another one.
static const char *option(const struct sp_line *l, const char *name, int *at)
{
	const char *arg = l->argv[*at];
	size_t n = strlen(name);

	if (!arg || !takes(l, name) || strncmp(arg + 2, name, n) != 0)
		return NULL;
	arg += 2 + n;
	if (*arg == '=')
		return arg + 1;
	return *arg == 0 && *at + 1 < l->argc ? l->argv[++*at] : NULL;
}

int sp_records_line_read(const struct sp_line *l, bool want_paths, struct sp_records_line *ret)
{
	const char *days = NULL, *value;

	*ret = (struct sp_records_line){0};
	for (int i = 0; i < l->argc; i++) {
		const char *arg = l->argv[i];

		if (strncmp(arg, "--", 2) != 0)
			ret->path[ret->paths_n++] = arg;
		else if ((value = option(l, "records", &i)) != NULL)
			ret->records = value;
		else if ((value = option(l, "days", &i)) != NULL)
			days = value;
		else if (takes(l, "fail-on-change") && strcmp(arg, "--fail-on-change") == 0)
			ret->fail_on_change = true;
		else
			return usage(l, "unknown or incomplete option ", arg);
	}
	if (want_paths && ret->paths_n == 0)
		return usage(l, "a policy file or folder is needed", "");
	if (!want_paths && ret->paths_n)
		return usage(l, "not understood: ", ret->path[0]);
	if (!ret->records)
		return usage(l, "recorded calls are needed: --records FILE, or - for standard input", "");
	if (days && (sp_bytes_u64(sp_bytes_cstr(days), &ret->days) < 0 || ret->days == 0 ||
			    ret->days > 36500))
		return usage(l, "--days takes a number from 1 to 36500, not ", days);
	return 0;
}

void sp_records_tell(const struct sp_check *check, const char *what, int err)
{
	sp_local_problems(check);
	if (check->n == 0 && err)
		fprintf(stderr, "sallyctl: %s: %s\n", what, sp_load_why(err));
}

static int ask(const struct sp_line *l, const struct sp_records_line *what,
	struct sp_check *check, sp_records_fn *look)
{
	struct sp_local_snap policy;
	struct sp_records records;
	int err = sp_local_snap(what->path, what->paths_n, check, &policy);

	if (err) {
		sp_records_tell(check, what->path[0], err);
		return err;
	}
	err = sp_records_load(&records, what->records, check);
	if (err)
		sp_records_tell(check, what->records, err);
	else
		err = look(l, what, &policy.snap, &records);
	sp_records_done(&records);
	sp_local_snap_done(&policy);
	return err;
}

int sp_records_ask(const struct sp_line *l, sp_records_fn *look)
{
	struct sp_records_line what;
	struct sp_check check;
	int err = sp_records_line_read(l, true, &what);

	if (err)
		return err;
	sp_check_init(&check);
	err = ask(l, &what, &check, look);
	sp_check_done(&check);
	return err < 0 || fflush(stdout) != 0 ? SP_CTL_REFUSED : err;
}

void sp_records_put_text(struct sp_cv_out *o, const char *key, struct sp_bytes v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_bytes(o, v);
}

void sp_records_put_number(struct sp_cv_out *o, const char *key, uint64_t v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_u64(o, v);
}

int sp_records_print(const struct sp_line *l, struct sp_cv_out *o, const char *columns)
{
	struct sp_show show = {.columns = columns};

	if (o->failed)
		return -ENOMEM;
	if (l->json)
		sp_show_json(sp_cv_out_bytes(o));
	else
		sp_show(&show, sp_cv_out_bytes(o));
	return 0;
}
