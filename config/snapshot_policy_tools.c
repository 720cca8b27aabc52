#include "config/snapshot_policy_tools.h"

#include "common/sql/sql.h"
#include "common/banned.h"

#define SQL_STYLES (SP_SQL_SELECT | SP_SQL_INSERT | SP_SQL_UPDATE | SP_SQL_DELETE | SP_SQL_EXPLAIN)

/// Arguments that are looked at when the policy names none.
static const char *sql_parameters[] = {"sql", "query", "statement"};
static const char *endpoint_parameters[] = {"url", "uri", "endpoint", "path"};

static struct sp_snap_table parameters(
	struct sp_snap_put *p, const struct sp_policy_strs *s, const char **usual, uint32_t usual_n)
{
	const struct sp_policy_strs fallback = {usual, usual_n};

	return sp_snap_put_strs_of(p, s->n ? s : &fallback);
}

/// Styles that are allowed: those named, or all that hold no data definition, without what is
/// forbidden.
static uint32_t styles(const struct sp_policy_tool *t)
{
	return (t->sql.allow ? t->sql.allow : SQL_STYLES) & ~t->sql.forbid;
}

static struct sp_snap_sql put_sql(struct sp_snap_put *p, const struct sp_policy_tool *t)
{
	if (!t->sql.on)
		return (struct sp_snap_sql){0};
	return (struct sp_snap_sql){
		.on = 1,
		.dialect = t->sql.dialect ? t->sql.dialect : SP_SQL_ANSI,
		.styles = styles(t),
		.returning = t->sql.returning,
		.parameters = parameters(
			p, &t->sql.parameters, sql_parameters, SP_ARRAY_LEN(sql_parameters)),
		.allow_tables = sp_snap_put_strs_of(p, &t->sql.allow_tables),
		.deny_tables = sp_snap_put_strs_of(p, &t->sql.deny_tables),
		.allow_functions = sp_snap_put_strs_of(p, &t->sql.allow_functions),
	};
}

static struct sp_snap_endpoint put_endpoint(struct sp_snap_put *p, const struct sp_policy_tool *t)
{
	if (!t->endpoint.on)
		return (struct sp_snap_endpoint){0};
	return (struct sp_snap_endpoint){
		.on = 1,
		.private_hosts = t->endpoint.private_hosts,
		.parameters = parameters(p, &t->endpoint.parameters, endpoint_parameters,
			SP_ARRAY_LEN(endpoint_parameters)),
		.allow = sp_snap_put_strs_of(p, &t->endpoint.allow),
		.forbid = sp_snap_put_strs_of(p, &t->endpoint.forbid),
	};
}

static struct sp_snap_tool tool_of(struct sp_snap_put *p, const struct sp_c_tool *c)
{
	const struct sp_policy_tool *t = &c->t;
	struct sp_snap_tool v = {
		.name = sp_snap_put_once(p, sp_bytes_cstr(t->name)),
		.source = sp_snap_put_source(p, t->at.file),
		.line = t->at.line,
		.glob = c->kind,
		.has_allowed_for = t->has_allowed_for,
		.has_environments = t->has_environments,
		.allowed_for = c->allowed_for,
		.environments = c->environments,
		.max_calls = t->max_calls,
		.cost_micros = t->cost_micros,
		.max_argument_bytes = t->max_argument_bytes,
		.require_approval = t->require_approval,
		.require_human_initiated = t->require_human_initiated,
		.egress = t->egress,
		.taints = t->taints,
		.cls = t->cls,
		.sensitivity = t->sensitivity,
		.high_risk = t->high_risk,
		.base_risk = t->base_risk < 0 ? -1 : (int32_t)t->base_risk,
		.globs = sp_snap_put_strs_of(p, &c->globs),
		.scopes = sp_snap_put_strs_of(p, &t->required_scopes),
		.sql = put_sql(p, t),
		.endpoint = put_endpoint(p, t),
		.path = {sp_snap_put_strs_of(p, &t->path.parameters),
			sp_snap_put_strs_of(p, &t->path.roots)},
	};

	v.judges_arguments = sp_snap_tool_judges(&v);
	return v;
}

void sp_snap_put_tools(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	out->tools = sp_snap_put_rows(p, c->tools_n, sizeof(struct sp_snap_tool));
	for (uint32_t i = 0; i < c->tools_n; i++) {
		struct sp_snap_tool v = tool_of(p, &c->tool[i]);

		*(struct sp_snap_tool *)sp_snap_put_entry(p, out->tools, i, sizeof(v)) = v;
	}
	out->wild_tools = sp_snap_put_list(p, c->wild_tools.v, c->wild_tools.n);
}
