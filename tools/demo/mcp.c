#include "tools/demo/mcp.h"

#include "tools/demo/misbehave.h"
#include "tools/demo/tools.h"
#include "common/banned.h"

#define MODERN "2026-07-28"
#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define SERVER_INFO "{\"name\":\"sallyport-demo\",\"version\":\"1\"}"
#define MODERN_META ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" SERVER_INFO "}"

/// One message as this server looks at it.
struct message {
	struct sp_json j;
	const struct demo_request *r;
	uint32_t params, meta;
	struct sp_bytes id; ///< raw text, empty = a notification
	uint8_t method_buf[256];
	struct sp_bytes method;
	bool modern;
};

int demo_mcp_init(struct demo_mcp *m, struct demo_ledger *ledger)
{
	*m = (struct demo_mcp){.ledger = ledger};
	SP_TRY(demo_sessions_init(&m->sessions));
	m->tok = calloc(DEMO_JSON_TOKENS, sizeof(*m->tok));
	if (!m->tok)
		return -ENOMEM;
	m->data = demo_data_new();
	demo_tools_list(&m->list);
	return 0;
}

void demo_mcp_done(struct demo_mcp *m)
{
	free(m->tok);
	demo_data_free(m->data);
	demo_buf_done(&m->body);
	demo_buf_done(&m->content);
	demo_buf_done(&m->list);
}

static void body_open(struct demo_mcp *m, struct sp_bytes id)
{
	m->body.len = 0;
	demo_lit(&m->body, "{\"jsonrpc\":\"2.0\",\"id\":");
	demo_put_bytes(&m->body, id.n ? id : SP_LIT("null"));
}

static enum demo_after fail(struct demo_mcp *m, struct demo_buf *out, unsigned status, struct sp_bytes id,
	int code, const char *text, const char *data)
{
	body_open(m, id);
	demo_printf(&m->body, ",\"error\":{\"code\":%d,\"message\":\"%s\"", code, text);
	if (data)
		demo_printf(&m->body, ",\"data\":%s", data);
	demo_lit(&m->body, "}}");
	demo_http_answer(out, status, SP_NOBYTES, demo_bytes(&m->body));
	return DEMO_ANSWERED;
}

static bool str_is(const struct sp_json *j, uint32_t t, struct sp_bytes s)
{
	return sp_json_type(j, t) == SP_JSON_STRING && sp_json_str_eq(j, t, s);
}

/// 0, or -EBADMSG for what is not one JSON-RPC message.
static int read_message(struct demo_mcp *m, const struct demo_request *r, struct message *ret)
{
	uint32_t t;

	ret->r = r;
	ret->id = ret->method = SP_NOBYTES;
	SP_TRY(sp_json_scan(r->body, 64, m->tok, DEMO_JSON_TOKENS, &ret->j, NULL));
	if (sp_json_type(&ret->j, 0) != SP_JSON_OBJECT ||
		!str_is(&ret->j, sp_json_get(&ret->j, 0, SP_LIT("jsonrpc")), SP_LIT("2.0")))
		return -EBADMSG;
	t = sp_json_get(&ret->j, 0, SP_LIT("id"));
	if (t != SP_JSON_NONE) {
		ret->id = sp_json_raw(&ret->j, t);
		if ((sp_json_type(&ret->j, t) != SP_JSON_STRING &&
			    sp_json_type(&ret->j, t) != SP_JSON_NUMBER) ||
			ret->id.n > DEMO_ID_MAX)
			return -EBADMSG;
	}
	t = sp_json_get(&ret->j, 0, SP_LIT("method"));
	if (t != SP_JSON_NONE)
		SP_TRY(sp_json_str(&ret->j, t, ret->method_buf, sizeof(ret->method_buf), &ret->method));
	ret->params = sp_json_get(&ret->j, 0, SP_LIT("params"));
	ret->meta = sp_json_get(&ret->j, ret->params, SP_LIT("_meta"));
	ret->modern = sp_bytes_eq(r->version, SP_LIT(MODERN)) ||
		sp_json_get(&ret->j, ret->meta, SP_LIT(META_VERSION)) != SP_JSON_NONE;
	return 0;
}

static enum demo_after answer_result(struct demo_mcp *m, struct demo_buf *out, const struct message *msg)
{
	demo_put_bytes(&m->body, msg->modern ? SP_LIT(MODERN_META "}}") : SP_LIT("}}"));
	demo_http_answer(out, 200, SP_NOBYTES, demo_bytes(&m->body));
	return DEMO_ANSWERED;
}

static enum demo_after do_initialize(struct demo_mcp *m, const struct message *msg, struct demo_buf *out)
{
	static const char *const known[] = {"2025-11-25", "2025-06-18", "2025-03-26"};
	uint32_t asked = sp_json_get(&msg->j, msg->params, SP_LIT("protocolVersion"));
	const char *version = known[0];
	char id[DEMO_SESSION_ID];
	struct demo_buf extra = {0};

	if (sp_json_type(&msg->j, asked) != SP_JSON_STRING)
		return fail(m, out, 200, msg->id, -32602, "protocolVersion is missing", NULL);
	for (size_t i = 0; i < SP_ARRAY_LEN(known); i++)
		if (str_is(&msg->j, asked, sp_bytes_cstr(known[i])))
			version = known[i];
	body_open(m, msg->id);
	demo_printf(&m->body,
		",\"result\":{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},"
		"\"serverInfo\":" SERVER_INFO "}}",
		version);
	if (!m->no_sessions) {
		demo_session_new(&m->sessions, id);
		demo_printf(&extra, "Mcp-Session-Id: %.*s\r\n", (int)sizeof(id), id);
	}
	demo_http_answer(out, 200, demo_bytes(&extra), demo_bytes(&m->body));
	demo_buf_done(&extra);
	return DEMO_ANSWERED;
}

static enum demo_after do_discover(struct demo_mcp *m, const struct message *msg, struct demo_buf *out)
{
	body_open(m, msg->id);
	demo_lit(&m->body, ",\"result\":{\"resultType\":\"complete\",\"supportedVersions\":[\"" MODERN
			   "\"],\"capabilities\":{\"tools\":{}},\"ttlMs\":60000,\"cacheScope\":\"public\"");
	return answer_result(m, out, msg);
}

static enum demo_after do_list(struct demo_mcp *m, const struct message *msg, struct demo_buf *out)
{
	if (sp_json_get(&msg->j, msg->params, SP_LIT("cursor")) != SP_JSON_NONE)
		return fail(m, out, 200, msg->id, -32602, "unknown cursor", NULL);
	body_open(m, msg->id);
	demo_lit(&m->body, ",\"result\":{");
	if (msg->modern)
		demo_lit(&m->body, "\"resultType\":\"complete\",\"ttlMs\":60000,\"cacheScope\":\"public\",");
	demo_lit(&m->body, "\"tools\":");
	demo_put_bytes(&m->body, demo_bytes(&m->list));
	return answer_result(m, out, msg);
}

/// Close the tool's result around `text` (and the structured content when there is one).
static void call_body(struct demo_mcp *m, struct sp_bytes id, bool modern, struct sp_bytes text,
	struct sp_bytes structured)
{
	body_open(m, id);
	demo_put_bytes(&m->body, modern ? SP_LIT(",\"result\":{\"resultType\":\"complete\",")
					: SP_LIT(",\"result\":{"));
	demo_lit(&m->body, "\"content\":[{\"type\":\"text\",\"text\":\"");
	demo_escaped(&m->body, text);
	demo_lit(&m->body, "\"}]");
	if (structured.n) {
		demo_lit(&m->body, ",\"structuredContent\":");
		demo_put_bytes(&m->body, structured);
	}
	demo_put_bytes(&m->body, structured.n ? SP_LIT(",\"isError\":false") : SP_LIT(",\"isError\":true"));
	demo_put_bytes(&m->body, modern ? SP_LIT(MODERN_META "}}") : SP_LIT("}}"));
}

static void put_event(struct demo_buf *out, struct demo_buf *scratch, struct sp_bytes json)
{
	scratch->len = 0;
	demo_lit(scratch, "event: message\ndata: ");
	demo_put_bytes(scratch, json);
	demo_lit(scratch, "\n\n");
	demo_http_chunk(out, demo_bytes(scratch));
}

static size_t keep(uint8_t *to, size_t cap, struct sp_bytes from)
{
	size_t n = sp_min(cap, from.n);

	if (n)
		memcpy(to, from.p, n);
	return n;
}

static enum demo_after start_slow(struct demo_mcp *m, const struct message *msg, struct demo_call *c,
	struct sp_bytes ref, struct demo_buf *out, struct demo_slow *ret)
{
	uint32_t token = sp_json_get(&msg->j, msg->meta, SP_LIT("progressToken"));
	int64_t steps = demo_arg_int(c, "steps", 1, 1000, 3);
	int64_t delay = demo_arg_int(c, "delay_ms", 0, 60000, 50);

	if (c->complaint || !msg->r->accepts_stream) {
		call_body(m, msg->id, msg->modern,
			sp_bytes_cstr(c->complaint ? c->complaint : "this tool answers by a stream only"),
			SP_NOBYTES);
		demo_http_answer(out, 200, SP_NOBYTES, demo_bytes(&m->body));
		return DEMO_ANSWERED;
	}
	*ret = (struct demo_slow){
		.steps = (uint32_t)steps, .delay_ms = (uint32_t)delay, .modern = msg->modern};
	ret->id_n = keep(ret->id, sizeof(ret->id), msg->id);
	ret->session_n = keep(ret->session, sizeof(ret->session), msg->r->session);
	ret->call_ref_n = keep(ret->call_ref, sizeof(ret->call_ref), ref);
	if (token != SP_JSON_NONE)
		ret->token_n = keep(ret->token, sizeof(ret->token), sp_json_raw(&msg->j, token));
	demo_http_stream(out);
	return DEMO_STREAMS;
}

bool demo_slow_same(const struct demo_slow *a, const struct demo_slow *b)
{
	return sp_bytes_eq(sp_bytes(a->id, a->id_n), sp_bytes(b->id, b->id_n)) &&
		sp_bytes_eq(sp_bytes(a->session, a->session_n), sp_bytes(b->session, b->session_n));
}

bool demo_mcp_step(struct demo_mcp *m, struct demo_slow *s, struct demo_buf *out)
{
	struct demo_buf scratch = {0};
	bool last = s->step == s->steps;

	if (!last) {
		s->step++;
		if (s->token_n) {
			m->body.len = 0;
			demo_lit(&m->body, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
					   "\"params\":{\"progressToken\":");
			demo_put(&m->body, s->token, s->token_n);
			demo_printf(&m->body, ",\"progress\":%u,\"total\":%u,\"message\":\"step %u\"}}",
				s->step, s->steps, s->step);
			put_event(out, &scratch, demo_bytes(&m->body));
		}
	} else {
		m->content.len = 0;
		demo_printf(&m->content, "{\"steps\":%u,\"report\":\"done\"}", s->steps);
		call_body(m, sp_bytes(s->id, s->id_n), s->modern, demo_bytes(&m->content),
			demo_bytes(&m->content));
		put_event(out, &scratch, demo_bytes(&m->body));
		demo_http_chunk(out, SP_NOBYTES);
	}
	demo_buf_done(&scratch);
	return last;
}

static enum demo_after do_call(
	struct demo_mcp *m, const struct message *msg, struct demo_buf *out, struct demo_slow *ret_slow)
{
	struct demo_call c = {.j = &msg->j, .data = m->data, .out = &m->content};
	uint32_t name_at = sp_json_get(&msg->j, msg->params, SP_LIT("name"));
	uint8_t name_buf[128];
	struct sp_bytes name, ref;
	const struct demo_tool *tool;
	struct demo_buf scratch = {0};

	if (name_at == SP_JSON_NONE ||
		sp_json_str(&msg->j, name_at, name_buf, sizeof(name_buf), &name) < 0)
		return fail(m, out, 200, msg->id, -32602, "params.name is missing", NULL);
	c.arguments = sp_json_get(&msg->j, msg->params, SP_LIT("arguments"));
	ref = demo_arg_opt(&c, "call_ref");
	demo_ledger_call(m->ledger, name, ref,
		c.arguments == SP_JSON_NONE ? SP_NOBYTES : sp_json_raw(&msg->j, c.arguments));
	m->calls++;
	tool = demo_tool_find(name);
	if (!tool)
		return fail(m, out, 200, msg->id, -32602, "unknown tool", NULL);
	if (tool->kind == DEMO_TOOL_SLOW)
		return start_slow(m, msg, &c, ref, out, ret_slow);
	m->content.len = 0;
	if (tool->kind == DEMO_TOOL_PLAIN)
		tool->run(&c);
	else
		demo_lit(&m->content, "{\"behaved\":true}");
	call_body(m, msg->id, msg->modern,
		c.complaint ? sp_bytes_cstr(c.complaint) : demo_bytes(&m->content),
		c.complaint ? SP_NOBYTES : demo_bytes(&m->content));
	if (tool->kind == DEMO_TOOL_MISBEHAVE)
		return demo_misbehave(out, demo_arg_opt(&c, "how"), demo_bytes(&m->body));
	if (!m->always_stream || !msg->r->accepts_stream) {
		demo_http_answer(out, 200, SP_NOBYTES, demo_bytes(&m->body));
		return DEMO_ANSWERED;
	}
	demo_http_stream(out);
	put_event(out, &scratch, demo_bytes(&m->body));
	demo_http_chunk(out, SP_NOBYTES);
	demo_buf_done(&scratch);
	return DEMO_ANSWERED;
}

static enum demo_after do_note(
	struct demo_mcp *m, const struct message *msg, struct demo_buf *out, struct demo_slow *ret_slow)
{
	uint32_t id = sp_json_get(&msg->j, msg->params, SP_LIT("requestId"));

	(void)m;
	demo_http_empty(out, 202, SP_NOBYTES);
	if (msg->modern || id == SP_JSON_NONE ||
		!sp_bytes_eq(msg->method, SP_LIT("notifications/cancelled")))
		return DEMO_ANSWERED;
	*ret_slow = (struct demo_slow){0};
	ret_slow->id_n = keep(ret_slow->id, sizeof(ret_slow->id), sp_json_raw(&msg->j, id));
	ret_slow->session_n = keep(ret_slow->session, sizeof(ret_slow->session), msg->r->session);
	return DEMO_CANCELS;
}

/// NULL when header fields and body of a modern request agree; else what is wrong, with *ret_code.
static const char *modern_fault(const struct message *msg, int *ret_code)
{
	uint32_t version = sp_json_get(&msg->j, msg->meta, SP_LIT(META_VERSION));
	uint32_t capabilities = sp_json_get(&msg->j, msg->meta, SP_LIT(META_CAPABILITIES));
	uint32_t name = sp_json_get(&msg->j, msg->params, SP_LIT("name"));

	*ret_code = -32602;
	if (version == SP_JSON_NONE || sp_json_type(&msg->j, capabilities) != SP_JSON_OBJECT)
		return "params._meta lacks protocolVersion or clientCapabilities";
	*ret_code = -32020;
	if (!str_is(&msg->j, version, msg->r->version))
		return "MCP-Protocol-Version and _meta disagree";
	if (!sp_bytes_eq(msg->method, msg->r->mcp_method))
		return "Mcp-Method and method disagree";
	if (sp_bytes_eq(msg->method, SP_LIT("tools/call")) && !str_is(&msg->j, name, msg->r->mcp_name))
		return "Mcp-Name and params.name disagree";
	*ret_code = -32022;
	return sp_bytes_eq(msg->r->version, SP_LIT(MODERN)) ? NULL : "unsupported protocol version";
}

static enum demo_after modern_request(
	struct demo_mcp *m, const struct message *msg, struct demo_buf *out, struct demo_slow *ret_slow)
{
	int code;
	const char *fault = modern_fault(msg, &code);

	if (fault)
		return fail(m, out, 400, msg->id, code, fault,
			code == -32022 ? "{\"supported\":[\"" MODERN "\"]}" : NULL);
	if (sp_bytes_eq(msg->method, SP_LIT("tools/call")))
		return do_call(m, msg, out, ret_slow);
	if (sp_bytes_eq(msg->method, SP_LIT("tools/list")))
		return do_list(m, msg, out);
	if (sp_bytes_eq(msg->method, SP_LIT("server/discover")))
		return do_discover(m, msg, out);
	return fail(m, out, 404, msg->id, -32601, "method not found", NULL);
}

static enum demo_after legacy_request(
	struct demo_mcp *m, const struct message *msg, struct demo_buf *out, struct demo_slow *ret_slow)
{
	if (sp_bytes_eq(msg->method, SP_LIT("tools/call")))
		return do_call(m, msg, out, ret_slow);
	if (sp_bytes_eq(msg->method, SP_LIT("tools/list")))
		return do_list(m, msg, out);
	if (sp_bytes_eq(msg->method, SP_LIT("ping"))) {
		body_open(m, msg->id);
		demo_lit(&m->body, ",\"result\":{");
		return answer_result(m, out, msg);
	}
	return fail(m, out, 200, msg->id, -32601, "method not found", NULL);
}

static enum demo_after handle_post(
	struct demo_mcp *m, const struct demo_request *r, struct demo_buf *out, struct demo_slow *ret_slow)
{
	struct message msg;
	int err = read_message(m, r, &msg);

	if (err < 0)
		return fail(m, out, 400, SP_NOBYTES, -32700, "not one JSON-RPC message", NULL);
	if (msg.modern && msg.id.n && msg.method.n)
		return modern_request(m, &msg, out, ret_slow);
	if (sp_bytes_eq(msg.method, SP_LIT("initialize")) && msg.id.n)
		return do_initialize(m, &msg, out);
	if (!m->no_sessions && !msg.modern) {
		if (!r->session.n)
			return fail(m, out, 400, msg.id, -32600, "Mcp-Session-Id is required", NULL);
		if (!demo_session_live(&m->sessions, r->session))
			return fail(m, out, 404, msg.id, -32600, "no such session", NULL);
	}
	if (!msg.id.n || !msg.method.n)
		return do_note(m, &msg, out, ret_slow);
	return legacy_request(m, &msg, out, ret_slow);
}

enum demo_after demo_mcp_handle(
	struct demo_mcp *m, const struct demo_request *r, struct demo_buf *out, struct demo_slow *ret_slow)
{
	if (sp_bytes_eq(r->path, SP_LIT("/healthz"))) {
		demo_http_answer(out, 200, SP_NOBYTES, SP_LIT("{\"ok\":true}"));
	} else if (!sp_bytes_eq(r->path, SP_LIT("/mcp"))) {
		demo_http_empty(out, 404, SP_NOBYTES);
	} else if (sp_bytes_eq(r->verb, SP_LIT("POST"))) {
		return handle_post(m, r, out, ret_slow);
	} else if (sp_bytes_eq(r->verb, SP_LIT("DELETE")) && demo_session_live(&m->sessions, r->session)) {
		demo_session_end(&m->sessions, r->session);
		demo_http_empty(out, 200, SP_NOBYTES);
	} else if (sp_bytes_eq(r->verb, SP_LIT("DELETE")) && r->session.n) {
		demo_http_empty(out, 404, SP_NOBYTES);
	} else {
		demo_http_empty(out, 405, SP_LIT("Allow: POST, DELETE\r\n"));
	}
	return DEMO_ANSWERED;
}
