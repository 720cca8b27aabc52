#include "config/trial/trial.h"

#include "common/mp.h"
#include "config/trial/order.h"

#include <arpa/inet.h>
#include "common/banned.h"

#define TOKENS_MAX 65536u ///< of a document
#define DEPTH_MAX 64u
#define CLAIM_MAX 4096u

struct document {
	struct sp_json_tok *tok;
	struct sp_json j;
	uint8_t *text;
};
struct sp_trial {
	const struct sp_snap *snap;
	struct sp_cel_arena arena;
	struct document params, claims;
	struct sp_judge_history past;
	uint8_t seen[SP_SNAP_SEQUENCES_MAX], scope[CLAIM_MAX], name[SP_TRIAL_NAME_MAX];
	struct sp_judge_call call;
};

int sp_trial_new(const struct sp_snap *snap, struct sp_trial **ret)
{
	struct sp_trial *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->snap = snap;
	t->arena.cap = SP_JUDGE_ARENA_BYTES;
	t->arena.p = malloc(SP_JUDGE_ARENA_BYTES);
	t->params.tok = calloc(TOKENS_MAX, sizeof(struct sp_json_tok));
	t->claims.tok = calloc(TOKENS_MAX, sizeof(struct sp_json_tok));
	if (!t->arena.p || !t->params.tok || !t->claims.tok) {
		sp_trial_free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

struct sp_trial *sp_trial_free(struct sp_trial *t)
{
	if (t) {
		free(t->arena.p);
		free(t->params.tok);
		free(t->params.text);
		free(t->claims.tok);
		free(t);
	}
	return NULL;
}

/// An object as a whole: what is spliced into a document cannot end it.
static bool object(struct document *d, struct sp_bytes text)
{
	return sp_json_scan(text, DEPTH_MAX, d->tok, TOKENS_MAX, &d->j, NULL) == 0 &&
	       sp_json_type(&d->j, 0) == SP_JSON_OBJECT;
}

static const char *wrong(struct sp_trial *t, const struct sp_trial_in *in)
{
	if (in->agent.n == 0 || in->tool.n == 0)
		return "a call needs an agent and a tool";
	if (in->arguments.n && !object(&t->params, in->arguments))
		return "the arguments are no JSON object";
	if (in->context.n && !object(&t->params, in->context))
		return "the context is no JSON object";
	if (in->claims.n && !object(&t->claims, in->claims))
		return "the claims are no JSON object";
	if (!sp_utf8_ok(in->purpose))
		return "the purpose is not UTF-8";
	t->past = (struct sp_judge_history){.tool_calls = INT64_MAX};
	if (in->history.n && sp_trial_history(in->history, &t->past) < 0)
		return "the history is not of the members denied, failed, minute, usual, calls, "
		       "new (0 or 1) and tainted (0 or 1), each 'name=number'";
	return NULL;
}

static void put_params(struct sp_out *o, const struct sp_trial_in *in)
{
	sp_out_lit(o, "{\"arguments\":");
	sp_out_bytes(o, in->arguments.n ? in->arguments : SP_LIT("null"));
	sp_out_lit(o, ",\"_meta\":{\"\":0");
	if (in->context.n) {
		sp_out_lit(o, ",\"sallyport/context\":");
		sp_out_bytes(o, in->context);
	}
	if (in->purpose.n) {
		sp_out_lit(o, ",\"sallyport/purpose\":\"");
		sp_out_json_escaped(o, in->purpose);
		sp_out_lit(o, "\"");
	}
	sp_out_lit(o, "}}");
}

static int params(struct sp_trial *t, const struct sp_trial_in *in)
{
	size_t cap = in->arguments.n + in->context.n + 6 * in->purpose.n + 256;
	uint8_t *text = realloc(t->params.text, cap);
	struct sp_out o;

	if (!text)
		return -ENOMEM;
	t->params.text = text;
	o = sp_out_init(text, cap);
	put_params(&o, in);
	if (o.overflow || !object(&t->params, sp_bytes(text, o.len)))
		return -EINVAL;
	t->call.args_doc = &t->params.j;
	t->call.meta = sp_json_get(&t->params.j, 0, SP_LIT("_meta"));
	if (in->arguments.n)
		t->call.args = sp_json_get(&t->params.j, 0, SP_LIT("arguments"));
	return 0;
}

static struct sp_bytes claim(struct sp_trial *t, struct sp_bytes name)
{
	uint32_t at = sp_json_get(&t->claims.j, 0, name);
	struct sp_bytes ret;

	if (at == SP_JSON_NONE || sp_json_str(&t->claims.j, at, t->scope, sizeof(t->scope), &ret) < 0)
		return SP_NOBYTES;
	return ret;
}

static void from_claims(struct sp_trial *t)
{
	t->call.claims = &t->claims.j;
	if (t->call.scopes.n == 0)
		t->call.scopes = claim(t, SP_LIT("scope"));
}

int sp_trial_set(struct sp_trial *t, const struct sp_trial_in *in, const char **ret_wrong)
{
	const char *what = wrong(t, in);
	int err;

	if (what) {
		*ret_wrong = what;
		return -EINVAL;
	}
	t->call = (struct sp_judge_call){
		.snap = t->snap,
		.agent = sp_snap_find_agent(t->snap, in->agent),
		.args = SP_JSON_NONE,
		.meta = SP_JSON_NONE,
		.scopes = in->scopes,
		.session = in->session,
		.peer = in->peer,
		.route = in->route,
		.upstream = in->upstream,
		.method = SP_LIT("tools/call"),
		.wall_ns = in->wall_ns,
		.history = &t->past,
		.arena = &t->arena,
	};
	sp_trial_name(&t->call, in->tool, in->upstream, t->name);
	err = params(t, in);
	if (err) {
		*ret_wrong = "arguments and context are too large";
		return err;
	}
	if (in->claims.n)
		from_claims(t);
	memset(t->seen, 0, sizeof(t->seen));
	if (t->call.agent != SP_SNAP_NONE)
		sp_trial_order(&t->call, in, t->seen, &t->past);
	return 0;
}

enum sp_reason sp_trial_judge(
	struct sp_trial *t, struct sp_judge_trace *trace, struct sp_judge_verdict *v)
{
	if (t->call.agent != SP_SNAP_NONE) {
		t->call.trace = trace;
		return sp_judge(&t->call, v);
	}
	sp_judge_begin(v);
	v->reason = SP_REASON_AGENT_UNKNOWN;
	if (trace)
		trace->add(trace, &(struct sp_trace_line){.kind = SP_TRACE_VERDICT,
					  .number = v->reason,
					  .name = sp_bytes_cstr(sp_reason_info(v->reason)->name),
					  .text = SP_LIT("deny: the policy names no such agent")});
	return v->reason;
}

bool sp_trial_is_peer(struct sp_bytes s)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, 0, s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

const char *sp_trial_decision(const struct sp_judge_verdict *v)
{
	return v->reason == SP_REASON_NONE ? "allow" : v->review ? "review" : "deny";
}

bool sp_trial_decides(enum sp_reason reason)
{
	switch (reason) {
	case SP_REASON_NONE:
	case SP_REASON_AGENT_UNKNOWN:
	case SP_REASON_SCOPE_INSUFFICIENT:
	case SP_REASON_TOOL_DENIED:
		return true;
	default:
		return (reason >= SP_REASON_RULE_DENIED && reason <= SP_REASON_PURPOSE_MISSING) ||
		       (reason >= SP_REASON_SQL_DENIED && reason <= SP_REASON_REVIEW_SEQUENCE);
	}
}
