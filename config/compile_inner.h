/// What the parts of sp_policy_compile() share, and nobody else needs.
#pragma once

#include "config/compiled.h"

/// Distinct globs and the actions each matches.
struct sp_globs {
	struct sp_names names;
	struct sp_list *hits;
};
struct sp_compiling {
	struct sp_compiled *c;
	const struct sp_policy *p;
	struct sp_check *check;
	struct sp_globs globs;
	uint64_t entries; ///< of all lists so far, against SP_COMPILED_HITS_MAX
};

/// Collects values by key; values of one key come in ascending order, repeats do no harm.
struct sp_inverse {
	uint64_t *pair;
	uint32_t n, cap; ///< at most SP_COMPILED_HITS_MAX
	uint32_t *last; ///< value + 1 of each key
	uint32_t keys;
};
SP_MUST_CHECK int sp_inverse_init(struct sp_inverse *v, uint32_t keys);
/// -ENOMEM, -E2BIG when all lists together grow beyond bounds.
SP_MUST_CHECK int sp_inverse_add(
	struct sp_compiling *k, struct sp_inverse *v, uint32_t key, uint32_t value);
/// The lists, in the compiled policy's arena. -ENOMEM.
SP_MUST_CHECK int sp_inverse_lists(
	struct sp_compiling *k, const struct sp_inverse *v, struct sp_lists *ret);
void sp_inverse_done(struct sp_inverse *v);

/// `n` zeroed entries in the arena, at least one; NULL without memory.
void *sp_compile_room(struct sp_compiling *k, size_t n, size_t size);
/// Sort and drop repeats; returns how many are left.
uint32_t sp_compile_sort(uint32_t *v, uint32_t n);
/// Numbers of names, ascending; a name that is none is a problem at `at`: "<what> 'x' is not declared".
SP_MUST_CHECK int sp_compile_numbers(struct sp_compiling *k, const struct sp_names *names,
	const struct sp_policy_strs *strs, struct sp_at at, const char *what, struct sp_list *ret);
/// The bits of names in a set of at most 64.
uint64_t sp_compile_bits(const struct sp_names *names, const struct sp_policy_strs *strs);

/// Agents, actions, roles, environments, purposes: each name its number, from wherever it is named.
SP_MUST_CHECK int sp_compile_names(struct sp_compiling *k);
SP_MUST_CHECK int sp_compile_globs(struct sp_compiling *k);
struct sp_list sp_compile_hits(const struct sp_compiling *k, const char *glob);
/// Tools as written to actions named exactly, and globs. With `expand` the actions that globs match, too.
SP_MUST_CHECK int sp_compile_tools_of(struct sp_compiling *k, const struct sp_policy_strs *tools,
	bool expand, struct sp_list *ret_actions, struct sp_policy_strs *ret_globs);

/// Programs of all conditions, and the agents that a rule's conditions name. Before names are numbered.
SP_MUST_CHECK int sp_compile_conditions(struct sp_compiling *k);
SP_MUST_CHECK int sp_compile_rules(struct sp_compiling *k);
SP_MUST_CHECK int sp_compile_limits(struct sp_compiling *k);
SP_MUST_CHECK int sp_compile_constraints(struct sp_compiling *k);
SP_MUST_CHECK int sp_compile_sequences(struct sp_compiling *k);
