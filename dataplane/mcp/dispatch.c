/// The forward stage: each method to the function that serves it.
#include "dataplane/decide/facts.h"
#include "dataplane/decide/stages.h"
#include "dataplane/mcp/compose.h"
#include "dataplane/mcp/handshake.h"
#include "common/banned.h"

static int serve_ping(struct sp_call *c)
{
	int r = sp_compose_empty(c);

	if (r == 0)
		sp_call_finish(c);
	return r;
}

static int not_carried(struct sp_call *c)
{
	(void)c;
	return SP_REASON_CAPABILITY_UNSUPPORTED;
}

static enum sp_step serve_notification(struct sp_call *c)
{
	if (c->method == SP_METHOD_N_INITIALIZED && c->has_session) {
		if (sp_handshake_initialized(c))
			sp_answer_accepted(c);
		return SP_STEP_DONE;
	}
	if (c->method == SP_METHOD_N_CANCELLED && !c->modern)
		sp_cancel_serve(c);
	sp_answer_accepted(c); // what concerns nothing the gateway carries is accepted and dropped
	return SP_STEP_DONE;
}

/// A response from an agent: nothing of ours waits for one, since server requests are not relayed.
static enum sp_step serve_response(struct sp_call *c)
{
	sp_count(c->w, SP_STAT_UP_STRAY);
	if (!c->modern) {
		sp_answer_accepted(c);
		return SP_STEP_DONE;
	}
	c->wire_reason = SP_REASON_ENVELOPE_INVALID;
	sp_answer_refusal(c);
	return SP_STEP_DONE;
}

static int (*server_of(enum sp_method m))(struct sp_call *)
{
	switch (m) {
	case SP_METHOD_INITIALIZE:
		return sp_handshake_initialize;
	case SP_METHOD_PING:
		return serve_ping;
	case SP_METHOD_DISCOVER:
		return sp_handshake_discover;
	case SP_METHOD_TOOLS_LIST:
	case SP_METHOD_PROMPTS_LIST:
		return sp_list_start;
	case SP_METHOD_SET_LEVEL:
		return sp_level_start;
	case SP_METHOD_LISTEN:
		return not_carried;
	default:
		return sp_relay_start;
	}
}

/// A wait may have been long: the message must be read again, and its agent may be stopped by now.
static int after_wait(struct sp_call *c)
{
	if (!c->wait_seq && !c->room_until_ns)
		return 0;
	if (sp_call_rescan(c) < 0)
		return SP_REASON_INTERNAL;
	return sp_contained(c);
}

enum sp_step sp_stage_forward(struct sp_call *c)
{
	int r;

	if (c->kind == SP_RPC_NOTIFICATION)
		return serve_notification(c);
	if (c->kind != SP_RPC_REQUEST)
		return serve_response(c);
	r = after_wait(c);
	if (r == 0 && sp_call_enter(c) < 0)
		r = SP_REASON_ID_IN_FLIGHT;
	if (r == 0)
		r = sp_remember_forwarded(c);
	if (r == 0) {
		c->forwarded = true;
		sp_count(c->w, SP_STAT_FORWARDED);
		r = server_of(c->method)(c);
		c->unsent = r != 0;
	}
	if (r)
		sp_call_fail(c, (enum sp_reason)r); // goes on at the outcome's record
	return SP_STEP_DONE;
}
