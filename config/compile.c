#include "config/compile.h"

#include "config/compiled.h"
#include "config/limit_slots.h"
#include "config/limits_fit.h"
#include "config/snapshot_build.h"

#include <stdio.h>
#include "common/banned.h"

struct compiler {
	const struct sp_compile_in *in;
	struct sp_check *check;
	struct sp_arena arena; ///< the builder's input
	const struct sp_compiled *policy;
	struct sp_snap_in out;
};

static void *room(struct compiler *c, size_t n, size_t size)
{
	return sp_arena_alloc(&c->arena, (n + 1) * size);
}

static int texts(struct compiler *c, const struct sp_texts *t, struct sp_snap_in_strs *ret)
{
	struct sp_bytes *v = room(c, t->n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n; i++)
		v[i] = sp_bytes_cstr(t->v[i].s);
	*ret = (struct sp_snap_in_strs){v, t->n};
	return 0;
}

static int issuer_keys(struct compiler *c, const struct sp_jwks *set, struct sp_snap_in_issuer *ret)
{
	struct sp_snap_in_key *v = room(c, set ? set->n : 0, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; set && i < set->n; i++)
		v[i] = (struct sp_snap_in_key){
			.kid = sp_bytes(set->key[i].kid, set->key[i].kid_len),
			.spki = sp_bytes(set->key[i].spki, set->key[i].spki_len),
			.alg = set->key[i].alg,
		};
	ret->keys = v;
	ret->keys_n = set ? set->n : 0;
	return 0;
}

static int issuers(struct compiler *c)
{
	const struct sp_gateway *g = c->in->gateway;
	struct sp_snap_in_issuer *v = room(c, g->issuers.n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->issuers.n; i++) {
		const struct sp_gw_issuer *s = sp_gw_issuer(g, i);

		v[i] = (struct sp_snap_in_issuer){
			.iss = sp_bytes_cstr(s->issuer.s),
			.agent_claim = sp_bytes_cstr(s->agent_claim.s),
			.algs = s->algs,
			.require_at_jwt = s->require_at_jwt,
			.leeway_ns = s->leeway_ns,
			.max_lifetime_ns = s->max_lifetime_ns,
			.keys_valid_until_ns = c->in->keys[i].valid_until_ns,
		};
		SP_TRY(texts(c, &s->audiences, &v[i].audiences));
		SP_TRY(issuer_keys(c, c->in->keys[i].set, &v[i]));
	}
	c->out.issuers = v;
	c->out.issuers_n = g->issuers.n;
	return 0;
}

/// "Name: value\r\n"; the loader saw to it that the value is one visible line.
static int credential(struct compiler *c, const struct sp_gw_upstream *u, struct sp_bytes value,
	struct sp_bytes *ret)
{
	size_t cap = value.n + 200;
	char *line;
	int n;

	if (!u->credential.header.s)
		return 0;
	line = room(c, cap, 1);
	if (!line)
		return -ENOMEM;
	n = snprintf(line, cap, "%s: %.*s\r\n", u->credential.header.s, SP_FMT(value));
	SP_BUG_IF(n < 0 || (size_t)n >= cap);
	*ret = sp_bytes(line, (size_t)n);
	return 0;
}

static int upstreams(struct compiler *c)
{
	const struct sp_gateway *g = c->in->gateway;
	struct sp_snap_in_upstream *v = room(c, g->upstreams.n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->upstreams.n; i++) {
		const struct sp_gw_upstream *u = sp_gw_upstream(g, i);
		const struct sp_upstream_facts *f = &c->in->upstreams[i];

		v[i] = (struct sp_snap_in_upstream){
			.name = sp_bytes_cstr(u->name.s),
			.host = sp_bytes_cstr(u->host),
			.path = sp_bytes_cstr(u->path),
			.ca_pem = f->ca_pem,
			.kind = u->kind,
			.era = (enum sp_upstream_era)u->era,
			.http = (enum sp_upstream_http)u->http,
			.max_connections = (uint32_t)u->max_connections,
			.breaker_failures = (uint32_t)u->breaker.failures,
			.connect_ns = u->connect_ns,
			.response_ns = u->response_ns,
			.idle_ns = u->idle_ns,
			.breaker_open_ns = u->breaker.open_ns,
			.addrs_n = sp_min(f->addrs_n, SP_UPSTREAM_ADDRS_MAX),
		};
		if (u->kind == SP_UP_TLS)
			v[i].server_name = sp_bytes_cstr(u->address);
		memcpy(v[i].addr_len, f->addr_len, sizeof(v[i].addr_len));
		memcpy(v[i].addr, f->addr, sizeof(v[i].addr));
		SP_TRY(credential(c, u, f->credential, &v[i].credential));
	}
	c->out.upstreams = v;
	c->out.upstreams_n = g->upstreams.n;
	return 0;
}

static int join(struct compiler *c, const struct sp_texts *t, struct sp_bytes *ret)
{
	size_t cap = 0;
	struct sp_out out;
	char *p;

	for (uint32_t i = 0; i < t->n; i++)
		cap += strlen(t->v[i].s) + 1;
	p = room(c, cap, 1);
	if (!p)
		return -ENOMEM;
	out = sp_out_init(p, cap);
	for (uint32_t i = 0; i < t->n; i++) {
		if (i)
			sp_out_lit(&out, " ");
		sp_out_bytes(&out, sp_bytes_cstr(t->v[i].s));
	}
	*ret = sp_bytes(p, out.len);
	return 0;
}

static int routes(struct compiler *c)
{
	const struct sp_gateway *g = c->in->gateway;
	struct sp_snap_in_route *v = room(c, g->routes.n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->routes.n; i++) {
		const struct sp_gw_route *r = sp_gw_route(g, i);
		struct sp_bytes *hosts = room(c, r->host_names_n, sizeof(*hosts));

		if (!hosts)
			return -ENOMEM;
		for (uint32_t k = 0; k < r->host_names_n; k++)
			hosts[k] = sp_bytes_cstr(r->host_names[k]);
		v[i] = (struct sp_snap_in_route){
			.path = sp_bytes_cstr(r->path.s),
			.resource = sp_bytes_cstr(r->resource.s),
			.hosts = {hosts, r->host_names_n},
			.upstreams = r->upstream_no,
			.upstreams_n = r->upstreams.n,
			.methods = r->method_bits,
			.legacy = r->legacy,
			.modern = r->modern,
			.prefixed = r->prefix || r->upstreams.n > 1,
			.auth_none = r->auth_none,
		};
		if (r->auth_none)
			v[i].anonymous_agent = sp_bytes_cstr(r->anonymous_agent.s);
		SP_TRY(join(c, &r->scopes, &v[i].scopes));
		SP_TRY(texts(c, &r->origins, &v[i].origins));
	}
	c->out.routes = v;
	c->out.routes_n = g->routes.n;
	return 0;
}

static const char *config_file(const struct compiler *c)
{
	return c->in->gateway ? c->in->gateway->file : "policy";
}

static struct sp_at agent_at(const struct compiler *c, const struct sp_c_agent *a)
{
	return a->of ? a->of->at : (struct sp_at){config_file(c), 0, 0};
}

static int limit_slot(struct compiler *c, const struct sp_c_agent *a, uint32_t i, uint32_t *ret)
{
	int err;

	*ret = i;
	if (!c->in->limits)
		return 0;
	err = sp_limit_slot_assign(c->in->limits, sp_bytes_cstr(a->name), ret);
	if (err == -ENOSPC) {
		sp_check_add(c->check, agent_at(c, a), "raise limits: limit_slots and restart",
			"agent '%s': every limit slot is taken", a->name);
		return -EBADMSG;
	}
	return err;
}

static int agents(struct compiler *c)
{
	const struct sp_compiled *p = c->policy;
	uint32_t agents_n = p->agents_names.n, actions_n = p->actions_names.n;
	struct sp_snap_in_agent *v = room(c, agents_n, sizeof(*v));
	struct sp_bytes *names = room(c, actions_n, sizeof(*names));
	static const struct sp_policy_agent implied;

	if (!v || !names)
		return -ENOMEM;
	for (uint32_t i = 0; i < actions_n; i++)
		names[i] = sp_bytes_cstr(p->actions_names.v[i]);
	for (uint32_t i = 0; i < agents_n; i++) {
		const struct sp_policy_agent *a = p->agent[i].of ? p->agent[i].of : &implied;
		const char *file = agent_at(c, &p->agent[i]).file;

		v[i] = (struct sp_snap_in_agent){
			.name = sp_bytes_cstr(p->agent[i].name),
			.source = sp_bytes_cstr(file ? file : ""),
			.audit_level =
				a->has_audit_level ? a->audit_level : c->out.default_audit_level,
			.per_minute = a->per_minute,
			.per_hour = a->per_hour,
			.per_request_tokens = a->per_request_tokens,
			.daily_tokens = a->daily_tokens,
			.actions = p->agent[i].actions.v,
			.actions_n = p->agent[i].actions.n,
		};
		SP_TRY(limit_slot(c, &p->agent[i], i, &v[i].limit_slot));
	}
	c->out.agents = v;
	c->out.agents_n = agents_n;
	c->out.actions = (struct sp_snap_in_strs){names, actions_n};
	c->out.policy = p;
	return 0;
}

static int gather(struct compiler *c)
{
	const struct sp_gateway *g = c->in->gateway;

	c->out.generation = c->in->generation;
	c->out.built_ns = c->in->built_ns;
	memcpy(c->out.policy_sha256, c->in->policy->sha256, sizeof(c->out.policy_sha256));
	if (!g)
		return agents(c);
	c->out.profile = sp_bytes_cstr(sp_profile_name((enum sp_profile)g->profile));
	c->out.default_audit_level = (enum sp_audit_level)g->policy.default_audit_level;
	c->out.record_arguments = g->audit.arguments;
	SP_TRY(issuers(c));
	SP_TRY(upstreams(c));
	SP_TRY(routes(c));
	return agents(c);
}

/// A publish that cannot succeed is told before it is tried.
static int fits_slot(const struct compiler *c, size_t n)
{
	const struct sp_gateway *g = c->in->gateway;

	if (!g || n <= g->limits.policy_slot_bytes)
		return 0;
	sp_check_add(c->check, (struct sp_at){g->file, 0, 0},
		"raise limits: policy_slot and restart",
		"the policy comes to %zu bytes, limits: policy_slot has room for %llu", n,
		(unsigned long long)g->limits.policy_slot_bytes);
	return -EBADMSG;
}

/// Parts in order: the policy first, for its problems are the operator's.
static int compile(struct compiler *c, struct sp_compiled **policy, uint8_t **ret, size_t *ret_n)
{
	struct sp_snap snap;
	int err;

	SP_TRY(sp_policy_compile(c->in->policy, c->check, policy));
	c->policy = *policy;
	SP_TRY(gather(c));
	SP_TRY(sp_snap_build(&c->out, ret, ret_n));
	err = sp_snap_attach(*ret, *ret_n, &snap);
	if (!err)
		err = sp_limits_fit(&snap, c->policy, c->check);
	if (!err)
		err = fits_slot(c, *ret_n);
	if (err)
		free(*ret);
	return err;
}

int sp_compile(const struct sp_compile_in *in, struct sp_check *check, uint8_t **ret, size_t *ret_n)
{
	struct compiler c = {.in = in, .check = check};
	struct sp_compiled *policy = NULL;
	uint8_t *blob;
	size_t n;
	int err;

	sp_arena_init(&c.arena);
	err = compile(&c, &policy, &blob, &n);
	sp_compiled_free(policy);
	sp_arena_done(&c.arena);
	if (err == -EINVAL || err == -E2BIG) {
		sp_check_add(check, (struct sp_at){config_file(&c), 0, 0}, NULL, "%s",
			err == -E2BIG ? "the policy is too large for a snapshot"
				      : "configuration and policy make no valid snapshot");
		return -EBADMSG;
	}
	if (err)
		return err;
	*ret = blob;
	*ret_n = n;
	return 0;
}
