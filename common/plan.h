/// What is fixed for a life of the gateway: control's one-shot (`sallyport-control --plan`) derives it
/// from the configuration as an unprivileged process; the supervisor checks ranges and obeys. Flat,
/// no pointers, so the supervisor parses nothing. What may change by reload lies in the snapshot.
#pragma once

#include "common/bytes.h"
#include "common/port.h"
#include "common/shm_layout.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define SP_LISTENERS_MAX 8u
#define SP_PATH_MAX 256u

struct sp_plan_listener {
	struct sockaddr_storage addr;
	uint32_t addr_len;
	uint32_t tls; ///< 1 = TLS, 0 = plain (loopback and unix only)
	uint32_t backlog;
	uint32_t port; ///< 1 = on the workers' own ports, not the kernel's
};

enum sp_worker_mode { SP_MODE_ADAPTIVE = 0, SP_MODE_BUSY = 1 };

/// Who encrypts what TLS carries by AES-GCM: AUTO is intel-ipsec-mb where that can, else OpenSSL.
enum sp_tls_records { SP_TLS_RECORDS_AUTO = 0, SP_TLS_RECORDS_OPENSSL = 1 };

struct sp_plan {
	struct sp_shm_print print;
	uint32_t workers;
	uint32_t mode; ///< enum sp_worker_mode
	uint32_t listeners_n;
	int32_t first_cpu; ///< worker i is pinned to first_cpu + i; -1 = not pinned
	struct sp_plan_listener listener[SP_LISTENERS_MAX];
	uint32_t ports_n; ///< 0, or one a worker
	uint32_t reserved3;
	struct sp_port port[SP_WORKERS_MAX];

	// pools and limits of one worker
	uint32_t max_connections, max_connections_per_address, max_calls, max_upstream_connections;
	uint32_t max_calls_per_agent; ///< in flight, per worker
	uint32_t max_head_bytes, max_headers, max_body_bytes, max_answer_bytes;
	uint32_t max_json_depth, max_json_tokens;
	uint32_t buffer_blocks; ///< 16 KiB each
	uint32_t max_batch; ///< messages in one
	uint32_t handshakes_per_turn;
	uint32_t handshakes_waiting; ///< hellos read but not yet answered
	uint32_t tls_records; ///< enum sp_tls_records
	uint32_t token_cache_entries;
	uint32_t header_tools; ///< tools whose headers a worker checks against their arguments
	uint32_t refused_tokens_per_minute; ///< of one address, checked by a worker in vain; 0 = any number

	// deadlines
	uint64_t tls_ns, head_ns, body_ns, idle_ns, write_ns, sse_keepalive_ns, session_ns;
	uint64_t spin_ns; ///< adaptive: how long a worker spins before it sleeps

	// sizes of shared regions
	uint64_t policy_slot_bytes, secrets_bytes;
	uint32_t limit_slots, limit_windows, history_pairs, revoked_capacity;
	uint32_t audit_ring_entries, control_ring_entries;
	uint32_t agent_windows_percent; ///< of limit_windows, that one agent may have made
	uint32_t reserved4;
	uint64_t audit_arena_bytes;

	// audit store
	uint64_t segment_bytes, flush_ns, reserve_bytes;
	uint32_t retention_days; ///< 0 = keep for ever
	uint32_t reserved;

	uint64_t drain_ns; ///< graceful stop: how long calls in flight may take
	uint64_t restart_min_ns, restart_max_ns; ///< back-off of the supervisor
	uint32_t uid_worker, uid_control, uid_audit, gid; ///< 0 = stay (not root: development)
	char config_path[SP_PATH_MAX];
	char state_dir[SP_PATH_MAX]; ///< control's and audit's folders lie in it
	char run_dir[SP_PATH_MAX];   ///< the control socket lies in it
};

/// Every number within its range, every path terminated, every listener sane: 0 or -EINVAL with
/// `*ret_field` naming the first offender (static text).
SP_MUST_CHECK int sp_plan_check(const struct sp_plan *p, const char **ret_field);

/// The range of a number in the plan: one list, for this check and for the configuration's schema.
enum sp_plan_rule { SP_PLAN_ANY = 0, SP_PLAN_POWER, SP_PLAN_LINES, SP_PLAN_PAGES };
struct sp_plan_range {
	const char *field;
	uint16_t off, size; ///< in struct sp_plan; 4 or 8 bytes
	uint64_t min, max;
	enum sp_plan_rule rule; ///< a power of two, a multiple of 64 or of 4096
};
/// By offsetof(); NULL when the field has no range.
const struct sp_plan_range *sp_plan_range(size_t off);
bool sp_plan_rule_ok(enum sp_plan_rule rule, uint64_t v);
/// Reachable from this host only: 127.0.0.0/8, ::1, or a unix socket.
bool sp_addr_loopback(const struct sockaddr_storage *addr);
