/// What agents may do, in whatever form it was written: the typed policy a snapshot is compiled
/// from. Default deny: what is not granted here is refused. Heap; pure; control process, tools,
/// tests.
#pragma once

#include "common/level.h"
#include "config/arena.h"
#include "config/check.h"

#define SP_POLICY_NAME_MAX 128u
#define SP_POLICY_AGENTS_MAX 1000000u
#define SP_POLICY_ACTIONS_MAX 100000u

struct sp_policy_agent {
	const char *name;
	struct sp_at at; ///< where its policy stands
	bool has_audit_level; ///< else the gateway's default
	enum sp_audit_level audit_level;
	uint32_t per_minute, per_hour; ///< 0 = not limited
	uint64_t per_request_tokens, daily_tokens;
	uint32_t *actions; ///< numbers of sp_policy.action, ascending once sealed
	uint32_t actions_n;
};
struct sp_policy {
	struct sp_arena arena;
	struct sp_policy_agent *agent; ///< ascending by name once sealed
	const char **action; ///< ascending once sealed
	uint32_t agents_n, agents_cap, actions_n, actions_cap;
	uint32_t *agent_index, *action_index; ///< open addressing while it is built
	uint32_t agent_mask, action_mask;
	uint8_t sha256[32]; ///< of the source files; set by who read them
};

SP_MUST_CHECK int sp_policy_new(struct sp_policy **ret);
struct sp_policy *sp_policy_free(struct sp_policy *p);
/// Number of an action's name, new or known. -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_policy_action(struct sp_policy *p, struct sp_bytes name, uint32_t *ret);
/// A new agent to fill in, valid until the next one is added. -EEXIST with *ret the one already
/// there, -E2BIG, -ENOMEM. `at.file` is copied.
SP_MUST_CHECK int sp_policy_agent_add(
	struct sp_policy *p, struct sp_bytes name, struct sp_at at, struct sp_policy_agent **ret);
/// Sort, so that the order of files and entries does not show. Nothing may be added afterwards.
SP_MUST_CHECK int sp_policy_seal(struct sp_policy *p);
