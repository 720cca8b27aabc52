/// tools/list: what the upstreams offer, less what the agent may not call; and prompts/list where names are
/// prefixed. One upstream's pages are passed on page by page; several upstreams are asked in the
/// route's order and make one list.
#include "dataplane/decide/facts.h"
#include "dataplane/mcp/compose.h"
#include "dataplane/mcp/handshake.h"
#include "common/banned.h"

#define PAGES_MAX 64u ///< of one upstream, when its pages are gathered

static struct sp_bytes member_of(const struct sp_call *c)
{
	return c->method == SP_METHOD_TOOLS_LIST ? SP_LIT("tools") : SP_LIT("prompts");
}

struct filter {
	const struct sp_call *c;
	const struct sp_json *j;
	struct sp_bytes prefix;
};

/// The headers a tool asks for are checked from now on; one that asks in a wrong way is for no modern client.
static bool learn_headers(const struct filter *f, struct sp_bytes name, uint32_t element)
{
	const struct sp_call *c = f->c;

	return sp_param_cache_learn(&c->w->params,
		sp_snap_upstream(c->snap, c->south.upstream)->identity, name, f->j,
		sp_json_get(f->j, element, SP_LIT("inputSchema")), c->w->now_ns,
		&c->w->stat[SP_STAT_PARAM_EVICTED]);
}

static bool visible(void *user, struct sp_bytes name, uint32_t element)
{
	const struct filter *f = user;
	const struct sp_call *c = f->c;
	uint8_t full[2 * SP_NAME_MAX];
	struct sp_out o = sp_out_init(full, sizeof(full));
	struct sp_judge_call *call = &c->w->facts->call;

	if (c->method != SP_METHOD_TOOLS_LIST)
		return true; // prompts are passed by method, as a whole
	sp_out_bytes(&o, f->prefix);
	sp_out_bytes(&o, name);
	if (o.overflow)
		return false;
	if (sp_facts_name(c, c->south.upstream, sp_bytes(full, o.len), (uint32_t)f->prefix.n,
		    c->w->facts->name, call) != 0 ||
		!sp_judge_lists(call))
		return false;
	return !c->modern || learn_headers(f, name, element);
}

/// The elements of `array` this agent may see, comma-separated, behind those already in `o`.
static int put_visible(struct sp_call *c, const struct sp_json *j, uint32_t array,
	struct sp_bytes prefix, bool first, struct sp_out *o)
{
	struct filter f = {c, j, prefix};
	struct sp_list l = {j, array, SP_LIT("name"), prefix, visible, &f};
	uint32_t kept;

	if (c->method == SP_METHOD_TOOLS_LIST && sp_facts_gather_list(c))
		return -ECANCELED;
	return sp_list_elements(o, &l, first, &kept);
}

static struct sp_bytes prefix_of(const struct sp_call *c, uint32_t upstream, uint8_t *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap);

	if (!sp_call_route(c)->prefixed)
		return SP_NOBYTES;
	sp_out_bytes(&o, sp_snap_str(c->snap, sp_snap_upstream(c->snap, upstream)->name));
	sp_out_lit(&o, "__");
	return o.overflow ? SP_NOBYTES : sp_bytes(o.p, o.len);
}

static size_t room_for(const struct sp_json *j, uint32_t array, size_t prefix)
{
	return j->text.n + 64 + (array == SP_JSON_NONE ? 0 : j->tok[array].count * (prefix + 1));
}

// One upstream: its answer with the list filtered in place

static void on_page(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	uint8_t buf[SP_NAME_MAX];
	struct sp_bytes prefix = prefix_of(c, c->south.upstream, buf, sizeof(buf));
	struct sp_splice list;
	struct sp_out o;
	uint32_t tools;
	int r;

	if (!j) {
		sp_call_fail(c, c->reason);
		return;
	}
	tools = e->kind == SP_RPC_RESULT ? sp_json_get(j, e->result, member_of(c)) : SP_JSON_NONE;
	if (tools == SP_JSON_NONE) {
		if (e->kind == SP_RPC_RESULT) {
			sp_call_fail(c, SP_REASON_UPSTREAM_INVALID);
			return;
		}
		sp_compose_answer(c, j, e);
		sp_call_finish(c);
		return;
	}
	if (sp_call_grow(c->w, &c->out, &c->out_cap, 0, room_for(j, tools, prefix.n)) < 0) {
		sp_call_fail(c, SP_REASON_OVERLOAD);
		return;
	}
	o = sp_out_init(c->out, c->out_cap);
	sp_out_lit(&o, "[");
	r = put_visible(c, j, tools, prefix, true, &o);
	if (r < 0) {
		sp_call_fail(c, r == -ECANCELED ? SP_REASON_CANCELLED : SP_REASON_UPSTREAM_INVALID);
		return;
	}
	sp_out_lit(&o, "]");
	c->out_len = o.len;
	list = sp_splice_tok(j, tools, sp_bytes(o.p, o.len));
	sp_compose_answer_with(c, j, e, &list);
	sp_call_finish(c);
}

// Several upstreams: one list of all pages

static int on_ready(struct sp_call *c);

static void finish(struct sp_call *c)
{
	struct sp_out o = sp_out_init(c->out, c->out_cap);

	o.len = c->out_kept;
	sp_out_lit(&o, "]");
	if (c->modern)
		sp_out_lit(&o, ",\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\"");
	sp_out_lit(&o, "}");
	sp_compose_end(c, &o);
	if (o.overflow)
		sp_call_fail(c, SP_REASON_UPSTREAM_TOO_LARGE);
	else
		sp_call_finish(c);
}

static int ask_page(struct sp_call *c, struct sp_bytes raw_cursor);

/// Adds a page to the list; the raw cursor of the next one, or nothing.
static int gather(struct sp_call *c, const struct sp_json *j, uint32_t result, struct sp_bytes *ret_cursor)
{
	uint32_t tools = sp_json_get(j, result, member_of(c));
	uint32_t cursor = sp_json_get(j, result, SP_LIT("nextCursor"));
	uint8_t buf[SP_NAME_MAX];
	struct sp_bytes prefix = prefix_of(c, c->south.upstream, buf, sizeof(buf));
	bool first = c->out[c->out_len - 1] == '[', more = sp_json_type(j, cursor) == SP_JSON_STRING;
	struct sp_out o;

	if (!more && cursor != SP_JSON_NONE && sp_json_type(j, cursor) != SP_JSON_NULL)
		return -EINVAL; // there is more, and no way to ask for it
	SP_TRY(sp_call_grow(c->w, &c->out, &c->out_cap, c->out_len,
		c->out_len + room_for(j, tools, prefix.n)));
	o = sp_out_init(c->out, c->out_cap);
	o.len = c->out_len;
	SP_TRY(put_visible(c, j, tools, prefix, first, &o));
	c->out_len = o.len;
	*ret_cursor = more ? sp_json_raw(j, cursor) : SP_NOBYTES;
	return 0;
}

static enum sp_reason reason_of(int err)
{
	switch (err) {
	case 0:
		return SP_REASON_NONE;
	case -ECANCELED:
		return SP_REASON_CANCELLED;
	case -ENOBUFS:
		return SP_REASON_OVERLOAD;
	case -EMSGSIZE:
	case -ENOSPC:
		return SP_REASON_UPSTREAM_TOO_LARGE;
	default:
		return SP_REASON_UPSTREAM_INVALID;
	}
}

/// An upstream without any says that it does not know the method.
static bool has_none(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	int64_t code = 0;

	return c->pages == 0 && sp_json_i64(j, sp_json_get(j, e->error, SP_LIT("code")), &code) == 0 &&
		code == -32601;
}

/// 0, also when the upstream has none of what is listed, or why its answer is of no use; *ret_ours: that was not its
/// fault.
static enum sp_reason read_page(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e,
	struct sp_bytes *ret_cursor, bool *ret_ours)
{
	enum sp_reason r;

	*ret_cursor = SP_NOBYTES;
	*ret_ours = false;
	if (!j)
		return c->reason;
	if (e->kind != SP_RPC_RESULT)
		return has_none(c, j, e) ? SP_REASON_NONE : SP_REASON_UPSTREAM_INVALID;
	r = reason_of(gather(c, j, e->result, ret_cursor));
	*ret_ours = r == SP_REASON_OVERLOAD || r == SP_REASON_CANCELLED;
	return r;
}

/// All pages of an upstream are in the list, or none: part of a list looks like the whole of it. One that fails, or
/// takes longer than an answer may for all of them together, is left out; only when all do is the agent told why.
static void on_gathered(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_bytes cursor;
	enum sp_reason r;
	bool ours;

	if (sp_handshake_renew(c, j, e, on_ready))
		return;
	r = read_page(c, j, e, &cursor, &ours);
	if (ours) {
		sp_call_fail(c, r);
		return;
	}
	if (r == SP_REASON_NONE && cursor.n) {
		r = ++c->pages < PAGES_MAX ? (enum sp_reason)ask_page(c, cursor)
					   : SP_REASON_UPSTREAM_TOO_LARGE;
		if (r == SP_REASON_NONE)
			return;
	}
	c->reason = r;
	if (r) {
		sp_handshake_skip(c, on_ready, finish);
		return;
	}
	c->found++;
	c->out_kept = c->out_len;
	sp_handshake_next(c, on_ready, finish);
}

static int ask_page(struct sp_call *c, struct sp_bytes raw_cursor)
{
	struct sp_out o = sp_out_init(c->w->scratch, SP_SCRATCH_BYTES);
	struct sp_south_ask ask = {
		.upstream = c->south.upstream,
		.modern = c->south.modern,
		.verb = SP_HTTP_POST,
		.method = c->method,
		.idempotent = true,
		.until_ns = c->pages_until_ns,
		.on_answer = on_gathered,
	};

	sp_south_mint(c);
	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_put(&o, c->south.id, c->south.id_len);
	sp_out_lit(&o, ",\"method\":\"");
	sp_out_bytes(&o, sp_method_name(c->method));
	sp_out_lit(&o, "\",\"params\":{");
	if (raw_cursor.n) {
		sp_out_lit(&o, "\"cursor\":");
		sp_out_bytes(&o, raw_cursor);
	}
	if (ask.modern) {
		sp_out_bytes(&o, raw_cursor.n ? SP_LIT(",") : SP_NOBYTES);
		sp_out_lit(&o, "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
			       "\"io.modelcontextprotocol/clientCapabilities\":{}}");
	}
	sp_out_lit(&o, "}}");
	if (o.overflow)
		return SP_REASON_UPSTREAM_INVALID;
	ask.body = sp_bytes(o.p, o.len);
	return sp_south_start(c, &ask);
}

static int on_ready(struct sp_call *c)
{
	c->pages = 0;
	c->pages_until_ns = c->w->now_ns + sp_snap_upstream(c->snap, c->south.upstream)->response_ns;
	c->out_len = c->out_kept;
	if (c->reason == SP_REASON_NONE)
		return ask_page(c, SP_NOBYTES);
	sp_handshake_skip(c, on_ready, finish);
	return SP_REASON_NONE;
}

int sp_list_start(struct sp_call *c)
{
	struct sp_out o;

	if (sp_call_route(c)->upstreams.n == 1)
		return sp_relay_start_with(c, on_page);
	if (sp_call_grow(c->w, &c->out, &c->out_cap, 0, SP_RAW_ID_MAX + 64) < 0)
		return SP_REASON_OVERLOAD;
	o = sp_compose_begin(c);
	sp_out_lit(&o, "{\"");
	sp_out_bytes(&o, member_of(c));
	sp_out_lit(&o, "\":[");
	c->out_len = c->out_kept = o.len;
	return sp_handshake_each(c, on_ready, finish);
}
