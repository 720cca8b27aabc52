/// Who may call what: grants, denials, and the constraints of tools that bind everybody.
#include "config/judge/judge_in.h"
#include "common/banned.h"

/// What has been found, before anything is decided.
struct found {
	struct judge_rules rules;
	struct sp_judge_grants grants;
	bool human_missing, environment_denied;
};

static bool on_allow_list(const struct judge *j)
{
	const struct sp_snap_agent *a = sp_snap_agent(j->s, j->c->agent);

	for (uint32_t i = 0; i < j->names_n; i++)
		if (j->v->about.actions[i] != SP_SNAP_NONE &&
			sp_snap_allows(j->s, a, j->v->about.actions[i]))
			return true;
	return false;
}

/// An empty list of roles together with require_human_initiated reads: no agent by itself, a person through any.
static bool only_for_people(const struct sp_snap_tool *t)
{
	return t->has_allowed_for && t->allowed_for == 0 && t->require_human_initiated;
}

static void find_roles(const struct judge *j, struct sp_judge_grants *g)
{
	uint64_t roles = j->agent ? j->agent->roles : 0;

	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);
		bool has;

		if (!t)
			continue;
		if (!t->has_allowed_for || only_for_people(t))
			continue;
		has = (roles & t->allowed_for) != 0;
		g->role_grant |= has;
		g->role_denied |= !has;
		judge_say_tool(j, i, SP_TRACE_TOOL, has,
			has ? SP_LIT("the agent has a role of allowed_for")
			    : SP_LIT("the agent has no role of allowed_for"));
	}
}

/// Bit of an environment's name; 0 for one that the policy never names.
static uint64_t environment_bit(const struct judge *j, struct sp_bytes name)
{
	struct sp_snap_table t = j->p->environment_names;

	for (uint32_t i = 0; i < t.n && i < 64; i++)
		if (sp_bytes_eq(judge_str(j, *SP_SNAP_GET(j->s, t, sp_snap_str, i)), name))
			return 1ull << i;
	return 0;
}

/// The call's own word for its environment. False when it names one that is not allowed.
static bool argument_fits(
	const struct judge *j, struct sp_bytes key, uint64_t allowed, bool *ret_there)
{
	uint8_t buf[256];
	struct sp_bytes name;
	int r = judge_member(j->c->args_doc, j->c->args, key, buf, sizeof(buf), &name);

	if (j->c->args_doc && sp_json_has_alike(j->c->args_doc, j->c->args, key))
		return false;
	if (r == -ENOENT)
		return true;
	*ret_there = true;
	return r == 0 && (environment_bit(j, name) & allowed);
}

static bool environment_fits(const struct judge *j, const struct sp_snap_tool *t)
{
	uint64_t own = j->agent ? j->agent->environment : 0;
	bool there = own != 0;

	if (own && !(own & t->environments))
		return false;
	if (j->c->listing)
		return true;
	return argument_fits(j, SP_LIT("environment"), t->environments, &there) &&
	       argument_fits(j, SP_LIT("env"), t->environments, &there) && there;
}

static void find_environment(const struct judge *j, struct found *f)
{
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);
		bool fits;

		if (!t || !t->has_environments)
			continue;
		fits = environment_fits(j, t);
		f->environment_denied |= !fits;
		judge_say_tool(j, i, SP_TRACE_TOOL, fits,
			fits ? SP_LIT("the environment is one of allowed_environments")
			     : SP_LIT("the environment is none of allowed_environments, or not said"));
	}
}

/// Methods of RFC 8176 that take a person to be there.
static bool human_method(const struct sp_json *claims, uint32_t t)
{
	static const char *const methods[] = {"face", "fpt", "iris", "mfa", "retina", "user", "vbm"};

	for (size_t i = 0; i < SP_ARRAY_LEN(methods); i++)
		if (sp_json_str_eq(claims, t, sp_bytes_cstr(methods[i])))
			return true;
	return false;
}

/// Only the verified token says so: `initiated_by` is "human", or, where it says nothing of that, `amr` has a
/// method that takes a person.
static bool human_initiated(const struct sp_json *claims)
{
	uint32_t t, n;

	if (!claims)
		return false;
	t = sp_json_get(claims, 0, SP_LIT("initiated_by"));
	if (t != SP_JSON_NONE)
		return sp_json_str_eq(claims, t, SP_LIT("human"));
	t = sp_json_get(claims, 0, SP_LIT("amr"));
	if (t == SP_JSON_NONE || sp_json_type(claims, t) != SP_JSON_ARRAY)
		return false;
	n = claims->tok[t].count;
	t = sp_json_first(claims, t);
	for (uint32_t i = 0; i < n; i++, t = claims->tok[t].next)
		if (human_method(claims, t))
			return true;
	return false;
}

static void find_human(const struct judge *j, struct found *f)
{
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);
		bool human;

		if (!t || !t->require_human_initiated || j->c->listing)
			continue;
		human = human_initiated(j->c->claims);
		f->human_missing |= !human;
		judge_say_tool(j, i, SP_TRACE_TOOL, human,
			human ? SP_LIT("the token says that a person started this")
			      : SP_LIT("the token does not say that a person started this"));
	}
}

static void find_grants(const struct judge *j, struct sp_judge_grants *ret)
{
	struct sp_judge_known *known = judge_known(j);

	if (known && known->granted) {
		*ret = known->grants;
		return;
	}
	*ret = (struct sp_judge_grants){.bounded = j->agent && j->agent->has_allow_list};
	if (ret->bounded) {
		ret->listed = on_allow_list(j);
		if (JUDGE_TRACED(j))
			judge_say(j, SP_TRACE_TOOL, SP_SNAP_NONE, ret->listed, SP_LIT("allow-list"),
				ret->listed ? SP_LIT("the agent's allow-list names the tool")
					    : SP_LIT("the agent's allow-list does not name the tool"));
	}
	find_roles(j, ret);
	if (known) {
		known->grants = *ret;
		known->granted = true;
	}
}

static void find(struct judge *j, struct found *f)
{
	f->human_missing = f->environment_denied = false;
	find_grants(j, &f->grants);
	find_environment(j, f);
	find_human(j, f);
	judge_rules(j, &f->rules);
}

static bool granted(const struct found *f)
{
	if (f->grants.bounded)
		return f->grants.listed;
	return f->rules.allow != SP_SNAP_NONE || f->grants.role_grant;
}

/// The same questions as if only the list were asked for; nothing of it is told.
bool judge_visible(const struct judge *j)
{
	struct sp_judge_call call = *j->c;
	struct sp_judge_verdict v = *j->v;
	struct judge k;
	struct found f;

	call.listing = true;
	call.trace = NULL;
	judge_init(&k, &call, &v);
	find(&k, &f);
	if (f.rules.denied != SP_SNAP_NONE || f.rules.deny_failed != SP_SNAP_NONE)
		return false;
	if (f.grants.role_denied || f.environment_denied)
		return false;
	return granted(&f) || (!f.grants.bounded && f.rules.allow_unknown != SP_SNAP_NONE);
}

static const struct sp_snap_rule *rule_at(const struct judge *j, uint32_t number)
{
	return SP_SNAP_POLICY(j->s, rules, sp_snap_rule, number);
}

static void refuse_by_rule(struct judge *j, enum sp_reason why, uint32_t number)
{
	if (j->v->reason == SP_REASON_NONE || j->v->review)
		j->v->rule = number;
	judge_refuse(j, why, judge_str(j, rule_at(j, number)->name));
}

/// False when the tool must look to the agent as one that is not there.
static bool may_know(const struct judge *j, const struct found *f)
{
	if (f->rules.denied != SP_SNAP_NONE && rule_at(j, f->rules.denied)->reason.len)
		return true; // the operator wrote the agent a reason
	return judge_visible(j);
}

static void decide(struct judge *j, const struct found *f)
{
	bool ungranted = !granted(f);

	if (f->rules.denied != SP_SNAP_NONE)
		refuse_by_rule(j, SP_REASON_RULE_DENIED, f->rules.denied);
	else if (f->rules.deny_failed != SP_SNAP_NONE)
		refuse_by_rule(j, SP_REASON_CONDITION_FAILED, f->rules.deny_failed);
	else if (f->grants.role_denied)
		judge_refuse(j, SP_REASON_ROLE_DENIED, judge_shown(j));
	else if (ungranted && !f->grants.bounded && f->rules.allow_failed != SP_SNAP_NONE &&
		 judge_visible(j))
		refuse_by_rule(j, SP_REASON_CONDITION_FAILED, f->rules.allow_failed);
	else if (ungranted)
		judge_refuse(j, SP_REASON_TOOL_DENIED, judge_shown(j));
	else if (f->environment_denied)
		judge_refuse(j, SP_REASON_ENVIRONMENT_DENIED, judge_shown(j));
	else if (f->human_missing)
		judge_refuse(j, SP_REASON_HUMAN_REQUIRED, judge_shown(j));
}

static void take_rule(struct judge *j, uint32_t number)
{
	const struct sp_snap_rule *r = rule_at(j, number);
	const struct sp_snap_group *g;

	j->v->rule = number;
	j->v->group = r->group;
	if (r->group == SP_SNAP_NONE)
		return;
	g = SP_SNAP_POLICY(j->s, groups, sp_snap_group, r->group);
	if (g->has_audit_level && g->audit_level > j->v->audit_level)
		j->v->audit_level = g->audit_level;
}

static void reviews(struct judge *j, const struct found *f)
{
	if (f->rules.review != SP_SNAP_NONE)
		refuse_by_rule(j, SP_REASON_REVIEW_RULE, f->rules.review);
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);

		if (!t || !t->require_approval)
			continue;
		judge_refuse(j, SP_REASON_REVIEW_APPROVAL, judge_str(j, t->name));
		judge_say_tool(j, i, SP_TRACE_TOOL, false, SP_LIT("a person must approve each call"));
	}
}

enum sp_reason sp_judge_authorize(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	struct judge j;
	struct found f;

	judge_init(&j, c, v);
	judge_look_up(&j);
	find(&j, &f);
	if (f.rules.allow != SP_SNAP_NONE)
		take_rule(&j, f.rules.allow);
	decide(&j, &f);
	if (judge_go_on(v) != SP_REASON_NONE) {
		if (!may_know(&j, &f))
			v->wire_reason = SP_REASON_TOOL_UNKNOWN;
		return v->reason;
	}
	reviews(&j, &f);
	return judge_go_on(v);
}

bool sp_judge_lists(const struct sp_judge_call *c)
{
	struct sp_judge_verdict v;
	struct judge j;

	sp_judge_begin(&v);
	judge_init(&j, c, &v);
	judge_look_up(&j);
	return judge_visible(&j);
}
