/// The policy snapshot: one flat, position-independent, checksummed blob that answers everything a
/// worker asks while it judges. Built by control (config/snapshot_build.c), read in place by workers.
/// Reading takes no lock, makes no system call and allocates nothing. All integers native-endian.
///
/// A string is an offset and a length into the blob. Tables are arrays at an offset. Lookups by name go
/// through open-addressing indexes of u32 (entry number + 1, 0 = empty) hashed by sp_snap_hash().
#pragma once

#include "common/bytes.h"
#include "common/level.h"
#include "common/method.h"
#include "config/snapshot_tables.h"

#define SP_SNAP_MAGIC 0x50414e5359415350ull
#define SP_SNAP_LAYOUT 5u

enum sp_jwt_alg { SP_ALG_RS256 = 1, SP_ALG_PS256, SP_ALG_ES256, SP_ALG_ES384, SP_ALG_EDDSA };
#define SP_JWT_ALG_BIT(alg) (1u << (alg))
const char *sp_jwt_alg_name(enum sp_jwt_alg alg); ///< "ES256"; "" for none of ours
SP_MUST_CHECK int sp_jwt_alg_parse(struct sp_bytes s, enum sp_jwt_alg *ret); ///< exact; -ENOENT

/// One verification key: what its JWK said, and its SubjectPublicKeyInfo in DER.
struct sp_snap_key {
	struct sp_snap_str kid; ///< empty only when the set has a single key
	struct sp_snap_str spki;
	uint32_t alg; ///< enum sp_jwt_alg: the one algorithm this key verifies
	uint32_t issuer;
};
struct sp_snap_issuer {
	struct sp_snap_str iss;         ///< exact
	struct sp_snap_str agent_claim; ///< the claim that names the agent: sub, client_id, azp or a string of its own
	struct sp_snap_table audiences; ///< struct sp_snap_str, besides the route's own resource URI
	struct sp_snap_table keys;      ///< struct sp_snap_key
	uint32_t algs;                  ///< bit per enum sp_jwt_alg
	uint32_t require_at_jwt;        ///< typ must be at+jwt (RFC 9068)
	uint64_t leeway_ns, max_lifetime_ns;
	uint64_t keys_valid_until_ns; ///< wall time; a stale key set denies
};

enum sp_upstream_kind { SP_UP_TCP = 0, SP_UP_TLS = 1, SP_UP_UNIX = 2 };
enum sp_upstream_era { SP_ERA_AUTO = 0, SP_ERA_LEGACY = 1, SP_ERA_MODERN = 2, SP_ERA_BOTH = 3 };
/// AUTO: what ALPN chooses in TLS, else HTTP/1.1. 2 without TLS is by prior knowledge (RFC 9113 3.3).
enum sp_upstream_http { SP_UP_HTTP_AUTO = 0, SP_UP_HTTP_1 = 1, SP_UP_HTTP_2 = 2 };
#define SP_UPSTREAM_ADDRS_MAX 4u

struct sp_snap_upstream {
	struct sp_snap_str name;
	struct sp_snap_str host;        ///< value of the Host header
	struct sp_snap_str path;        ///< request target of the MCP endpoint
	struct sp_snap_str server_name; ///< TLS: SNI and name to verify
	struct sp_snap_str ca_pem;      ///< TLS: trust; empty = system store
	struct sp_snap_str credential;  ///< a complete "Name: value\r\n" line sent upstream, or empty
	uint64_t identity;              ///< hash of all of the above and addresses: names its pool and breaker
	uint32_t kind, era, http;       ///< http: enum sp_upstream_http
	uint32_t max_connections, breaker_failures;
	uint64_t connect_ns, response_ns, idle_ns, breaker_open_ns;
	uint32_t addrs_n;
	uint32_t addr_len[SP_UPSTREAM_ADDRS_MAX];
	uint8_t addr[SP_UPSTREAM_ADDRS_MAX][128]; ///< struct sockaddr of some family
};

/// An endpoint agents POST to.
struct sp_snap_route {
	struct sp_snap_str path;     ///< exact
	struct sp_snap_str resource; ///< canonical resource URI: audience, metadata and challenge
	struct sp_snap_str scopes;   ///< space-separated scopes every request needs, or empty
	struct sp_snap_str metadata; ///< the RFC 9728 document, JSON, complete
	struct sp_snap_str metadata_url; ///< for WWW-Authenticate
	struct sp_snap_table upstreams;  ///< u32 upstream numbers; more than one = names are prefixed
	struct sp_snap_table hosts;      ///< struct sp_snap_str: accepted Host values (with port when sent)
	struct sp_snap_table origins;    ///< struct sp_snap_str: accepted Origin values
	uint32_t methods;                ///< bit per enum sp_method that is passed; see common/method.h
	uint32_t legacy, modern;         ///< served eras
	uint32_t prefixed;               ///< names are "<upstream>__<name>" even with one upstream
	uint32_t auth_none;              ///< development only: no token; identity is `anonymous_agent`
	struct sp_snap_str anonymous_agent;
};

struct sp_snap_agent {
	struct sp_snap_str name;
	struct sp_snap_str source; ///< file the policy came from, for `policy show`
	uint32_t limit_slot;       ///< in the limits region
	uint32_t audit_level;      ///< enum sp_audit_level
	uint32_t per_minute, per_hour; ///< 0 = not limited
	uint64_t per_request_tokens, daily_tokens;
	uint32_t actions_off; ///< bitmap over actions: bit a = may call action a
	uint32_t reserved;
};
struct sp_snap_action {
	struct sp_snap_str name; ///< a tool's name, bare or "<upstream>__<name>"
	uint32_t agents;         ///< how many agents may call it
};

struct sp_snap_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t bytes; ///< of the blob
	uint64_t generation;
	uint64_t auth_epoch; ///< changes only when issuers, keys, or audiences change: token caches key on it
	uint64_t built_ns;   ///< wall time
	uint8_t policy_sha256[32]; ///< of the source files: goes into every record
	uint8_t checksum[8];       ///< over the whole blob with this field zero
	struct sp_snap_str profile;
	uint32_t default_audit_level; ///< of calls whose agent is unknown, and of refusals
	uint32_t actions_words;       ///< u64 words in an agent's bitmap
	uint32_t record_arguments;    ///< decisions carry the arguments as sent
	uint32_t reserved;
	struct sp_snap_table issuers, keys, upstreams, routes, agents, actions;
	struct sp_snap_index agents_index, actions_index, issuers_index;
	struct sp_snap_policy policy;
};

struct sp_snap {
	const uint8_t *base;
	const struct sp_snap_header *h;
};

uint64_t sp_snap_hash(struct sp_bytes b);
/// Check magic, layout, checksum and every offset once; afterwards all accessors are safe on it.
/// `base` is 8-byte aligned and may hold more than the blob. -EINVAL no snapshot or cut short, -ESTALE
/// another layout, -EBADMSG damaged.
SP_MUST_CHECK int sp_snap_open(const void *base, size_t n, struct sp_snap *ret);
/// For a reader of memory whose writer opened the blob there: magic, layout and length alone are looked at, so that
/// taking up a new generation does not depend on its size. Errors as above.
SP_MUST_CHECK int sp_snap_attach(const void *base, size_t n, struct sp_snap *ret);

static inline struct sp_bytes sp_snap_str(const struct sp_snap *s, struct sp_snap_str v)
{
	return sp_bytes(s->base + v.off, v.len);
}
/// Entry `i` of a table of `size`-byte entries; the caller keeps i < n.
static inline const void *sp_snap_at(const struct sp_snap *s, struct sp_snap_table t, uint32_t i, size_t size)
{
	return s->base + t.off + (size_t)i * size;
}
#define SP_SNAP_GET(s, table, type, i) ((const struct type *)sp_snap_at((s), (table), (i), sizeof(struct type)))
static inline const struct sp_snap_agent *sp_snap_agent(const struct sp_snap *s, uint32_t i)
{
	return SP_SNAP_GET(s, s->h->agents, sp_snap_agent, i);
}
static inline const struct sp_snap_upstream *sp_snap_upstream(const struct sp_snap *s, uint32_t i)
{
	return SP_SNAP_GET(s, s->h->upstreams, sp_snap_upstream, i);
}
static inline const struct sp_snap_route *sp_snap_route(const struct sp_snap *s, uint32_t i)
{
	return SP_SNAP_GET(s, s->h->routes, sp_snap_route, i);
}
uint32_t sp_snap_find_agent(const struct sp_snap *s, struct sp_bytes name);   ///< or SP_SNAP_NONE
uint32_t sp_snap_find_action(const struct sp_snap *s, struct sp_bytes name);  ///< or SP_SNAP_NONE
uint32_t sp_snap_find_issuer(const struct sp_snap *s, struct sp_bytes iss);   ///< or SP_SNAP_NONE
uint32_t sp_snap_find_route(const struct sp_snap *s, struct sp_bytes path);   ///< or SP_SNAP_NONE
/// Default deny: true only when the agent's policy names the action.
bool sp_snap_allows(const struct sp_snap *s, const struct sp_snap_agent *a, uint32_t action);
