/// What a YAML or JSON file becomes before anyone interprets it: a tree whose every node knows its
/// place. Repeated keys are kept and marked; the consumer decides. Pure, heap, bounded.
#pragma once

#include "config/arena.h"
#include "config/check.h"
#include "config/written.h"

#define SP_TREE_DEPTH_MAX 32u
#define SP_TREE_KEYS_MAX 1024u ///< in one mapping

enum sp_node_kind { SP_NODE_SCALAR = 1, SP_NODE_SEQ, SP_NODE_MAP };

struct sp_node {
	enum sp_node_kind kind;
	bool quoted; ///< a scalar in quotes, or a block: certainly text, never a number or a word
	bool repeated; ///< a member whose key stood in this mapping before
	unsigned line, col; ///< from 1
	unsigned text_line, text_col; ///< scalar: of its first character, behind quote or block mark
	struct sp_written written; ///< scalar: from there on, in the arena
	const char *text; ///< scalar: NUL-terminated, no control characters but tab and line feed
	uint32_t n; ///< scalar: bytes; else: children
	struct sp_node *key; ///< of a mapping's member: its key, a scalar
	struct sp_node *first, *next; ///< children; a mapping's are its values
};

struct sp_tree {
	struct sp_arena arena;
	const char *file; ///< in the arena
	struct sp_node *root; ///< never NULL
};

/// One YAML document. Refused besides bad grammar: anchors, aliases, tags, merge keys, a second
/// document, keys that are no scalars, breaks of lines that are none to every reader (a lone
/// carriage return, U+0085, U+2028, U+2029), over SP_YAML_MAX bytes, 1,000,000 events or
/// SP_TREE_DEPTH_MAX. 0, -EBADMSG with the problem in `check`, -ENOMEM. `file` names the text in
/// messages.
#define SP_YAML_MAX (4u << 20)
SP_MUST_CHECK int sp_yaml_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_tree *ret);
/// One JSON document, by the strict scanner of common/json.h: repeated keys are refused. Strings
/// are `quoted`, everything else is not. Over SP_JSON_TREE_MAX bytes and SP_TREE_DEPTH_MAX are
/// refused; as above.
#define SP_JSON_TREE_MAX (4u << 20)
SP_MUST_CHECK int sp_json_tree_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_tree *ret);
void sp_tree_done(struct sp_tree *t);

static inline struct sp_at sp_node_at(const struct sp_tree *t, const struct sp_node *n)
{
	return (struct sp_at){t->file, n->line, n->col};
}
/// Value of the first member called `key`, or NULL.
const struct sp_node *sp_node_get(const struct sp_node *map, const char *key);
