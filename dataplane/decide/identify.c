#include "dataplane/decide/stages.h"

#include "dataplane/worker_shared.h"

#include <openssl/sha.h>
#include "common/banned.h"

static enum sp_step deny(struct sp_call *c, enum sp_reason why)
{
	c->reason = why;
	return SP_STEP_DENY;
}

/// Development only: a route that asks for no token has a named identity of its own.
static void anonymous(struct sp_call *c, const struct sp_snap_route *route)
{
	struct sp_principal *p = &c->principal;
	struct sp_bytes name = sp_snap_str(c->snap, route->anonymous_agent);

	p->agent_len = (uint8_t)sp_min(name.n, (size_t)SP_AGENT_NAME_MAX);
	memcpy(p->text, name.p, p->agent_len);
	p->issuer = SP_SNAP_NONE;
	p->expires_ns = p->ends_ns = UINT64_MAX;
	SHA256(name.p, name.n, p->id);
	memcpy(p->token_sha256, p->id, sizeof(p->id));
}

static void tell_control(struct sp_worker *w, uint32_t issuer)
{
	struct sp_control_msg m = {.type = SP_MSG_KEY_UNKNOWN, .epoch = w->epoch};
	uint64_t generation = w->held[w->current].generation;

	memcpy(m.payload, &issuer, sizeof(issuer));
	memcpy(m.payload + 8, &generation, sizeof(generation));
	sp_worker_tell_control(w, &m); // lost: control is behind and will refresh anyway
}

/// Refusals before the signature is looked at cost little, and a new key of an issuer is nobody's
/// fault.
static bool costly(enum sp_reason r)
{
	return r != SP_REASON_NONE && r != SP_REASON_TOKEN_MALFORMED &&
	       r != SP_REASON_TOKEN_ISSUER && r != SP_REASON_TOKEN_ALGORITHM &&
	       r != SP_REASON_TOKEN_KEY_UNKNOWN && r != SP_REASON_INTERNAL;
}

/// The token's principal, from the connection, the worker's cache, or by verifying it.
static enum sp_reason verify(
	struct sp_call *c, struct sp_bytes token, const struct sp_snap_route *route)
{
	struct sp_worker *w = c->w;
	struct sp_bytes resource = sp_snap_str(c->snap, route->resource);
	const struct sp_principal *known;
	uint32_t issuer = SP_SNAP_NONE;
	uint8_t address[SP_FAILURES_KEY];
	uint8_t digest[32];
	int r;

	sp_token_cache_key(resource, token, digest);
	known = sp_token_cache_get(w->tokens, digest, c->snap->h->auth_epoch, w->wall_ns);
	if (known) {
		sp_count(w, SP_STAT_TOKEN_HITS);
		sp_principal_copy(&c->principal, known);
		return SP_REASON_NONE;
	}
	sp_conn_address_key(&c->conn->peer, address);
	if (!sp_failures_may(w->failures, address, w->now_ns, &c->retry_ms)) {
		sp_count(w, SP_STAT_TOKEN_UNREAD);
		return SP_REASON_TOKEN_FAILURES;
	}
	r = sp_jwt_verify(c->snap, w->keyring, token, resource, w->wall_ns, &c->principal, &issuer);
	sp_count(w, r ? SP_STAT_TOKEN_REFUSED : SP_STAT_TOKEN_CHECKED);
	if (r == SP_REASON_TOKEN_KEY_UNKNOWN && issuer != SP_SNAP_NONE)
		tell_control(w, issuer);
	if (costly((enum sp_reason)r))
		sp_failures_add(w->failures, address, w->now_ns);
	if (r == 0)
		sp_token_cache_put(w->tokens, digest, &c->principal);
	return (enum sp_reason)r;
}

/// A header that was in the same place of a head known to begin alike need not be compared again.
static bool same_bytes(struct sp_conn *conn, struct sp_bytes header)
{
	struct sp_http_span at = sp_http1_head(conn->http)->header[SP_HDR_AUTHORIZATION];
	uint64_t stamp = sp_http1_stamp(conn->http, at);

	if (stamp && stamp == conn->bearer_stamp && at.off == conn->bearer_off && at.len == conn->bearer_len)
		return true;
	if (!sp_bytes_eq(sp_bytes(conn->seen->bearer, conn->bearer_len), header))
		return false;
	conn->bearer_stamp = stamp;
	conn->bearer_off = at.off;
	return true;
}

static bool same_bearer(const struct sp_call *c, struct sp_bytes header)
{
	struct sp_conn *conn = c->conn;

	return conn->bearer_len && conn->bearer_route == c->route &&
	       conn->bearer_generation == c->snap->h->generation &&
	       conn->seen->principal.auth_epoch == c->snap->h->auth_epoch && same_bytes(conn, header);
}

static void remember_bearer(struct sp_call *c, struct sp_bytes header)
{
	struct sp_conn *conn = c->conn;

	if (header.n > sizeof(conn->seen->bearer))
		return;
	memcpy(conn->seen->bearer, header.p, header.n);
	conn->bearer_stamp = 0;
	conn->bearer_len = (uint32_t)header.n;
	conn->bearer_route = c->route;
	conn->bearer_generation = c->snap->h->generation;
	conn->seen->judged = false;
	conn->seen->who.len = 0;
	conn->seen->peer = SP_NOBYTES;
	c->known_here = true;
	sp_principal_copy(&conn->seen->principal, &c->principal);
}

static enum sp_reason bearer(struct sp_call *c, const struct sp_snap_route *route)
{
	const struct sp_http_head *head = sp_http1_head(c->conn->http);
	struct sp_bytes header = sp_http_get(c->conn->in, head->header[SP_HDR_AUTHORIZATION]);
	struct sp_bytes token;
	enum sp_reason r;

	if (header.n == 0)
		return SP_REASON_TOKEN_MISSING;
	if (same_bearer(c, header) && c->w->wall_ns < c->conn->seen->principal.expires_ns) {
		sp_count(c->w, SP_STAT_TOKEN_HITS);
		sp_principal_copy(&c->principal, &c->conn->seen->principal);
		c->known_here = true;
		return SP_REASON_NONE;
	}
	if (header.n < 8 || !sp_bytes_ieq(sp_bytes(header.p, 7), SP_LIT("Bearer ")))
		return SP_REASON_TOKEN_MALFORMED;
	token = sp_bytes(header.p + 7, header.n - 7);
	r = verify(c, token, route);
	if (r == SP_REASON_NONE)
		remember_bearer(c, header);
	return r;
}

/// A token bound to a certificate (RFC 8705) is good only on a connection that shows it.
static bool holds_certificate(const struct sp_call *c)
{
	const struct sp_tls_info *t = &c->conn->tls_info;

	if (!c->principal.has_cnf)
		return true;
	return c->conn->tls && t->has_client_cert &&
	       sp_bytes_eq_secret(
		       sp_bytes(t->client_cert_sha256, 32), sp_bytes(c->principal.cert_sha256, 32));
}

static enum sp_reason open_session(struct sp_call *c)
{
	const struct sp_http_head *head = sp_http1_head(c->conn->http);
	struct sp_bytes text = sp_http_get(c->conn->in, head->header[SP_HDR_SESSION_ID]);
	struct sp_conn *conn = c->conn;
	uint64_t wall_s = c->w->wall_ns / SP_NS_PER_SEC;

	if (c->modern || text.n == 0 || c->method == SP_METHOD_INITIALIZE)
		return SP_REASON_NONE; // a handshake begins a session of its own
	if (!sp_bytes_eq(text, sp_bytes(conn->seen->session_text, conn->session_len)) ||
		wall_s >= conn->seen->session.expires_s) {
		conn->session_len = 0;
		if (sp_session_open(&c->w->session_keys, text, wall_s, &conn->seen->session) < 0)
			return SP_REASON_SESSION_UNKNOWN;
		memcpy(conn->seen->session_text, text.p, text.n);
		conn->session_len = (uint32_t)text.n;
	}
	if (memcmp(conn->seen->session.principal, c->principal.id, 32) != 0 ||
		conn->seen->session.route != sp_snap_hash(sp_snap_str(c->snap, sp_call_route(c)->path)))
		return SP_REASON_SESSION_UNKNOWN; // somebody else's: as if it did not exist
	c->session = conn->seen->session;
	c->has_session = true;
	return SP_REASON_NONE;
}

/// A legacy request names the session's revision in its header, or none at all.
static enum sp_reason check_revision(struct sp_call *c)
{
	if (!c->has_session)
		return SP_REASON_NONE;
	if (c->revision != SP_REV_NONE && c->revision != c->session.revision)
		return SP_REASON_VERSION_UNSUPPORTED;
	c->revision = (enum sp_revision)c->session.revision;
	return SP_REASON_NONE;
}

/// What the decision will read of agent, tool and windows, while session and way are settled.
static void ask_ahead(const struct sp_call *c)
{
	const struct sp_history *h = &c->w->history;
	const struct sp_conn_seen *seen = c->conn->seen;

	if (c->conn->agent != c->agent)
		sp_judge_ahead_agent(c->snap, c->agent);
	c->conn->agent = c->agent;
	if (c->parse_reason || c->method != SP_METHOD_TOOLS_CALL)
		return;
	sp_judge_ahead_tool(c->snap, c->agent, sp_call_name(c));
	if (!c->known_here) {
		sp_judge_ahead_windows(c->snap, c->agent, h->salt, &h->windows);
		return;
	}
	for (uint32_t i = 0; i < seen->windows_n; i++)
		sp_windows_ahead(&h->windows, seen->window[i]);
}

/// Which agent the principal is. *ret: it has the scopes of the route.
static void find_agent(struct sp_call *c, const struct sp_snap_route *route, bool *ret)
{
	struct sp_conn_seen *seen = c->known_here ? c->conn->seen : NULL;

	if (seen && seen->judged) {
		c->agent = seen->agent;
		*ret = seen->covers;
		return;
	}
	c->agent = sp_snap_find_agent(c->snap, sp_principal_agent(&c->principal));
	*ret = route->auth_none || sp_scopes_cover(sp_principal_scopes(&c->principal),
					   sp_snap_str(c->snap, route->scopes));
	if (seen) {
		seen->agent = c->agent;
		seen->covers = *ret;
		seen->windows_n = sp_judge_ahead_keys(
			c->snap, c->agent, c->w->history.salt, seen->window);
		seen->judged = true;
	}
}

enum sp_step sp_stage_identify(struct sp_call *c)
{
	const struct sp_snap_route *route = sp_call_route(c);
	enum sp_reason r = SP_REASON_NONE;
	bool covers;

	if (route->auth_none)
		anonymous(c, route);
	else
		r = bearer(c, route);
	if (r == SP_REASON_NONE && !holds_certificate(c))
		r = SP_REASON_TOKEN_CLAIMS;
	if (r)
		return deny(c, r);
	c->issuer = c->principal.issuer;
	find_agent(c, route, &covers);
	if (c->agent != SP_SNAP_NONE)
		c->level = (enum sp_audit_level)sp_snap_agent(c->snap, c->agent)->audit_level;
	ask_ahead(c);
	if (!covers)
		return deny(c, SP_REASON_SCOPE_INSUFFICIENT);
	if (c->parse_reason)
		return deny(c, c->parse_reason);
	r = open_session(c);
	if (!r)
		r = check_revision(c);
	return r ? deny(c, r) : SP_STEP_CONTINUE;
}

enum sp_reason sp_contained(const struct sp_call *c)
{
	const struct sp_revoked_region *r = c->w->revoked;
	uint8_t digest[32];

	if (atomic_load_explicit(&r->used, memory_order_acquire) == 0)
		return SP_REASON_NONE;
	SHA256(sp_principal_agent(&c->principal).p, c->principal.agent_len, digest);
	if (sp_revoked_has(r, sp_revoked_key(SP_REVOKED_AGENT, digest)))
		return SP_REASON_AGENT_REVOKED;
	if (sp_revoked_has(r, sp_revoked_key(SP_REVOKED_TOKEN, c->principal.token_sha256)))
		return SP_REASON_TOKEN_REVOKED;
	if (!c->has_session)
		return SP_REASON_NONE;
	SHA256(c->session.number, sizeof(c->session.number), digest);
	if (sp_revoked_has(r, sp_revoked_key(SP_REVOKED_SESSION, digest)))
		return SP_REASON_SESSION_REVOKED;
	return SP_REASON_NONE;
}

/// Who or what was stopped by an operator stays outside, whatever its token says.
enum sp_step sp_stage_contain(struct sp_call *c)
{
	enum sp_reason r = sp_contained(c);

	return r ? deny(c, r) : SP_STEP_CONTINUE;
}
