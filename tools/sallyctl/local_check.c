/// `policy check` without a gateway: the files compiled alone, as a publish would.
#include "tools/sallyctl/local.h"

#include "config/policy_view.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/show.h"

#include <stdio.h>
#include "common/banned.h"

static void print_problems(const struct sp_line *l, const struct sp_check *check)
{
	for (uint32_t i = 0; i < check->n; i++) {
		char text[1024];

		sp_problem_text(&check->v[i], text, sizeof(text));
		if (l->json) {
			uint8_t json[4096];
			struct sp_out o = sp_out_init(json, sizeof(json));

			sp_out_json_escaped(&o, sp_bytes_cstr(text));
			printf("{\"problem\":\"%.*s\"}\n", (int)o.len, (const char *)json);
		} else {
			printf("%s\n", text);
		}
	}
	if (check->dropped)
		fprintf(stderr, "sallyctl: and %u more\n", check->dropped);
}

static int view(const struct sp_line *l, const struct sp_local_snap *s, const char *folder)
{
	struct sp_show show = {.color = false};
	struct sp_cv_out o;
	bool failed;

	sp_cv_out_init(&o);
	sp_view_check(&o, s->policy, &s->snap, folder);
	if (!o.failed && l->json)
		sp_show_json(sp_cv_out_bytes(&o));
	else if (!o.failed)
		sp_show(&show, sp_cv_out_bytes(&o));
	failed = o.failed;
	sp_cv_out_done(&o);
	return failed ? -ENOMEM : 0;
}

static int check_files(
	const struct sp_line *l, const char *const *path, int n, struct sp_check *check)
{
	struct sp_local_snap s;
	int err;

	SP_TRY(sp_local_snap(path, n, check, &s));
	err = view(l, &s, path[0]);
	sp_local_snap_done(&s);
	return err;
}

int sp_local_policy_check(const struct sp_line *l)
{
	const char *path[SP_ARRAY_LEN(l->argv)];
	struct sp_check check;
	int n = 0, err;

	for (int i = 0; i < l->argc; i++)
		if (strcmp(l->argv[i], "--offline") != 0)
			path[n++] = l->argv[i];
	if (n != 1) {
		fputs("sallyctl: policy check needs one file or folder; see 'sallyctl help policy "
		      "check'\n",
			stderr);
		return SP_CTL_USAGE;
	}
	sp_check_init(&check);
	err = check_files(l, path, n, &check);
	print_problems(l, &check);
	if (err && check.n == 0)
		fprintf(stderr, "sallyctl: %s: %s\n", path[0], strerror(-err));
	sp_check_done(&check);
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}

bool sp_local_policy_check_wanted(const struct sp_line *l)
{
	char socket[512];
	int paths = 0;

	for (int i = 0; i < l->argc; i++) {
		if (strcmp(l->argv[i], "--offline") == 0)
			return true;
		paths++;
	}
	if (paths != 1)
		return true; // it says what is wrong, and nothing of a gateway
	snprintf(socket, sizeof(socket), "%s/control.sock", l->run_dir);
	if (access(socket, F_OK) == 0 || errno != ENOENT)
		return false;
	fprintf(stderr, "sallyctl: no gateway at %s: the files are checked alone\n", l->run_dir);
	return true;
}
