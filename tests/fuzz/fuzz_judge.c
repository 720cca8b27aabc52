/// Any call under one policy that uses everything: no crash, the same verdict told or not, and what is allowed
/// is listed. Input: a byte for agent and tool, then params and claims as JSON with a zero byte between.
#include "config/judge/explain.h"
#include "tests/support/judge_rig.h"

#include "common/sql/sql.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void grants(struct sp_policy *p)
{
	struct sp_policy_rule *r;

	rig_agent(p, "a")->roles = rig_list(p, "r");
	rig_agent(p, "a")->environment = "staging";
	rig_agent(p, "b");
	rig_allow_list(p, "c", "read,query");
	rig_purpose(p, "support", "*");
	rig_rule(p, "open", SP_EFFECT_ALLOW, "a,b", "read,query,fetch,file", NULL);
	rig_rule(p, "sum", SP_EFFECT_DENY, NULL, "*", "has(request.sum) && request.sum > 100");
	r = rig_rule(p, "claims", SP_EFFECT_ALLOW, NULL, "up__*", "jwt.level in [1, 2, 'x']");
	rig_when(p, r, "request.list.exists(x, x == agent.identity.user)");
	rig_rule(p, "look", SP_EFFECT_REVIEW, NULL, "send*", "size(request.context) > 1");
	rig_rule(p, "text", SP_EFFECT_ALLOW, "a", "send", "request.to.matches('^[a-z]+@x$')");
	rig_rule(p, "for", SP_EFFECT_ALLOW, NULL, "pay", NULL)->purposes = rig_list(p, "support");
}

static void constraints(struct sp_policy *p)
{
	struct sp_policy_tool *t = rig_tool(p, "query");

	t->sql.on = true;
	t->sql.allow = SP_SQL_SELECT;
	t->sql.parameters = rig_list(p, "sql,db.text");
	t->required_scopes = rig_list(p, "s");
	t = rig_tool(p, "fetch");
	t->endpoint.on = true;
	t->endpoint.allow = rig_list(p, "/api/*,https://x.example/*");
	t->endpoint.forbid = rig_list(p, "/api/admin/*");
	t->has_environments = true;
	t->allowed_environments = rig_list(p, "staging");
	t = rig_tool(p, "file");
	t->path.parameters = rig_list(p, "path");
	t->path.roots = rig_list(p, "/srv");
	t->require_human_initiated = true;
	rig_tool(p, "s*")->max_argument_bytes = 500;
	rig_limit(p, "l", SP_PER_MINUTE, 5);
	rig_sequence(p, "q", SP_SEQ_FORBID_AFTER, "read", "send");
	p->risk.on = true;
}

static struct rig *rig(void)
{
	static struct rig r;

	if (r.blob)
		return &r;
	rig_init(&r);
	grants(r.p);
	constraints(r.p);
	rig_publish(&r);
	return &r;
}

static bool scan(const uint8_t *p, size_t n, struct sp_json_tok *tok, struct sp_json *ret)
{
	return sp_json_scan(sp_bytes(p, n), 32, tok, RIG_TOKENS, ret, NULL) == 0;
}

static void judge(struct rig *r)
{
	static char text[1 << 16];
	struct sp_out out = sp_out_init(text, sizeof(text));
	struct sp_judge_verdict told;
	struct sp_explain e;

	sp_explain_begin(&e, &out, true);
	r->call.trace = &e.trace;
	sp_judge(&r->call, &told);
	r->call.trace = NULL;
	sp_judge(&r->call, &r->v);
	SP_BUG_IF(told.reason != r->v.reason || told.wire_reason != r->v.wire_reason ||
		  told.review != r->v.review || strcmp(told.detail, r->v.detail) != 0);
	SP_BUG_IF(r->v.score > 100 || r->v.review != (r->v.reason >= SP_REASON_REVIEW_RISK &&
							     r->v.reason <= SP_REASON_REVIEW_SEQUENCE));
	SP_BUG_IF(r->v.reason == SP_REASON_NONE && !sp_judge_lists(&r->call));
	SP_BUG_IF(r->v.wire_reason == SP_REASON_TOOL_UNKNOWN && sp_judge_lists(&r->call));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const agents[] = {"a", "b", "c"};
	static const char *const tools[] = {"read", "query", "fetch", "file", "up__x", "send", "pay", "up__read"};
	const uint8_t *zero;
	size_t params_n;
	struct rig *r = rig();

	if (size == 0)
		return 0;
	rig_call(r, agents[data[0] % 3], tools[data[0] / 3 % 8], "");
	r->call.prefix = r->call.tool.n > 4 && data[0] & 0x80 ? 4 : 0;
	r->call.scopes = data[0] & 0x40 ? SP_LIT("s t") : SP_LIT("");
	data++;
	size--;
	zero = memchr(data, 0, size);
	params_n = zero ? (size_t)(zero - data) : size;
	if (params_n && scan(data, params_n, r->params_tok, &r->params)) {
		r->call.args_doc = &r->params;
		r->call.args = sp_json_get(&r->params, 0, SP_LIT("arguments"));
		r->call.meta = sp_json_get(&r->params, 0, SP_LIT("_meta"));
	}
	if (zero && scan(zero + 1, size - params_n - 1, r->claims_tok, &r->claims))
		r->call.claims = &r->claims;
	judge(r);
	return 0;
}
