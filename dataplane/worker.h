/// The worker: one process, one core, one loop. Everything it owns hangs here, sized at start.
/// Nothing in this struct is shared; what is shared is reached through root, channel, limits, revoked.
#pragma once

#include "common/channel.h"
#include "common/clock.h"
#include "common/history.h"
#include "common/plan.h"
#include "common/revoked.h"
#include "common/sandbox.h"
#include "config/snapshot.h"
#include "dataplane/bufpool.h"
#include "dataplane/conn.h"
#include "dataplane/decide/shadow.h"
#include "dataplane/identity/failures.h"
#include "dataplane/identity/jwt.h"
#include "dataplane/io/io.h"
#include "dataplane/mcp/call.h"
#include "dataplane/mcp/era.h"
#include "dataplane/mcp/param_cache.h"
#include "dataplane/mcp/session.h"
#include "dataplane/record/phrases.h"
#include "dataplane/timer.h"
#include "dataplane/tls/tls.h"
#include "dataplane/upstream/upstream.h"

struct rte_rcu_qsbr;
struct sp_facts;

/// A legacy server's stream whose call was given up: it stays open until the server was told.
struct sp_parting {
	struct sp_parting *next;
	struct sp_partings *all;
	struct sp_exchange *stream, *told; ///< under way, or NULL
};
struct sp_partings {
	struct sp_parting *mem, *free;
};

/// A snapshot the worker judges by, or judged by for calls still in flight.
struct sp_held_snap {
	struct sp_snap snap;
	uint64_t generation;
	uint32_t calls; ///< in flight, published as pins[slot]
};

struct sp_worker {
	uint32_t index, epoch;
	const struct sp_plan *plan;
	struct sp_root *root;
	struct sp_worker_slot *slot;
	struct rte_rcu_qsbr *qsbr;
	struct sp_shm policy, secrets;
	const struct sp_revoked_region *revoked;
	struct sp_history history; ///< shared with the other workers and control
	struct sp_channel channel;

	struct sp_io *io;
	struct sp_wheel wheel;
	struct sp_upstreams *upstreams;
	struct sp_tls_server *tls;
	struct sp_token_cache *tokens;
	struct sp_failures *failures;
	struct sp_keyring *keyring;
	uint64_t keys_epoch; ///< auth epoch of `keyring`
	struct sp_session_keys session_keys;
	struct sp_era_cache eras;
	struct sp_param_cache params;
	struct sp_partings partings;

	uint32_t *agent_calls; ///< in flight here, by limit slot
	struct sp_bufpool small, large, hellos;
	struct sp_conn_pool conns;
	struct sp_call_pool calls;
	struct sp_greetings greetings;

	// the turn
	uint64_t now_ns, wall_ns; ///< boot and wall time, sampled once a turn
	uint64_t policy_head, shadow_head, secrets_head;
	uint32_t current; ///< slot of the snapshot new calls are judged by
	bool has_policy, draining, stop, offline, lost_supervisor;
	uint64_t drain_until_ns; ///< when the supervisor is gone
	struct sp_held_snap held[SP_POLICY_SLOTS];
	struct sp_shadow shadow;
	uint64_t last_work_ns, turn_end_ns, half_open_dropped;
	uint64_t cancels_looked_ns, cancels_seen[SP_WORKERS_MAX]; ///< of the other workers

	// scratch for one message at a time: never held over a turn
	struct sp_json_tok *tok_north, *tok_south;
	uint8_t *scratch; ///< SP_SCRATCH_BYTES
	struct sp_facts *facts;
	struct sp_record_phrases phrases;
	uint64_t stat[SP_STAT__COUNT], published[SP_STAT__COUNT]; ///< counted here, stored by the turn
	_Atomic uint64_t up_stat[SP_STAT__COUNT]; ///< those that upstreams count
	uint32_t pinned[SP_POLICY_SLOTS]; ///< as last stored in the slot
	uint32_t wants_wake, auth_failures;
	uint64_t auth_second;
	uint8_t call_salt[8];
	uint64_t call_counter, south_counter;
};

#define SP_SCRATCH_BYTES (32u * 1024u)

static inline void sp_count(struct sp_worker *w, enum sp_stat s)
{
	w->stat[s]++;
}
static inline const struct sp_snap *sp_worker_snap(const struct sp_worker *w)
{
	return w->has_policy ? &w->held[w->current].snap : NULL;
}

/// How a worker gets its streams: on the kernel's network, or on the port that the plan has for it.
struct sp_worker_kind {
	int (*io_new)(const struct sp_plan *plan, uint32_t index, const struct sp_io_conf *conf,
		struct sp_io **ret);
	enum sp_sandbox_role sandbox;
	const char *program; ///< its name, for messages
};
/// Attach everything the descriptors of common/childfd.h give; nothing is opened later.
SP_MUST_CHECK int sp_worker_new(uint32_t index, const struct sp_worker_kind *kind, struct sp_worker **ret);
/// main() of every worker program.
int sp_worker_main(int argc, char **argv, const struct sp_worker_kind *kind);
struct sp_worker *sp_worker_free(struct sp_worker *w);
/// Until the supervisor is gone or a drain has ended. 0, or -errno when the worker can not go on.
SP_MUST_CHECK int sp_worker_run(struct sp_worker *w);
/// One turn; `idle_ns` bounds the sleep. For the loop and for tests. Events handled or -errno.
int sp_worker_turn(struct sp_worker *w, uint64_t idle_ns);
