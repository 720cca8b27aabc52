#include "tools/sallyctl/local_trial.h"

#include "config/judge/explain.h"
#include "tools/sallyctl/local_files.h"
#include "common/banned.h"

#define TEXT_FIRST (256u << 10)
#define TEXT_MAX (256u << 20)

struct both {
	struct sp_judge_trace trace;
	struct sp_judge_trace *first, *second;
};

static void add(struct sp_judge_trace *t, const struct sp_trace_line *line)
{
	struct both *b = sp_container_of(t, struct both, trace);

	b->first->add(b->first, line);
	if (b->second)
		b->second->add(b->second, line);
}

/// -ENOSPC when the explanation does not fit.
static int explain(struct sp_trial *t, bool json, struct sp_judge_trace *also, uint8_t *text,
	size_t cap, struct sp_local_judged *ret)
{
	struct sp_out out = sp_out_init(text, cap);
	struct sp_explain e;
	struct both b = {.trace = {add}, .first = &e.trace, .second = also};

	sp_explain_begin(&e, &out, json);
	sp_trial_judge(t, &b.trace, &ret->full);
	sp_explain_end(&e);
	if (out.overflow)
		return -ENOSPC;
	ret->text = text;
	ret->n = out.len;
	return 0;
}

int sp_local_judge(struct sp_trial *t, bool json, struct sp_judge_trace *also,
	struct sp_local_judged *ret)
{
	struct sp_local_judged j = {0};

	sp_trial_judge(t, NULL, &j.live);
	for (size_t cap = TEXT_FIRST; cap <= TEXT_MAX; cap *= 4) {
		uint8_t *text = malloc(cap);

		if (!text)
			return -ENOMEM;
		if (explain(t, json, also, text, cap, &j) == 0) {
			*ret = j;
			return 0;
		}
		free(text);
	}
	return -ENOMEM;
}

void sp_local_terms(const struct sp_judge_verdict *v, struct sp_out *out)
{
	for (unsigned i = 0; i < SP_TERM__COUNT; i++) {
		if (v->term[i] <= 0)
			continue;
		if (out->len)
			sp_out_lit(out, " ");
		sp_out_bytes(out, sp_bytes_cstr(sp_risk_term_name(i)));
		sp_out_lit(out, "=");
		sp_out_u64(out, (uint64_t)v->term[i]);
	}
}

void sp_local_put_verdict(const struct sp_snap *s, const struct sp_judge_verdict *v, uint32_t score)
{
	uint8_t terms[512];
	struct sp_out out = sp_out_init(terms, sizeof(terms));

	printf("\"decision\":\"%s\",\"reason\":\"%s\",\"detail\":", sp_trial_decision(v),
		sp_reason_info(v->reason)->name);
	sp_local_put_json(sp_bytes_cstr(v->detail));
	fputs(",\"rule\":", stdout);
	if (v->rule == SP_SNAP_NONE)
		fputs("null", stdout);
	else
		sp_local_put_json(
			sp_snap_str(s, SP_SNAP_POLICY(s, rules, sp_snap_rule, v->rule)->name));
	sp_local_terms(v, &out);
	printf(",\"score\":%u,\"terms\":\"%.*s\"", score, (int)out.len, (const char *)terms);
}
