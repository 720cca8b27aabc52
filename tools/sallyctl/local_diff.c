/// `policy diff OLD NEW`: two sets of policy files compared, without a gateway.
#include "tools/sallyctl/local.h"

#include "config/diff.h"
#include "config/policy_view.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/show.h"

#include <stdio.h>
#include "common/banned.h"

static void put_change(void *user, const struct sp_change *c)
{
	sp_view_change(user, c);
}

static int print(const struct sp_line *l, const struct sp_snap *old, const struct sp_snap *new)
{
	struct sp_show show = {.line_key = "text"};
	struct sp_cv_out o;
	int err = 0;

	sp_cv_out_init(&o);
	sp_cv_put_array(&o);
	if (sp_snap_diff(old, new, put_change, &o) < 0)
		o.failed = true;
	sp_cv_put_end(&o);
	if (o.failed)
		err = -ENOMEM;
	else if (l->json)
		sp_show_json(sp_cv_out_bytes(&o));
	else
		sp_show(&show, sp_cv_out_bytes(&o));
	sp_cv_out_done(&o);
	return err;
}

int sp_local_policy_diff(const struct sp_line *l)
{
	struct sp_snap old, new;
	uint8_t *old_blob, *new_blob;
	int err = sp_local_snapshot(l->argv, 1, &old_blob, &old);

	if (err)
		return SP_CTL_REFUSED;
	err = sp_local_snapshot(l->argv + 1, 1, &new_blob, &new);
	if (err == 0) {
		err = print(l, &old, &new);
		if (err)
			fprintf(stderr, "sallyctl: %s\n", strerror(-err));
		free(new_blob);
	}
	free(old_blob);
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}

bool sp_local_policy_diff_wanted(const struct sp_line *l)
{
	return l->argc == 2 && strncmp(l->argv[0], "--", 2) != 0 && strncmp(l->argv[1], "--", 2) != 0;
}
