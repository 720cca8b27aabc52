#include "dataplane/mcp/mcp.h"

#include "common/mp.h"
#include "dataplane/decide/stages.h"
#include "common/banned.h"

#define OPERATORS_REASON_MAX 256u ///< bytes of it that an agent is told
#define VERSION_MAX 64u ///< of one the agent asked for, quotes included, to be named back

static void put_error(struct sp_out *o, struct sp_bytes id, const struct sp_reason_info *info)
{
	sp_out_lit(o, "{\"jsonrpc\":\"2.0\",");
	if (id.n) {
		sp_out_lit(o, "\"id\":");
		sp_out_bytes(o, id);
		sp_out_lit(o, ",");
	}
	sp_out_lit(o, "\"error\":{\"code\":");
	if (info->rpc_code < 0)
		sp_out_lit(o, "-");
	sp_out_u64(o, (uint64_t)llabs(info->rpc_code));
	sp_out_lit(o, ",\"message\":\"");
	sp_out_json_escaped(o, sp_bytes_cstr(info->text));
}

/// Members of `data` some codes must carry (2026-07-28, Versioning).
static void put_versions(struct sp_out *o, struct sp_call *c)
{
	uint32_t asked = SP_JSON_NONE;

	sp_out_lit(o, ",\"supported\":[\"2026-07-28\"]");
	if (sp_call_rescan(c) == 0) // its tokens may have been another's meanwhile
		asked = c->env.meta_version != SP_JSON_NONE ?
			c->env.meta_version :
			sp_json_get(&c->doc, c->env.params, SP_LIT("protocolVersion"));
	if (sp_json_type(&c->doc, asked) != SP_JSON_STRING || sp_json_raw(&c->doc, asked).n > VERSION_MAX)
		return;
	sp_out_lit(o, ",\"requested\":");
	sp_out_bytes(o, sp_json_raw(&c->doc, asked));
}

static bool told(const struct sp_call *c)
{
	return c->judged && c->wire_reason == c->reason;
}

/// What the operator wrote for it, behind the gateway's own words.
static void put_operators_reason(struct sp_out *o, const struct sp_call *c)
{
	const struct sp_judge_verdict *v = &c->verdict;
	struct sp_bytes text = SP_NOBYTES;

	if (!told(c))
		return;
	if (v->rule != SP_SNAP_NONE &&
		(c->reason == SP_REASON_RULE_DENIED || c->reason == SP_REASON_REVIEW_RULE))
		text = sp_snap_str(c->snap, SP_SNAP_POLICY(c->snap, rules, sp_snap_rule, v->rule)->reason);
	if (v->sequence != SP_SNAP_NONE &&
		(c->reason == SP_REASON_SEQUENCE_DENIED || c->reason == SP_REASON_REVIEW_SEQUENCE))
		text = sp_snap_str(
			c->snap, SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, v->sequence)->reason);
	if (text.n == 0)
		return;
	sp_out_lit(o, ": ");
	sp_out_json_escaped(o, sp_utf8_cut(text, OPERATORS_REASON_MAX));
}

/// What the agent can mend is named; names of rules are the operator's alone. Until there is a queue, the entry a
/// reviewer would see is the decision's record.
static void put_judgement(struct sp_out *o, const struct sp_call *c)
{
	if (!told(c))
		return;
	if (c->verdict.review) {
		sp_out_lit(o, ",\"review\":\"");
		sp_out_hex(o, sp_bytes(c->call_id, sizeof(c->call_id)));
		sp_out_lit(o, "\"");
	}
	if (!c->verdict.detail[0] || c->reason < SP_REASON_DETAILS_DENIED ||
		c->reason == SP_REASON_CONDITION_FAILED || c->reason >= SP_REASON_RISK_BLOCKED)
		return;
	sp_out_lit(o, ",\"detail\":\"");
	sp_out_json_escaped(o, sp_bytes_cstr(c->verdict.detail));
	sp_out_lit(o, "\"");
}

static void put_call_error(struct sp_out *o, struct sp_call *c)
{
	const struct sp_reason_info *info = sp_reason_info(c->wire_reason);

	put_error(o, sp_bytes(c->id, c->id_len), info);
	if (c->wire_reason == SP_REASON_TOOL_UNKNOWN) {
		sp_out_lit(o, ": ");
		sp_out_json_escaped(o, sp_call_name(c));
	}
	put_operators_reason(o, c);
	sp_out_lit(o, "\",\"data\":{\"reason\":\"");
	sp_out_bytes(o, sp_bytes_cstr(info->name));
	sp_out_lit(o, "\",\"decision\":\"");
	sp_out_hex(o, sp_bytes(c->call_id, sizeof(c->call_id)));
	sp_out_lit(o, "\"");
	put_judgement(o, c);
	if (c->retry_ms) {
		sp_out_lit(o, ",\"retryAfterMs\":");
		sp_out_u64(o, c->retry_ms);
	}
	if (info->rpc_code == -32022)
		put_versions(o, c);
	sp_out_lit(o, "}}}");
}

void sp_answer_challenge(struct sp_out *o, const struct sp_snap *s, const struct sp_snap_route *r,
	enum sp_reason why, struct sp_bytes more)
{
	struct sp_bytes scopes = sp_snap_str(s, r->scopes), url = sp_snap_str(s, r->metadata_url);

	sp_out_lit(o, "WWW-Authenticate: Bearer ");
	if (why == SP_REASON_SCOPE_INSUFFICIENT)
		sp_out_lit(o, "error=\"insufficient_scope\", ");
	else if (why != SP_REASON_TOKEN_MISSING)
		sp_out_lit(o, "error=\"invalid_token\", ");
	if (scopes.n || more.n) {
		sp_out_lit(o, "scope=\"");
		sp_out_bytes(o, scopes);
		if (scopes.n && more.n)
			sp_out_lit(o, " ");
		sp_out_bytes(o, more);
		sp_out_lit(o, "\", ");
	}
	sp_out_lit(o, "resource_metadata=\"");
	sp_out_bytes(o, url);
	sp_out_lit(o, "\"\r\n");
}

/// Legacy clients take JSON-RPC errors on 200, but for what concerns transport and session.
static unsigned status_of(const struct sp_call *c)
{
	unsigned status = sp_reason_info(c->wire_reason)->http_status;

	if (c->kind == SP_RPC_REQUEST && !c->modern && c->wire_reason == SP_REASON_METHOD_UNKNOWN)
		return 200;
	if (c->kind == SP_RPC_NOTIFICATION && status == 200)
		return 403;
	return status;
}

static void put_retry_after(struct sp_out *o, uint64_t ms)
{
	sp_out_lit(o, "Retry-After: ");
	sp_out_u64(o, (ms + 999) / 1000);
	sp_out_lit(o, "\r\n");
}

void sp_answer_refusal(struct sp_call *c)
{
	unsigned status = status_of(c);
	uint8_t head[2048], body[1024];
	struct sp_out h = sp_out_init(head, sizeof(head)), o = sp_out_init(body, sizeof(body));
	struct sp_bytes text;

	if (c->reason != SP_REASON_NONE && !c->forwarded)
		sp_count(c->w, SP_STAT_DENIED);
	if (!c->conn) {
		sp_call_end(c);
		return;
	}
	put_call_error(&o, c);
	text = sp_bytes(body, o.len);
	if (c->in_batch) {
		if (c->kind == SP_RPC_REQUEST || !c->kind)
			sp_batch_event(c, &text, 1);
		sp_call_answered(c);
		return;
	}
	if (c->streaming) {
		sp_conn_stream_event(c->conn, &text, 1);
		sp_conn_stream_end(c->conn);
		sp_call_answered(c);
		return;
	}
	if (status == 401 || (status == 403 && c->wire_reason == SP_REASON_SCOPE_INSUFFICIENT))
		sp_answer_challenge(&h, c->snap, sp_call_route(c), c->wire_reason,
			told(c) ? sp_bytes_cstr(c->verdict.detail) : SP_NOBYTES);
	if (status == 503)
		sp_out_lit(&h, "Retry-After: 1\r\n");
	if (status == 429)
		put_retry_after(&h, c->retry_ms);
	SP_BUG_IF(o.overflow);
	if (h.overflow) // a challenge with more scopes than one line should hold: the metadata has them
		h.len = 0;
	sp_conn_answer(c->conn, status, sp_bytes(head, h.len), &text, 1);
	sp_call_answered(c);
}

void sp_answer_http(struct sp_conn *c, enum sp_reason why)
{
	const struct sp_reason_info *info = sp_reason_info(why);
	uint8_t body[512];
	struct sp_out o = sp_out_init(body, sizeof(body));
	struct sp_bytes text, headers = SP_NOBYTES;

	sp_count(c->w, SP_STAT_HTTP_REFUSED);
	put_error(&o, SP_NOBYTES, info);
	sp_out_lit(&o, "\",\"data\":{\"reason\":\"");
	sp_out_bytes(&o, sp_bytes_cstr(info->name));
	sp_out_lit(&o, "\"}}}");
	text = sp_bytes(body, o.len);
	if (why == SP_REASON_VERB_REFUSED)
		headers = SP_LIT("Allow: POST, DELETE\r\n");
	if (info->http_status == 503)
		headers = SP_LIT("Retry-After: 1\r\n");
	sp_conn_answer(c, info->http_status, headers, &text, 1);
}

/// Newlines between the tokens of a message would end an event early; to JSON a blank is the same.
static void flatten(struct sp_bytes b)
{
	uint8_t *p = (uint8_t *)b.p; // our own gathering buffer

	for (size_t i = 0; i < b.n; i++)
		if (p[i] == '\n' || p[i] == '\r')
			p[i] = ' ';
}

static void answer_event(struct sp_call *c)
{
	for (uint32_t i = 0; i < c->parts_n; i++)
		if (memchr(c->part[i].p, '\n', c->part[i].n) || memchr(c->part[i].p, '\r', c->part[i].n))
			flatten(c->part[i]);
	if (c->in_batch) {
		sp_batch_event(c, c->part, c->parts_n);
	} else {
		sp_conn_stream_event(c->conn, c->part, c->parts_n);
		sp_conn_stream_end(c->conn);
	}
	sp_call_answered(c);
}

void sp_answer_parts(struct sp_call *c)
{
	sp_count(c->w, SP_STAT_ANSWERED);
	if (!c->conn) {
		sp_call_end(c);
	} else if (c->streaming || c->in_batch) {
		answer_event(c);
	} else {
		sp_conn_answer(c->conn, c->http_status ? c->http_status : 200, c->headers, c->part,
			c->parts_n);
		if (c->conn->parts_n == 0)
			sp_call_answered(c);
	}
}

void sp_answer_accepted(struct sp_call *c)
{
	if (!c->conn) {
		sp_call_end(c);
		return;
	}
	if (!c->in_batch)
		sp_conn_answer(c->conn, 202, SP_NOBYTES, NULL, 0);
	sp_call_answered(c);
}

enum sp_step sp_stage_answer(struct sp_call *c)
{
	if (c->reason != SP_REASON_NONE)
		sp_answer_refusal(c);
	else if (c->kind == SP_RPC_REQUEST)
		sp_answer_parts(c);
	else
		sp_answer_accepted(c);
	return SP_STEP_DONE;
}
