/// Reading one policy document's tree: values with their checks, problems with their places. What
/// is read lives in the policy's arena. Used by the forms of policy text only. Pure.
#pragma once

#include "config/policy.h"
#include "config/tree.h"

struct sp_policy_reader {
	struct sp_policy *p;
	const struct sp_tree *tree;
	struct sp_check *check;
	const char *file; ///< as long as the policy
	bool json; ///< strings have quotes there
	int err; ///< -ENOMEM or -E2BIG: stop
};
/// NULL, or what is wrong with a text.
typedef const char *sp_policy_wrong_fn(const char *s);

struct sp_at sp_pn_at(const struct sp_policy_reader *r, const struct sp_node *n);
const char *sp_pn_show(const struct sp_node *n); ///< a scalar's text, or "..."
/// Every member's key is among `keys` (ended by NULL) and stands once, `may_repeat` (may be NULL)
/// as often as it likes. `form` names the document's kind in messages.
void sp_pn_keys(struct sp_policy_reader *r, const struct sp_node *map, const char *form,
	const char *const *keys, const char *may_repeat);
/// A member that is a mapping with only these keys, or NULL when it is absent or wrong.
const struct sp_node *sp_pn_part(struct sp_policy_reader *r, const struct sp_node *map,
	const char *key, const char *const *keys);
/// Text of a node, checked and kept; NULL when it is wrong. `what` names it in messages.
const char *sp_pn_text(struct sp_policy_reader *r, const struct sp_node *n, const char *what,
	sp_policy_wrong_fn *wrong);
/// As above, of a member; `needed`: its absence is a problem, of which `hint` says how to mend it.
const char *sp_pn_member(struct sp_policy_reader *r, const struct sp_node *map, const char *key,
	sp_policy_wrong_fn *wrong, const char *hint);
/// A member that is a list of texts, each once; true when it is there (with whatever was right in
/// it).
bool sp_pn_texts(struct sp_policy_reader *r, const struct sp_node *map, const char *key,
	sp_policy_wrong_fn *wrong, struct sp_policy_strs *ret);
/// A member that is true or false; `ret` stays when it is absent. True when it is there and right.
bool sp_pn_bool(struct sp_policy_reader *r, const struct sp_node *map, const char *key, bool *ret);
/// A whole number of 1 to `max`; 0 when it is absent or wrong.
uint64_t sp_pn_count(
	struct sp_policy_reader *r, const struct sp_node *map, const char *key, uint64_t max);
void sp_pn_level(struct sp_policy_reader *r, const struct sp_node *map, const char *key, bool *has,
	enum sp_audit_level *ret);
/// A list's or mapping's entries are what `kind` says; a problem and false when not. NULL is false
/// too.
bool sp_pn_is(struct sp_policy_reader *r, const struct sp_node *n, const char *what,
	enum sp_node_kind kind);
