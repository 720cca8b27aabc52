#include "config/lint/lint_run.h"

#include "common/banned.h"

#define REVIEWED_PERCENT_MAX 90u ///< from here on a person is asked for nearly everything

static bool has_conditions(const struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->rules_n; i++)
		if (!sp_lint_unconditional(&p->rule[i]))
			return true;
	return false;
}

/// Constraints that look further than a tool's name.
static bool has_constraints(const struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->tools_n; i++) {
		const struct sp_policy_tool *t = &p->tool[i];

		if (t->sql.on || t->endpoint.on || t->path.roots.n || t->max_calls ||
			t->max_argument_bytes || t->require_approval ||
			t->require_human_initiated || t->required_scopes.n || t->has_environments ||
			t->has_allowed_for)
			return true;
	}
	return false;
}

static bool has_limits(const struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->agents_n; i++) {
		const struct sp_policy_agent *a = &p->agent[i];

		if (a->per_minute || a->per_hour || a->per_request_tokens || a->daily_tokens)
			return true;
	}
	return p->limits_n > 0;
}

static void reviewed(struct sp_lint_run *l)
{
	const struct sp_policy_risk *r = &l->p->risk;
	uint32_t granted = 0, asked = 0;

	for (uint32_t i = 0; i < l->tools_n; i++) {
		if (!l->tool[i].granted || l->tool[i].closed)
			continue;
		granted++;
		asked += l->tool[i].reviewed;
	}
	if (granted > 1 && asked * 100 >= granted * REVIEWED_PERCENT_MAX)
		sp_lint_add(l, SP_LINT_REVIEW_EVERYTHING, sp_lint_whole(l->p),
			"%u of %u granted tools wait for a person at every call", asked, granted);
	else if (r->on && r->review_at[r->mode] <= 100 &&
		 r->class_base[SP_CLASS_READ] >= (int32_t)r->review_at[r->mode])
		sp_lint_add(l, SP_LINT_REVIEW_EVERYTHING, r->at,
			"in the mode %s a score of %u asks for review, which every read already "
			"has",
			sp_risk_mode_name(r->mode), r->review_at[r->mode]);
}

void sp_lint_check_patterns(struct sp_lint_run *l)
{
	const struct sp_policy *p = l->p;
	struct sp_at whole = sp_lint_whole(p);

	if (!l->grants) {
		sp_lint_add(l, SP_LINT_GRANTS_NOTHING, whole, "nothing is granted to anybody");
		return;
	}
	reviewed(l);
	if (!p->risk.on && !has_conditions(p))
		sp_lint_add(l, SP_LINT_STATIC_ALLOW_LIST, whole,
			"a static allow-list decides alone: no risk scoring, no condition");
	if (!p->risk.on && !has_conditions(p) && !has_constraints(p) && !has_limits(p) &&
		!p->sequences_n && !p->purposes_n)
		sp_lint_add(l, SP_LINT_APPLICATION_LAYER_ONLY, whole,
			"only names of tools are controlled: arguments, rates, order and risk are "
			"left to the application");
	if (p->risk.on && p->risk.review_at[p->risk.mode] > 100 &&
		p->risk.block_at[p->risk.mode] > 100)
		sp_lint_add(l, SP_LINT_RISK_NEVER_ACTS, p->risk.at,
			"in the mode %s no score leads to review or block",
			sp_risk_mode_name(p->risk.mode));
}
