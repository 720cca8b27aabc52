#include "config/diff.h"

#include "config/diff_inner.h"
#include "config/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

void sp_diff_tell(struct sp_differ *d, const struct sp_change *c)
{
	d->found++;
	if (d->fn)
		d->fn(d->user, c);
}

static void tell_name(struct sp_differ *d, enum sp_change_kind kind, struct sp_bytes name)
{
	sp_diff_tell(d, &(struct sp_change){.kind = kind, .agent = name});
}

static bool str_eq(const struct sp_differ *d, struct sp_snap_str x, struct sp_snap_str y)
{
	return sp_bytes_eq(sp_snap_str(d->a, x), sp_snap_str(d->b, y));
}

static bool strs_eq(const struct sp_differ *d, struct sp_snap_table x, struct sp_snap_table y)
{
	if (x.n != y.n)
		return false;
	for (uint32_t i = 0; i < x.n; i++)
		if (!str_eq(d, *SP_SNAP_GET(d->a, x, sp_snap_str, i),
			    *SP_SNAP_GET(d->b, y, sp_snap_str, i)))
			return false;
	return true;
}

static const struct sp_snap_upstream *upstream_at(
	const struct sp_snap *s, const struct sp_snap_route *r, uint32_t i)
{
	const uint32_t *no = sp_snap_at(s, r->upstreams, i, sizeof(*no));

	return sp_snap_upstream(s, *no);
}

static bool route_eq(
	const struct sp_differ *d, const struct sp_snap_route *x, const struct sp_snap_route *y)
{
	if (x->upstreams.n != y->upstreams.n)
		return false;
	for (uint32_t i = 0; i < x->upstreams.n; i++)
		if (!str_eq(d, upstream_at(d->a, x, i)->name, upstream_at(d->b, y, i)->name))
			return false;
	return str_eq(d, x->resource, y->resource) && str_eq(d, x->scopes, y->scopes) &&
	       str_eq(d, x->anonymous_agent, y->anonymous_agent) &&
	       strs_eq(d, x->hosts, y->hosts) && strs_eq(d, x->origins, y->origins) &&
	       x->methods == y->methods && x->legacy == y->legacy && x->modern == y->modern &&
	       x->prefixed == y->prefixed && x->auth_none == y->auth_none;
}

static void diff_routes(struct sp_differ *d)
{
	for (uint32_t i = 0; d->a && i < d->a->h->routes.n; i++) {
		struct sp_bytes path = sp_snap_str(d->a, sp_snap_route(d->a, i)->path);

		if (sp_snap_find_route(d->b, path) == SP_SNAP_NONE)
			tell_name(d, SP_CHANGE_ROUTE_GONE, path);
	}
	for (uint32_t i = 0; i < d->b->h->routes.n; i++) {
		const struct sp_snap_route *y = sp_snap_route(d->b, i);
		struct sp_bytes path = sp_snap_str(d->b, y->path);
		uint32_t x = d->a ? sp_snap_find_route(d->a, path) : SP_SNAP_NONE;

		if (x == SP_SNAP_NONE)
			tell_name(d, SP_CHANGE_ROUTE_NEW, path);
		else if (!route_eq(d, sp_snap_route(d->a, x), y))
			tell_name(d, SP_CHANGE_ROUTE, path);
	}
}

static const struct sp_snap_upstream *upstream_of(const struct sp_snap *s, struct sp_bytes name)
{
	for (uint32_t i = 0; s && i < s->h->upstreams.n; i++)
		if (sp_bytes_eq(sp_snap_str(s, sp_snap_upstream(s, i)->name), name))
			return sp_snap_upstream(s, i);
	return NULL;
}

static void diff_upstreams(struct sp_differ *d)
{
	for (uint32_t i = 0; d->a && i < d->a->h->upstreams.n; i++) {
		struct sp_bytes name = sp_snap_str(d->a, sp_snap_upstream(d->a, i)->name);

		if (!upstream_of(d->b, name))
			tell_name(d, SP_CHANGE_UPSTREAM_GONE, name);
	}
	for (uint32_t i = 0; i < d->b->h->upstreams.n; i++) {
		const struct sp_snap_upstream *y = sp_snap_upstream(d->b, i);
		struct sp_bytes name = sp_snap_str(d->b, y->name);
		const struct sp_snap_upstream *x = upstream_of(d->a, name);

		if (!x)
			tell_name(d, SP_CHANGE_UPSTREAM_NEW, name);
		else if (x->identity != y->identity)
			tell_name(d, SP_CHANGE_UPSTREAM, name);
	}
}

int64_t sp_snap_diff(const struct sp_snap *a, const struct sp_snap *b,
	void (*fn)(void *user, const struct sp_change *c), void *user)
{
	struct sp_differ d = {a, b, fn, user, 0};

	if (!a || a->h->auth_epoch != b->h->auth_epoch)
		tell_name(&d, SP_CHANGE_IDENTITY, SP_NOBYTES);
	diff_upstreams(&d);
	diff_routes(&d);
	SP_TRY(sp_diff_policy(&d));
	SP_TRY(sp_diff_agents(&d));
	return (int64_t)d.found;
}

static void show_limit(uint64_t v, char *buf, size_t cap)
{
	if (v)
		snprintf(buf, cap, "%" PRIu64, v);
	else
		snprintf(buf, cap, "no limit");
}

static int limit_text(const struct sp_change *c, char *buf, size_t cap)
{
	char before[32], after[32];

	show_limit(c->before, before, sizeof(before));
	show_limit(c->after, after, sizeof(after));
	return snprintf(buf, cap, "agent %.*s: %.*s %s, was %s", SP_FMT(c->agent), SP_FMT(c->what),
		after, before);
}

static const char *terms(uint64_t standing)
{
	static const char *const text[] = {
		[SP_STANDING_DENIED] = "never",
		[SP_STANDING_CONDITIONAL] = "where conditions hold",
		[SP_STANDING_REVIEW] = "after review",
		[SP_STANDING_ALLOWED] = "always",
	};

	return standing < SP_ARRAY_LEN(text) ? text[standing] : "";
}

static int tool_text(const struct sp_change *c, char *buf, size_t cap)
{
	if (c->kind == SP_CHANGE_TOOL_DENIED)
		return snprintf(buf, cap, "agent %.*s: may no longer call %.*s", SP_FMT(c->agent),
			SP_FMT(c->what));
	if (c->kind == SP_CHANGE_TOOL)
		return snprintf(buf, cap, "agent %.*s: may call %.*s %s, was %s", SP_FMT(c->agent),
			SP_FMT(c->what), terms(c->after), terms(c->before));
	return snprintf(buf, cap, "agent %.*s: may now call %.*s%s%s", SP_FMT(c->agent),
		SP_FMT(c->what), c->after == SP_STANDING_ALLOWED ? "" : " ",
		c->after == SP_STANDING_ALLOWED ? "" : terms(c->after));
}

static void put_names(struct sp_out *o, const char *what, const struct sp_scope_names *l)
{
	uint64_t shown = sp_min(l->n, (uint64_t)SP_SCOPE_NAMES);
	char text[48];

	snprintf(text, sizeof(text), "; %s (%" PRIu64 ")", what, l->n);
	sp_out_bytes(o, sp_bytes_cstr(text));
	for (uint64_t i = 0; i < shown; i++) {
		sp_out_bytes(o, i ? SP_LIT(", ") : SP_LIT(": "));
		sp_out_bytes(o, l->name[i]);
	}
	if (shown < l->n)
		sp_out_lit(o, ", ...");
}

static int rule_text(const struct sp_change *c, char *buf, size_t cap)
{
	char scope[SP_CHANGE_TEXT];
	struct sp_out o = sp_out_init(scope, sizeof(scope));
	const char *verb = c->kind == SP_CHANGE_RULE_NEW    ? "new"
			   : c->kind == SP_CHANGE_RULE_GONE ? "gone"
							    : "changed";

	if (c->scope) {
		put_names(&o, "agents", &c->scope->agents);
		put_names(&o, "tools", &c->scope->tools);
	}
	return snprintf(buf, cap, "%.*s %.*s: %s%.*s", SP_FMT(c->what), SP_FMT(c->agent), verb, (int)o.len, scope);
}

int sp_change_text(const struct sp_change *c, char *buf, size_t cap)
{
	static const struct {
		const char *noun, *verb;
	} plain[] = {
		[SP_CHANGE_AGENT_NEW] = {"agent", "new"},
		[SP_CHANGE_AGENT_GONE] = {"agent", "gone"},
		[SP_CHANGE_ROUTE_NEW] = {"route", "new"},
		[SP_CHANGE_ROUTE_GONE] = {"route", "gone"},
		[SP_CHANGE_ROUTE] = {"route", "changed"},
		[SP_CHANGE_UPSTREAM_NEW] = {"upstream", "new"},
		[SP_CHANGE_UPSTREAM_GONE] = {"upstream", "gone"},
		[SP_CHANGE_UPSTREAM] = {"upstream", "changed"},
	};

	switch (c->kind) {
	case SP_CHANGE_TOOL_ALLOWED:
	case SP_CHANGE_TOOL_DENIED:
	case SP_CHANGE_TOOL:
		return tool_text(c, buf, cap);
	case SP_CHANGE_RULE_NEW:
	case SP_CHANGE_RULE_GONE:
	case SP_CHANGE_RULE:
		return rule_text(c, buf, cap);
	case SP_CHANGE_FACTS:
		return snprintf(buf, cap, "agent %.*s: roles, environment or attributes changed",
			SP_FMT(c->agent));
	case SP_CHANGE_RISK:
		return snprintf(buf, cap, "risk scoring or what calls must declare: changed");
	case SP_CHANGE_LIMIT:
		return limit_text(c, buf, cap);
	case SP_CHANGE_AUDIT_LEVEL:
		return snprintf(buf, cap, "agent %.*s: audit level %s, was %s", SP_FMT(c->agent),
			sp_audit_level_name((enum sp_audit_level)c->after),
			sp_audit_level_name((enum sp_audit_level)c->before));
	case SP_CHANGE_IDENTITY:
		return snprintf(buf, cap, "issuers or keys: changed");
	default:
		return snprintf(buf, cap, "%s %.*s: %s", plain[c->kind].noun, SP_FMT(c->agent),
			plain[c->kind].verb);
	}
}
