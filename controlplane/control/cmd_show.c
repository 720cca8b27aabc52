#include "controlplane/control/commands.h"

#include "common/clock.h"
#include "common/limits.h"
#include "config/policy_view.h"

#include <openssl/evp.h>
#include "common/banned.h"

/// The file without the folder it was compiled from.
static struct sp_bytes base_name(struct sp_bytes path)
{
	const uint8_t *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	return slash ? sp_bytes(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}

static uint32_t tools_of(const struct sp_snap *s, const struct sp_snap_agent *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->actions.n; i++)
		n += sp_snap_allows(s, a, i);
	return n;
}

static bool is_revoked(const struct sp_control *c, struct sp_bytes agent)
{
	uint8_t sha256[32];
	unsigned n = sizeof(sha256);

	if (EVP_Digest(agent.p, agent.n, sha256, &n, EVP_sha256(), NULL) != 1)
		return true;
	return sp_revoked_has(c->revocations.region, sp_revoked_key(SP_REVOKED_AGENT, sha256));
}

static void put_limits(struct sp_control *c, const struct sp_snap_agent *a, struct sp_cv_out *o)
{
	const struct sp_limit_slot *slot = sp_limits_slot(&c->limits, a->limit_slot);
	struct sp_limit_use use = {0};

	if (slot)
		sp_limits_use(slot, sp_clock_boot_ns(), &use);
	sp_put_u64(o, "minute", use.minute);
	sp_put_u64(o, "per_minute", a->per_minute);
	sp_put_u64(o, "hour", use.hour);
	sp_put_u64(o, "per_hour", a->per_hour);
	sp_put_u64(o, "day_tokens", use.day_tokens);
	sp_put_u64(o, "daily_tokens", a->daily_tokens);
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
		sp_put_u64(o, "tools", tools_of(&s, a));
		sp_put_str(o, "audit", sp_audit_level_name((enum sp_audit_level)a->audit_level));
		put_limits(j->c, a, o);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static void show_agent(struct sp_job *j, const struct sp_snap *s, const struct sp_snap_agent *a)
{
	struct sp_cv_out *o = sp_reply_data(j->reply, SP_CTL_OK);
	struct sp_bytes name = sp_snap_str(s, a->name);

	sp_cv_put_map(o);
	sp_put_bytes(o, "agent", name);
	sp_put_str(o, "state", is_revoked(j->c, name) ? "revoked" : "ok");
	sp_put_u64(o, "generation", s->h->generation);
	sp_put_bytes(o, "source", base_name(sp_snap_str(s, a->source)));
	sp_put_str(o, "audit", sp_audit_level_name((enum sp_audit_level)a->audit_level));
	sp_put_u64(o, "request_tokens", a->per_request_tokens);
	put_limits(j->c, a, o);
	sp_view_agent(o, s, sp_snap_find_agent(s, name));
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
	static const char *const kinds[] = {"tcp", "tls", "unix"};

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
			show_agent(j, &s, sp_snap_agent(&s, i));
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
