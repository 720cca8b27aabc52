/// Cost of telling who calls.
#pragma once

#include "config/snapshot.h"

struct sp_bench_identity {
	double verify_us[SP_ALG_EDDSA + 1]; ///< by algorithm: a whole token of usual claims, judged
	double cache_hit_ns; ///< SHA-256 of the token not included
	double cache_hash_ns; ///< that SHA-256, over resource and an ES256 token
};
/// Medians. False when it could not be measured.
bool sp_bench_identity(struct sp_bench_identity *ret);
