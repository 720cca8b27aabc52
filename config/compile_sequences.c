#include "config/compile_inner.h"

#include "common/banned.h"

static int fill(struct sp_compiling *k, uint32_t i)
{
	const struct sp_policy_sequence *s = &k->p->sequence[i];
	struct sp_c_sequence *out = &k->c->sequence[i];

	*out = (struct sp_c_sequence){
		.of = s,
		.any_agent = s->agents.n == 0,
		.roles = sp_compile_bits(&k->c->roles, &s->roles),
		.id = sp_snap_hash(sp_bytes_cstr(s->name)),
	};
	return sp_compile_numbers(k, &k->c->agents_names, &s->agents, s->at, "agent", &out->agents);
}

/// Whether one of the tools is a glob: told in *ret_wild.
static int index_tools(struct sp_compiling *k, struct sp_inverse *x, uint32_t no,
	const struct sp_policy_strs *tools, bool *ret_wild)
{
	struct sp_list actions;
	struct sp_policy_strs globs;

	SP_TRY(sp_compile_tools_of(k, tools, true, &actions, &globs));
	for (uint32_t i = 0; i < actions.n; i++)
		SP_TRY(sp_inverse_add(k, x, actions.v[i], no));
	*ret_wild |= globs.n > 0;
	return 0;
}

static int index_all(struct sp_compiling *k, struct sp_inverse *x)
{
	uint32_t *wild = sp_compile_room(k, k->p->sequences_n, sizeof(*wild)), wild_n = 0;

	SP_TRY(sp_inverse_init(x, k->c->actions_names.n));
	k->c->sequence = sp_compile_room(k, k->p->sequences_n, sizeof(*k->c->sequence));
	if (!wild || !k->c->sequence)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->p->sequences_n; i++) {
		const struct sp_policy_sequence *s = &k->p->sequence[i];
		bool is_wild = false;

		SP_TRY(fill(k, i));
		SP_TRY(index_tools(k, x, i, &s->first, &is_wild));
		SP_TRY(index_tools(k, x, i, &s->between, &is_wild));
		SP_TRY(index_tools(k, x, i, &s->then, &is_wild));
		if (is_wild)
			wild[wild_n++] = i;
	}
	k->c->wild_sequences = (struct sp_list){wild, wild_n};
	return sp_inverse_lists(k, x, &k->c->action_sequences);
}

int sp_compile_sequences(struct sp_compiling *k)
{
	struct sp_inverse x = {0};
	int err;

	if (k->p->sequences_n > SP_SNAP_SEQUENCES_MAX) {
		sp_check_add(k->check, k->p->sequence[SP_SNAP_SEQUENCES_MAX].at, NULL,
			"%u sequences are declared, at most %u can be", k->p->sequences_n,
			SP_SNAP_SEQUENCES_MAX);
		return 0;
	}
	err = index_all(k, &x);
	sp_inverse_done(&x);
	return err;
}
