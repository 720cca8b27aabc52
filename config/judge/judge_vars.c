/// Values of conditions' variables: they borrow the call and the snapshot, and are made when asked for.
#include "config/judge/judge_in.h"
#include "common/banned.h"

static enum sp_cel_error text(struct sp_bytes s, struct sp_cel *ret)
{
	if (s.n == 0)
		return SP_CEL_E_NO_SUCH_KEY;
	*ret = (struct sp_cel){.type = SP_CEL_STRING, .s = s};
	return SP_CEL_E_NONE;
}

static enum sp_cel_error no_map(struct sp_cel_arena *arena, struct sp_cel *ret)
{
	return sp_cel_map_of(arena, NULL, 0, ret);
}

/// An object of a document as a map; a token that is none is an empty one.
static enum sp_cel_error object(
	const struct sp_json *doc, uint32_t tok, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	if (!doc || tok == SP_JSON_NONE || sp_json_type(doc, tok) != SP_JSON_OBJECT)
		return no_map(arena, ret);
	return sp_cel_from_json(doc, tok, arena, ret);
}

static enum sp_cel_error arguments(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	if (j->c->listing)
		return SP_CEL_E_UNKNOWN_VAR;
	return object(j->c->args_doc, j->c->args, arena, ret);
}

static uint32_t context_token(const struct sp_judge_call *c)
{
	uint32_t t = SP_JSON_NONE;

	if (c->args_doc && c->meta != SP_JSON_NONE)
		t = sp_json_get(c->args_doc, c->meta, SP_LIT("sallyport/context"));
	if (t != SP_JSON_NONE && sp_json_type(c->args_doc, t) != SP_JSON_OBJECT)
		return SP_JSON_NONE;
	return t;
}

/// Pairs of a map in the making.
struct pairs {
	struct sp_cel (*kv)[2];
	uint32_t n, cap;
	enum sp_cel_error error;
};

static uint32_t members(const struct sp_json *doc, uint32_t obj)
{
	if (!doc || obj == SP_JSON_NONE || sp_json_type(doc, obj) != SP_JSON_OBJECT)
		return 0;
	return doc->tok[obj].count;
}

static struct pairs pairs_new(struct sp_cel_arena *arena, uint32_t cap)
{
	struct pairs p = {.cap = cap};

	p.kv = sp_cel_alloc(arena, (size_t)cap * sizeof(*p.kv));
	if (!p.kv)
		p.error = SP_CEL_E_COST;
	return p;
}

/// Only the first `seen` pairs can be called the same: members of one object are not.
static bool has_key(const struct pairs *p, uint32_t seen, struct sp_bytes key)
{
	for (uint32_t i = 0; i < seen; i++)
		if (sp_bytes_eq(p->kv[i][0].s, key))
			return true;
	return false;
}

static void add_pair(struct pairs *p, uint32_t seen, struct sp_bytes key, struct sp_cel value)
{
	if (p->error || p->n == p->cap || has_key(p, seen, key))
		return;
	p->kv[p->n][0] = (struct sp_cel){.type = SP_CEL_STRING, .s = key};
	p->kv[p->n][1] = value;
	p->n++;
}

#define COMPARES_MAX 65536u ///< of names; a call that needs more is over the cost of a condition

/// Members of an object, but for names that are there already.
static void add_object(
	struct pairs *p, const struct sp_json *doc, uint32_t obj, struct sp_cel_arena *arena)
{
	uint32_t n = members(doc, obj), seen = p->n;
	uint32_t key = n ? sp_json_first(doc, obj) : SP_JSON_NONE;

	if ((uint64_t)n * seen > COMPARES_MAX)
		p->error = SP_CEL_E_COST;
	for (uint32_t i = 0; i < n && !p->error; i++) {
		uint32_t val = doc->tok[key].next;
		struct sp_cel k = {0}, v = {0};

		p->error = sp_cel_from_json(doc, key, arena, &k);
		if (!p->error)
			p->error = sp_cel_from_json(doc, val, arena, &v);
		if (!p->error)
			add_pair(p, seen, k.s, v);
		key = doc->tok[val].next;
	}
}

static enum sp_cel_error pairs_done(const struct pairs *p, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	if (p->error)
		return p->error;
	return sp_cel_map_of(arena, (const struct sp_cel(*)[2])p->kv, p->n, ret);
}

/// The registry's attributes, then claims of names that it does not have.
static enum sp_cel_error attributes(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	const struct sp_json *claims = j->c->claims;
	uint32_t own = j->agent ? j->agent->attributes.n : 0;
	struct pairs p;

	if (own == 0)
		return object(claims, claims ? 0 : SP_JSON_NONE, arena, ret);
	p = pairs_new(arena, own + members(claims, 0));
	for (uint32_t i = 0; i < own; i++) {
		const struct sp_snap_str *kv = sp_snap_at(
			j->s, j->agent->attributes, 2 * i, sizeof(struct sp_snap_str));

		add_pair(&p, 0, judge_str(j, kv[0]),
			(struct sp_cel){.type = SP_CEL_STRING, .s = judge_str(j, kv[1])});
	}
	if (claims)
		add_object(&p, claims, 0, arena);
	return pairs_done(&p, arena, ret);
}

/// Without a context, the arguments themselves.
static enum sp_cel_error request(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	const struct sp_judge_call *c = j->c;
	uint32_t context;
	struct pairs p;

	if (c->listing)
		return SP_CEL_E_UNKNOWN_VAR;
	context = context_token(c);
	if (context == SP_JSON_NONE)
		return object(c->args_doc, c->args, arena, ret);
	p = pairs_new(arena, members(c->args_doc, c->args) + members(c->args_doc, context));
	add_object(&p, c->args_doc, c->args, arena);
	add_object(&p, c->args_doc, context, arena);
	return pairs_done(&p, arena, ret);
}

static enum sp_cel_error scope(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	const struct sp_judge_call *c = j->c;
	const uint32_t places[] = {c->args, context_token(c)};

	if (c->listing)
		return SP_CEL_E_UNKNOWN_VAR;
	for (size_t i = 0; i < SP_ARRAY_LEN(places); i++) {
		uint32_t t = members(c->args_doc, places[i])
				     ? sp_json_get(c->args_doc, places[i], SP_LIT("scope"))
				     : SP_JSON_NONE;

		if (t != SP_JSON_NONE)
			return sp_cel_from_json(c->args_doc, t, arena, ret);
	}
	return text(c->scopes, ret);
}

static enum sp_cel_error context(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	if (j->c->listing)
		return SP_CEL_E_UNKNOWN_VAR;
	return object(j->c->args_doc, context_token(j->c), arena, ret);
}

static enum sp_cel_error roles(const struct judge *j, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	uint32_t n = j->agent ? j->agent->role_names.n : 0;
	struct sp_cel *v = sp_cel_alloc(arena, (n ? n : 1) * sizeof(*v));

	if (!v)
		return SP_CEL_E_COST;
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct sp_cel){.type = SP_CEL_STRING,
			.s = judge_str(j, *SP_SNAP_GET(j->s, j->agent->role_names, sp_snap_str, i))};
	return sp_cel_list_of(arena, v, n, ret);
}

static enum sp_cel_error purpose(struct judge *j, struct sp_cel *ret)
{
	if (j->c->listing)
		return SP_CEL_E_UNKNOWN_VAR;
	judge_read_purpose(j);
	return text(j->purpose, ret);
}

static enum sp_cel_error of_agent(
	const struct judge *j, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	switch (var) {
	case SP_VAR_AGENT_IDENTITY:
	case SP_VAR_AGENT_NAME:
		return text(judge_str(j, sp_snap_agent(j->s, j->c->agent)->name), ret);
	case SP_VAR_AGENT_ATTRIBUTES:
		return attributes(j, arena, ret);
	case SP_VAR_AGENT_ROLES:
		return roles(j, arena, ret);
	case SP_VAR_AGENT_ENVIRONMENT:
		return text(j->agent ? judge_str(j, j->agent->environment_name) : SP_NOBYTES, ret);
	case SP_VAR_AGENT_OWNER:
		return text(j->agent ? judge_str(j, j->agent->owner) : SP_NOBYTES, ret);
	default:
		return SP_CEL_E_UNKNOWN_VAR;
	}
}

static enum sp_cel_error make(
	struct judge *j, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	const struct sp_judge_call *c = j->c;

	switch (var) {
	case SP_VAR_TOOL_NAME:
		return text(c->shown.n ? c->shown : c->tool, ret);
	case SP_VAR_TOOL_ARGUMENTS:
	case SP_VAR_REQUEST_ARGUMENTS:
		return arguments(j, arena, ret);
	case SP_VAR_METHOD: // a list asks what could be called
		return text(c->listing ? SP_LIT("tools/call") : c->method, ret);
	case SP_VAR_UPSTREAM:
		return text(c->upstream, ret);
	case SP_VAR_ROUTE:
		return text(c->route, ret);
	case SP_VAR_REVISION:
		return text(c->revision, ret);
	case SP_VAR_SESSION:
		return text(c->session, ret);
	case SP_VAR_JWT:
		if (!c->claims)
			return SP_CEL_E_NO_SUCH_KEY;
		return object(c->claims, 0, arena, ret);
	case SP_VAR_REQUEST:
		return request(j, arena, ret);
	case SP_VAR_REQUEST_SCOPE:
		return scope(j, arena, ret);
	case SP_VAR_REQUEST_CONTEXT:
		return context(j, arena, ret);
	case SP_VAR_REQUEST_PURPOSE:
		return purpose(j, ret);
	case SP_VAR_REQUEST_TIME:
		*ret = (struct sp_cel){.type = SP_CEL_TIMESTAMP,
			.i = (int64_t)(c->wall_ns / 1000000000u),
			.ns = (uint32_t)(c->wall_ns % 1000000000u)};
		return SP_CEL_E_NONE;
	case SP_VAR_SOURCE_ADDRESS:
		return text(c->peer, ret);
	default:
		return of_agent(j, var, arena, ret);
	}
}

static enum sp_cel_error attribute(
	const struct judge *j, struct sp_bytes name, struct cel_meter *m, struct sp_cel *ret)
{
	struct sp_snap_table t = j->agent->attributes;

	if (!sp_cel_pay_members(m, t.n))
		return SP_CEL_E_COST;
	for (uint32_t i = 0; i < t.n; i++) {
		const struct sp_snap_str *kv = SP_SNAP_GET(j->s, t, sp_snap_str, 2 * i);

		if (!sp_bytes_eq_short(judge_str(j, kv[0]), name))
			continue;
		*ret = (struct sp_cel){.type = SP_CEL_STRING, .s = judge_str(j, kv[1])};
		return SP_CEL_E_NONE;
	}
	return SP_CEL_E_NO_SUCH_KEY;
}

/// Of maps that are one object or one table as they lie there; others have to be put together.
enum sp_cel_error judge_field(void *judge, uint32_t var, struct sp_bytes name, struct cel_meter *m,
	struct sp_cel *ret)
{
	const struct judge *j = judge;
	const struct sp_judge_call *c = j->c;

	switch (var) {
	case SP_VAR_REQUEST:
		if (context_token(c) != SP_JSON_NONE)
			return SP_CEL_E_UNKNOWN_VAR;
		// fall through
	case SP_VAR_TOOL_ARGUMENTS:
	case SP_VAR_REQUEST_ARGUMENTS:
		if (c->listing || !c->args_doc || sp_json_type(c->args_doc, c->args) != SP_JSON_OBJECT)
			return SP_CEL_E_UNKNOWN_VAR;
		return sp_cel_field_of_json(c->args_doc, c->args, name, m, ret);
	case SP_VAR_AGENT_ATTRIBUTES:
		if (c->claims || !j->agent || j->agent->attributes.n == 0)
			return SP_CEL_E_UNKNOWN_VAR;
		return attribute(j, name, m, ret);
	default:
		return SP_CEL_E_UNKNOWN_VAR;
	}
}

/// Made once a question; what it took of the arena stays for as long.
enum sp_cel_error judge_var(void *judge, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	struct judge *j = judge;
	size_t before = arena->used;
	enum sp_cel_error e;

	if (var >= SP_VAR__COUNT)
		return SP_CEL_E_UNKNOWN_VAR;
	if (!(j->vars_at >> var & 1)) {
		e = make(j, var, arena, &j->var[var]);
		if (e)
			return e;
		j->vars_at |= 1u << var;
		if (arena->used != before)
			j->keep = arena->used;
	}
	*ret = j->var[var];
	return SP_CEL_E_NONE;
}
