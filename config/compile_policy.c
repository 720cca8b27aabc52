#include "config/compile_inner.h"

#include "common/banned.h"

static int purposes(struct sp_compiling *k)
{
	const struct sp_policy *p = k->p;

	k->c->purpose = sp_compile_room(k, p->purposes_n, sizeof(*k->c->purpose));
	if (!k->c->purpose)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->purposes_n; i++) {
		const struct sp_policy_purpose *u = &p->purpose[i];
		struct sp_c_purpose *out = &k->c->purpose[i];

		*out = (struct sp_c_purpose){
			.of = u,
			.any_agent = u->agents.n == 0,
			.roles = sp_compile_bits(&k->c->roles, &u->roles),
		};
		SP_TRY(sp_compile_numbers(
			k, &k->c->agents_names, &u->agents, u->at, "agent", &out->agents));
		SP_TRY(sp_compile_tools_of(k, &u->tools, true, &out->actions, &out->globs));
	}
	return 0;
}

/// Whether a call's arguments have to be read at all.
static void note_arguments(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;

	if (k->p->risk.on)
		c->uses_arguments = true;
	if (k->p->details_required)
		c->uses_claims = true;
	for (uint32_t i = 0; i < c->tools_n; i++) {
		const struct sp_policy_tool *t = &c->tool[i].t;

		if (t->sql.on || t->endpoint.on || t->path.parameters.n)
			c->uses_arguments = true;
	}
}

static int compile(struct sp_compiling *k)
{
	SP_TRY(sp_compile_conditions(k));
	SP_TRY(sp_compile_names(k));
	SP_TRY(sp_compile_globs(k));
	SP_TRY(sp_compile_rules(k));
	SP_TRY(sp_compile_limits(k));
	SP_TRY(sp_compile_constraints(k));
	SP_TRY(sp_compile_sequences(k));
	SP_TRY(purposes(k));
	note_arguments(k);
	return 0;
}

int sp_policy_compile(const struct sp_policy *p, struct sp_check *check, struct sp_compiled **ret)
{
	struct sp_compiling k = {.p = p, .check = check, .c = calloc(1, sizeof(*k.c))};
	uint32_t before = sp_check_count(check);
	int err;

	if (!k.c)
		return -ENOMEM;
	k.c->policy = p;
	sp_arena_init(&k.c->arena);
	err = compile(&k);
	sp_names_done(&k.globs.names);
	if (!err && sp_check_count(check) != before)
		err = -EBADMSG;
	if (err) {
		sp_compiled_free(k.c);
		return err;
	}
	*ret = k.c;
	return 0;
}

struct sp_compiled *sp_compiled_free(struct sp_compiled *c)
{
	if (!c)
		return NULL;
	for (uint32_t i = 0; i < c->programs_n; i++)
		free(c->program[i].code);
	sp_names_done(&c->agents_names);
	sp_names_done(&c->actions_names);
	sp_names_done(&c->roles);
	sp_names_done(&c->environments);
	sp_names_done(&c->purposes_names);
	free(c->pairs.v);
	free(c->pairs.slot);
	sp_arena_done(&c->arena);
	free(c);
	return NULL;
}
