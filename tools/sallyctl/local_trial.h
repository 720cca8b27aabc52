/// A judgement with its explanation, as local commands print it.
#pragma once

#include "config/trial/trial.h"

struct sp_local_judged {
	struct sp_judge_verdict live; ///< as a worker comes to it, ending at the first refusal
	struct sp_judge_verdict full; ///< every question asked: its score is always worked out
	uint8_t *text; ///< the explanation, free()
	size_t n;
};
/// Judge the call set in `t`. `also` (may be NULL) is told every line, too. -ENOMEM.
SP_MUST_CHECK int sp_local_judge(struct sp_trial *t, bool json, struct sp_judge_trace *also,
	struct sp_local_judged *ret);
/// Terms of a score that are not 0: "class=20 egress=10", as decisions record them.
void sp_local_terms(const struct sp_judge_verdict *v, struct sp_out *out);
/// Members of a JSON object that is open: decision, reason, detail, rule, score, terms.
void sp_local_put_verdict(const struct sp_snap *s, const struct sp_judge_verdict *v, uint32_t score);
