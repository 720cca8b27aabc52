#include "config/judge/judge_in.h"
#include "common/banned.h"

typedef enum sp_reason question(const struct sp_judge_call *c, struct sp_judge_verdict *v);
static question *const questions[] = {sp_judge_authorize, sp_judge_intent, sp_judge_arguments,
	sp_judge_sequences, sp_judge_score};

static void trace_verdict(const struct sp_judge_call *c, const struct sp_judge_verdict *v)
{
	const struct sp_reason_info *info = sp_reason_info(v->reason);
	uint8_t buf[320];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	sp_out_bytes(&out, v->reason == SP_REASON_NONE ? SP_LIT("allow")
			   : v->review		       ? SP_LIT("review: ")
						       : SP_LIT("deny: "));
	if (v->reason != SP_REASON_NONE)
		sp_out_bytes(&out, sp_bytes_cstr(info->text));
	if (v->detail[0]) {
		sp_out_lit(&out, " (");
		sp_out_bytes(&out, sp_bytes_cstr(v->detail));
		sp_out_lit(&out, ")");
	}
	sp_out_lit(&out, "; score ");
	sp_out_u64(&out, v->score);
	c->trace->add(c->trace, &(struct sp_trace_line){
		.kind = SP_TRACE_VERDICT,
		.number = v->reason,
		.holds = v->reason == SP_REASON_NONE,
		.points = (int32_t)v->score,
		.name = sp_bytes_cstr(info->name),
		.text = sp_bytes(out.p, out.len),
	});
}

enum sp_reason sp_judge(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];

	sp_judge_begin(v);
	for (size_t i = 0; i < SP_ARRAY_LEN(questions); i++) {
		if (questions[i](c, v) != SP_REASON_NONE && !c->trace)
			return v->reason;
		if (i == 0 && c->trace)
			sp_judge_limits(c, v, limit, SP_JUDGE_LIMITS_MAX);
	}
	if (c->trace)
		trace_verdict(c, v);
	return v->reason;
}

struct sp_bytes sp_judge_peer(struct sp_bytes address)
{
	size_t n = address.n;

	while (n > 0 && address.p[n - 1] != ':')
		n--;
	if (n < 2)
		return address;
	n--;
	if (n > 2 && address.p[0] == '[' && address.p[n - 1] == ']')
		return sp_bytes(address.p + 1, n - 2);
	return sp_bytes(address.p, n);
}
