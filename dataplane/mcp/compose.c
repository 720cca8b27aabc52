#include "dataplane/mcp/compose.h"
#include "common/banned.h"

static void sort_edits(struct sp_splice *e, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		for (unsigned k = i; k > 0 && e[k].off < e[k - 1].off; k--) {
			struct sp_splice swap = e[k];

			e[k] = e[k - 1];
			e[k - 1] = swap;
		}
	}
}

unsigned sp_compose_parts(struct sp_bytes text, struct sp_splice *edits, unsigned n, struct sp_bytes *part)
{
	size_t at = 0;
	unsigned parts = 0;

	sort_edits(edits, n);
	for (unsigned i = 0; i < n; i++) {
		if (edits[i].off > at)
			part[parts++] = sp_bytes(text.p + at, edits[i].off - at);
		if (edits[i].with.n)
			part[parts++] = edits[i].with;
		at = edits[i].off + edits[i].len;
	}
	if (at < text.n)
		part[parts++] = sp_bytes(text.p + at, text.n - at);
	return parts;
}

void sp_compose_request(const struct sp_call *c, struct sp_out *o)
{
	struct sp_splice edit[SP_EDITS_MAX];
	struct sp_bytes id = sp_bytes(c->south.id, c->south.id_len);
	unsigned n = 0;

	edit[n++] = sp_splice_tok(&c->doc, c->env.id, id);
	if (c->progress_len)
		edit[n++] = sp_splice_tok(&c->doc, c->env.progress_token, id);
	if (c->name_prefix) {
		struct sp_bytes span = sp_json_span(&c->doc, c->env.name);

		// Names hold nothing that must be escaped (parse.c), so they can be written plainly.
		edit[n++] = (struct sp_splice){(uint32_t)(span.p - c->body.p), (uint32_t)span.n,
			sp_bytes(c->name + c->name_prefix, c->name_len - c->name_prefix)};
	}
	sort_edits(edit, n);
	if (sp_splice_put(o, c->body, edit, n) < 0)
		o->overflow = true;
}

static bool is_list(enum sp_method m)
{
	return m == SP_METHOD_TOOLS_LIST || m == SP_METHOD_PROMPTS_LIST ||
		m == SP_METHOD_RESOURCES_LIST || m == SP_METHOD_RESOURCES_TEMPLATES ||
		m == SP_METHOD_RESOURCES_READ;
}

/// What 2026-07-28 demands of every result: resultType, and how long lists and contents may be kept.
/// Lists are filtered by policy, so whatever the upstream says they are private.
static unsigned modern_members(const struct sp_call *c, const struct sp_json *j,
	const struct sp_envelope *e, struct sp_splice *edit)
{
	struct sp_bytes raw = sp_json_raw(j, e->result), with;
	bool empty = j->tok[e->result].count == 0;
	uint32_t scope = e->cache_scope;
	unsigned n = 0;

	if (scope != SP_JSON_NONE && is_list(c->method))
		edit[n++] = sp_splice_tok(j, scope, SP_LIT("\"private\""));
	if (e->result_type != SP_JSON_NONE)
		return n;
	if (is_list(c->method) && scope == SP_JSON_NONE && e->ttl_ms != SP_JSON_NONE)
		with = SP_LIT("\"resultType\":\"complete\",\"cacheScope\":\"private\",");
	else if (is_list(c->method) && scope == SP_JSON_NONE)
		with = empty ? SP_LIT("\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\"") :
			       SP_LIT("\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",");
	else
		with = empty ? SP_LIT("\"resultType\":\"complete\"") :
			       SP_LIT("\"resultType\":\"complete\",");
	edit[n++] = (struct sp_splice){(uint32_t)(raw.p - j->text.p) + 1, 0, with};
	return n;
}

static void judge_result(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	c->outcome = sp_json_type(j, e->is_error) == SP_JSON_TRUE ? SP_OUTCOME_TOOL_ERROR : SP_OUTCOME_OK;
	c->http_status = 200;
}

static void judge_error(struct sp_call *c, const struct sp_json *j, uint32_t error)
{
	(void)!sp_json_i64(j, sp_json_get(j, error, SP_LIT("code")), &c->rpc_code);
	c->outcome = SP_OUTCOME_RPC_ERROR;
	c->http_status = 200;
	if (c->modern && c->rpc_code == -32601)
		c->http_status = 404;
	else if (c->modern && c->rpc_code <= -32020 && c->rpc_code >= -32022)
		c->http_status = 400;
}

void sp_compose_answer(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	sp_compose_answer_with(c, j, e, NULL);
}

void sp_compose_answer_with(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e,
	const struct sp_splice *more)
{
	struct sp_splice edit[SP_EDITS_MAX];
	struct sp_bytes id = sp_bytes(c->id, c->id_len);
	unsigned n = 0;

	if (e->id != SP_JSON_NONE) {
		edit[n++] = sp_splice_tok(j, e->id, id);
	} else {
		uint32_t first = sp_json_first(j, 0); // an error without id: the agent knows which
		uint32_t at = (uint32_t)(sp_json_raw(j, first).p - j->text.p);

		edit[n++] = (struct sp_splice){at, 0, SP_LIT("\"id\":")};
		edit[n++] = (struct sp_splice){at, 0, id};
		edit[n++] = (struct sp_splice){at, 0, SP_LIT(",")};
	}
	if (e->kind == SP_RPC_RESULT) {
		judge_result(c, j, e);
		if (c->modern)
			n += modern_members(c, j, e, edit + n);
	} else {
		judge_error(c, j, e->error);
	}
	if (more)
		edit[n++] = *more;
	c->parts_n = sp_compose_parts(j->text, edit, n, c->part);
	c->answer_bytes = j->text.n;
}

struct sp_out sp_compose_begin(struct sp_call *c)
{
	struct sp_out o = sp_out_init(c->out, c->out_cap);

	o.len = c->out_len;
	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_bytes(&o, sp_bytes(c->id, c->id_len));
	sp_out_lit(&o, ",\"result\":");
	return o;
}

void sp_compose_end(struct sp_call *c, struct sp_out *o)
{
	sp_out_lit(o, "}");
	c->part[0] = sp_bytes(o->p, o->len);
	c->parts_n = 1;
	c->out_len = o->len;
	c->answer_bytes = o->len;
	c->outcome = SP_OUTCOME_OK;
	c->http_status = 200;
}

int sp_compose_empty(struct sp_call *c)
{
	struct sp_out o;

	if (sp_call_grow(c->w, &c->out, &c->out_cap, 0, SP_RAW_ID_MAX + 64) < 0)
		return SP_REASON_OVERLOAD;
	o = sp_compose_begin(c);
	sp_out_lit(&o, "{}");
	sp_compose_end(c, &o);
	return 0;
}
