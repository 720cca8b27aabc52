#include "tools/sallyctl/replay_inner.h"

#include "common/clock.h"
#include "common/banned.h"

#define TOKENS 4096u
#define DEPTH 64u
#define TEXT_BYTES (32u << 10) ///< arguments are recorded up to SP_RECORD_WHOLE_MAX
#define SESSION_NS (SP_STATE_LASTS_S * SP_NS_PER_SEC) ///< no record says when one ends; it has no calls then
#define CELLS_MIN (1u << 12)
#define CELLS_MAX (1u << 20)
#define KNOWN 1u ///< of a session's state
#define TAINTED 2u
#define USED_OFTEN 1000u ///< calls of a tool: not seldom, whatever counts as that

struct sp_replay *sp_replay_free(struct sp_replay *r)
{
	if (r) {
		free(r->cells);
		free(r->arena.p);
		free(r->tok);
		free(r->text);
		free(r);
	}
	return NULL;
}

/// Windows last one life of the gateway.
static int new_windows(struct sp_replay *r, uint32_t cells)
{
	size_t bytes = sp_windows_bytes(cells);

	r->cells = aligned_alloc(SP_CACHE_LINE,
		(bytes + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE);
	if (!r->cells)
		return -ENOMEM;
	memset(r->cells, 0, bytes);
	r->cells_bytes = bytes;
	return sp_windows_attach(r->cells, bytes, cells, SESSION_NS, &r->history.windows);
}

int sp_replay_new(const struct sp_snap *snap, uint32_t calls, struct sp_replay **ret)
{
	struct sp_replay *r = calloc(1, sizeof(*r));
	uint64_t cells = sp_min((uint64_t)calls * 4 + CELLS_MIN, (uint64_t)CELLS_MAX);
	int err;

	if (!r)
		return -ENOMEM;
	r->snap = snap;
	r->arena.cap = SP_JUDGE_ARENA_BYTES;
	r->arena.p = malloc(SP_JUDGE_ARENA_BYTES);
	r->tok = malloc(TOKENS * sizeof(*r->tok));
	r->text = malloc(TEXT_BYTES);
	err = r->arena.p && r->tok && r->text ? new_windows(r, (uint32_t)cells) : -ENOMEM;
	if (err)
		sp_replay_free(r);
	else
		*ret = r;
	return err;
}

bool sp_replay_concerns(const struct sp_recorded_call *c)
{
	if (c->decision != SP_RECORDED_DENY)
		return true;
	if (c->reason == SP_REASON_SCOPE_INSUFFICIENT)
		return c->detail.n > 0; // a tool's scopes; without a detail it was the route's
	if (c->reason == SP_REASON_METHOD_DENIED || c->reason == SP_REASON_LIMIT_UNAVAILABLE)
		return false;
	return c->reason == SP_REASON_AGENT_UNKNOWN ||
	       (c->reason >= SP_REASON_TOOL_DENIED && c->reason < SP_REASON_AUDIT_UNAVAILABLE);
}

/// Refused before its purpose was looked at.
static bool purpose_unseen(const struct sp_recorded_call *c)
{
	switch (c->reason) {
	case SP_REASON_AGENT_UNKNOWN:
	case SP_REASON_TOOL_DENIED:
	case SP_REASON_RULE_DENIED:
	case SP_REASON_ROLE_DENIED:
	case SP_REASON_ENVIRONMENT_DENIED:
	case SP_REASON_HUMAN_REQUIRED:
	case SP_REASON_CONDITION_FAILED:
		return c->purpose.n == 0;
	default:
		return false;
	}
}

/// One that the policy of that time did not know stands in the refusal's detail.
static struct sp_bytes purpose_of(const struct sp_recorded_call *c)
{
	if (c->purpose.n == 0 && c->reason == SP_REASON_PURPOSE_DENIED)
		return c->detail;
	return c->purpose;
}

/// The call's params, as far as they are on record.
static void params(struct replay_call *k)
{
	struct sp_bytes purpose = purpose_of(k->c);
	struct sp_out o = sp_out_init(k->r->text, TEXT_BYTES);

	sp_out_lit(&o, "{");
	if (k->c->arguments.n) {
		sp_out_lit(&o, "\"arguments\":");
		sp_out_bytes(&o, k->c->arguments);
	}
	if (purpose.n) {
		sp_out_bytes(&o, k->c->arguments.n ? SP_LIT(",") : SP_NOBYTES);
		sp_out_lit(&o, "\"_meta\":{\"sallyport/purpose\":\"");
		sp_out_json_escaped(&o, purpose);
		sp_out_lit(&o, "\"}");
	}
	sp_out_lit(&o, "}");
	if (o.overflow ||
		sp_json_scan(sp_bytes(o.p, o.len), DEPTH, k->r->tok, TOKENS, &k->doc, NULL) < 0) {
		k->arguments_lost = k->purpose_lost = true;
		return;
	}
	k->call.args_doc = &k->doc;
	k->call.args = sp_json_get(&k->doc, 0, SP_LIT("arguments"));
	k->call.meta = sp_json_get(&k->doc, 0, SP_LIT("_meta"));
}

/// "denied=1 minute=12"; a number that is not there is 0.
static uint64_t past_of(struct sp_bytes text, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < text.n;) {
		const uint8_t *end = memchr(text.p + at, ' ', text.n - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.n - at;
		struct sp_bytes pair = sp_bytes(text.p + at, len);
		uint64_t v;

		if (len > n && memcmp(pair.p, name, n) == 0 && pair.p[n] == '=' &&
			sp_bytes_u64(sp_bytes(pair.p + n + 1, len - n - 1), &v) == 0)
			return v;
		at += len + 1;
	}
	return 0;
}

static struct sp_bytes session_of(const struct sp_recorded_call *c)
{
	return c->session.n ? c->session : c->token;
}

static uint64_t now(const struct replay_call *k)
{
	return k->c->boot_ns ? k->c->boot_ns : k->c->time_ns;
}

/// Lost room is no matter of the policy: the table is larger than what the calls can fill.
static uint32_t session(struct replay_call *k, uint32_t set)
{
	uint32_t was = 0;

	(void)!sp_history_session(&k->r->history, NULL, sp_judge_session_key(0, k->call.session),
		set, now(k), &was);
	return was;
}

static void past(struct replay_call *k)
{
	const struct sp_recorded_call *c = k->c;
	uint32_t state = session(k, 0);

	k->past_lost = !c->has_risk;
	k->past = (struct sp_judge_history){
		.agent_denied = (uint32_t)past_of(c->history, "denied"),
		.agent_failed = (uint32_t)past_of(c->history, "failed"),
		.agent_calls_minute = (uint32_t)past_of(c->history, "minute"),
		.agent_usual_minute = (uint32_t)past_of(c->history, "usual"),
		.tool_calls = c->has_risk ? past_of(c->history, "calls") : USED_OFTEN,
		.session_new = past_of(c->history, "new") != 0,
		.session_tainted = past_of(c->history, "tainted") || state & TAINTED,
		.sequence = k->r->sequence,
		.sequence_n = SP_SNAP_SEQUENCES_MAX,
	};
	k->call.history = &k->past;
}

static void begin(struct replay_call *k, struct sp_replay *r, const struct sp_recorded_call *c)
{
	*k = (struct replay_call){.r = r, .c = c, .trace = {replay_trace}};
	k->arguments_lost = sp_recorded_arguments_lost(c);
	k->purpose_lost = purpose_unseen(c);
	r->arena.used = 0;
	k->call = (struct sp_judge_call){
		.snap = r->snap,
		.agent = sp_snap_find_agent(r->snap, c->agent),
		.args = SP_JSON_NONE,
		.meta = SP_JSON_NONE,
		.scopes = c->scopes,
		.issuer = c->issuer,
		.client_id = c->client_id,
		.session = session_of(c),
		.peer = sp_judge_peer(c->peer),
		.route = c->route,
		.upstream = c->upstream,
		.revision = c->revision,
		.method = c->method,
		.wall_ns = c->time_ns,
		.arena = &r->arena,
		.trace = &k->trace,
	};
	sp_trial_name(&k->call, c->tool, c->upstream, k->name);
	params(k);
	past(k);
}

/// As the gateway counts: a token is four bytes of the arguments.
static uint64_t tokens_of(const struct sp_recorded_call *c)
{
	return c->tokens ? c->tokens : (c->arguments_bytes + 3) / 4;
}

static enum sp_reason take_limits(struct replay_call *k)
{
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	uint32_t n = sp_judge_limits(&k->call, &k->v, limit, SP_JUDGE_LIMITS_MAX);
	unsigned refused = 0;
	uint64_t retry_ms;
	int err;

	sp_judge_limit_asks(limit, n, &k->v, tokens_of(k->c), k->taken);
	err = sp_windows_take(&k->r->history.windows, NULL, k->taken, n, now(k), &refused, &retry_ms);
	if (err == -EDQUOT)
		return sp_judge_limit_reason(&limit[refused]);
	if (err)
		return SP_REASON_LIMIT_UNAVAILABLE;
	k->taken_n = n;
	return SP_REASON_NONE;
}

/// A size is known without the bytes.
static enum sp_reason size_of_lost(const struct replay_call *k)
{
	for (unsigned i = 0; k->arguments_lost && i < 2; i++) {
		const struct sp_snap_tool *t;

		if (k->v.about.tools[i] == SP_SNAP_NONE)
			continue;
		t = SP_SNAP_POLICY(k->r->snap, tools, sp_snap_tool, k->v.about.tools[i]);
		if (t->max_argument_bytes && k->c->arguments_bytes > t->max_argument_bytes)
			return SP_REASON_ARGUMENT_SIZE;
	}
	return SP_REASON_NONE;
}

static uint64_t sequence_key(const struct replay_call *k, const struct sp_snap_sequence *q)
{
	return sp_judge_sequence_key(0, q, k->c->agent, k->call.session);
}

static void read_sequences(struct replay_call *k)
{
	uint32_t n = k->r->snap->h->policy.sequences.n;

	for (uint32_t i = 0; i < n && i < SP_SNAP_SEQUENCES_MAX; i++) {
		const struct sp_snap_sequence *q =
			SP_SNAP_POLICY(k->r->snap, sequences, sp_snap_sequence, i);

		k->r->sequence[i] = (uint8_t)sp_history_state(
			&k->r->history, sequence_key(k, q), q->window_ns, now(k));
	}
}

/// Not a question of the judge; beats a review that it kept.
static enum sp_reason counted(struct replay_call *k)
{
	enum sp_reason why = take_limits(k);

	if (why == SP_REASON_NONE)
		why = size_of_lost(k);
	if (why != SP_REASON_NONE)
		k->v.review = false;
	return why;
}

/// The questions in the gateway's order; a review goes on, for a later one may refuse.
static enum sp_reason judge(struct replay_call *k)
{
	enum sp_reason why;

	sp_judge_begin(&k->v);
	if (k->call.agent == SP_SNAP_NONE)
		return SP_REASON_AGENT_UNKNOWN;
	why = sp_judge_authorize(&k->call, &k->v);
	if (why == SP_REASON_NONE)
		why = sp_judge_intent(&k->call, &k->v);
	if (why == SP_REASON_NONE)
		why = counted(k);
	if (why == SP_REASON_NONE)
		why = sp_judge_arguments(&k->call, &k->v);
	read_sequences(k);
	if (why == SP_REASON_NONE)
		why = sp_judge_sequences(&k->call, &k->v);
	return why == SP_REASON_NONE ? sp_judge_score(&k->call, &k->v) : why;
}

static void change(
	struct replay_call *k, const struct sp_snap_sequence *q, struct sp_seq_change by)
{
	if (by.set | by.clear)
		(void)!sp_history_set(&k->r->history, NULL, sequence_key(k, q), q->window_ns,
			by.set, by.clear, now(k), NULL);
}

static void step(struct replay_call *k, uint32_t number, bool succeeded)
{
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(k->r->snap, sequences, sp_snap_sequence, number);
	unsigned parts = sp_judge_sequence_parts(&k->call, &k->v, number);

	if (!parts)
		return;
	change(k, q, sp_judge_sequence_out(q, parts));
	if (succeeded)
		change(k, q,
			sp_judge_sequence_done(q, parts,
				sp_history_state(&k->r->history, sequence_key(k, q), q->window_ns,
					now(k))));
}

/// What came of the call goes into what later ones are judged by.
static void remember(struct replay_call *k)
{
	bool succeeded = k->c->outcome.n == 0 || sp_bytes_eq(k->c->outcome, SP_LIT("ok")) ||
			 k->c->decision != SP_RECORDED_ALLOW;
	uint32_t n = k->r->snap->h->policy.sequences.n;
	uint32_t bits = KNOWN;

	for (unsigned i = 0; i < 2; i++)
		if (k->v.about.tools[i] != SP_SNAP_NONE &&
			SP_SNAP_POLICY(k->r->snap, tools, sp_snap_tool, k->v.about.tools[i])->taints)
			bits |= TAINTED;
	session(k, bits);
	for (uint32_t i = 0; i < n && i < SP_SNAP_SEQUENCES_MAX; i++)
		step(k, i, succeeded);
}

/// A clock that went back is another life of the host, and of the gateway's windows.
static void follow_clock(struct sp_replay *r, const struct sp_recorded_call *c)
{
	if (c->boot_ns == 0)
		return;
	if (c->boot_ns + SP_NS_PER_SEC < r->last_boot_ns)
		memset(r->cells, 0, r->cells_bytes);
	r->last_boot_ns = c->boot_ns;
}

void sp_replay_call(struct sp_replay *r, const struct sp_recorded_call *c, struct sp_replayed *ret)
{
	struct replay_call k;
	enum sp_reason why;

	follow_clock(r, c);
	begin(&k, r, c);
	why = judge(&k);
	*ret = (struct sp_replayed){
		.decision = why == SP_REASON_NONE ? SP_RECORDED_ALLOW
			    : k.v.review	  ? SP_RECORDED_REVIEW
						  : SP_RECORDED_DENY,
		.reason = why,
		.score = k.v.score,
	};
	if (why != SP_REASON_AGENT_UNKNOWN)
		ret->lacks = replay_lacks(&k, why);
	if (why == SP_REASON_LIMIT_UNAVAILABLE)
		ret->lacks = "fewer calls: the replay has no room for more windows";
	if (k.v.rule != SP_SNAP_NONE)
		ret->rule = sp_snap_str(
			r->snap, SP_SNAP_POLICY(r->snap, rules, sp_snap_rule, k.v.rule)->name);
	memcpy(ret->detail, k.v.detail, sizeof(ret->detail));
	if (why == SP_REASON_NONE)
		remember(&k);
	else
		sp_windows_refund(&r->history.windows, k.taken, k.taken_n, now(&k));
}
