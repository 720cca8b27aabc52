#include "config/policy_view.h"

#include "config/standing.h"
#include "common/banned.h"

struct shape {
	const char *kind, *name; ///< `name`: the member that says of whom or what
};

static const struct shape shapes[] = {
	[SP_CHANGE_AGENT_NEW] = {"agent_new", "agent"},
	[SP_CHANGE_AGENT_GONE] = {"agent_gone", "agent"},
	[SP_CHANGE_TOOL_ALLOWED] = {"decision_changed", "agent"},
	[SP_CHANGE_TOOL_DENIED] = {"decision_changed", "agent"},
	[SP_CHANGE_TOOL] = {"decision_changed", "agent"},
	[SP_CHANGE_LIMIT] = {"agent_limit_changed", "agent"},
	[SP_CHANGE_AUDIT_LEVEL] = {"audit_level_changed", "agent"},
	[SP_CHANGE_ROUTE_NEW] = {"route_new", "route"},
	[SP_CHANGE_ROUTE_GONE] = {"route_gone", "route"},
	[SP_CHANGE_ROUTE] = {"route_changed", "route"},
	[SP_CHANGE_UPSTREAM_NEW] = {"upstream_new", "upstream"},
	[SP_CHANGE_UPSTREAM_GONE] = {"upstream_gone", "upstream"},
	[SP_CHANGE_UPSTREAM] = {"upstream_changed", "upstream"},
	[SP_CHANGE_IDENTITY] = {"identity_changed", NULL},
	[SP_CHANGE_FACTS] = {"agent_changed", "agent"},
	[SP_CHANGE_RULE_NEW] = {"new", NULL},
	[SP_CHANGE_RULE_GONE] = {"gone", NULL},
	[SP_CHANGE_RULE] = {"changed", NULL},
	[SP_CHANGE_RISK] = {"risk_changed", NULL},
};

static void put_text(struct sp_cv_out *o, const char *key, const char *v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_str(o, v);
}

static void put_bytes(struct sp_cv_out *o, const char *key, struct sp_bytes v)
{
	sp_cv_put_str(o, key);
	sp_cv_put_bytes(o, v);
}

/// 0 is no limit.
static void put_limit(struct sp_cv_out *o, const char *key, uint64_t v)
{
	sp_cv_put_str(o, key);
	if (v)
		sp_cv_put_u64(o, v);
	else
		sp_cv_put_nil(o);
}

static void put_names(struct sp_cv_out *o, const char *key, const char *count, const struct sp_scope_names *l)
{
	sp_cv_put_str(o, count);
	sp_cv_put_u64(o, l->n);
	sp_cv_put_str(o, key);
	sp_cv_put_array(o);
	for (uint64_t i = 0; i < l->n && i < SP_SCOPE_NAMES; i++)
		sp_cv_put_bytes(o, l->name[i]);
	sp_cv_put_end(o);
}

/// "rule_changed", "limit_new"; and the name under what it is.
static void put_rule(struct sp_cv_out *o, const struct sp_change *c)
{
	sp_cv_put_fmt(o, "%.*s_%s", SP_FMT(c->what), shapes[c->kind].kind);
	sp_cv_put_bytes(o, c->what);
	sp_cv_put_bytes(o, c->agent);
	if (!c->scope)
		return;
	put_names(o, "agents", "agents_count", &c->scope->agents);
	put_names(o, "tools", "tools_count", &c->scope->tools);
}

static void put_terms(struct sp_cv_out *o, const struct sp_change *c)
{
	switch (c->kind) {
	case SP_CHANGE_TOOL_ALLOWED:
	case SP_CHANGE_TOOL_DENIED:
	case SP_CHANGE_TOOL:
		put_bytes(o, "tool", c->what);
		put_text(o, "before", sp_standing_name((enum sp_standing)c->before));
		put_text(o, "after", sp_standing_name((enum sp_standing)c->after));
		break;
	case SP_CHANGE_LIMIT:
		put_bytes(o, "limit", c->what);
		put_limit(o, "before", c->before);
		put_limit(o, "after", c->after);
		break;
	case SP_CHANGE_AUDIT_LEVEL:
		put_text(o, "before", sp_audit_level_name((enum sp_audit_level)c->before));
		put_text(o, "after", sp_audit_level_name((enum sp_audit_level)c->after));
		break;
	default:
		break;
	}
}

void sp_view_change(struct sp_cv_out *o, const struct sp_change *c)
{
	const struct shape *shape = &shapes[c->kind];
	char text[SP_CHANGE_TEXT];

	sp_cv_put_map(o);
	sp_cv_put_str(o, "kind");
	if (c->kind == SP_CHANGE_RULE_NEW || c->kind == SP_CHANGE_RULE_GONE || c->kind == SP_CHANGE_RULE) {
		put_rule(o, c);
	} else {
		sp_cv_put_str(o, shape->kind);
		if (shape->name)
			put_bytes(o, shape->name, c->agent);
		put_terms(o, c);
	}
	sp_change_text(c, text, sizeof(text));
	put_text(o, "text", text);
	sp_cv_put_end(o);
}
