/// What for: scopes, authorization details (RFC 9396) and the declared purpose must cover the call.
#include "config/judge/judge_in.h"

#include "common/url.h"
#include "common/banned.h"

#define DETAILS_TYPE "mcp_tool_call"
#define EQUAL_DEPTH 32u

static bool has_scope(struct sp_bytes scopes, struct sp_bytes want)
{
	size_t at = 0;

	while (at < scopes.n) {
		size_t end = at;

		while (end < scopes.n && scopes.p[end] != ' ')
			end++;
		if (sp_bytes_eq(sp_bytes(scopes.p + at, end - at), want))
			return true;
		at = end + 1;
	}
	return false;
}

/// Whole scopes that the token lacks, as many as fit.
static void missing_scopes(const struct judge *j, struct sp_snap_table scopes, struct sp_out *out)
{
	for (uint32_t i = 0; i < scopes.n; i++) {
		struct sp_bytes want = judge_str(j, *SP_SNAP_GET(j->s, scopes, sp_snap_str, i));

		if (has_scope(j->c->scopes, want))
			continue;
		if (out->len + want.n + 1 > out->cap)
			return;
		if (out->len)
			sp_out_lit(out, " ");
		sp_out_bytes(out, want);
	}
}

static bool scopes_cover(const struct judge *j, struct sp_snap_table scopes)
{
	for (uint32_t i = 0; i < scopes.n; i++)
		if (!has_scope(j->c->scopes, judge_str(j, *SP_SNAP_GET(j->s, scopes, sp_snap_str, i))))
			return false;
	return true;
}

static void judge_scopes(struct judge *j)
{
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);
		char buf[sizeof(j->v->detail) - 1];
		struct sp_out out = sp_out_init(buf, sizeof(buf));
		bool covered;

		if (!t || t->scopes.n == 0)
			continue;
		covered = scopes_cover(j, t->scopes);
		if (!covered) {
			missing_scopes(j, t->scopes, &out);
			judge_refuse(j, SP_REASON_SCOPE_INSUFFICIENT, sp_bytes(out.p, out.len));
		}
		judge_say_tool(j, i, SP_TRACE_INTENT, covered,
			covered ? SP_LIT("the token has every required scope")
				: SP_LIT("the token lacks a required scope"));
	}
}

static bool arrays_equal(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u,
	unsigned depth)
{
	uint32_t n = a->tok[t].count, x, y;

	if (b->tok[u].count != n)
		return false;
	x = sp_json_first(a, t);
	y = sp_json_first(b, u);
	for (uint32_t i = 0; i < n; i++, x = a->tok[x].next, y = b->tok[y].next)
		if (!judge_json_equal(a, x, b, y, depth))
			return false;
	return true;
}

static uint32_t same_key(const struct sp_json *a, uint32_t key, const struct sp_json *b, uint32_t obj)
{
	uint32_t n = b->tok[obj].count, k = n ? sp_json_first(b, obj) : SP_JSON_NONE;

	for (uint32_t i = 0; i < n; i++) {
		if (sp_json_same_str(a, key, b, k))
			return b->tok[k].next;
		k = b->tok[b->tok[k].next].next;
	}
	return SP_JSON_NONE;
}

/// Every member of `a` is in `b` with an equal value.
static bool members_in(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u,
	unsigned depth)
{
	uint32_t n = a->tok[t].count, key = n ? sp_json_first(a, t) : SP_JSON_NONE;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t val = a->tok[key].next, other = same_key(a, key, b, u);

		if (other == SP_JSON_NONE || !judge_json_equal(a, val, b, other, depth))
			return false;
		key = a->tok[val].next;
	}
	return true;
}

static bool objects_equal(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u,
	unsigned depth)
{
	return a->tok[t].count == b->tok[u].count && members_in(a, t, b, u, depth);
}

static bool numbers_equal(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u)
{
	int64_t x, y;

	if (sp_json_i64(a, t, &x) == 0 && sp_json_i64(b, u, &y) == 0)
		return x == y;
	return sp_bytes_eq(sp_json_span(a, t), sp_json_span(b, u));
}

bool judge_json_equal(
	const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u, unsigned depth)
{
	enum sp_json_type type = sp_json_type(a, t);

	if (type != sp_json_type(b, u) || depth == 0)
		return false;
	switch (type) {
	case SP_JSON_NUMBER:
		return numbers_equal(a, t, b, u);
	case SP_JSON_STRING:
		return sp_json_same_str(a, t, b, u);
	case SP_JSON_ARRAY:
		return arrays_equal(a, t, b, u, depth - 1);
	case SP_JSON_OBJECT:
		return objects_equal(a, t, b, u, depth - 1);
	default:
		return true;
	}
}

/// Any string of the array stands for one of the call's names.
static bool actions_cover(const struct judge *j, const struct sp_json *d, uint32_t t)
{
	uint32_t n, k;

	if (t == SP_JSON_NONE || sp_json_type(d, t) != SP_JSON_ARRAY)
		return false;
	n = d->tok[t].count;
	k = sp_json_first(d, t);
	for (uint32_t i = 0; i < n; i++, k = d->tok[k].next) {
		uint8_t buf[256];
		struct sp_bytes glob;

		if (sp_json_str(d, k, buf, sizeof(buf), &glob) < 0)
			continue;
		for (uint32_t m = 0; m < j->names_n; m++)
			if (sp_glob_match(glob, j->name[m], false))
				return true;
	}
	return false;
}

static bool locations_cover(const struct judge *j, const struct sp_json *d, uint32_t t)
{
	uint32_t route = sp_snap_find_route(j->s, j->c->route), n, k;
	struct sp_bytes resource;

	if (route == SP_SNAP_NONE || sp_json_type(d, t) != SP_JSON_ARRAY)
		return false;
	resource = judge_str(j, sp_snap_route(j->s, route)->resource);
	n = d->tok[t].count;
	k = sp_json_first(d, t);
	for (uint32_t i = 0; i < n; i++, k = d->tok[k].next)
		if (sp_json_str_eq(d, k, resource))
			return true;
	return false;
}

static bool arguments_cover(const struct judge *j, const struct sp_json *d, uint32_t t)
{
	const struct sp_judge_call *c = j->c;

	if (sp_json_type(d, t) != SP_JSON_OBJECT)
		return false;
	if (d->tok[t].count == 0)
		return true;
	return c->args_doc && c->args != SP_JSON_NONE &&
	       sp_json_type(c->args_doc, c->args) == SP_JSON_OBJECT &&
	       members_in(d, t, c->args_doc, c->args, EQUAL_DEPTH);
}

/// An entry says no more than it is understood to say: a member that is not known here may narrow it.
static bool entry_covers(const struct judge *j, const struct sp_json *d, uint32_t entry)
{
	uint32_t n, key, seen = 0;

	if (sp_json_type(d, entry) != SP_JSON_OBJECT)
		return false;
	n = d->tok[entry].count;
	key = n ? sp_json_first(d, entry) : SP_JSON_NONE;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t val = d->tok[key].next;
		bool covers = false;

		if (sp_json_str_eq(d, key, SP_LIT("type"))) {
			covers = sp_json_str_eq(d, val, SP_LIT(DETAILS_TYPE));
			seen |= covers ? 1 : 0;
		} else if (sp_json_str_eq(d, key, SP_LIT("actions"))) {
			covers = actions_cover(j, d, val);
			seen |= covers ? 2 : 0;
		} else if (sp_json_str_eq(d, key, SP_LIT("locations"))) {
			covers = locations_cover(j, d, val);
		} else if (sp_json_str_eq(d, key, SP_LIT("arguments"))) {
			covers = arguments_cover(j, d, val);
		}
		if (!covers)
			return false;
		key = d->tok[val].next;
	}
	return seen == 3;
}

static bool details_cover(const struct judge *j, uint32_t t)
{
	const struct sp_json *d = j->c->claims;
	uint32_t n, entry;

	if (sp_json_type(d, t) != SP_JSON_ARRAY)
		return false;
	n = d->tok[t].count;
	entry = sp_json_first(d, t);
	for (uint32_t i = 0; i < n; i++, entry = d->tok[entry].next)
		if (entry_covers(j, d, entry))
			return true;
	return false;
}

/// Present, they bind; required, they must be present.
static void judge_details(struct judge *j)
{
	uint32_t t = SP_JSON_NONE;
	bool covered;

	if (j->c->claims)
		t = sp_json_get(j->c->claims, 0, SP_LIT("authorization_details"));
	if (t == SP_JSON_NONE && !j->p->details_required)
		return;
	covered = t != SP_JSON_NONE && details_cover(j, t);
	if (!covered)
		judge_refuse(j, SP_REASON_DETAILS_DENIED, SP_LIT(DETAILS_TYPE));
	if (JUDGE_TRACED(j))
		judge_say(j, SP_TRACE_INTENT, SP_SNAP_NONE, covered, SP_LIT("authorization_details"),
			covered ? SP_LIT("an entry covers the call")
				: SP_LIT("no entry covers the call"));
}

static uint32_t find_purpose(const struct judge *j)
{
	for (uint32_t i = 0; i < j->p->purposes.n; i++)
		if (sp_bytes_eq(judge_str(j, SP_SNAP_POLICY(j->s, purposes, sp_snap_purpose, i)->name),
			    j->purpose))
			return i;
	return SP_SNAP_NONE;
}

/// The claim wins; a call that declares another one than its token is refused.
static enum judge_purpose declared(struct judge *j)
{
	uint8_t buf[JUDGE_PURPOSE_MAX];
	struct sp_bytes said = SP_NOBYTES, claimed = SP_NOBYTES;
	int s = judge_member(j->c->args_doc, j->c->meta, SP_LIT("sallyport/purpose"), j->purpose_text,
		sizeof(j->purpose_text), &said);
	int c = judge_member(j->c->claims, 0, SP_LIT("purpose"), buf, sizeof(buf), &claimed);

	if (s == -EINVAL || c == -EINVAL || (s == 0 && c == 0 && !sp_bytes_eq(said, claimed)))
		return PURPOSE_BAD;
	if (s < 0 && c < 0)
		return PURPOSE_NONE;
	if (s == 0) {
		j->purpose = said;
	} else { // `buf` ends here, the document does not
		if (claimed.p == buf) {
			memcpy(j->purpose_text, buf, claimed.n);
			claimed.p = j->purpose_text;
		}
		j->purpose = claimed;
	}
	j->v->purpose = find_purpose(j);
	return j->v->purpose == SP_SNAP_NONE ? PURPOSE_UNKNOWN : PURPOSE_KNOWN;
}

void judge_read_purpose(struct judge *j)
{
	if (j->purpose_state == PURPOSE_UNREAD)
		j->purpose_state = declared(j);
}

static bool purpose_covers(const struct judge *j)
{
	const struct sp_snap_purpose *p =
		SP_SNAP_POLICY(j->s, purposes, sp_snap_purpose, j->v->purpose);
	bool tool = judge_names_match(j, p->globs);

	for (uint32_t i = 0; i < j->names_n && !tool; i++)
		tool = j->v->about.actions[i] != SP_SNAP_NONE &&
		       sp_snap_has(j->s, p->actions, j->v->about.actions[i]);
	return tool && sp_snap_agent_fits(j->s, j->c->agent, p->any_agent, p->agents, p->roles);
}

static void judge_purpose(struct judge *j)
{
	struct sp_bytes text = SP_LIT("covers the call");
	bool holds = false;

	judge_read_purpose(j);
	switch (j->purpose_state) {
	case PURPOSE_NONE:
		if (!j->p->purpose_required)
			return;
		text = SP_LIT("none is declared");
		judge_refuse(j, SP_REASON_PURPOSE_MISSING, SP_NOBYTES);
		break;
	case PURPOSE_KNOWN:
		holds = purpose_covers(j);
		if (holds)
			break;
		text = SP_LIT("does not cover this agent and tool");
		judge_refuse(j, SP_REASON_PURPOSE_DENIED, j->purpose);
		break;
	case PURPOSE_UNKNOWN:
		text = SP_LIT("the policy knows no such purpose");
		judge_refuse(j, SP_REASON_PURPOSE_DENIED, j->purpose);
		break;
	default:
		text = SP_LIT("is no short string, or call and token declare different ones");
		judge_refuse(j, SP_REASON_PURPOSE_DENIED, SP_NOBYTES);
	}
	if (JUDGE_TRACED(j))
		judge_say(j, SP_TRACE_INTENT, j->v->purpose, holds,
			j->purpose.n ? j->purpose : SP_LIT("purpose"), text);
}

enum sp_reason sp_judge_intent(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	struct judge j;

	judge_init(&j, c, v);
	judge_scopes(&j);
	judge_details(&j);
	judge_purpose(&j);
	return judge_go_on(v);
}
