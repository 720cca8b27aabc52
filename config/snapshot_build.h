/// Writes the blob of config/snapshot.h from plain structs. Pure over memory, deterministic: the
/// same input gives the same bytes. Control process and tests; allocates.
#pragma once

#include "config/snapshot.h"

struct sp_compiled;

struct sp_snap_in_strs {
	const struct sp_bytes *v;
	uint32_t n;
};
struct sp_snap_in_key {
	struct sp_bytes kid, spki;
	enum sp_jwt_alg alg;
};
struct sp_snap_in_issuer {
	struct sp_bytes iss, agent_claim;
	struct sp_snap_in_strs audiences;
	const struct sp_snap_in_key *keys;
	uint32_t keys_n;
	uint32_t algs; ///< SP_JWT_ALG_BIT each
	bool require_at_jwt;
	uint64_t leeway_ns, max_lifetime_ns, keys_valid_until_ns;
};
struct sp_snap_in_upstream {
	struct sp_bytes name, host, path, server_name, ca_pem, credential;
	enum sp_upstream_kind kind;
	enum sp_upstream_era era;
	enum sp_upstream_http http;
	uint32_t max_connections, breaker_failures;
	uint64_t connect_ns, response_ns, idle_ns, breaker_open_ns;
	uint32_t addrs_n;
	uint32_t addr_len[SP_UPSTREAM_ADDRS_MAX];
	uint8_t addr[SP_UPSTREAM_ADDRS_MAX][128];
};
/// Metadata document and its URL follow from the resource, the scopes and the issuers.
struct sp_snap_in_route {
	struct sp_bytes path, resource, scopes;
	struct sp_snap_in_strs hosts, origins;
	const uint32_t *upstreams;
	uint32_t upstreams_n;
	uint32_t methods; ///< 1 << enum sp_method each
	bool legacy, modern, prefixed;
	bool auth_none;
	struct sp_bytes anonymous_agent;
};
/// `actions` are numbers in sp_snap_in.actions; repeats do no harm.
struct sp_snap_in_agent {
	struct sp_bytes name, source;
	uint32_t limit_slot;
	enum sp_audit_level audit_level;
	uint32_t per_minute, per_hour;
	uint64_t per_request_tokens, daily_tokens;
	const uint32_t *actions;
	uint32_t actions_n;
};
struct sp_snap_in {
	uint64_t generation, built_ns;
	uint8_t policy_sha256[32];
	struct sp_bytes profile;
	enum sp_audit_level default_audit_level;
	bool record_arguments;
	const struct sp_snap_in_issuer *issuers;
	const struct sp_snap_in_upstream *upstreams;
	const struct sp_snap_in_route *routes;
	const struct sp_snap_in_agent *agents;
	struct sp_snap_in_strs actions;
	uint32_t issuers_n, upstreams_n, routes_n, agents_n;
	const struct sp_compiled *policy; ///< of these agents and actions; NULL = their allow-lists are all
};

/// *ret is heap memory, freed by the caller with free(). -EINVAL a number or name that cannot be
/// (unknown upstream or action, two agents, actions or issuers of one name, a resource that is no
/// http(s) URI), -E2BIG over 4 GiB, -ENOMEM.
SP_MUST_CHECK int sp_snap_build(const struct sp_snap_in *in, uint8_t **ret, size_t *ret_n);
/// What sp_snap_header.auth_epoch will be: a print of issuers, audiences, rules and keys.
uint64_t sp_snap_auth_epoch(const struct sp_snap_in_issuer *issuers, uint32_t n);
