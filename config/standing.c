#include "config/standing.h"

#include "common/banned.h"

static const char *const names[] = {
	[SP_STANDING_DENIED] = "denied",
	[SP_STANDING_CONDITIONAL] = "conditional",
	[SP_STANDING_REVIEW] = "review",
	[SP_STANDING_ALLOWED] = "allowed",
};

const char *sp_standing_name(enum sp_standing v)
{
	return v < SP_ARRAY_LEN(names) ? names[v] : "";
}

struct found {
	bool granted, maybe_granted, denied, maybe_denied, review, maybe_review;
};

static void look_at_rules(const struct sp_snap *s, const struct sp_snap_who *who, struct found *f)
{
	struct sp_snap_rules it;
	uint32_t no;

	sp_snap_rules_begin(&it, s, who);
	while ((no = sp_snap_rules_next(&it)) != SP_SNAP_NONE) {
		const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, no);
		bool sure = r->conditions.n == 0 && r->purposes.n == 0;

		if (r->effect == SP_EFFECT_DENY)
			*(sure ? &f->denied : &f->maybe_denied) = true;
		else if (r->effect == SP_EFFECT_REVIEW)
			*(sure ? &f->review : &f->maybe_review) = true;
		else
			*(sure ? &f->granted : &f->maybe_granted) = true;
	}
}

static void look_at_tool(const struct sp_snap *s, const struct sp_snap_who *who, struct found *f)
{
	const struct sp_snap_agent_facts *a =
		SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, who->agent);
	uint32_t no = sp_snap_tool_of(s, who);
	const struct sp_snap_tool *t;

	if (no == SP_SNAP_NONE)
		return;
	t = SP_SNAP_POLICY(s, tools, sp_snap_tool, no);
	// no role together with a person who began it: grants say who, as the judge has it
	if (t->has_allowed_for && !(t->allowed_for == 0 && t->require_human_initiated))
		*(t->allowed_for & a->roles ? &f->granted : &f->denied) = true;
	if (t->has_environments && !(t->environments & a->environment))
		f->denied = true;
	if (t->require_approval)
		f->review = true;
	if (t->require_human_initiated)
		f->maybe_denied = true;
}

enum sp_standing sp_standing_of(const struct sp_snap *s, const struct sp_snap_who *who)
{
	const struct sp_snap_agent_facts *a;
	struct found f = {0};

	if (who->agent >= s->h->agents.n)
		return SP_STANDING_DENIED;
	a = SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, who->agent);
	if (sp_snap_allows(s, sp_snap_agent(s, who->agent), who->action))
		f.granted = true;
	else if (a->has_allow_list)
		return SP_STANDING_DENIED;
	look_at_rules(s, who, &f);
	look_at_tool(s, who, &f);
	if (f.denied || !(f.granted || f.maybe_granted))
		return SP_STANDING_DENIED;
	if (!f.granted || f.maybe_denied)
		return SP_STANDING_CONDITIONAL;
	if (f.review)
		return SP_STANDING_REVIEW;
	return f.maybe_review ? SP_STANDING_CONDITIONAL : SP_STANDING_ALLOWED;
}
