#include "config/policy_read.h"
#include "config/snapshot_build.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// What was accepted compiles, and allows exactly what it names.
static void compile(const struct sp_policy *p)
{
	struct sp_snap_in_agent *agents = calloc(p->agents_n + 1ul, sizeof(*agents));
	struct sp_bytes *actions = calloc(p->actions_n + 1ul, sizeof(*actions));
	struct sp_snap_in in = {
		.agents = agents, .agents_n = p->agents_n, .actions = {actions, p->actions_n}};
	struct sp_snap s;
	uint8_t *blob;
	size_t n;

	for (uint32_t i = 0; i < p->actions_n; i++)
		actions[i] = sp_bytes_cstr(p->action[i]);
	for (uint32_t i = 0; i < p->agents_n; i++)
		agents[i] = (struct sp_snap_in_agent){.name = sp_bytes_cstr(p->agent[i].name),
			.actions = p->agent[i].actions,
			.actions_n = p->agent[i].actions_n};
	SP_BUG_IF(sp_snap_build(&in, &blob, &n) < 0 || sp_snap_open(blob, n, &s) < 0);
	for (uint32_t i = 0; i < p->agents_n; i++) {
		const struct sp_snap_agent *a =
			sp_snap_agent(&s, sp_snap_find_agent(&s, agents[i].name));
		uint32_t allowed = 0;

		for (uint32_t k = 0; k < p->actions_n; k++)
			allowed += sp_snap_allows(&s, a, k);
		SP_BUG_IF(allowed != p->agent[i].actions_n);
	}
	free(blob);
	free(agents);
	free(actions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_check check;
	struct sp_policy *p;
	int err;

	sp_check_init(&check);
	SP_BUG_IF(sp_policy_new(&p) < 0);
	err = sp_policy_read(p, sp_bytes(data, size), "p.json", &check);
	SP_BUG_IF((err == 0) != sp_check_ok(&check));
	if (err == 0) {
		bool list = p->sources_n == 1 && strcmp(p->source[0].form, "allow-list") == 0;
		int r = sp_policy_seal_in(p, &check);

		SP_BUG_IF(list && r < 0); // an allow-list that was accepted leaves nothing to be refused
		if (r == 0)
			compile(p);
	}
	sp_policy_free(p);
	sp_check_done(&check);
	return 0;
}
