#include "controlplane/control/commands.h"

#include "common/clock.h"
#include "config/judge/judge.h"
#include "config/policy_view.h"

#include <openssl/evp.h>
#include "common/banned.h"

/// The file without the folder it was compiled from.
static struct sp_bytes base_name(struct sp_bytes path)
{
	const uint8_t *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	return slash ? sp_bytes(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}

/// How many its allow-list names. Nil without one: then rules say, of each tool for itself.
static void put_tools(const struct sp_snap *s, uint32_t agent, struct sp_cv_out *o)
{
	const struct sp_snap_agent *a = sp_snap_agent(s, agent);
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->actions.n; i++)
		n += sp_snap_allows(s, a, i);
	sp_cv_put_str(o, "tools");
	if (SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent)->has_allow_list)
		sp_cv_put_u64(o, n);
	else
		sp_cv_put_nil(o);
}

static bool is_revoked(const struct sp_control *c, struct sp_bytes agent)
{
	uint8_t sha256[32];
	unsigned n = sizeof(sha256);

	if (EVP_Digest(agent.p, agent.n, sha256, &n, EVP_sha256(), NULL) != 1)
		return true;
	return sp_revoked_has(c->revocations.region, sp_revoked_key(SP_REVOKED_AGENT, sha256));
}

/// The narrowest of an agent's limits over all its calls of a kind, under the names of the
/// allow-list.
struct narrow {
	enum sp_limit_kind kind;
	enum sp_limit_per per;
	const char *used, *max;
};

static void put_narrow(struct sp_control *c, const struct narrow *n,
	const struct sp_judge_limit *limit, uint32_t limits, struct sp_cv_out *o)
{
	uint64_t used = 0, max = 0;

	for (uint32_t i = 0; i < limits; i++) {
		if (limit[i].kind != n->kind || limit[i].per != n->per ||
			(max && limit[i].max >= max))
			continue;
		max = limit[i].max;
		used = sp_windows_read(
			&c->history.windows, limit[i].key, n->kind, n->per, sp_clock_boot_ns());
	}
	sp_put_u64(o, n->used, used);
	sp_put_u64(o, n->max, max);
}

static void put_limits(
	struct sp_control *c, const struct sp_snap *s, uint32_t agent, struct sp_cv_out *o)
{
	static const struct narrow shown[] = {
		{SP_LIMIT_CALLS, SP_PER_MINUTE, "minute", "per_minute"},
		{SP_LIMIT_CALLS, SP_PER_HOUR, "hour", "per_hour"},
		{SP_LIMIT_TOKENS, SP_PER_DAY, "day_tokens", "daily_tokens"},
	};
	uint8_t room[1024];
	struct sp_cel_arena arena = {room, sizeof(room), 0};
	const struct sp_judge_call call = {.snap = s,
		.agent = agent,
		.args = SP_JSON_NONE,
		.meta = SP_JSON_NONE,
		.salt = c->history.salt,
		.arena = &arena};
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	struct sp_judge_verdict v;
	uint32_t n;

	sp_judge_begin(&v);
	n = sp_judge_limits(&call, &v, limit, SP_JUDGE_LIMITS_MAX);
	for (size_t i = 0; i < SP_ARRAY_LEN(shown); i++)
		put_narrow(c, &shown[i], limit, n, o);
}

void sp_cmd_agents(struct sp_job *j)
{
	struct sp_cv_out *o;
	struct sp_snap s;

	if (sp_publisher_current(&j->c->publisher, &s) < 0) {
		sp_reply_error(j->reply, "no policy is in force");
		return;
	}
	o = sp_reply_data(j->reply, SP_CTL_OK);
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < s.h->agents.n; i++) {
		const struct sp_snap_agent *a = sp_snap_agent(&s, i);
		struct sp_bytes name = sp_snap_str(&s, a->name);

		sp_cv_put_map(o);
		sp_put_bytes(o, "agent", name);
		sp_put_str(o, "state", is_revoked(j->c, name) ? "revoked" : "ok");
		put_tools(&s, i, o);
		sp_put_str(o, "audit", sp_audit_level_name((enum sp_audit_level)a->audit_level));
		put_limits(j->c, &s, i, o);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static void show_agent(struct sp_job *j, const struct sp_snap *s, uint32_t number)
{
	const struct sp_snap_agent *a = sp_snap_agent(s, number);
	struct sp_cv_out *o = sp_reply_data(j->reply, SP_CTL_OK);
	struct sp_bytes name = sp_snap_str(s, a->name);

	sp_cv_put_map(o);
	sp_put_bytes(o, "agent", name);
	sp_put_str(o, "state", is_revoked(j->c, name) ? "revoked" : "ok");
	sp_put_u64(o, "generation", s->h->generation);
	sp_put_bytes(o, "source", base_name(sp_snap_str(s, a->source)));
	sp_put_str(o, "audit", sp_audit_level_name((enum sp_audit_level)a->audit_level));
	sp_put_u64(o, "request_tokens", a->per_request_tokens);
	put_limits(j->c, s, number, o);
	sp_view_agent(o, s, number);
	sp_cv_put_end(o);
}

static void show_routes(const struct sp_snap *s, struct sp_cv_out *o)
{
	sp_cv_put_str(o, "routes");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < s->h->routes.n; i++) {
		const struct sp_snap_route *r = sp_snap_route(s, i);

		sp_cv_put_map(o);
		sp_put_bytes(o, "path", sp_snap_str(s, r->path));
		sp_put_bytes(o, "resource", sp_snap_str(s, r->resource));
		sp_put_bytes(o, "scopes", sp_snap_str(s, r->scopes));
		sp_put_u64(o, "upstreams", r->upstreams.n);
		sp_put_str(o, "eras",
			r->legacy && r->modern ? "legacy modern"
			: r->legacy            ? "legacy"
					       : "modern");
		sp_put_str(o, "tokens", r->auth_none ? "none: development" : "required");
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static void show_upstreams(const struct sp_snap *s, struct sp_cv_out *o)
{
	static const char *const kinds[] = {
		[SP_UP_TCP] = "tcp", [SP_UP_TLS] = "tls", [SP_UP_UNIX] = "unix"};

	sp_cv_put_str(o, "upstreams");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < s->h->upstreams.n; i++) {
		const struct sp_snap_upstream *u = sp_snap_upstream(s, i);

		sp_cv_put_map(o);
		sp_put_bytes(o, "name", sp_snap_str(s, u->name));
		sp_put_bytes(o, "host", sp_snap_str(s, u->host));
		sp_put_bytes(o, "path", sp_snap_str(s, u->path));
		sp_put_str(o, "kind", u->kind < SP_ARRAY_LEN(kinds) ? kinds[u->kind] : "unknown");
		sp_put_u64(o, "addresses", u->addrs_n);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

void sp_cmd_policy_show(struct sp_job *j)
{
	struct sp_bytes agent;
	struct sp_cv_out *o;
	struct sp_snap s;

	if (sp_publisher_current(&j->c->publisher, &s) < 0) {
		sp_reply_error(j->reply, "no policy is in force");
		return;
	}
	if (sp_ctl_arg_str(j->r, "agent", &agent) == 0) {
		uint32_t i = sp_snap_find_agent(&s, agent);

		if (i == SP_SNAP_NONE)
			sp_reply_error(j->reply, "no agent is called '%.*s': it may do nothing",
				SP_FMT(agent));
		else
			show_agent(j, &s, i);
		return;
	}
	o = sp_reply_data(j->reply, SP_CTL_OK);
	sp_cv_put_map(o);
	sp_put_u64(o, "generation", s.h->generation);
	sp_cv_put_str(o, "published");
	sp_put_time(o, s.h->built_ns);
	sp_put_str(o, "origin", sp_policy_origin_name(j->c->entry.origin));
	sp_cv_put_str(o, "sha256");
	sp_put_hex(o, s.h->policy_sha256, 32);
	sp_put_bytes(o, "profile", sp_snap_str(&s, s.h->profile));
	sp_put_str(o, "default_audit",
		sp_audit_level_name((enum sp_audit_level)s.h->default_audit_level));
	sp_view_policy(o, &s);
	show_routes(&s, o);
	show_upstreams(&s, o);
	sp_cv_put_end(o);
}
