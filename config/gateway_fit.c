/// What one row of the schema's table cannot see: values that follow from others, and values that
/// have to fit each other.
#include "config/gateway_schema.h"
#include "config/gateway_words.h"
#include "config/metadata.h"

#include <stdio.h>
#include "common/banned.h"

struct fit {
	struct sp_gateway *g;
	struct sp_check *check;
};

static struct sp_at at_text(const struct fit *f, const struct sp_text *t)
{
	return (struct sp_at){f->g->file, t->line, t->col};
}

static struct sp_at at_group(const struct fit *f, struct sp_group_at at)
{
	return (struct sp_at){f->g->file, at.line, at.col};
}

static const char *arena_copy(const struct fit *f, struct sp_bytes s)
{
	return sp_arena_str(&f->g->arena, s);
}

static int fit_listener(const struct fit *f, struct sp_gw_listener *l)
{
	if (sp_word_address(l->address.s, &l->addr, &l->addr_len) < 0) {
		sp_check_add(f->check, at_text(f, &l->address),
			"127.0.0.1:8443, [::]:443 or unix:/path",
			"address: '%s' is no numeric address with port", l->address.s);
		return 0;
	}
	if (l->port && f->g->ports.n == 0)
		sp_check_add(f->check, at_text(f, &l->address), "add ports:", "the listener at %s needs a port",
			l->address.s);
	if (l->port && sp_addr_loopback(&l->addr))
		sp_check_add(f->check, at_text(f, &l->address), "an address of the port, or 0.0.0.0",
			"address: '%s' is the kernel's alone", l->address.s);
	if (!l->tls && !sp_addr_loopback(&l->addr))
		sp_check_add(f->check, at_text(f, &l->address),
			"set tls: true, or listen on a loopback address or unix socket",
			"address: '%s' is reachable from outside and has no TLS", l->address.s);
	if (l->tls && f->g->tls.certificates.n == 0)
		sp_check_add(f->check, at_group(f, l->at),
			"add tls: certificates:", "the listener at %s needs a certificate",
			l->address.s);
	return 0;
}

static int fit_issuer(const struct fit *f, struct sp_gw_issuer *s)
{
	unsigned sources = (s->jwks_file.s != NULL) + (s->jwks_uri.s != NULL) + s->discovery;

	for (uint32_t i = 0; i < s->algorithms.n; i++) {
		enum sp_jwt_alg alg;

		if (sp_jwt_alg_parse(sp_bytes_cstr(s->algorithms.v[i].s), &alg) == 0)
			s->algs |= SP_JWT_ALG_BIT(alg);
	}
	if (sources != 1)
		sp_check_add(f->check, at_group(f, s->at),
			"set one of jwks_file, jwks_uri and discovery: true",
			"issuer %s has %s source of keys", s->issuer.s,
			sources ? "more than one" : "no");
	if (f->g->profile != SP_PROFILE_DEVELOPMENT && s->jwks_uri.s &&
		strncmp(s->jwks_uri.s, "https://", 8) != 0)
		sp_check_add(f->check, at_text(f, &s->jwks_uri), "use https",
			"jwks_uri: keys may come over plain http in the development profile only");
	if (f->g->profile != SP_PROFILE_DEVELOPMENT && s->discovery &&
		strncmp(s->issuer.s, "https://", 8) != 0)
		sp_check_add(f->check, at_text(f, &s->issuer), "use https",
			"issuer: discovery over plain http is for the development profile only");
	for (const struct sp_gw_issuer *o = f->g->issuers.v; o < s; o++)
		if (strcmp(o->issuer.s, s->issuer.s) == 0)
			sp_check_add(f->check, at_text(f, &s->issuer), NULL,
				"issuer %s stands in line %u already", s->issuer.s, o->issuer.line);
	return 0;
}

static int fit_upstream(const struct fit *f, struct sp_gw_upstream *u)
{
	struct sp_word_url url;
	const char *wrong = sp_word_url(u->url.s, &url);

	for (const struct sp_gw_upstream *o = f->g->upstreams.v; o < u; o++)
		if (strcmp(o->name.s, u->name.s) == 0)
			sp_check_add(f->check, at_text(f, &u->name), NULL,
				"upstream '%s' stands in line %u already", u->name.s, o->name.line);
	if (wrong) { // a password or a key may stand before an @ and behind a ?
		bool tells = strpbrk(u->url.s, "@?#") != NULL;

		sp_check_add(f->check, at_text(f, &u->url), "http://127.0.0.1:9000/mcp", "url: '%s' %s",
			tells ? "..." : u->url.s, wrong);
		return 0;
	}
	if (u->ca_file.s && url.kind != SP_UP_TLS)
		sp_check_add(f->check, at_text(f, &u->ca_file), "use https in url",
			"ca_file is set, but '%s' is not reached over TLS", u->name.s);
	u->kind = url.kind;
	u->port = url.port;
	u->host = arena_copy(f, url.kind == SP_UP_UNIX ? SP_LIT("localhost") : url.authority);
	u->address = arena_copy(f, url.address);
	u->path = arena_copy(f, url.path);
	return u->host && u->address && u->path ? 0 : -ENOMEM;
}

/// Number of the upstream called so, or a problem that lists what there is.
static void find_upstream(const struct fit *f, const struct sp_text *name, uint32_t *ret)
{
	char mend[200] = "upstreams are";

	for (uint32_t i = 0; i < f->g->upstreams.n; i++) {
		if (strcmp(sp_gw_upstream(f->g, i)->name.s, name->s) == 0) {
			*ret = i;
			return;
		}
	}
	for (uint32_t i = 0; i < f->g->upstreams.n; i++) {
		size_t len = strlen(mend);

		snprintf(mend + len, sizeof(mend) - len, " %s", sp_gw_upstream(f->g, i)->name.s);
	}
	sp_check_add(f->check, at_text(f, name), mend, "upstreams: there is no '%s'", name->s);
}

static int route_upstreams(const struct fit *f, struct sp_gw_route *r)
{
	r->upstream_no = sp_arena_alloc(&f->g->arena, r->upstreams.n * sizeof(*r->upstream_no));
	if (!r->upstream_no)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->upstreams.n; i++) {
		find_upstream(f, &r->upstreams.v[i], &r->upstream_no[i]);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(r->upstreams.v[k].s, r->upstreams.v[i].s) == 0)
				sp_check_add(f->check, at_text(f, &r->upstreams.v[i]), NULL,
					"upstreams: '%s' twice", r->upstreams.v[i].s);
	}
	return 0;
}

/// Accepted Host values: those given, else the resource's authority, with and without its default
/// port.
static int route_hosts(const struct fit *f, struct sp_gw_route *r)
{
	struct sp_bytes authority, path;
	const char *port;
	char other[300];
	bool tls;

	r->host_names = sp_arena_alloc(&f->g->arena, (r->hosts.n + 2) * sizeof(*r->host_names));
	if (!r->host_names)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->hosts.n; i++)
		r->host_names[r->host_names_n++] = r->hosts.v[i].s;
	if (r->hosts.n || sp_uri_split(sp_bytes_cstr(r->resource.s), &tls, &authority, &path) < 0)
		return 0;
	port = tls ? ":443" : ":80";
	r->host_names[r->host_names_n++] = arena_copy(f, authority);
	if (!memchr(authority.p, ':', authority.n)) {
		snprintf(other, sizeof(other), "%.*s%s", (int)sp_min(authority.n, (size_t)256),
			(const char *)authority.p, port);
		r->host_names[r->host_names_n++] = arena_copy(f, sp_bytes_cstr(other));
	}
	for (uint32_t i = 0; i < r->host_names_n; i++)
		if (!r->host_names[i])
			return -ENOMEM;
	return 0;
}

/// A route without tokens is for one's own desk: the development profile, and nothing but this
/// host.
static void route_anonymous(const struct fit *f, struct sp_gw_route *r)
{
	r->auth_none = r->anonymous_agent.s != NULL;
	if (!r->auth_none) {
		if (f->g->issuers.n == 0)
			sp_check_add(f->check, at_group(f, r->at),
				"add issuers:", "route %s needs an issuer whose tokens it accepts",
				r->path.s);
		return;
	}
	if (f->g->profile != SP_PROFILE_DEVELOPMENT)
		sp_check_add(f->check, at_text(f, &r->anonymous_agent), NULL,
			"anonymous_agent is possible in the development profile only");
	for (uint32_t i = 0; i < f->g->listeners.n; i++)
		if (!sp_addr_loopback(&sp_gw_listener(f->g, i)->addr))
			sp_check_add(f->check, at_text(f, &r->anonymous_agent), NULL,
				"anonymous_agent needs every listener on a loopback address; %s is "
				"not",
				sp_gw_listener(f->g, i)->address.s);
}

/// Paths have to differ, and resources too: metadata is found, and tokens are meant, by the
/// resource.
static void route_repeats(const struct fit *f, const struct sp_gw_route *r)
{
	for (const struct sp_gw_route *o = f->g->routes.v; o < r; o++) {
		if (strcmp(o->path.s, r->path.s) == 0)
			sp_check_add(f->check, at_text(f, &r->path), NULL,
				"route %s stands in line %u already", r->path.s, o->path.line);
		if (strcmp(o->resource.s, r->resource.s) == 0)
			sp_check_add(f->check, at_text(f, &r->resource), "give each route its own",
				"resource: %s stands in line %u already", r->resource.s,
				o->resource.line);
	}
}

static int fit_route(const struct fit *f, struct sp_gw_route *r)
{
	for (uint32_t i = 0; i < r->methods.n; i++)
		r->method_bits |= sp_word_methods(r->methods.v[i].s);
	if (r->methods.n == 0)
		r->method_bits = sp_word_methods_all();
	r->legacy = r->modern = r->eras.n == 0;
	for (uint32_t i = 0; i < r->eras.n; i++) {
		r->legacy |= strcmp(r->eras.v[i].s, "legacy") == 0;
		r->modern |= strcmp(r->eras.v[i].s, "modern") == 0;
	}
	route_repeats(f, r);
	route_anonymous(f, r);
	SP_TRY(route_upstreams(f, r));
	return route_hosts(f, r);
}

static void fit_users(const struct fit *f)
{
	const struct sp_gw_users *u = &f->g->users;
	unsigned set = (u->worker.s != NULL) + (u->control.s != NULL) + (u->audit.s != NULL) +
		       (u->group.s != NULL);

	if (set != 0 && set != 4)
		sp_check_add(f->check, at_group(f, u->at), "name worker, control, audit and group",
			"users: all four or none");
	if (set == 0 && f->g->profile == SP_PROFILE_COMPLIANCE)
		sp_check_add(f->check, at_group(f, f->g->at),
			"name worker, control, audit and group",
			"users: the compliance profile needs a user of its own for each process");
}

static void fit_rest(const struct fit *f)
{
	const struct sp_gateway *g = f->g;

	if (g->workers.restart_max_ns < g->workers.restart_min_ns)
		sp_check_add(f->check, at_group(f, g->workers.at), NULL,
			"workers: restart_max is below restart_min");
	if (g->profile == SP_PROFILE_COMPLIANCE && g->policy.default_audit_level == SP_AUDIT_BASIC)
		sp_check_add(f->check, at_group(f, g->policy.at), "enhanced or strict",
			"policy: default_audit_level basic may lose records; not in the compliance "
			"profile");
	if (strcmp(g->state_dir.s, g->run_dir.s) == 0)
		sp_check_add(f->check, at_text(f, &g->run_dir), NULL,
			"run_dir and state_dir are the same folder");
}

int sp_gateway_fit(struct sp_gateway *g, struct sp_check *check)
{
	const struct fit f = {g, check};

	for (uint32_t i = 0; i < g->listeners.n; i++)
		SP_TRY(fit_listener(&f, (struct sp_gw_listener *)g->listeners.v + i));
	for (uint32_t i = 0; i < g->issuers.n; i++)
		SP_TRY(fit_issuer(&f, (struct sp_gw_issuer *)g->issuers.v + i));
	for (uint32_t i = 0; i < g->upstreams.n; i++)
		SP_TRY(fit_upstream(&f, (struct sp_gw_upstream *)g->upstreams.v + i));
	for (uint32_t i = 0; i < g->routes.n; i++)
		SP_TRY(fit_route(&f, (struct sp_gw_route *)g->routes.v + i));
	sp_gateway_fit_ports(g, check);
	fit_users(&f);
	fit_rest(&f);
	return 0;
}
