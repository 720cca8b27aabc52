/// Every struct that lives in memory shared by processes, and nothing else. Each field names its one
/// writer. No pointers: offsets from the region's start, resolved by sp_shm_at(). A region opens with
/// a print of its layout; a process built from another layout refuses to attach (-ESTALE).
///
/// The supervisor creates every region (memfd, sized, sealed against resizing) and hands each process
/// just the descriptors of its role; see ARCHITECTURE.md "Who may write what".
#pragma once

#include "common/base.h"
#include "common/stats.h"

#define SP_SHM_MAGIC 0x54524f5059414c53ull // "SALYPORT", little-endian
#define SP_SHM_LAYOUT 14u                  // raise with every change below
#define SP_WORKERS_MAX 64u
#define SP_POLICY_SLOTS 8u

enum sp_region_kind {
	SP_REGION_ROOT = 1,  ///< heartbeats, generations, counters, RCU: all processes
	SP_REGION_POLICY,    ///< policy snapshots: control writes, workers map read-only
	SP_REGION_SECRETS,   ///< certificates, private keys, ticket and session keys: as policy
	SP_REGION_REVOKED,   ///< revocations: control writes, workers map read-only
	SP_REGION_LIMITS,    ///< rate and budget windows: shared atomics, workers and control
	SP_REGION_CHANNEL,   ///< one a worker: audit ring, inbox, outbox
	SP_REGION_PLAN,      ///< struct sp_plan (common/plan.h): control's one-shot writes, all read
};

struct sp_shm_print {
	uint64_t magic;
	uint32_t layout;
	uint32_t kind;      ///< enum sp_region_kind
	uint64_t size;      ///< bytes of the region
	uint64_t root_size; ///< sizeof the struct that opens the region: a cheap layout check
};

#define SP_CANCELLED_MAX 64u
/// A call some agent gave up at this worker while another one has it. Torn entries name no call.
struct sp_cancelled {
	_Atomic uint64_t key, at_ns; ///< hash of session and id; boot time
	_Atomic uint32_t party;      ///< where it hangs among the calls in flight
};

/// What the supervisor and one worker say of that worker.
struct sp_worker_slot {
	alignas(SP_CACHE_LINE) _Atomic uint32_t pid; ///< supervisor; 0 = not running
	_Atomic uint32_t epoch;                      ///< supervisor; +1 at each start, 1 the first
	alignas(SP_CACHE_LINE) _Atomic uint64_t beat_ns; ///< worker, boot time
	_Atomic uint64_t seen_policy;                ///< worker: generation it judges by
	_Atomic uint64_t seen_secrets;               ///< worker: secrets generation in use
	_Atomic uint64_t seen_revoked;               ///< worker: revocation count it has seen
	_Atomic uint32_t sleeping;                   ///< worker: 1 while it waits in the kernel
	_Atomic uint32_t state;                      ///< worker: enum sp_process_state
	_Atomic uint32_t pins[SP_POLICY_SLOTS];      ///< worker: calls in flight judged by a slot
	/// worker: the candidate it judges beside the policy, 0 = none; calls it judged, and those it
	/// would have ended otherwise, over all lives of the worker
	alignas(SP_CACHE_LINE) _Atomic uint64_t shadow_generation, shadow_judged, shadow_differed;
	alignas(SP_CACHE_LINE) _Atomic uint64_t stat[SP_STAT__COUNT]; ///< worker
	alignas(SP_CACHE_LINE) _Atomic uint64_t cancels;         ///< worker: entries ever written
	struct sp_cancelled cancelled[SP_CANCELLED_MAX];         ///< worker: the last of them
};

enum sp_process_state { SP_STATE_STARTING = 0, SP_STATE_READY, SP_STATE_DRAINING, SP_STATE_GONE };

/// State of the audit store as the workers must know it.
enum sp_audit_state {
	SP_STORE_STARTING = 0, ///< not yet opened and verified
	SP_STORE_READY = 1,
	SP_STORE_LATCHED = 2, ///< a write or sync failed: no strict or enhanced call is forwarded
	SP_STORE_FULL = 3,    ///< the reserve of free space is reached: the same
};

struct sp_audit_slot {
	alignas(SP_CACHE_LINE) _Atomic uint32_t state; ///< audit: enum sp_audit_state
	_Atomic uint32_t sleeping;  ///< audit: 1 while it waits in the kernel; strict producers wake it
	_Atomic uint64_t beat_ns;   ///< audit, boot time
	_Atomic uint64_t seq;       ///< audit: last sequence number that is durable
	_Atomic uint64_t records;   ///< audit: records made durable since start
	_Atomic uint64_t commits;   ///< audit: write+sync groups since start
	_Atomic uint64_t errors;    ///< audit: store errors since start
	_Atomic uint64_t in_doubt;  ///< audit: in-doubt records written since start
	_Atomic uint64_t bytes;     ///< audit: journal bytes since start
	_Atomic uint32_t pid;       ///< supervisor
	_Atomic uint32_t epoch;     ///< supervisor
};

#define SP_ROLES_MAX 256u // four lists of 64 names
struct sp_control_slot {
	alignas(SP_CACHE_LINE) _Atomic uint64_t beat_ns; ///< control, boot time
	_Atomic uint32_t state;                          ///< control: enum sp_process_state
	_Atomic uint32_t pid;                            ///< supervisor
	_Atomic uint32_t epoch;                          ///< supervisor
	_Atomic uint32_t roles_turn, roles_n;                    ///< control: odd while it writes
	_Atomic uint64_t role[SP_ROLES_MAX];                     ///< control: common/role_table.h
};

struct sp_root {
	struct sp_shm_print print; ///< supervisor, once
	uint32_t workers;          ///< supervisor, once
	uint32_t reserved;
	uint8_t boot_id[16]; ///< supervisor, once: random, names this life of the gateway
	uint64_t qsbr_off;   ///< supervisor, once: struct rte_rcu_qsbr, one reader a worker
	uint64_t qsbr_bytes;
	/// control: generation << 8 | slot; 0 = nothing published. Loaded once a loop turn.
	alignas(SP_CACHE_LINE) _Atomic uint64_t policy_head;
	_Atomic uint64_t shadow_head;  ///< control: the same of the candidate in shadow; 0 = none
	_Atomic uint64_t secrets_head; ///< control: generation << 8 | half
	_Atomic uint64_t revoked_head; ///< control: number of revocations ever made
	_Atomic uint32_t run_state;    ///< supervisor: 0 run, 1 drain and leave
	_Atomic uint64_t drain_deadline_ns; ///< supervisor, boot time; valid once run_state is 1
	struct sp_control_slot control;
	struct sp_audit_slot audit;
	struct sp_worker_slot worker[SP_WORKERS_MAX];
};

/// Snapshots lie in fixed slots: slot i at slots_off + i * slot_bytes (format: config/snapshot.h).
struct sp_policy_region {
	struct sp_shm_print print; ///< supervisor, once
	uint64_t slots_off, slot_bytes;
	/// control: bytes used in a slot, 0 = empty; stable while any worker may read the slot.
	_Atomic uint64_t used[SP_POLICY_SLOTS];
};

#define SP_TICKET_KEYS 3u
#define SP_CERTS_MAX 32u
#define SP_CERT_NAMES_MAX 16u

/// One certificate with its key, PEM, at offsets from the start of its half.
struct sp_secret_cert {
	uint32_t chain_off, chain_len; ///< leaf first
	uint32_t key_off, key_len;
	uint32_t names_n; ///< exact or "*.example" names answered by SNI; none = the default
	char names[SP_CERT_NAMES_MAX][128];
};
struct sp_ticket_key {
	uint8_t name[16], aes[32], hmac[32];
};
/// One half: written whole by control while no worker uses it, then published by secrets_head.
struct sp_secrets_half {
	uint64_t generation;
	uint32_t bytes; ///< of the half, from its start
	uint32_t certs_n;
	uint32_t client_ca_off, client_ca_len; ///< PEM; len 0 = no client certificates asked for
	struct sp_ticket_key ticket[SP_TICKET_KEYS]; ///< [0] issues, the others still open
	uint8_t session_key[2][32];                  ///< AES-256-GCM for session ids; [0] seals
	uint8_t session_key_id[2];
	struct sp_secret_cert cert[SP_CERTS_MAX];
};
struct sp_secrets_region {
	struct sp_shm_print print; ///< supervisor, once
	uint64_t half_off[2], half_bytes;
};

/// Open addressing by the first bytes of SHA-256(kind byte || id). Insert only; a restart compacts.
struct sp_revoked_entry {
	_Atomic uint64_t hi; ///< control; written before lo
	_Atomic uint64_t lo; ///< control; 0 = empty
};
struct sp_revoked_region {
	struct sp_shm_print print; ///< supervisor, once
	uint64_t entries_off;
	uint32_t capacity; ///< a power of two, supervisor, once; control refuses at 3/4 full
	_Atomic uint32_t used; ///< control
};

/// What is remembered of one agent, for the risk score: windows of ten minutes and of one, `start << 24 |
/// count`, start in milliseconds of boot time; and the calls a minute that are usual, in sixteenths.
struct sp_agent_past {
	alignas(SP_CACHE_LINE) _Atomic uint64_t denied; ///< any worker, compare-and-swap
	_Atomic uint64_t failed;  ///< any worker, compare-and-swap
	_Atomic uint64_t minute;  ///< any worker, compare-and-swap
	_Atomic uint64_t usual;   ///< the worker that opened a new minute
	_Atomic uint64_t key;     ///< control: hash of the agent's name, 0 = free
};
/// Layout after the struct: an agent's past each, pairs, windows (common/windows.h).
struct sp_limits_region {
	struct sp_shm_print print; ///< supervisor, once
	uint64_t pasts_off, pairs_off, windows_off; ///< supervisor, once
	uint32_t capacity, windows; ///< supervisor, once: agents; cells
	uint32_t pairs; ///< supervisor, once: a power of two
	_Atomic uint32_t used; ///< control
	uint64_t session_ns; ///< supervisor, once
	uint32_t agent_percent, reserved; ///< supervisor, once: of a bucket's cells
	uint64_t salt; ///< supervisor, once: of all keys, random
};

/// A worker's rings, each a single-producer single-consumer rte_ring at an offset.
struct sp_audit_desc {
	uint64_t seq; ///< of this worker, over all its lives: 1, 2, 3 ...
	uint32_t off; ///< in the arena
	uint32_t len;
};
struct sp_control_msg {
	uint32_t type; ///< enum sp_control_msg_type
	uint32_t epoch;
	uint8_t payload[56];
};
enum sp_control_msg_type {
	SP_MSG_KEY_UNKNOWN = 1, ///< worker to control: payload = issuer index (u32), generation (u64)
	SP_MSG_WAKE = 2,        ///< either way: look at the shared words again
	SP_MSG_SESSION_END = 3, ///< worker to control: payload = SHA-256 of the session's number; revoke it
};
struct sp_channel_region {
	struct sp_shm_print print; ///< supervisor, once
	uint32_t worker;           ///< supervisor, once
	uint32_t entries;          ///< capacity of the audit ring, supervisor, once
	uint64_t audit_ring_off;   ///< elements: struct sp_audit_desc; worker to audit
	uint64_t arena_off, arena_bytes;
	uint64_t inbox_off;  ///< elements: struct sp_control_msg; control to worker
	uint64_t outbox_off; ///< elements: struct sp_control_msg; worker to control
	alignas(SP_CACHE_LINE) _Atomic uint64_t arena_head; ///< worker: bytes ever reserved
	_Atomic uint64_t produced_seq;                      ///< worker
	alignas(SP_CACHE_LINE) _Atomic uint64_t arena_tail; ///< audit: bytes ever released
	_Atomic uint64_t durable_seq; ///< audit: this worker's records up to here are durable
	_Atomic uint32_t want_wake;   ///< worker: 1 = kick my eventfd when durable_seq moves
};
