/// Words of policy that its text, its snapshot and its judge share: numbers go into snapshots and records.
#pragma once

#include "common/level.h"

/// How rules add up: a call needs one rule that allows it; one that denies wins over all that allow;
/// one that asks for review turns allow into review. An agent with an allow-list (whitelist form) is
/// bounded by it: nothing outside it is allowed, whatever else would allow it.
enum sp_effect { SP_EFFECT_DENY = 0, SP_EFFECT_REVIEW, SP_EFFECT_ALLOW };

/// Most that a limit may say: what fits in a window (common/windows.h).
#define SP_LIMIT_CALLS_MAX ((1u << 24) - 1)
#define SP_LIMIT_TOKENS_MAX ((1ull << 34) - 1)
enum sp_limit_kind { SP_LIMIT_CALLS = 1, SP_LIMIT_TOKENS, SP_LIMIT_MONEY };

enum sp_limit_per {
	SP_PER_REQUEST = 1, ///< tokens or money of one call: nothing is counted
	SP_PER_SECOND,
	SP_PER_MINUTE,
	SP_PER_HOUR,
	SP_PER_DAY,
	SP_PER_SESSION,
};

enum sp_action_class { SP_CLASS_AUTO = 0, SP_CLASS_READ, SP_CLASS_WRITE, SP_CLASS_SEND, SP_CLASS_DELETE,
	SP_CLASS_EXECUTE, SP_CLASS_ADMIN };

enum sp_sensitivity { SP_SENSE_UNSET = 0, SP_SENSE_PUBLIC, SP_SENSE_INTERNAL, SP_SENSE_CONFIDENTIAL,
	SP_SENSE_RESTRICTED };

enum sp_sequence_kind {
	SP_SEQ_REQUIRE_BEFORE = 1, ///< `then` needs a successful `first` since the last `then` (or `reset`)
	SP_SEQ_FORBID_AFTER, ///< `then` is refused after `first`
	SP_SEQ_FORBID_AFTER_TAINT, ///< `then` is refused once the session is tainted
};

enum sp_risk_mode { SP_RISK_AUTOMATIC = 0, SP_RISK_MIXED, SP_RISK_MANUAL };

/// Every weight and threshold of the risk score; defaults are set by sp_policy_new().
enum sp_risk_term {
	SP_TERM_CLASS = 0, ///< of the action: read, write ...
	SP_TERM_HIGH_RISK, ///< on the list of high-risk actions
	SP_TERM_SENSITIVITY,
	SP_TERM_ARGUMENTS, ///< signals in arguments: shell, SQL, traversal, size
	SP_TERM_EGRESS,
	SP_TERM_TAINT, ///< after a result that is not to be trusted
	SP_TERM_HISTORY, ///< refusals of this agent in the last minutes
	SP_TERM_FAILURES, ///< failed calls of this agent in the last minutes
	SP_TERM_RARITY, ///< the agent never, or seldom, called this tool before
	SP_TERM_RATE, ///< far more calls a minute than usual
	SP_TERM_TIME, ///< outside the working hours of the policy
	SP_TERM_NEW_SESSION,
	SP_TERM__COUNT
};

/// The words as text, "" for a number that is none.
const char *sp_effect_name(unsigned e); ///< "deny", "review", "allow"
const char *sp_limit_kind_name(unsigned k); ///< "calls", "tokens", "money"
const char *sp_limit_per_name(unsigned p); ///< "request", "second" ...
const char *sp_action_class_name(unsigned c); ///< "auto", "read" ...
const char *sp_risk_mode_name(unsigned m); ///< "automatic" ...
const char *sp_risk_term_name(unsigned t); ///< "class", "high-risk" ...
/// The class that a tool's name suggests by its first word; WRITE when it suggests none.
enum sp_action_class sp_action_class_guess(struct sp_bytes tool);
