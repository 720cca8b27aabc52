/// What many records of a worker say alike, encoded once. Zero when the worker begins; its own, nothing is freed.
#pragma once

#include "common/level.h"
#include "common/record.h"

#define SP_RECORD_WAYS 8u

struct sp_record_phrases {
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
};
