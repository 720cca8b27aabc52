/// Conditions at run time: a checked program of config/cel/ evaluated over values that borrow the call
/// being judged. Pure: no I/O, no allocation but from the arena given, bounded steps; worker, control,
/// tools. A program is a flat blob inside the policy snapshot, verified once when the snapshot opens.
#pragma once

#include "common/json.h"

enum sp_cel_type {
	SP_CEL_NULL = 1,
	SP_CEL_BOOL,
	SP_CEL_INT,
	SP_CEL_UINT,
	SP_CEL_DOUBLE,
	SP_CEL_STRING,
	SP_CEL_BYTES,
	SP_CEL_LIST,
	SP_CEL_MAP,
	SP_CEL_DURATION,  ///< signed nanoseconds, within CEL's range
	SP_CEL_TIMESTAMP, ///< seconds since 1970 and nanoseconds
	SP_CEL_TYPE,      ///< a type's name
	SP_CEL_ERROR,     ///< only inside an evaluation and as its end
};
/// Why an evaluation ended without a value; a condition that ends so denies.
enum sp_cel_error {
	SP_CEL_E_NONE = 0,
	SP_CEL_E_NO_SUCH_KEY,   ///< a field or key that is not there
	SP_CEL_E_NO_OVERLOAD,   ///< types met at run time that the operator does not take
	SP_CEL_E_OVERFLOW,      ///< integer, duration or timestamp out of range
	SP_CEL_E_DIVIDE,        ///< by zero, remainder by zero
	SP_CEL_E_INDEX,         ///< out of a list's bounds
	SP_CEL_E_CONVERT,       ///< text that is no number, time or UTF-8
	SP_CEL_E_REPEATED_KEY,  ///< in a map literal
	SP_CEL_E_COST,          ///< over the step or memory limit
	SP_CEL_E_UNKNOWN_VAR,   ///< the caller has no value for it
	SP_CEL_E_BAD_PROGRAM,
};
const char *sp_cel_error_text(enum sp_cel_error e);

struct sp_cel_list;
struct sp_cel_map;
struct cel_meter;
struct sp_cel {
	enum sp_cel_type type;
	union {
		bool b;
		int64_t i; ///< INT; DURATION in ns; TIMESTAMP: seconds
		uint64_t u;
		double d;
		struct sp_bytes s; ///< STRING, BYTES, TYPE
		const struct sp_cel_list *list;
		const struct sp_cel_map *map;
		struct {
			const struct sp_json *doc; ///< a LIST or MAP that is a JSON container of `doc`
			uint32_t tok;
		} json;
		enum sp_cel_error error;
	};
	uint32_t ns;   ///< TIMESTAMP: nanoseconds
	bool is_json;  ///< LIST or MAP: `json` holds it; JSON numbers are INT when integral and in range, else DOUBLE
};

/// Scratch of one evaluation: lists, maps, strings that come to be. Bump pointer over the caller's memory.
struct sp_cel_arena {
	uint8_t *p;
	size_t cap, used;
};
void *sp_cel_alloc(struct sp_cel_arena *a, size_t n); ///< 8-aligned, or NULL when it is full

/// A value of a JSON token; strings are unescaped into the arena when they must be.
/// Returns 0 or an error to hand on.
enum sp_cel_error sp_cel_from_json(
	const struct sp_json *doc, uint32_t tok, struct sp_cel_arena *arena, struct sp_cel *ret);
/// Field of a map: an object of a document, or one of `n` members that a caller looks through itself. What looking
/// costs is paid to the meter of the evaluation.
enum sp_cel_error sp_cel_field_of_json(const struct sp_json *doc, uint32_t obj, struct sp_bytes name,
	struct cel_meter *m, struct sp_cel *ret);
bool sp_cel_pay_members(struct cel_meter *m, uint32_t n);
/// A map the caller fills: `n` pairs key, value in the arena; keys STRING, INT, UINT or BOOL, unique.
enum sp_cel_error sp_cel_map_of(
	struct sp_cel_arena *a, const struct sp_cel (*pairs)[2], uint32_t n, struct sp_cel *ret);

/// A list of `n` values in the arena.
enum sp_cel_error sp_cel_list_of(
	struct sp_cel_arena *a, const struct sp_cel *v, uint32_t n, struct sp_cel *ret);

/// Value of variable number `var` of the environment the program was compiled for (config/cel/cel_compile.h).
/// Called at most once a use. 0, or SP_CEL_E_UNKNOWN_VAR, SP_CEL_E_NO_SUCH_KEY ...
typedef enum sp_cel_error sp_cel_var_fn(
	void *user, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret);

/// Field `name` of variable `var`, as sp_cel_field_of_json() and the value of the map would give it, without making the
/// map. SP_CEL_E_UNKNOWN_VAR: not this way; the variable is then asked for.
typedef enum sp_cel_error sp_cel_field_fn(void *user, uint32_t var, struct sp_bytes name,
	struct cel_meter *m, struct sp_cel *ret);

struct sp_cel_run {
	sp_cel_var_fn *var;
	sp_cel_field_fn *field; ///< or NULL
	void *user;
	struct sp_cel_arena *arena;
	uint32_t max_steps; ///< instructions and iterations; 0 = SP_CEL_STEPS_MAX
	uint32_t steps;     ///< out: taken
};
#define SP_CEL_STEPS_MAX 100000u
#define SP_CEL_STACK_MAX 64u
#define SP_CEL_PROGRAM_MAX 65536u ///< bytes

/// Whole check of a program's structure: opcodes, operands, jumps, stack depth, constants. Once, when the
/// snapshot opens; afterwards sp_cel_eval() is safe on it. -EBADMSG. `vars_n`: variables of its environment.
SP_MUST_CHECK int sp_cel_verify(struct sp_bytes program, uint32_t vars_n);
/// Evaluate a verified program. `*ret` borrows program, documents and arena; type SP_CEL_ERROR with `error`
/// when there is no value.
void sp_cel_eval(struct sp_bytes program, struct sp_cel_run *run, struct sp_cel *ret);
/// A value as CEL text for explanations, cut with "..." where `out` is short; never fails.
void sp_cel_show(const struct sp_cel *v, struct sp_out *out);
