/// Batches of 2025-03-26 sessions: an array in one POST. Each element is a call of its own, judged
/// and recorded as if it had come alone, one after the other; their answers are the events of one
/// stream. Nothing of a batch goes south as a batch.
#include "dataplane/mcp/mcp.h"

#include "dataplane/decide/stages.h"
#include "dataplane/mcp/elements.h"
#include "common/banned.h"

static enum sp_reason judge(struct sp_call *c)
{
	uint32_t n = c->doc.tok[0].count;

	if (!c->has_session || c->session.revision != SP_REV_2025_03_26)
		return SP_REASON_BATCH_REFUSED;
	if (n == 0)
		return SP_REASON_ENVELOPE_INVALID;
	return n > c->w->plan->max_batch ? SP_REASON_BODY_TOO_LARGE : SP_REASON_NONE;
}

void sp_batch_serve(struct sp_call *c)
{
	struct sp_conn *conn = c->conn;
	enum sp_step step;

	c->parse_reason = SP_REASON_NONE; // it is an array: that is what is judged here
	step = sp_stage_identify(c);
	if (step == SP_STEP_CONTINUE)
		step = sp_stage_contain(c);
	if (step == SP_STEP_CONTINUE) {
		c->reason = judge(c);
		step = c->reason ? SP_STEP_DENY : SP_STEP_CONTINUE;
	}
	if (step != SP_STEP_CONTINUE) {
		sp_stages_refuse(c);
		return;
	}
	conn->batch = true;
	conn->batch_from = (size_t)(c->body.p - conn->in);
	conn->batch_len = c->body.n;
	conn->batch_at = 0;
	sp_call_end(c);
	sp_batch_next(conn);
}

static void finish(struct sp_conn *conn)
{
	conn->batch = false;
	if (conn->state == SP_CONN_STREAMING) {
		sp_conn_stream_end(conn);
		sp_conn_answered(conn);
	} else { // notifications only
		sp_conn_answer(conn, 202, SP_NOBYTES, NULL, 0);
	}
}

static void give_up(struct sp_conn *conn, enum sp_reason why)
{
	if (conn->state == SP_CONN_STREAMING) {
		finish(conn);
	} else {
		conn->batch = false;
		sp_answer_http(conn, why);
	}
}

/// Without a free call the rest is not served: the stream ends, and the agent sees what has no
/// answer.
static struct sp_call *begin(struct sp_conn *conn)
{
	struct sp_call *c = conn->broken ? NULL : sp_call_begin(conn->w, conn);

	if (c || conn->broken)
		return c;
	sp_count(conn->w, SP_STAT_SHED_CALL);
	give_up(conn, SP_REASON_OVERLOAD);
	return NULL;
}

void sp_batch_next(struct sp_conn *conn)
{
	struct sp_bytes element;
	struct sp_call *c;

	if (conn->broken || conn->peer_eof) {
		conn->batch = false;
		sp_conn_answered(conn);
		return;
	}
	if (conn->state == SP_CONN_STREAMING && sp_conn_congested(conn))
		return; // goes on when its reader caught up
	if (!sp_elements_next(sp_bytes(conn->in + conn->batch_from, conn->batch_len),
		    &conn->batch_at, &element)) {
		finish(conn);
		return;
	}
	c = begin(conn);
	if (!c)
		return;
	// numbers are of one snapshot, and a publish may have come since the element before
	c->route =
		sp_snap_find_route(c->snap, sp_http_get(conn->in, sp_http1_head(conn->http)->path));
	if (c->route == SP_SNAP_NONE) {
		sp_call_end(c);
		give_up(conn, SP_REASON_PATH_UNKNOWN);
		return;
	}
	c->body = element;
	c->in_batch = true;
	sp_stages_run(c);
}

void sp_batch_event(struct sp_call *c, const struct sp_bytes *part, unsigned n)
{
	if (c->conn->state != SP_CONN_STREAMING)
		sp_conn_stream_begin(c->conn, SP_NOBYTES);
	sp_conn_stream_event(c->conn, part, n);
}
