#include "config/diff.h"

#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

struct differ {
	const struct sp_snap *a, *b; ///< a may be NULL
	void (*fn)(void *user, const struct sp_change *c);
	void *user;
	uint64_t found;
};

static void tell(struct differ *d, const struct sp_change *c)
{
	d->found++;
	if (d->fn)
		d->fn(d->user, c);
}

static void tell_name(struct differ *d, enum sp_change_kind kind, struct sp_bytes name)
{
	tell(d, &(struct sp_change){.kind = kind, .agent = name});
}

static const struct sp_snap_action *action_at(const struct sp_snap *s, uint32_t i)
{
	return SP_SNAP_GET(s, s->h->actions, sp_snap_action, i);
}

/// Tools of `x` that the agent may call there, but not (or not at all) in `y`.
static void only_in(struct differ *d, enum sp_change_kind kind, const struct sp_snap *x,
	const struct sp_snap_agent *ax, const struct sp_snap *y, const struct sp_snap_agent *ay)
{
	for (uint32_t i = 0; i < x->h->actions.n; i++) {
		struct sp_bytes name;

		if (!sp_snap_allows(x, ax, i))
			continue;
		name = sp_snap_str(x, action_at(x, i)->name);
		if (ay && sp_snap_allows(y, ay, sp_snap_find_action(y, name)))
			continue;
		tell(d, &(struct sp_change){
				.kind = kind, .agent = sp_snap_str(x, ax->name), .what = name});
	}
}

static void diff_limits(
	struct differ *d, const struct sp_snap_agent *x, const struct sp_snap_agent *y)
{
	const struct {
		struct sp_bytes name;
		uint64_t before, after;
	} limits[] = {
		{SP_LIT("calls per minute"), x->per_minute, y->per_minute},
		{SP_LIT("calls per hour"), x->per_hour, y->per_hour},
		{SP_LIT("tokens per request"), x->per_request_tokens, y->per_request_tokens},
		{SP_LIT("tokens per day"), x->daily_tokens, y->daily_tokens},
	};
	struct sp_bytes name = sp_snap_str(d->b, y->name);

	for (size_t i = 0; i < SP_ARRAY_LEN(limits); i++)
		if (limits[i].before != limits[i].after)
			tell(d, &(struct sp_change){SP_CHANGE_LIMIT, name, limits[i].name,
					limits[i].before, limits[i].after});
	if (x->audit_level != y->audit_level)
		tell(d, &(struct sp_change){SP_CHANGE_AUDIT_LEVEL, name, SP_NOBYTES, x->audit_level,
				y->audit_level});
}

static const struct sp_snap_agent *agent_of(const struct sp_snap *s, struct sp_bytes name)
{
	uint32_t i = s ? sp_snap_find_agent(s, name) : SP_SNAP_NONE;

	return i == SP_SNAP_NONE ? NULL : sp_snap_agent(s, i);
}

static void diff_agents(struct differ *d)
{
	for (uint32_t i = 0; d->a && i < d->a->h->agents.n; i++) {
		const struct sp_snap_agent *x = sp_snap_agent(d->a, i);
		struct sp_bytes name = sp_snap_str(d->a, x->name);

		if (agent_of(d->b, name))
			continue;
		only_in(d, SP_CHANGE_TOOL_DENIED, d->a, x, d->b, NULL);
		tell_name(d, SP_CHANGE_AGENT_GONE, name);
	}
	for (uint32_t i = 0; i < d->b->h->agents.n; i++) {
		const struct sp_snap_agent *y = sp_snap_agent(d->b, i);
		struct sp_bytes name = sp_snap_str(d->b, y->name);
		const struct sp_snap_agent *x = agent_of(d->a, name);

		if (!x)
			tell_name(d, SP_CHANGE_AGENT_NEW, name);
		else
			only_in(d, SP_CHANGE_TOOL_DENIED, d->a, x, d->b, y);
		only_in(d, SP_CHANGE_TOOL_ALLOWED, d->b, y, d->a, x);
		if (x)
			diff_limits(d, x, y);
	}
}

static bool str_eq(const struct differ *d, struct sp_snap_str x, struct sp_snap_str y)
{
	return sp_bytes_eq(sp_snap_str(d->a, x), sp_snap_str(d->b, y));
}

static bool strs_eq(const struct differ *d, struct sp_snap_table x, struct sp_snap_table y)
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
	const struct differ *d, const struct sp_snap_route *x, const struct sp_snap_route *y)
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

static void diff_routes(struct differ *d)
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

static void diff_upstreams(struct differ *d)
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

uint64_t sp_snap_diff(const struct sp_snap *a, const struct sp_snap *b,
	void (*fn)(void *user, const struct sp_change *c), void *user)
{
	struct differ d = {a, b, fn, user, 0};

	if (!a || a->h->auth_epoch != b->h->auth_epoch)
		tell_name(&d, SP_CHANGE_IDENTITY, SP_NOBYTES);
	diff_upstreams(&d);
	diff_routes(&d);
	diff_agents(&d);
	return d.found;
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
		return snprintf(buf, cap, "agent %.*s: may now call %.*s", SP_FMT(c->agent),
			SP_FMT(c->what));
	case SP_CHANGE_TOOL_DENIED:
		return snprintf(buf, cap, "agent %.*s: may no longer call %.*s", SP_FMT(c->agent),
			SP_FMT(c->what));
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
