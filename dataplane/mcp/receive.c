#include "dataplane/mcp/mcp.h"

#include "dataplane/decide/stages.h"
#include "dataplane/worker_shared.h"
#include "common/banned.h"

static bool listed(const struct sp_snap *s, struct sp_snap_table t, struct sp_bytes value)
{
	for (uint32_t i = 0; i < t.n; i++)
		if (sp_bytes_ieq(sp_snap_str(s, *SP_SNAP_GET(s, t, sp_snap_str, i)), value))
			return true;
	return false;
}

static enum sp_reason check_origin(struct sp_conn *c, const struct sp_snap *s,
	const struct sp_snap_route *route)
{
	const struct sp_http_head *head = sp_http1_head(c->http);
	struct sp_bytes origin = sp_http_get(c->in, head->header[SP_HDR_ORIGIN]);

	if (!listed(s, route->hosts, sp_http_get(c->in, head->header[SP_HDR_HOST])))
		return SP_REASON_HOST_FORBIDDEN;
	if (head->present >> SP_HDR_ORIGIN & 1 && !listed(s, route->origins, origin))
		return SP_REASON_ORIGIN_FORBIDDEN;
	return SP_REASON_NONE;
}

static enum sp_reason check_media(struct sp_conn *c)
{
	const struct sp_http_head *head = sp_http1_head(c->http);
	struct sp_bytes type = sp_http_get(c->in, head->header[SP_HDR_CONTENT_TYPE]);
	struct sp_bytes json = SP_LIT("application/json");

	if (type.n < json.n || !sp_bytes_ieq(sp_bytes(type.p, json.n), json) ||
		(type.n > json.n && type.p[json.n] != ';' && type.p[json.n] != ' '))
		return SP_REASON_MEDIA_UNSUPPORTED;
	if (head->present >> SP_HDR_CONTENT_ENCODING & 1)
		return SP_REASON_MEDIA_UNSUPPORTED;
	if (!head->accept_json || !head->accept_sse)
		return SP_REASON_NOT_ACCEPTABLE;
	return SP_REASON_NONE;
}

static struct sp_call *begin(struct sp_conn *c, uint32_t route)
{
	struct sp_worker *w = c->w;
	struct sp_call *call = w->draining ? NULL : sp_call_begin(w, c);

	if (!call) {
		sp_count(w, SP_STAT_SHED_CALL);
		sp_answer_http(c, w->draining ? SP_REASON_DRAINING : SP_REASON_OVERLOAD);
		return NULL;
	}
	call->route = route;
	return call;
}

static uint8_t first_of(struct sp_bytes text)
{
	size_t i = 0;

	while (i + 1 < text.n && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\n' || text.p[i] == '\r'))
		i++;
	return text.p[i];
}

/// One that is good JSON; what is not is refused by the stages, as any message.
static bool is_array(struct sp_call *c)
{
	return sp_stage_parse(c) == SP_STEP_CONTINUE && c->parse_reason == SP_REASON_BATCH_REFUSED;
}

static void serve_post(struct sp_conn *c, uint32_t route)
{
	enum sp_reason r = check_media(c);
	struct sp_call *call;

	if (r) {
		sp_answer_http(c, r);
		return;
	}
	call = begin(c, route);
	if (!call)
		return;
	call->body = sp_http_get(c->in, sp_http1_body(c->http));
	if (call->body.n && first_of(call->body) == '[' && is_array(call))
		sp_batch_serve(call);
	else
		sp_stages_run(call);
}

/// DELETE ends a session: the same gates as any request, then the upstreams are told.
static void serve_delete(struct sp_conn *c, uint32_t route)
{
	struct sp_call *call = begin(c, route);
	enum sp_step step;

	if (!call)
		return;
	step = sp_stage_identify(call);
	if (step == SP_STEP_CONTINUE)
		step = sp_stage_contain(call);
	if (step == SP_STEP_CONTINUE && !call->has_session) {
		call->reason = SP_REASON_SESSION_MISSING;
		step = SP_STEP_DENY;
	}
	if (step != SP_STEP_CONTINUE) {
		sp_stages_refuse(call);
		return;
	}
	sp_handshake_delete(call);
}

void sp_mcp_request(struct sp_conn *c)
{
	const struct sp_http_head *head = sp_http1_head(c->http);
	struct sp_bytes path = sp_http_get(c->in, head->path);
	const struct sp_snap_route *route;
	const struct sp_snap *s;
	enum sp_reason r;
	uint32_t number;

	sp_worker_online(c->w); // a reader before the snapshot is looked at
	s = sp_worker_snap(c->w);
	if (sp_wellknown_serve(c, path))
		return;
	if (!s) {
		sp_answer_http(c, SP_REASON_POLICY_ABSENT);
		return;
	}
	number = sp_snap_find_route(s, path);
	if (number == SP_SNAP_NONE) {
		sp_answer_http(c, SP_REASON_PATH_UNKNOWN);
		return;
	}
	route = sp_snap_route(s, number);
	r = check_origin(c, s, route);
	if (r)
		sp_answer_http(c, r);
	else if (head->verb == SP_HTTP_POST)
		serve_post(c, number);
	else if (head->verb == SP_HTTP_DELETE && route->legacy)
		serve_delete(c, number);
	else
		sp_answer_http(c, SP_REASON_VERB_REFUSED);
}

void sp_mcp_gone(struct sp_conn *c)
{
	struct sp_call *call = c->call;

	if (!call)
		return;
	c->call = NULL;
	call->conn = NULL;
	sp_timer_stop(&c->w->wheel, &call->keepalive);
	if (call->stage > sp_stage_forward_index) {
		// Its outcome waits for audit: then it ends by itself. Else its answer was leaving.
		if (!call->link)
			sp_call_end(call);
		return;
	}
	// Refused, and only waits to be told.
	if (call->reason != SP_REASON_NONE && !call->forwarded) {
		sp_call_end(call);
		return;
	}
	// A legacy agent may come back for its answer's effect: a broken stream is no cancellation there.
	if (call->forwarded && !call->modern) {
		if (call->south.x)
			sp_exchange_resume(call->south.x); // it may have been held for a slow reader
		return;
	}
	sp_call_unwait(call);
	call->stage = sp_stage_forward_index;
	sp_south_leave(call);
	sp_call_fail(call, SP_REASON_CANCELLED);
}

void sp_mcp_drained(struct sp_conn *c)
{
	if (c->batch && !c->call)
		sp_batch_next(c);
	else if (c->call && c->call->south.x)
		sp_exchange_resume(c->call->south.x);
}
