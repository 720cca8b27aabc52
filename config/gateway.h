/// The gateway's configuration (sallyport.yaml), typed. Made by sp_gateway_parse() or not at all:
/// every value is in its range and the parts fit each other. Immutable afterwards; strings live as
/// long as it. Control process, tools and tests. Files it names are not read here: see
/// config/load.h.
#pragma once

#include "config/schema.h"
#include "config/snapshot.h"
#include "common/plan.h"

enum sp_profile { SP_PROFILE_DEVELOPMENT = 0, SP_PROFILE_PRODUCTION, SP_PROFILE_COMPLIANCE };
const char *sp_profile_name(enum sp_profile p);

struct sp_gw_workers {
	struct sp_group_at at;
	uint64_t count; ///< 0 = one a CPU
	uint32_t mode; ///< enum sp_worker_mode
	uint64_t first_cpu; ///< UINT64_MAX = not pinned
	uint64_t spin_ns, restart_min_ns, restart_max_ns;
};
struct sp_gw_listener {
	struct sp_group_at at;
	struct sp_text address;
	bool tls;
	bool port; ///< on the workers' own ports
	uint64_t backlog;
	struct sockaddr_storage addr; ///< what `address` says
	uint32_t addr_len;
};
/// A network port of one worker, which then has a TCP/IP stack of its own.
struct sp_gw_port {
	struct sp_group_at at;
	struct sp_text device, mac;
	struct sp_texts addresses, gateways;
	uint64_t mtu, vlan, frames, half_open;
	struct sp_port port; ///< what all that says
};
struct sp_gw_certificate {
	struct sp_group_at at;
	struct sp_text chain, key;
	struct sp_texts names;
};
struct sp_gw_tls {
	struct sp_group_at at;
	struct sp_groups certificates; ///< struct sp_gw_certificate
	struct sp_text client_ca;
	uint64_t ticket_rotation_ns;
	uint32_t records; ///< enum sp_tls_records
};
struct sp_gw_issuer {
	struct sp_group_at at;
	struct sp_text issuer, agent_claim;
	struct sp_texts audiences, algorithms;
	struct sp_text jwks_file, jwks_uri; ///< at most one; neither = OIDC discovery
	bool discovery, require_at_jwt, allow_private_address;
	uint64_t leeway_ns, max_lifetime_ns, refresh_ns, keys_max_age_ns;
	struct sp_text ca_file; ///< trust for fetching; NULL = the system's
	uint32_t algs; ///< SP_JWT_ALG_BIT each of `algorithms`
};
struct sp_gw_credential {
	struct sp_group_at at; ///< line 0 = none
	struct sp_text header, value_file;
};
struct sp_gw_breaker {
	struct sp_group_at at;
	uint64_t failures, open_ns;
};
struct sp_gw_upstream {
	struct sp_group_at at;
	struct sp_text name, url, ca_file;
	struct sp_gw_credential credential;
	uint32_t era; ///< enum sp_upstream_era
	uint32_t http; ///< enum sp_upstream_http
	uint64_t connect_ns, response_ns, idle_ns, max_connections;
	struct sp_gw_breaker breaker;
	enum sp_upstream_kind kind; ///< these follow from the url
	const char *host; ///< Host header: "name" or "name:port"; "localhost" for a unix socket
	const char *address; ///< name or literal to resolve, or the socket's path
	const char *path; ///< request target
	uint16_t port;
};
struct sp_gw_route {
	struct sp_group_at at;
	struct sp_text path, resource, anonymous_agent;
	struct sp_texts upstreams, scopes, hosts, origins, methods, eras;
	bool prefix;
	uint32_t *upstream_no; ///< of each of `upstreams`, in the gateway's list
	uint32_t method_bits; ///< 1 << enum sp_method each
	bool legacy, modern;
	bool auth_none;
	const char **host_names; ///< `hosts`, or what the resource implies
	uint32_t host_names_n;
};
struct sp_gw_policy {
	struct sp_group_at at;
	struct sp_text directory;
	uint32_t default_audit_level; ///< enum sp_audit_level
};
/// Sizes and limits of one worker and of the shared regions: as in struct sp_plan.
struct sp_gw_limits {
	struct sp_group_at at;
	uint64_t max_connections, max_connections_per_address, max_calls, max_calls_per_agent;
	uint64_t max_upstream_connections, max_head_bytes, max_headers, max_body_bytes;
	uint64_t max_answer_bytes, max_json_depth, max_json_tokens, buffer_blocks;
	uint64_t handshakes_per_turn, handshakes_waiting;
	uint64_t max_batch, token_cache_entries, refused_tokens_per_minute, header_tools;
	uint64_t policy_slot_bytes, secrets_bytes;
	uint64_t limit_slots, limit_windows, agent_windows_percent, history_pairs, revoked_capacity;
	uint64_t audit_ring_entries, control_ring_entries;
	uint64_t audit_arena_bytes;
};
struct sp_gw_timeouts {
	struct sp_group_at at;
	uint64_t tls_ns, head_ns, body_ns, idle_ns, write_ns, sse_keepalive_ns, session_ns,
		drain_ns;
};
struct sp_gw_audit {
	struct sp_group_at at;
	uint64_t segment_bytes, flush_ns, reserve_bytes, retention_days;
	bool arguments;
};
/// Who may do what at the control socket: "user", "@group", or a number for a uid. Each role may
/// what those before it may.
struct sp_gw_roles {
	struct sp_group_at at;
	struct sp_texts viewer, reviewer, operator, admin;
};
struct sp_gw_control {
	struct sp_group_at at;
	struct sp_gw_roles roles;
};
struct sp_gw_users {
	struct sp_group_at at;
	struct sp_text worker, control, audit, group;
};

struct sp_gateway {
	struct sp_group_at at;
	uint32_t profile; ///< enum sp_profile
	struct sp_text state_dir, run_dir;
	struct sp_gw_workers workers;
	struct sp_groups listeners; ///< struct sp_gw_listener
	struct sp_groups ports; ///< struct sp_gw_port; none, or one a worker
	struct sp_gw_tls tls;
	struct sp_groups issuers; ///< struct sp_gw_issuer
	struct sp_groups upstreams; ///< struct sp_gw_upstream
	struct sp_groups routes; ///< struct sp_gw_route
	struct sp_gw_policy policy;
	struct sp_gw_limits limits;
	struct sp_gw_timeouts timeouts;
	struct sp_gw_audit audit;
	struct sp_gw_control control;
	struct sp_gw_users users;
	const char *file; ///< as given to sp_gateway_parse()
	struct sp_arena arena;
};

static inline const struct sp_gw_listener *sp_gw_listener(const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_listener *)g->listeners.v + i;
}
static inline const struct sp_gw_port *sp_gw_port(const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_port *)g->ports.v + i;
}
static inline const struct sp_gw_certificate *sp_gw_certificate(
	const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_certificate *)g->tls.certificates.v + i;
}
static inline const struct sp_gw_issuer *sp_gw_issuer(const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_issuer *)g->issuers.v + i;
}
static inline const struct sp_gw_upstream *sp_gw_upstream(const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_upstream *)g->upstreams.v + i;
}
static inline const struct sp_gw_route *sp_gw_route(const struct sp_gateway *g, uint32_t i)
{
	return (const struct sp_gw_route *)g->routes.v + i;
}

/// Text to typed configuration. 0 and *ret (sp_gateway_free()), -EBADMSG with all problems in
/// `check`, -ENOMEM. `file` names the text in messages. Pure.
SP_MUST_CHECK int sp_gateway_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_gateway **ret);
struct sp_gateway *sp_gateway_free(struct sp_gateway *g);
/// config/sallyport.example.yaml, from the schema's table.
void sp_gateway_example(struct sp_out *out);
/// Every value in force, defaults included, as a file that reads back to the same. There are no secrets in it:
/// those stand in files that it names.
void sp_gateway_show(const struct sp_gateway *g, struct sp_out *out);
/// Settings that differ and take effect only at the next start: names go to `out`, comma-separated.
/// Returns how many.
unsigned sp_gateway_needs_restart(
	const struct sp_gateway *running, const struct sp_gateway *next, struct sp_out *out);
