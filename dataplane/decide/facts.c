#include "dataplane/decide/facts.h"

#include "common/base64.h"
#include "dataplane/identity/jws.h"
#include "common/banned.h"

int sp_facts_new(struct sp_facts **ret)
{
	struct sp_facts *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->arena.cap = SP_JUDGE_ARENA_BYTES;
	f->arena.p = malloc(SP_JUDGE_ARENA_BYTES);
	f->claims_tok = malloc(SP_FACTS_CLAIMS_TOKENS * sizeof(*f->claims_tok));
	f->claims_text = malloc(SP_FACTS_CLAIMS_MAX);
	f->sequence = calloc(SP_FACTS_SEQUENCES_MAX, 1);
	f->known = calloc(SP_FACTS_KNOWN, sizeof(*f->known));
	if (!f->known || !f->arena.p || !f->claims_tok || !f->claims_text || !f->sequence) {
		sp_facts_free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

struct sp_facts *sp_facts_free(struct sp_facts *f)
{
	if (f) {
		free(f->arena.p);
		free(f->claims_tok);
		free(f->claims_text);
		free(f->sequence);
		free(f->known);
		free(f);
	}
	return NULL;
}

/// The payload of the token that came with this very request, and that was verified, now or before.
int sp_facts_claims(struct sp_call *c, bool wanted)
{
	struct sp_facts *f = c->w->facts;
	const struct sp_http_head *head = sp_http1_head(c->conn->http);
	struct sp_bytes header = sp_http_get(c->conn->in, head->header[SP_HDR_AUTHORIZATION]),
			payload;
	const uint8_t *first, *second, *end;
	size_t n;

	if (!wanted || f->call.claims || sp_call_route(c)->auth_none)
		return 0;
	if (header.n == 0)
		return SP_REASON_INTERNAL;
	end = header.p + header.n;
	first = memchr(header.p, '.', header.n);
	second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	if (!second)
		return SP_REASON_INTERNAL;
	payload = sp_bytes(first + 1, (size_t)(second - first - 1));
	if (sp_base64url_decode(payload, f->claims_text, SP_FACTS_CLAIMS_MAX, &n) < 0 ||
		sp_json_scan(sp_bytes(f->claims_text, n), SP_JWS_DEPTH_MAX, f->claims_tok,
			SP_FACTS_CLAIMS_TOKENS, &f->claims, NULL) < 0)
		return SP_REASON_INTERNAL;
	f->call.claims = &f->claims;
	return 0;
}

/// A legacy session has a number; a modern agent's calls with one token are taken as one session.
static struct sp_bytes session_of(const struct sp_call *c, char buf[33])
{
	struct sp_out o = sp_out_init(buf, 33);

	sp_out_hex(&o, c->has_session ? sp_bytes(c->session.number, 16)
				      : sp_bytes(c->principal.token_sha256, 16));
	return sp_bytes(buf, o.len);
}

/// The same for all calls of a connection with one token.
static void put_caller(struct sp_call *c, struct sp_judge_call *ret)
{
	struct sp_conn_seen *seen = c->conn->seen;
	bool keeps = c->known_here && !c->has_session;

	if (keeps && seen->peer.n) {
		ret->peer = seen->peer;
		ret->session = sp_bytes(seen->stand_in, sizeof(seen->stand_in));
		return;
	}
	ret->peer = sp_judge_peer(sp_bytes_cstr(c->conn->peer_text));
	ret->session = session_of(c, c->w->facts->session);
	if (keeps) {
		seen->peer = ret->peer;
		memcpy(seen->stand_in, ret->session.p, sizeof(seen->stand_in));
	}
}

static int gather(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;
	const struct sp_snap *s = c->snap;

	if (!c->conn)
		return SP_REASON_CANCELLED; // nobody asks any more
	f->arena.used = 0;
	f->past = (struct sp_judge_history){0};
	f->call = (struct sp_judge_call){
		.snap = s,
		.agent = c->agent,
		.args = SP_JSON_NONE,
		.meta = SP_JSON_NONE,
		.scopes = sp_principal_scopes(&c->principal),
		.client_id = sp_principal_client(&c->principal),
		.route = sp_snap_str(s, sp_call_route(c)->path),
		.revision = sp_revision_name(c->revision),
		.method = sp_method_name(c->method),
		.wall_ns = c->w->wall_ns,
		.salt = c->w->history.salt,
		.history = &f->past,
		.arena = &f->arena,
	};
	put_caller(c, &f->call);
	if (c->issuer < s->h->issuers.n)
		f->call.issuer = sp_snap_str(
			s, SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, c->issuer)->iss);
	return sp_facts_claims(c, s->h->policy.uses_claims || c->principal.has_intent);
}

int sp_facts_name(const struct sp_call *c, uint32_t upstream, struct sp_bytes shown,
	uint32_t prefix, uint8_t buf[SP_FACTS_NAME_MAX], struct sp_judge_call *ret)
{
	struct sp_out o = sp_out_init(buf, SP_FACTS_NAME_MAX);

	ret->tool = ret->shown = shown;
	ret->prefix = prefix;
	if (upstream == SP_SNAP_NONE)
		return SP_REASON_INTERNAL;
	ret->upstream = sp_snap_str(c->snap, sp_snap_upstream(c->snap, upstream)->name);
	if (prefix)
		return 0;
	sp_out_bytes(&o, ret->upstream);
	sp_out_lit(&o, "__");
	ret->prefix = (uint32_t)o.len;
	sp_out_bytes(&o, shown);
	ret->tool = sp_bytes(buf, o.len);
	return o.overflow ? SP_REASON_INTERNAL : 0;
}

static int gather_tool(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;
	struct sp_facts_known *k;
	int why = sp_facts_name(c, c->upstream, sp_call_name(c), c->name_prefix, f->name, &f->call);

	if (why)
		return why;
	k = sp_facts_known(c, &f->call);
	f->call.known = k ? &k->judge : NULL;
	return 0;
}

int sp_facts_gather(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;
	int why = gather(c);

	if (why)
		return why;
	f->call.args_doc = &c->doc;
	f->call.args = c->env.arguments;
	f->call.meta = c->env.meta;
	if (c->method == SP_METHOD_TOOLS_CALL)
		return gather_tool(c);
	f->call.tool =
		f->call.method; // what is named here is the agent's to choose: no window of its own
	return 0;
}

int sp_facts_gather_list(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;
	int why = gather(c);

	if (why)
		return why;
	f->call.listing = true;
	f->call.history = NULL;
	return 0;
}

uint64_t sp_facts_session_key(const struct sp_call *c)
{
	char buf[33];

	return sp_judge_session_key(c->w->history.salt, session_of(c, buf));
}

uint64_t sp_facts_sequence_key(const struct sp_call *c, const struct sp_snap_sequence *q)
{
	char buf[33];

	return sp_judge_sequence_key(c->w->history.salt, q, sp_principal_agent(&c->principal),
		session_of(c, buf));
}

const uint32_t *sp_facts_sequences(
	const struct sp_snap *s, const struct sp_judge_verdict *v, unsigned i, uint32_t *ret_n)
{
	uint32_t action = v->about.actions[i];
	struct sp_snap_table t = {0};

	if (i < 2)
		t = action == SP_SNAP_NONE
			    ? s->h->policy.wild_sequences
			    : SP_SNAP_POLICY(s, action_facts, sp_snap_action_facts, action)->sequences;
	*ret_n = t.n;
	return (const uint32_t *)(s->base + t.off);
}

bool sp_facts_again(const struct sp_call *c, unsigned i, uint32_t number)
{
	uint32_t n;
	const uint32_t *first = sp_facts_sequences(c->snap, &c->verdict, 0, &n);

	for (uint32_t k = 0; i > 0 && k < n; k++)
		if (first[k] == number)
			return true;
	return false;
}

struct sp_window_owner sp_facts_owner(const struct sp_call *c)
{
	uint64_t ends = c->has_session ? c->session.expires_s * SP_NS_PER_SEC
				       : c->principal.ends_ns;
	uint64_t left = ends > c->w->wall_ns ? ends - c->w->wall_ns : 0;

	return (struct sp_window_owner){
		.agent = sp_snap_agent(c->snap, c->agent)->limit_slot + 1,
		.session_ends_ns = c->w->now_ns + sp_min(left, SP_STATE_LASTS_S * SP_NS_PER_SEC),
	};
}

enum sp_reason sp_facts_no_room(struct sp_call *c, int err)
{
	sp_count(c->w, SP_STAT_SHED_WINDOW);
	if (err == -EUSERS)
		sp_count(c->w, SP_STAT_SHED_SHARE);
	return SP_REASON_LIMIT_UNAVAILABLE;
}

/// A state that this call will change must have its room before the call goes out.
static int read_sequence(struct sp_call *c, uint32_t number)
{
	struct sp_facts *f = c->w->facts;
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, number);
	uint64_t key = sp_facts_sequence_key(c, q), now = c->w->now_ns;
	unsigned parts = sp_judge_sequence_parts(&f->call, &c->verdict, number);
	const struct sp_window_owner owner = sp_facts_owner(c);
	uint32_t state;
	int err = 0;

	if (number >= SP_FACTS_SEQUENCES_MAX)
		return SP_REASON_INTERNAL;
	if (!(parts & (SP_SEQ_PART_FIRST | SP_SEQ_PART_BETWEEN)))
		state = sp_history_state(&c->w->history, key, q->window_ns, now);
	else
		err = sp_history_set(
			&c->w->history, &owner, key, q->window_ns, 0, 0, now, &state);
	if (err < 0)
		return sp_facts_no_room(c, err);
	f->sequence[number] = (uint8_t)state;
	return 0;
}

static int read_sequences(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t n;
		const uint32_t *number = sp_facts_sequences(c->snap, &c->verdict, i, &n);

		for (uint32_t k = 0; k < n; k++) {
			int why = read_sequence(c, number[k]);

			if (why)
				return why;
		}
	}
	f->past.sequence = f->sequence;
	f->past.sequence_n = SP_FACTS_SEQUENCES_MAX;
	return 0;
}

bool sp_facts_sessions_count(const struct sp_call *c)
{
	return c->snap->h->policy.risk.on || c->snap->h->policy.sequences.n;
}

int sp_facts_past(struct sp_call *c)
{
	struct sp_facts *f = c->w->facts;
	const struct sp_history *h = &c->w->history;
	struct sp_history_view v;
	const struct sp_window_owner owner = sp_facts_owner(c);
	uint32_t state = SP_SESSION_KNOWN;
	int why = 0, err = 0;

	c->pair = sp_facts_pair(c);
	sp_history_view(h, sp_snap_agent(c->snap, c->agent)->limit_slot, c->pair, c->w->now_ns, &v);
	if (sp_facts_sessions_count(c))
		err = sp_history_session(
			h, &owner, sp_facts_session_key(c), 0, c->w->now_ns, &state);
	if (err < 0)
		return sp_facts_no_room(c, err);
	f->past.agent_denied = v.denied;
	f->past.agent_failed = v.failed;
	f->past.agent_calls_minute = v.minute;
	f->past.agent_usual_minute = v.usual;
	f->past.tool_calls = v.tool_calls;
	f->past.session_new = !(state & SP_SESSION_KNOWN);
	f->past.session_tainted = state & SP_SESSION_TAINTED;
	if (c->snap->h->policy.sequences.n)
		why = read_sequences(c);
	if (why)
		return why;
	c->past = f->past;
	c->past_known = true;
	c->past.sequence = NULL;
	return 0;
}
