/// A judgement told to people and programs: lines of a trace as text, or as a JSON array. Pure; tools, control.
#pragma once

#include "config/judge/judge.h"

/// Give `&e.trace` to a call; one explanation a judgement. `out` belongs to the caller and tells of overflow.
struct sp_explain {
	struct sp_judge_trace trace;
	struct sp_out *out;
	bool json;
	uint32_t lines;
};
void sp_explain_begin(struct sp_explain *e, struct sp_out *out, bool json);
void sp_explain_end(struct sp_explain *e);
const char *sp_trace_kind_name(enum sp_trace_kind k); ///< "rule", "condition" ...
