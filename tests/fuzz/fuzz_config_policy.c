#include "config/policy_read.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_action(const struct sp_policy *p, const char *name)
{
	uint32_t low = 0, high = p->actions_n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int c = strcmp(p->action[mid], name);

		if (c == 0)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static void check_names(const struct sp_policy *p, const struct sp_policy_strs *tools)
{
	for (uint32_t i = 0; i < tools->n; i++)
		SP_BUG_IF(!sp_policy_is_glob(tools->v[i]) && !is_action(p, tools->v[i]));
}

/// What a sealed policy promises to those that compile it.
static void check_sealed(const struct sp_policy *p)
{
	SP_BUG_IF(!p->sealed || p->roles_n > SP_POLICY_ROLES_MAX || p->environments_n > 64);
	for (uint32_t i = 1; i < p->agents_n; i++)
		SP_BUG_IF(strcmp(p->agent[i - 1].name, p->agent[i].name) >= 0);
	for (uint32_t i = 1; i < p->actions_n; i++)
		SP_BUG_IF(strcmp(p->action[i - 1], p->action[i]) >= 0);
	for (uint32_t i = 1; i < p->tools_n; i++)
		SP_BUG_IF(strcmp(p->tool[i - 1].name, p->tool[i].name) >= 0);
	for (uint32_t i = 0; i < p->agents_n; i++) {
		const struct sp_policy_agent *a = &p->agent[i];

		SP_BUG_IF(a->implied && (a->has_allow_list || a->actions_n));
		for (uint32_t k = 0; k < a->actions_n; k++)
			SP_BUG_IF(a->actions[k] >= p->actions_n ||
				  (k && a->actions[k] <= a->actions[k - 1]));
	}
	for (uint32_t i = 0; i < p->rules_n; i++) {
		const struct sp_policy_rule *r = &p->rule[i];

		SP_BUG_IF(!r->name || !r->at.file || r->tools.n == 0);
		SP_BUG_IF(r->group != UINT32_MAX && r->group >= p->groups_n);
		check_names(p, &r->tools);
		for (uint32_t k = 0; k < r->when.n; k++)
			SP_BUG_IF(!*r->when.v[k].text || !r->when.v[k].at.line);
	}
	for (uint32_t i = 0; i < p->limits_n; i++) {
		SP_BUG_IF(p->limit[i].max == 0 || !p->limit[i].kind || !p->limit[i].per);
		check_names(p, &p->limit[i].tools);
	}
	for (uint32_t i = 0; i < p->tools_n; i++)
		SP_BUG_IF(p->tool[i].base_risk < -1 || p->tool[i].base_risk > 100);
}

static void read_as(const char *file, struct sp_bytes text)
{
	static struct sp_check check;
	struct sp_policy *p;
	char shown[512];
	int err;

	sp_check_init(&check);
	SP_BUG_IF(sp_policy_new(&p) < 0);
	err = sp_policy_read(p, text, file, &check);
	SP_BUG_IF((err == 0) != sp_check_ok(&check));
	if (err == 0) {
		err = sp_policy_seal_in(p, &check);
		SP_BUG_IF((err == 0) != sp_check_ok(&check));
		if (err == 0)
			check_sealed(p);
	}
	for (uint32_t i = 0; i < check.n; i++)
		sp_problem_text(&check.v[i], shown, sizeof(shown));
	sp_policy_free(p);
	sp_check_done(&check);
}

/// Every text is refused with a problem, or makes a policy that keeps its promises; as JSON and as
/// YAML.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as("p.json", sp_bytes(data, size));
	read_as("p.yaml", sp_bytes(data, size));
	return 0;
}
