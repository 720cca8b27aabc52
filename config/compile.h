/// Configuration, policy, keys and what was looked up for upstreams, compiled into the one snapshot
/// that workers judge by. Pure but for giving out limit slots. Control process, `policy check`,
/// tests.
#pragma once

#include "common/shm.h"
#include "config/gateway.h"
#include "config/jwks.h"
#include "config/policy.h"

/// The key set of an issuer; `set` NULL = none read yet, which denies its tokens.
struct sp_issuer_keys {
	const struct sp_jwks *set;
	uint64_t valid_until_ns; ///< wall time
};
/// What config/load.h found for an upstream.
struct sp_upstream_facts {
	struct sp_bytes ca_pem; ///< empty = the system's trust
	struct sp_bytes credential; ///< value of its header; empty when it has none
	uint32_t addrs_n; ///< 0 = its name did not resolve: calls to it fail as unreachable
	uint32_t addr_len[SP_UPSTREAM_ADDRS_MAX];
	uint8_t addr[SP_UPSTREAM_ADDRS_MAX][128];
	int resolve_err; ///< 0 or why: -EAI_* of getaddrinfo
};
struct sp_compile_in {
	const struct sp_gateway *gateway; ///< NULL = the policy alone, for a check without one
	const struct sp_policy *policy; ///< sealed
	const struct sp_issuer_keys *keys; ///< one an issuer of the gateway
	const struct sp_upstream_facts *upstreams; ///< one an upstream of the gateway
	const struct sp_shm
		*limits; ///< slots are found or taken here; NULL = numbered, for a check only
	uint64_t generation, built_ns;
};

/// 0 and *ret (freed with free()), -EBADMSG with the problem in `check`, -ENOMEM.
SP_MUST_CHECK int sp_compile(
	const struct sp_compile_in *in, struct sp_check *check, uint8_t **ret, size_t *ret_n);
