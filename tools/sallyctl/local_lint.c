#include "tools/sallyctl/local.h"

#include "config/lint/lint.h"
#include "tools/sallyctl/local_files.h"

#include <stdio.h>
#include "common/banned.h"

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s%s; see 'sallyctl help policy lint'\n", what, which);
	return SP_CTL_USAGE;
}

static int lint(const char *const *path, int n, struct sp_lint *l)
{
	struct sp_check check;
	struct sp_policy *p;
	int err;

	sp_check_init(&check);
	err = sp_local_policy(path, n, &check, &p);
	if (err == 0) {
		err = sp_lint_policy(l, p);
		sp_policy_free(p);
	} else if (err == -EBADMSG) {
		err = sp_lint_problems(l, &check);
	}
	sp_check_done(&check);
	return err;
}

int sp_local_policy_lint(const struct sp_line *l, const char *version)
{
	const char *path[SP_ARRAY_LEN(l->argv)];
	struct sp_lint found;
	bool sarif = false, errors;
	int n = 0, err;

	for (int i = 0; i < l->argc; i++) {
		if (strcmp(l->argv[i], "--sarif") == 0)
			sarif = true;
		else if (strncmp(l->argv[i], "--", 2) == 0)
			return usage("unknown option ", l->argv[i]);
		else
			path[n++] = l->argv[i];
	}
	if (n == 0)
		return usage("policy lint needs a file or folder", "");
	sp_lint_init(&found);
	err = lint(path, n, &found);
	if (err)
		fprintf(stderr, "sallyctl: %s\n", strerror(-err));
	else if (sarif)
		sp_lint_print_sarif(&found, version, stdout);
	else if (l->json)
		sp_lint_print_json(&found, stdout);
	else
		sp_lint_print_text(&found, stdout);
	errors = sp_lint_has_errors(&found);
	sp_lint_done(&found);
	return err || errors || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}
