/// Test cases of policies: a YAML file of calls and what is expected of them.
#pragma once

#include "config/tree.h"
#include "config/trial/trial.h"

#define SP_CASES_MAX 100000u
#define SP_CASE_TIME "2026-01-05T12:00:00Z" ///< when calls are made that say nothing of it: a Monday

struct sp_case {
	const char *name, *skip; ///< skip: why it is not run, or NULL
	struct sp_at at;
	struct sp_trial_in in;
	struct {
		const char *decision, *reason, *rule; ///< NULL = any
		bool score;
		uint32_t score_min, score_max;
	} expect;
};
struct sp_cases {
	struct sp_tree tree; ///< owns every text
	struct sp_case *v;
	uint32_t n;
};
/// 0, -EBADMSG with problems in `check`, -ENOMEM. Pure, heap.
SP_MUST_CHECK int sp_cases_read(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_cases *ret);
void sp_cases_done(struct sp_cases *c);

/// A node as JSON in the arena: what is quoted is a string, else null, true, false and numbers are what they look
/// like. -ENOMEM.
SP_MUST_CHECK int sp_case_json(
	struct sp_arena *arena, const struct sp_node *n, struct sp_bytes *ret);
