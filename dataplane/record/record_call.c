/// The two records of a call. Encoding into the ring is all a worker does for the audit trail.
#include "dataplane/decide/stages.h"

#include "common/record.h"
#include "common/sha256.h"
#include "dataplane/record/record_judgement.h"
#include "common/banned.h"

/// What an outcome record can take at most: used to keep room for those of the calls in flight.
#define OUTCOME_BYTES 768u
/// How long an allowed call is held back while the ring is full, before it is refused.
#define ROOM_WAIT_NS (500 * SP_NS_PER_MS)
/// How long a decision at level strict waits to be durable, before its call is refused.
#define DURABLE_WAIT_NS (5 * SP_NS_PER_SEC)
#define TRACEPARENT_BYTES 55u ///< W3C Trace Context, version 00
/// Refused strangers recorded in a second; more are only counted, so that they can not flood the trail.
#define AUTH_FAILURES_PER_S 200u

static bool stranger(const struct sp_call *c)
{
	return c->principal.agent_len == 0;
}

static bool recordable(const struct sp_call *c)
{
	if (c->reason != SP_REASON_NONE && stranger(c))
		return true; // whatever it was they sent
	return c->kind != SP_RPC_NOTIFICATION && c->kind != SP_RPC_RESULT && c->kind != SP_RPC_ERROR &&
		c->method != SP_METHOD_PING;
}

static void put_principal(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_principal *p = &c->principal;

	if (c->conn) {
		sp_record_s(r, SP_F_PEER, sp_bytes_cstr(c->conn->peer_text));
		if (c->conn->tls)
			sp_record_s(r, SP_F_TLS,
				c->conn->tls_info.version == 0x0304 ? SP_LIT("1.3") : SP_LIT("1.2"));
	}
	if (stranger(c))
		return;
	sp_record_s(r, SP_F_AGENT, sp_principal_agent(p));
	if (p->issuer != SP_SNAP_NONE && p->issuer < c->snap->h->issuers.n)
		sp_record_s(r, SP_F_ISSUER,
			sp_snap_str(c->snap,
				SP_SNAP_GET(c->snap, c->snap->h->issuers, sp_snap_issuer, p->issuer)->iss));
	sp_record_b(r, SP_F_SUBJECT, sp_bytes(p->subject_sha256, 16));
	sp_record_b(r, SP_F_TOKEN, sp_bytes(p->token_sha256, 16));
	if (p->scopes_len)
		sp_record_s(r, SP_F_SCOPES, sp_principal_scopes(p));
	if (p->client_len)
		sp_record_s(r, SP_F_CLIENT, sp_principal_client(p));
}

/// The same for all calls of a connection with one token.
static void put_who(struct sp_record_writer *r, const struct sp_call *c)
{
	struct sp_record_piece *who = c->conn && c->known_here ? &c->conn->seen->who : NULL;
	const struct sp_record_writer from = *r;
	uint8_t digest[SP_SHA256];

	if (who && who->len) {
		sp_record_kept(r, who);
	} else {
		put_principal(r, c);
		if (who)
			sp_record_keep(r, &from, who);
	}
	if (c->has_session) { // the hash that revocations are by
		sp_sha256_of(sp_bytes(c->session.number, sizeof(c->session.number)), digest);
		sp_record_b(r, SP_F_SESSION, sp_bytes(digest, 16));
	}
}

/// The agent's trace context, from the message or else the header: ties the record to its traces.
static void put_trace(struct sp_record_writer *r, const struct sp_call *c)
{
	struct sp_bytes trace = SP_NOBYTES;

	if (c->parse_reason == SP_REASON_NONE && c->doc.n && c->env.traceparent != SP_JSON_NONE)
		trace = sp_json_span(&c->doc, c->env.traceparent);
	else if (c->conn)
		trace = sp_http_get(c->conn->in, sp_http1_head(c->conn->http)->header[SP_HDR_TRACEPARENT]);
	if (trace.n == TRACEPARENT_BYTES)
		sp_record_s(r, SP_F_TRACE, trace);
}

static void put_new_way(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_snap *s = c->snap;

	if (c->revision)
		sp_record_s(r, SP_F_REVISION, sp_revision_name(c->revision));
	if (c->method != SP_METHOD_OTHER)
		sp_record_s(r, SP_F_METHOD, sp_method_name(c->method));
	else if (c->env.method_text.n)
		sp_record_s(r, SP_F_METHOD, c->env.method_text);
	sp_record_s(r, SP_F_ROUTE, sp_snap_str(s, sp_call_route(c)->path));
	if (c->upstream != SP_SNAP_NONE)
		sp_record_s(r, SP_F_UPSTREAM, sp_snap_str(s, sp_snap_upstream(s, c->upstream)->name));
}

/// Most calls of a worker go one of few ways.
static void put_way(struct sp_record_writer *r, const struct sp_call *c)
{
	struct sp_record_way *w = &c->w->phrases.way[(c->route * 3 + c->method) % SP_RECORD_WAYS];
	uint64_t generation = c->snap->h->generation;
	const struct sp_record_writer from = *r;

	if (w->piece.len && w->generation == generation && w->route == c->route &&
		w->upstream == c->upstream && w->method == c->method && w->revision == c->revision) {
		sp_record_kept(r, &w->piece);
		return;
	}
	put_new_way(r, c);
	if (c->method == SP_METHOD_OTHER)
		return; // by a name of the agent's
	w->generation = generation;
	w->route = c->route;
	w->upstream = c->upstream;
	w->method = c->method;
	w->revision = c->revision;
	sp_record_keep(r, &from, &w->piece);
}

static void put_what(struct sp_record_writer *r, const struct sp_call *c)
{
	uint8_t digest[SP_SHA256];

	put_way(r, c);
	if (c->name_len)
		sp_record_s(r, SP_F_TOOL, sp_call_name(c));
	if (c->id_len) {
		sp_sha256_of(sp_bytes(c->id, c->id_len), digest);
		sp_record_b(r, SP_F_REQUEST_ID, sp_bytes(digest, 16));
	}
	if (c->parse_reason == SP_REASON_NONE && c->doc.n && c->env.arguments != SP_JSON_NONE) {
		struct sp_bytes args = sp_json_raw(&c->doc, c->env.arguments);

		sp_sha256_of(args, digest);
		sp_record_b(r, SP_F_ARGS_DIGEST, sp_bytes(digest, sizeof(digest)));
		sp_record_u(r, SP_F_ARGS_BYTES, args.n);
	}
	if (c->tokens)
		sp_record_u(r, SP_F_TOKENS, c->tokens);
	put_trace(r, c);
}

static void put_turn(struct sp_record_writer *r, struct sp_worker *w)
{
	struct sp_record_turn *t = &w->phrases.turn;
	const struct sp_record_writer from = *r;

	if (t->piece.len && t->wall_ns == w->wall_ns && t->boot_ns == w->now_ns) {
		sp_record_kept(r, &t->piece);
		return;
	}
	sp_record_u(r, SP_F_TIME, w->wall_ns);
	sp_record_u(r, SP_F_BOOT, w->now_ns);
	sp_record_u(r, SP_F_WORKER, w->index);
	sp_record_u(r, SP_F_EPOCH, w->epoch);
	t->wall_ns = w->wall_ns;
	t->boot_ns = w->now_ns;
	sp_record_keep(r, &from, &t->piece);
}

static void put_common(struct sp_record_writer *r, const struct sp_call *c, enum sp_record_type type)
{
	sp_record_u(r, SP_F_TYPE, type);
	put_turn(r, c->w);
	sp_record_b(r, SP_F_CALL, sp_bytes(c->call_id, sizeof(c->call_id)));
}

/// An outcome is never without room: every decision leaves what those of the open calls can take.
static bool room_for_outcomes(struct sp_worker *w)
{
	return sp_channel_has_room(&w->channel, w->calls.open + 1,
		SP_RECORD_MAX + (size_t)OUTCOME_BYTES * w->calls.open, SP_RECORD_MAX);
}

static void put_new_verdict(struct sp_record_writer *r, const struct sp_call *c)
{
	sp_record_s(r, SP_F_DECISION,
		c->reason == SP_REASON_NONE ? SP_LIT("allow") :
		c->verdict.review           ? SP_LIT("review") :
					      SP_LIT("deny"));
	sp_record_u(r, SP_F_REASON, c->reason);
	sp_record_u(r, SP_F_POLICY, c->snap->h->generation);
	sp_record_b(r, SP_F_POLICY_HASH, sp_bytes(c->snap->h->policy_sha256, 16));
	sp_record_s(r, SP_F_LEVEL, sp_bytes_cstr(sp_audit_level_name(c->level)));
}

static void put_verdict(struct sp_record_writer *r, const struct sp_call *c)
{
	struct sp_record_allowed *a = &c->w->phrases.allowed[sp_min((unsigned)c->level, (unsigned)SP_AUDIT_STRICT)];
	uint64_t generation = c->snap->h->generation;
	const struct sp_record_writer from = *r;

	if (c->reason != SP_REASON_NONE) {
		put_new_verdict(r, c);
	} else if (a->piece.len && a->generation == generation) {
		sp_record_kept(r, &a->piece);
	} else {
		put_new_verdict(r, c);
		a->generation = generation;
		sp_record_keep(r, &from, &a->piece);
	}
}

/// 0 and the record's number in *ret_seq, or -ENOSPC when ring or arena has no room.
static int put_decision(struct sp_call *c, uint64_t *ret_seq)
{
	struct sp_worker *w = c->w;
	struct sp_record_writer r;
	uint8_t *room;
	int len;

	if (!room_for_outcomes(w))
		return -ENOSPC;
	room = sp_channel_reserve(&w->channel, SP_RECORD_MAX);
	if (!room)
		return -ENOSPC;
	sp_record_begin(&r, room, SP_RECORD_MAX);
	put_common(&r, c, stranger(c) ? SP_RECORD_AUTH_FAILURE : SP_RECORD_DECISION);
	put_who(&r, c);
	put_what(&r, c);
	put_verdict(&r, c);
	if (c->shadow.differs)
		sp_record_shadow(&r, c);
	if (c->judged)
		sp_record_judgement(&r, c);
	len = sp_record_end(&r);
	if (len < 0)
		return len;
	*ret_seq = sp_channel_commit(&w->channel, (size_t)len);
	sp_count(w, SP_STAT_RECORDS);
	return 0;
}

static bool store_refuses(const struct sp_call *c)
{
	uint32_t state = atomic_load_explicit(&c->w->root->audit.state, memory_order_acquire);

	return c->level != SP_AUDIT_BASIC && (state == SP_STORE_LATCHED || state == SP_STORE_FULL);
}

static bool flooded(struct sp_worker *w)
{
	uint64_t second = w->now_ns / SP_NS_PER_SEC;

	if (second != w->auth_second) {
		w->auth_second = second;
		w->auth_failures = 0;
	}
	return ++w->auth_failures > AUTH_FAILURES_PER_S;
}

static enum sp_step judged(const struct sp_call *c)
{
	return c->reason ? SP_STEP_DENY : SP_STEP_CONTINUE;
}

/// Whatever was decided, nobody is told of a decision that can not be recorded. Strangers are turned away as
/// ever: their number is theirs to choose.
static enum sp_step unrecorded(struct sp_call *c)
{
	if (c->level == SP_AUDIT_BASIC || stranger(c)) {
		sp_count(c->w, SP_STAT_AUDIT_LOST);
		return judged(c);
	}
	sp_count(c->w, SP_STAT_AUDIT_REFUSED);
	c->reason = c->wire_reason = SP_REASON_AUDIT_UNAVAILABLE;
	return SP_STEP_DENY;
}

/// A ring that is full for a moment (audit opens a segment, or was killed and comes back) slows its
/// agents down; only one that stays full turns them away.
static bool held_back(struct sp_call *c)
{
	if (c->level == SP_AUDIT_BASIC || stranger(c) || store_refuses(c))
		return false;
	if (c->room_until_ns == 0)
		c->room_until_ns = c->w->now_ns + ROOM_WAIT_NS;
	if (c->w->now_ns >= c->room_until_ns)
		return false;
	c->stage--; // record is tried again
	c->recorded = false;
	sp_call_wait(c);
	return true;
}

/// After a wait what was read of the body is gone.
static int read_again(struct sp_call *c)
{
	if (c->room_until_ns == 0)
		return 0;
	if (c->parse_reason == SP_REASON_NONE)
		return sp_call_rescan(c);
	c->doc.n = 0;
	c->env = (struct sp_envelope){0};
	return 0;
}

enum sp_step sp_stage_record_decision(struct sp_call *c)
{
	uint64_t seq = 0;

	c->recorded = true;
	if (!recordable(c) || (stranger(c) && flooded(c->w)))
		return judged(c);
	if (read_again(c) < 0) {
		c->reason = c->wire_reason = SP_REASON_INTERNAL;
		return SP_STEP_DENY;
	}
	if (!c->reason && store_refuses(c))
		return unrecorded(c);
	if (put_decision(c, &seq) < 0)
		return held_back(c) ? SP_STEP_WAIT : unrecorded(c);
	if (!c->reason)
		sp_count(c->w, SP_STAT_ALLOWED);
	if (c->level != SP_AUDIT_STRICT || sp_channel_durable(&c->w->channel, seq))
		return judged(c);
	c->wait_seq = seq;
	c->wait_until_ns = c->w->now_ns + DURABLE_WAIT_NS;
	sp_call_wait(c);
	return SP_STEP_WAIT;
}

_Static_assert(SP_OUTCOME_CANCELLED < SP_RECORD_OUTCOMES, "a place for each outcome");

static void put_ending(struct sp_record_writer *r, const struct sp_call *c)
{
	struct sp_record_ended *e = &c->w->phrases.ended[c->outcome % SP_RECORD_OUTCOMES];
	const struct sp_record_writer from = *r;

	if (e->piece.len && e->method == c->method && e->level == c->level) {
		sp_record_kept(r, &e->piece);
		return;
	}
	sp_record_s(r, SP_F_METHOD, sp_method_name(c->method));
	sp_record_s(r, SP_F_OUTCOME, sp_outcome_name(c->outcome));
	sp_record_s(r, SP_F_LEVEL, sp_bytes_cstr(sp_audit_level_name(c->level)));
	e->method = c->method;
	e->level = c->level;
	sp_record_keep(r, &from, &e->piece);
}

static int put_outcome(struct sp_call *c, uint64_t *ret_seq)
{
	struct sp_worker *w = c->w;
	uint8_t *room = sp_channel_reserve(&w->channel, OUTCOME_BYTES);
	struct sp_record_writer r;
	int len;

	if (!room)
		return -ENOSPC;
	sp_record_begin(&r, room, OUTCOME_BYTES);
	put_common(&r, c, SP_RECORD_OUTCOME);
	sp_record_s(&r, SP_F_AGENT, sp_principal_agent(&c->principal));
	if (c->name_len)
		sp_record_s(&r, SP_F_TOOL, sp_call_name(c));
	put_ending(&r, c);
	if (c->reason)
		sp_record_u(&r, SP_F_REASON, c->reason);
	sp_record_u(&r, SP_F_UPSTREAM_US, c->upstream_us);
	sp_record_u(&r, SP_F_TOTAL_US, (w->now_ns - c->start_ns) / SP_NS_PER_US);
	sp_record_u(&r, SP_F_ANSWER_BYTES, c->answer_bytes);
	if (c->rpc_code) {
		char text[24];
		struct sp_out o = sp_out_init(text, sizeof(text));

		if (c->rpc_code < 0)
			sp_out_lit(&o, "-");
		sp_out_u64(&o, (uint64_t)llabs(c->rpc_code));
		sp_record_s(&r, SP_F_RPC_CODE, sp_bytes(text, o.len));
	}
	len = sp_record_end(&r);
	if (len < 0)
		return len;
	*ret_seq = sp_channel_commit(&w->channel, (size_t)len);
	sp_count(w, SP_STAT_RECORDS);
	return 0;
}

enum sp_step sp_stage_record_outcome(struct sp_call *c)
{
	uint64_t seq = 0;

	if (c->outcome == SP_OUTCOME_FAILED)
		sp_count(c->w, SP_STAT_FAILED);
	if (!recordable(c) || !c->recorded || c->outcome_recorded)
		return SP_STEP_CONTINUE;
	if (put_outcome(c, &seq) < 0) {
		if (c->level == SP_AUDIT_BASIC) {
			sp_count(c->w, SP_STAT_AUDIT_LOST);
			return SP_STEP_CONTINUE;
		}
		c->stage--; // no room: held back, and tried again with the next turn
		c->wait_seq = 0;
		sp_call_wait(c);
		return SP_STEP_WAIT;
	}
	c->outcome_recorded = true;
	// what never left the gateway had no effect that must be durable before its refusal is told
	if (c->level != SP_AUDIT_STRICT || !c->forwarded || sp_channel_durable(&c->w->channel, seq))
		return SP_STEP_CONTINUE;
	c->wait_seq = seq;
	c->wait_until_ns = UINT64_MAX; // it has happened: whoever is told so can rely on the record
	sp_call_wait(c);
	return SP_STEP_WAIT;
}
