/// A configuration file's shape as a table: one row a setting, with its type, range, default, unit,
/// how a change of it takes effect, and its help. The table drives parsing, defaults, messages and
/// the example. Pure; results live in the arena given.
#pragma once

#include "config/tree.h"

enum sp_kind {
	SP_KIND_BOOL, ///< bool
	SP_KIND_NUMBER, ///< uint64_t
	SP_KIND_DURATION, ///< uint64_t, nanoseconds
	SP_KIND_SIZE, ///< uint64_t, bytes
	SP_KIND_MONEY, ///< uint64_t, millionths: "0.25"
	SP_KIND_WORD, ///< uint32_t: position in `words`
	SP_KIND_TEXT, ///< struct sp_text
	SP_KIND_TEXTS, ///< struct sp_texts
	SP_KIND_PAIRS, ///< struct sp_pairs: a mapping whose keys the writer chooses
	SP_KIND_GROUP, ///< the group's struct, in place
	SP_KIND_GROUPS, ///< struct sp_groups: an array of the group's struct
};
enum sp_apply { SP_APPLY_LIVE, SP_APPLY_RESTART };

/// A text value and where it stands; `s` NULL when the setting is absent and has no default.
struct sp_text {
	const char *s; ///< NUL-terminated, one line of visible characters unless the setting takes lines
	unsigned line, col;
	unsigned text_line, text_col; ///< of its first character, behind quote or block mark
	struct sp_written written; ///< from there on
};
struct sp_texts {
	struct sp_text *v; ///< NULL when the setting is absent, also with n 0
	uint32_t n;
};
struct sp_pair {
	struct sp_text name, value;
};
struct sp_pairs {
	struct sp_pair *v;
	uint32_t n;
};
struct sp_groups {
	void *v;
	uint32_t n;
};
/// Opens the struct of every group: where the group stands, 0 when it is absent.
struct sp_group_at {
	unsigned line, col;
};

struct sp_schema;
struct sp_field {
	const char *name;
	enum sp_kind kind;
	size_t off; ///< in the group's struct
	const char *def; ///< as text, NULL = none
	const char *help;
	uint64_t min, max; ///< numbers; texts: most bytes; lists: least and most entries
	size_t plan_off; ///< in struct sp_plan: the range is taken from there; 0 = not in the plan
	const char *word; ///< a word besides the numbers, e.g. "auto" ...
	uint64_t word_value; ///< ... and what it means
	const char *const *words; ///< ended by NULL
	const struct sp_schema *group;
	/// NULL when the text may stand here, else what is wrong with it.
	const char *(*text_wrong)(const char *s);
	uint32_t most_bytes; ///< of one text of a list; 0 = 1024
	bool single; ///< a list of one may be written as the text alone
	bool lines; ///< texts may have line feeds
	const char *example; ///< what the example file shows; NULL = the default, as a comment
	enum sp_apply apply;
	bool required;
	bool seldom; ///< a list that the example shows in comments only
};
struct sp_schema {
	const char *name;
	const struct sp_field *field;
	size_t n;
	size_t size; ///< of the group's struct
};

/// One profile's own default of a setting; `path` is dotted, lists without index: "issuers.leeway".
struct sp_profile_default {
	const char *path;
	const char *const *def; ///< by profile number
};

struct sp_schema_in {
	const struct sp_tree *tree;
	struct sp_arena *arena;
	struct sp_check *check;
	const struct sp_profile_default *profile_defaults; ///< ended by a NULL path
	unsigned profile;
	bool whole_groups; ///< a group's name with nothing below is a problem, not its defaults
};
/// Fill `ret` (zeroed, of schema->size bytes) from `node`, or with defaults when it is NULL. Every
/// problem goes to the check; -ENOMEM is the only error returned.
SP_MUST_CHECK int sp_schema_read(const struct sp_schema_in *in, const struct sp_schema *schema,
	const struct sp_node *node, void *ret);
/// The example file of a schema, from the table alone. Overflow shows on `out`.
void sp_schema_example(struct sp_out *out, const struct sp_schema *schema,
	const struct sp_profile_default *profile_defaults, const char *const *profiles);
/// JSON Schema (draft 2020-12) of a schema's files, for editors. Overflow shows on `out`.
void sp_schema_json(struct sp_out *out, const struct sp_schema *schema, const char *title);
/// The reference in Markdown, a part for every group at the top. Overflow shows on `out`.
void sp_schema_markdown(struct sp_out *out, const struct sp_schema *schema);
/// What a struct of the schema says, defaults included, as a file that reads back to the same. Settings that have
/// no value are left out. Overflow shows on `out`.
void sp_schema_show(struct sp_out *out, const struct sp_schema *schema, const void *values);
/// The range of a number, from the plan's list where it is in the plan.
void sp_field_range(const struct sp_field *f, uint64_t *ret_min, uint64_t *ret_max);
/// A number as a file would say it, with its unit.
void sp_field_show(const struct sp_field *f, uint64_t v, char *buf, size_t cap);
/// Both ends of a number's range, "1 to 4096". Overflow shows on `out`.
void sp_field_put_range(struct sp_out *out, const struct sp_field *f);
/// Settings of `apply` that differ between two structs of one schema: their dotted names,
/// comma-separated, to `out`; of a list's entries the first that differs. Returns how many.
unsigned sp_schema_diff(const struct sp_schema *schema, const void *a, const void *b,
	enum sp_apply apply, struct sp_out *out);
