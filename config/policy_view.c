#include "config/policy_view.h"

#include "config/standing.h"
#include "common/banned.h"

#define RULES_SHOWN 500u
#define PATTERNS_SHOWN 500u

static void put_num(struct sp_cv_out *o, const char *key, uint64_t v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_u64(o, v);
}

static void put_text(struct sp_cv_out *o, const char *key, const char *v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_str(o, v);
}

static void put_str(
	struct sp_cv_out *o, const struct sp_snap *s, const char *key, struct sp_snap_str v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_bytes(o, sp_snap_str(s, v));
}

static uint32_t declared(const struct sp_snap *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->agents.n; i++)
		n += !SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, i)->implied;
	return n;
}

static uint32_t conditions(const struct sp_snap *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->policy.rules.n; i++)
		n += SP_SNAP_POLICY(s, rules, sp_snap_rule, i)->conditions.n;
	return n;
}

static void put_counts(struct sp_cv_out *o, const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;
	const struct sp_snap_risk *r = &p->risk;
	uint32_t known = declared(s);

	put_num(o, "agents", known);
	put_num(o, "agents_named_only", s->h->agents.n - known);
	put_num(o, "tools", s->h->actions.n);
	put_num(o, "rules", p->rules.n);
	put_num(o, "conditions", conditions(s));
	put_num(o, "definitions", p->groups.n);
	put_num(o, "limits", p->limits.n);
	put_num(o, "constraints", p->tools.n);
	put_num(o, "purposes", p->purposes.n);
	put_num(o, "sequences", p->sequences.n);
	put_num(o, "roles", p->role_names.n);
	put_num(o, "environments", p->environment_names.n);
	put_text(o, "risk", r->on ? sp_risk_mode_name(r->mode) : "recorded only");
	if (r->on && r->block_at <= 100)
		put_num(o, "risk_block_at", r->block_at);
	put_num(o, "bytes", s->h->bytes);
}

static const char *shown_file(const char *file, const char *hide)
{
	size_t n = hide ? strlen(hide) : 0;

	return n && strncmp(file, hide, n) == 0 && file[n] == '/' ? file + n + 1 : file;
}

static void put_source(struct sp_cv_out *o, const struct sp_policy_source *f, const char *hide)
{
	sp_cv_put_map(o);
	put_text(o, "file", shown_file(f->file, hide));
	put_text(o, "form", f->form);
	put_num(o, "agents", f->agents);
	put_num(o, "rules", f->rules);
	put_num(o, "definitions", f->groups);
	put_num(o, "limits", f->limits);
	put_num(o, "constraints", f->tools);
	put_num(o, "purposes", f->purposes);
	put_num(o, "sequences", f->sequences);
	put_text(o, "also",
		f->risk && f->intent ? "risk, intent"
		: f->risk            ? "risk"
		: f->intent          ? "intent"
				     : "");
	sp_cv_put_end(o);
}

void sp_view_check(
	struct sp_cv_out *o, const struct sp_policy *p, const struct sp_snap *s, const char *hide)
{
	sp_cv_put_map(o);
	put_text(o, "policy", "good");
	put_counts(o, s);
	sp_cv_put_str(o, "files");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < p->sources_n; i++)
		put_source(o, &p->source[i], hide);
	sp_cv_put_end(o);
	sp_cv_put_end(o);
}

static void add_word(struct sp_out *out, struct sp_bytes word, const char *between)
{
	if (out->len)
		sp_out_bytes(out, sp_bytes_cstr(between));
	sp_out_bytes(out, word);
}

/// A list as one text, cut where `out` ends.
static void add_strs(
	struct sp_out *out, const struct sp_snap *s, struct sp_snap_table t, const char *between)
{
	for (uint32_t i = 0; i < t.n && !out->overflow; i++)
		add_word(out, sp_snap_str(s, *SP_SNAP_GET(s, t, sp_snap_str, i)), between);
}

static void add_names(struct sp_out *out, const struct sp_snap *s, struct sp_snap_table list,
	struct sp_snap_table of, size_t size)
{
	for (uint32_t i = 0; i < list.n && !out->overflow; i++) {
		const uint32_t *no = sp_snap_at(s, list, i, sizeof(*no));
		const struct sp_snap_str *name = sp_snap_at(s, of, *no, size);

		add_word(out, sp_snap_str(s, *name), " ");
	}
}

static void add_bits(struct sp_out *out, const struct sp_snap *s, uint64_t bits,
	struct sp_snap_table names, const char *what)
{
	for (uint32_t i = 0; i < names.n && !out->overflow; i++) {
		if (!(bits >> i & 1))
			continue;
		add_word(out, sp_bytes_cstr(what), " ");
		sp_out_bytes(out, sp_snap_str(s, *SP_SNAP_GET(s, names, sp_snap_str, i)));
	}
}

static void put_out(struct sp_cv_out *o, const char *key, const struct sp_out *out)
{
	sp_cv_put_str(o, key);
	if (out->overflow)
		sp_cv_put_fmt(o, "%.*s ...", (int)out->len, (const char *)out->p);
	else
		sp_cv_put_bytes(o, sp_bytes(out->p, out->len));
}

static void put_who(struct sp_cv_out *o, const struct sp_snap *s, const struct sp_snap_rule *r)
{
	uint8_t buf[400];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	add_names(&out, s, r->agents, s->h->agents, sizeof(struct sp_snap_agent));
	add_bits(&out, s, r->roles, s->h->policy.role_names, "role:");
	add_bits(&out, s, r->environments, s->h->policy.environment_names, "environment:");
	if (out.len == 0)
		sp_out_lit(&out, "any agent");
	put_out(o, "who", &out);
}

static void put_when(struct sp_cv_out *o, const struct sp_snap *s, const struct sp_snap_rule *r)
{
	uint8_t buf[600];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	for (uint32_t i = 0; i < r->conditions.n && !out.overflow; i++)
		add_word(&out,
			sp_snap_str(s, SP_SNAP_GET(s, r->conditions, sp_snap_condition, i)->text),
			" and ");
	put_out(o, "when", &out);
}

static void put_rule(struct sp_cv_out *o, const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);
	uint8_t buf[400];
	struct sp_out tools = sp_out_init(buf, sizeof(buf));
	struct sp_bytes file = sp_snap_str(s, r->source);

	sp_cv_put_map(o);
	put_str(o, s, "rule", r->name);
	put_text(o, "effect", sp_effect_name(r->effect));
	put_who(o, s, r);
	add_names(&tools, s, r->actions, s->h->actions, sizeof(struct sp_snap_action));
	add_strs(&tools, s, r->globs, " ");
	put_out(o, "tools", &tools);
	put_when(o, s, r);
	sp_cv_put_str(o, "source");
	sp_cv_put_fmt(o, "%.*s:%u", SP_FMT(file), r->line);
	sp_cv_put_end(o);
}

void sp_view_policy(struct sp_cv_out *o, const struct sp_snap *s)
{
	uint32_t n = s->h->policy.rules.n;

	put_counts(o, s);
	if (n > RULES_SHOWN)
		put_num(o, "rules_not_shown", n - RULES_SHOWN);
	sp_cv_put_str(o, "rule_list");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < n && i < RULES_SHOWN; i++)
		put_rule(o, s, i);
	sp_cv_put_end(o);
}

static const struct sp_snap_agent_facts *facts_of(const struct sp_snap *s, uint32_t agent)
{
	return SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent);
}

static void put_limit(struct sp_cv_out *o, const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_limit *l = SP_SNAP_POLICY(s, limits, sp_snap_limit, i);
	uint8_t buf[400];
	struct sp_out tools = sp_out_init(buf, sizeof(buf));

	sp_cv_put_map(o);
	put_str(o, s, "limit", l->name);
	put_num(o, "max", l->max);
	put_text(o, "kind", sp_limit_kind_name(l->kind));
	put_text(o, "per", sp_limit_per_name(l->per));
	add_names(&tools, s, l->actions, s->h->actions, sizeof(struct sp_snap_action));
	add_strs(&tools, s, l->globs, " ");
	if (l->any_tool)
		sp_out_lit(&tools, "any");
	put_out(o, "tools", &tools);
	put_text(o, "counted",
		!l->by_agent ? "all agents together"
		: l->by_tool ? "agent and tool"
			     : "agent");
	sp_cv_put_end(o);
}

static bool granted_by_role(const struct sp_snap *s, const struct sp_snap_who *who)
{
	uint32_t no = sp_snap_tool_of(s, who);
	const struct sp_snap_tool *t;

	if (no == SP_SNAP_NONE)
		return false;
	t = SP_SNAP_POLICY(s, tools, sp_snap_tool, no);
	return t->has_allowed_for && (t->allowed_for & facts_of(s, who->agent)->roles);
}

static void put_tool(struct sp_cv_out *o, const struct sp_snap *s, const struct sp_snap_who *who,
	enum sp_standing standing)
{
	uint8_t buf[400];
	struct sp_out names = sp_out_init(buf, sizeof(buf));
	struct sp_snap_rules it;
	uint32_t no;

	if (sp_snap_allows(s, sp_snap_agent(s, who->agent), who->action))
		sp_out_lit(&names, "allow-list");
	if (granted_by_role(s, who))
		add_word(&names, SP_LIT("allowed_for"), ", ");
	sp_snap_rules_begin(&it, s, who);
	while ((no = sp_snap_rules_next(&it)) != SP_SNAP_NONE && !names.overflow)
		add_word(&names, sp_snap_str(s, SP_SNAP_POLICY(s, rules, sp_snap_rule, no)->name),
			", ");
	sp_cv_put_map(o);
	sp_cv_put_str(o, "tool");
	sp_cv_put_bytes(o, who->tool);
	put_text(o, "calls", sp_standing_name(standing));
	put_out(o, "by", &names);
	sp_cv_put_end(o);
}

static void put_facts(
	struct sp_cv_out *o, const struct sp_snap *s, const struct sp_snap_agent_facts *f)
{
	uint8_t buf[400];
	struct sp_out roles = sp_out_init(buf, sizeof(buf));

	add_strs(&roles, s, f->role_names, " ");
	put_text(o, "registered", f->implied ? "no: rules or lists name it" : "yes");
	put_text(o, "bounded_by_allow_list", f->has_allow_list ? "yes" : "no");
	put_out(o, "roles", &roles);
	put_str(o, s, "environment", f->environment_name);
	put_str(o, s, "owner", f->owner);
	sp_cv_put_str(o, "attributes");
	sp_cv_put_map(o);
	for (uint32_t i = 0; i < f->attributes.n; i++) {
		const struct sp_snap_str *pair = sp_snap_at(s, f->attributes, i, 2 * sizeof(*pair));

		sp_cv_put_bytes(o, sp_snap_str(s, pair[0]));
		sp_cv_put_bytes(o, sp_snap_str(s, pair[1]));
	}
	sp_cv_put_end(o);
}

static void put_named(struct sp_cv_out *o, const struct sp_snap *s, const struct sp_snap_who *who)
{
	enum sp_standing standing = sp_standing_of(s, who);

	if (standing != SP_STANDING_DENIED)
		put_tool(o, s, who, standing);
}

struct patterns {
	struct sp_bytes shown[PATTERNS_SHOWN];
	uint32_t n;
};

/// A pattern stands for itself as a name: what is said of all its tools is said of it.
static void put_pattern(struct sp_cv_out *o, const struct sp_snap *s, uint32_t agent, struct sp_bytes glob,
	struct patterns *seen)
{
	const struct sp_snap_who who = {agent, SP_SNAP_NONE, glob};

	for (uint32_t i = 0; i < seen->n; i++)
		if (sp_bytes_eq(seen->shown[i], glob))
			return;
	if (seen->n == PATTERNS_SHOWN)
		return;
	seen->shown[seen->n++] = glob;
	put_named(o, s, &who);
}

static void put_globs(struct sp_cv_out *o, const struct sp_snap *s, uint32_t agent,
	struct sp_snap_table globs, struct patterns *seen)
{
	for (uint32_t i = 0; i < globs.n; i++)
		put_pattern(o, s, agent, sp_snap_str(s, *SP_SNAP_GET(s, globs, sp_snap_str, i)), seen);
}

/// Tools that no policy names exactly. An allow-list names all it grants.
static void put_patterns(struct sp_cv_out *o, const struct sp_snap *s, uint32_t agent)
{
	const struct sp_snap_agent_facts *f = facts_of(s, agent);
	struct patterns seen = {.n = 0};

	if (f->has_allow_list)
		return;
	for (uint32_t i = 0; i < s->h->policy.rules.n; i++) {
		const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);

		if (r->effect == SP_EFFECT_ALLOW && sp_snap_rule_fits(s, agent, i))
			put_globs(o, s, agent, r->globs, &seen);
	}
	for (uint32_t i = 0; i < s->h->policy.tools.n; i++) {
		const struct sp_snap_tool *t = SP_SNAP_POLICY(s, tools, sp_snap_tool, i);

		if (t->globs.n == 1 && t->has_allowed_for && (t->allowed_for & f->roles))
			put_globs(o, s, agent, t->globs, &seen);
	}
}

void sp_view_agent(struct sp_cv_out *o, const struct sp_snap *s, uint32_t agent)
{
	const struct sp_snap_agent_facts *f =
		SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent);

	put_facts(o, s, f);
	sp_cv_put_str(o, "limits");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < f->limits.n; i++)
		put_limit(o, s, *(const uint32_t *)sp_snap_at(s, f->limits, i, sizeof(uint32_t)));
	sp_cv_put_end(o);
	sp_cv_put_str(o, "tools");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < s->h->actions.n; i++) {
		struct sp_snap_who who = {agent, i,
			sp_snap_str(s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, i)->name)};

		put_named(o, s, &who);
	}
	put_patterns(o, s, agent);
	sp_cv_put_end(o);
}
