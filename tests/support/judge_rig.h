/// A policy made in C, published into a snapshot, and calls judged by it: what tests of the judge, its fuzzer and its
/// bench stand on. Lists are written with commas. Every failure of the rig itself ends the program.
#pragma once

#include "config/judge/judge.h"
#include "config/policy.h"

#define RIG_TOKENS 4096u
struct rig {
	struct sp_policy *p; ///< until rig_publish()
	uint8_t *blob;
	struct sp_snap snap;
	struct sp_cel_arena arena;
	struct sp_json params, claims;
	struct sp_json_tok *params_tok, *claims_tok;
	struct sp_judge_call call;
	struct sp_judge_verdict v;
};
void rig_init(struct rig *r);
void rig_done(struct rig *r);
int rig_tear_down(void **state); ///< a test's end; its set-up made `*state` the rig

struct sp_policy_strs rig_list(struct sp_policy *p, const char *names);
struct sp_policy_agent *rig_agent(struct sp_policy *p, const char *name);
/// An allow-list of these tools.
void rig_allow_list(struct sp_policy *p, const char *agent, const char *tools);
/// `agents`, `when`: NULL = any, none. Conditions beyond one: rig_when().
struct sp_policy_rule *rig_rule(struct sp_policy *p, const char *name, enum sp_effect effect,
	const char *agents, const char *tools, const char *when);
void rig_when(struct sp_policy *p, struct sp_policy_rule *r, const char *when);
struct sp_policy_tool *rig_tool(struct sp_policy *p, const char *name);
struct sp_policy_limit *rig_limit(
	struct sp_policy *p, const char *name, enum sp_limit_per per, uint64_t max);
struct sp_policy_purpose *rig_purpose(struct sp_policy *p, const char *name, const char *tools);
struct sp_policy_sequence *rig_sequence(struct sp_policy *p, const char *name,
	enum sp_sequence_kind kind, const char *first, const char *then);

/// Seal when that was not done, compile, build, open. The policy is kept until rig_done().
void rig_publish(struct rig *r);
/// A call to judge: `params` is {"arguments": ..., "_meta": ...} or "".
void rig_call(struct rig *r, const char *agent, const char *tool, const char *params);
void rig_claims(struct rig *r, const char *json); ///< of the token, until the next rig_call()
/// Judge the call by all questions.
enum sp_reason rig_judge(struct rig *r);
/// A call and its judgement.
enum sp_reason rig_ask(struct rig *r, const char *agent, const char *tool, const char *params);
