/// CEL text to a checked program (common/cel/cel.h): lexer, parser, macros, type check, cost bound, code.
/// Pure, heap; control process and tools only, never a worker.
#pragma once

#include "common/cel/cel.h"
#include "config/arena.h"
#include "config/check.h"
#include "config/written.h"

/// Static types of variables. DYN is checked at run time.
enum sp_cel_static {
	SP_CEL_T_DYN = 0,
	SP_CEL_T_BOOL,
	SP_CEL_T_INT,
	SP_CEL_T_UINT,
	SP_CEL_T_DOUBLE,
	SP_CEL_T_STRING,
	SP_CEL_T_BYTES,
	SP_CEL_T_LIST, ///< of DYN
	SP_CEL_T_MAP,  ///< string to DYN
	SP_CEL_T_DURATION,
	SP_CEL_T_TIMESTAMP,
};
/// Phases in which a variable has a value, as bits: a use in another phase is refused at publish.
#define SP_CEL_PHASE_CALL 1u   ///< judging a tools/call: everything about agent, token and arguments
#define SP_CEL_PHASE_LIST 2u   ///< filtering tools/list: no arguments
#define SP_CEL_PHASE_RESULT 4u ///< judging an answer

/// A variable by its dotted path, e.g. "mcp.tool.name"; the longest path that fits a select chain wins and
/// further selects go into its value. A path that is only a prefix of others is no value by itself.
struct sp_cel_var {
	const char *path;
	enum sp_cel_static type;
	uint32_t phases;
	const char *help; ///< for the reference
	/// Selected fields are sought in this other variable instead (its index), SP_JSON_NONE = in the value:
	/// how `agent.identity` is a string and `agent.identity.user_id` an attribute.
	uint32_t fields_of;
};
struct sp_cel_env {
	const struct sp_cel_var *var;
	uint32_t n;
	const char *container; ///< namespace for name resolution, NULL = none (conformance tests only)
};

struct sp_cel_ask {
	struct sp_bytes text;
	const struct sp_cel_env *env;
	uint32_t phase;      ///< one SP_CEL_PHASE_*; 0 = not checked
	bool want_bool;      ///< a condition: a result that cannot be a boolean is refused
	bool skip_check;     ///< conformance tests with disable_check only
	struct sp_at at;     ///< where the text begins in its file; problems point into it
	struct sp_written written; ///< how it stands there
	uint32_t max_cost;   ///< refuse a program whose worst case is above, unknown lists being of 100; 0 = default
};
/// 0 with *ret (heap, free()) of *ret_n bytes, -EBADMSG with problems in `check`, -ENOMEM.
SP_MUST_CHECK int sp_cel_compile(
	const struct sp_cel_ask *ask, struct sp_check *check, uint8_t **ret, size_t *ret_n);
/// Literals that a conjunct compares variable `var` with by `==` or `in [..]`: at most `cap`, returns how
/// many, 0 when the text does not pin the variable so. Used to learn which agents a condition names.
uint32_t sp_cel_pinned(struct sp_bytes text, const struct sp_cel_env *env, uint32_t var,
	struct sp_arena *arena, const char **ret, uint32_t cap);
