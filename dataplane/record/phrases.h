/// What many records of a worker say alike, encoded once. Zero when the worker begins; its own, nothing is freed.
#pragma once

#include "common/level.h"
#include "common/policy_words.h"
#include "common/record.h"

#define SP_RECORD_WAYS 8u
#define SP_RECORD_SCORES 16u
#define SP_RECORD_OUTCOMES 8u

struct sp_record_phrases {
	/// When and where: alike in a turn.
	struct sp_record_turn {
		uint64_t wall_ns, boot_ns;
		struct sp_record_piece piece;
	} turn;
	/// Revision, method, route and upstream, by what they depend on.
	struct sp_record_way {
		uint64_t generation;
		uint32_t route, upstream, method, revision;
		struct sp_record_piece piece;
	} way[SP_RECORD_WAYS];
	/// A decision that allows, for each level.
	struct sp_record_allowed {
		uint64_t generation;
		struct sp_record_piece piece;
	} allowed[SP_AUDIT_STRICT + 1];
	/// The risk and its terms, by the risk.
	struct sp_record_scored {
		uint32_t score;
		int8_t term[SP_TERM__COUNT];
		struct sp_record_piece piece;
	} scored[SP_RECORD_SCORES];
	/// Method, level and outcome, by the outcome.
	struct sp_record_ended {
		uint32_t method, level;
		struct sp_record_piece piece;
	} ended[SP_RECORD_OUTCOMES];
};
