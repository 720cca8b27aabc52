/// The tree of a condition; inside of this room. Everything lives in the arena of one compilation.
#pragma once

#include "common/cel/program.h"
#include "config/arena.h"
#include "config/cel/cel_compile.h"

#define CEL_NEST_MAX 250u ///< brackets and calls within each other
#define CEL_DEPTH_MAX 1000u ///< of the tree: a chain of one operator makes it deep, too
#define CEL_NODES_MAX 65536u

/// A type; `kind` 0 is DYN. LIST has `elem`, MAP has both.
struct cel_type {
	enum sp_cel_type kind;
	const struct cel_type *key, *elem;
};

enum cel_kind {
	CEL_LIT, ///< lit_type, u or text
	CEL_NAME, ///< text; `rooted` when written with a leading dot
	CEL_SELECT, ///< arg[0].text
	CEL_HAS, ///< has(arg[0].text)
	CEL_VAR, ///< made by the check of a name: var
	CEL_LOCAL, ///< made by the check of a name: loop
	CEL_CALL, ///< text(arg[0], ...); `method` when arg[0] stood before the dot
	CEL_OP, ///< op, one or two arguments
	CEL_COND, ///< arg[0] ? arg[1] : arg[2]
	CEL_LIST,
	CEL_MAP, ///< key, value, key, value
	CEL_LOOP, ///< gather; arg[0] range, arg[1] body, arg[2] filter of map() or none; text the
		  ///< variable
	CEL_FAIL, ///< made by an unchecked compilation: error
};

struct cel_node {
	enum cel_kind kind;
	uint32_t off; ///< in the text
	uint32_t depth;
	uint32_t n; ///< of arg
	struct cel_node **arg;
	struct sp_bytes text;
	bool rooted, method;
	bool tried; ///< its path was already sought among the variables
	union {
		enum sp_cel_op op;
		enum sp_cel_gather gather;
		enum sp_cel_type lit_type;
		enum sp_cel_error error;
		uint32_t fn; ///< CALL: enum sp_cel_fn, or CEL_FN_*
	};
	union {
		uint64_t u;
		uint32_t var;
		uint32_t slot; ///< LOOP: where its element lies on the stack
		struct cel_node *loop;
	};
	const struct cel_type *type;
};
#define CEL_FN_DYN 64u
#define CEL_FN_MATCHES 65u

/// One compilation.
struct cel_cc {
	struct sp_arena *arena;
	const struct sp_cel_ask *ask;
	struct sp_check *check;
	uint32_t nodes;
	bool failed; ///< a problem was reported
	bool no_memory;
};

struct cel_node *cel_node(struct cel_cc *c, enum cel_kind kind, uint32_t off, uint32_t n);
/// Where an offset of the text lies in its file.
struct sp_at cel_at(const struct cel_cc *c, uint32_t off);
void cel_problem(struct cel_cc *c, uint32_t off, const char *mend, const char *fmt, ...)
	SP_PRINTF(4, 5);

/// NULL after a problem.
struct cel_node *cel_parse(struct cel_cc *c);

extern const struct cel_type cel_scalar[]; ///< by enum sp_cel_type
#define cel_dyn (&cel_scalar[0])
/// Type of the whole, or NULL after problems. Resolves names in the tree.
const struct cel_type *cel_check_types(struct cel_cc *c, struct cel_node *root);
/// `text` as "list(string)"; cut where `cap` ends.
void cel_type_text(const struct cel_type *t, char *text, size_t cap);
bool cel_may_be(const struct cel_type *a, const struct cel_type *b);

/// The longest leading part of a chain of selects that is a variable becomes a CEL_VAR; true when
/// so.
bool cel_resolve_var(struct cel_cc *c, struct cel_node *n);
/// "a.b.c" of a chain of selects over a name; 0 when `n` is none or longer than `cap`.
size_t cel_path(const struct cel_node *n, char *text, size_t cap);
/// The known word nearest to `text`, or NULL when none is near.
const char *cel_nearest_var(const struct cel_cc *c, const char *text);

/// A function by name and form. NULL when unknown.
struct cel_fn {
	const char *name;
	uint32_t fn;
	bool method, plain; ///< x.f(), f(x)
	uint8_t min, max; ///< arguments, what stands before the dot included
	uint32_t takes, second; ///< types of arguments, bits by enum sp_cel_type
	enum sp_cel_type gives;
};
const struct cel_fn *cel_find_fn(struct sp_bytes name, bool method);
const char *cel_nearest_fn(struct sp_bytes name);
unsigned cel_distance(const char *a, const char *b);

/// Worst number of steps, saturating.
uint64_t cel_cost(const struct cel_node *root);
int cel_generate(struct cel_cc *c, struct cel_node *root, uint8_t **ret, size_t *ret_n);

/// A pattern as an automaton (struct sp_cel_re and what follows), in the arena. NULL with
/// *ret_what, static text, when it is none, is too large or uses what is not supported; *ret_at:
/// where in the pattern.
const uint8_t *cel_regex(struct sp_arena *arena, struct sp_bytes pattern, size_t *ret_n,
	const char **ret_what, size_t *ret_at);
/// A named time zone as struct sp_cel_shift, in the arena; NULL when it is unknown. Reads the
/// system's tables.
const uint8_t *cel_zone(struct sp_arena *arena, struct sp_bytes name, size_t *ret_n);
