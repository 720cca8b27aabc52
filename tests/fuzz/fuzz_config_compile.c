/// Policy text to snapshot: what compiles has to open, to be the same bytes again, and to be safe to read whole.
#include "config/compile.h"
#include "config/diff.h"
#include "config/policy_read.h"
#include "tests/support/snap_touch.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(const struct sp_policy *p, struct sp_check *check)
{
	const struct sp_compile_in in = {.policy = p, .generation = 1};
	uint8_t *one, *two;
	size_t n, m;
	struct sp_snap s;

	if (sp_compile(&in, check, &one, &n) != 0)
		return;
	SP_BUG_IF(sp_snap_open(one, n, &s) != 0);
	touch_policy(&s);
	SP_BUG_IF(sp_snap_diff(&s, &s, NULL, NULL) != 0);
	SP_BUG_IF(sp_compile(&in, check, &two, &m) != 0 || m != n || memcmp(one, two, n) != 0);
	free(one);
	free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_check check;
	struct sp_policy *p;

	sp_check_init(&check);
	SP_BUG_IF(sp_policy_new(&p) != 0);
	if (sp_policy_read(p, sp_bytes(data, size), "p.yaml", &check) == 0 &&
		sp_policy_seal_in(p, &check) == 0)
		compile(p, &check);
	sp_policy_free(p);
	sp_check_done(&check);
	return 0;
}
