#include "config/compile_inner.h"

#include "config/cel/cel_compile.h"
#include "config/judge/judge_env.h"
#include "config/policy_text.h"
#include "common/banned.h"

#define PINNED_MAX 64u

/// A text that stands in many rules is compiled once; the problems are told where it stands first.
static int program(struct sp_compiling *k, struct sp_names *texts, const struct sp_policy_condition *w,
	uint32_t *ret)
{
	const struct sp_cel_ask ask = {
		.text = sp_bytes_cstr(w->text),
		.env = sp_judge_env(),
		.phase = SP_CEL_PHASE_CALL,
		.want_bool = true,
		.at = w->at,
		.written = w->written,
	};
	struct sp_c_program *out;
	int err;

	SP_TRY(sp_names_add(texts, w->text, ret));
	if (*ret < k->c->programs_n)
		return 0;
	out = &k->c->program[k->c->programs_n++];
	err = sp_cel_compile(&ask, k->check, &out->code, &out->n);
	return err == -EBADMSG ? 0 : err;
}

static bool mentions(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

/// Rather once too often: a variable's name inside a string counts, too.
static void note_uses(struct sp_compiling *k, const char *text)
{
	if (mentions(text, "jwt") || mentions(text, "agent") || mentions(text, "request"))
		k->c->uses_claims = true;
	if (mentions(text, "request") || mentions(text, "arguments"))
		k->c->uses_arguments = true;
}

static bool can_be_agents(const char *const *name, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (sp_policy_agent_wrong(name[i]))
			return false;
	return true;
}

/// Agents that a condition of the rule compares the caller with: nobody else can meet it.
static int pinned(
	struct sp_compiling *k, const struct sp_policy_rule *r, struct sp_policy_strs *ret)
{
	static const uint32_t vars[] = {SP_VAR_AGENT_IDENTITY, SP_VAR_AGENT_NAME};
	const char *found[PINNED_MAX];

	for (uint32_t i = 0; i < r->when.n; i++) {
		for (size_t v = 0; v < SP_ARRAY_LEN(vars); v++) {
			uint32_t n = sp_cel_pinned(sp_bytes_cstr(r->when.v[i].text), sp_judge_env(),
				vars[v], &k->c->arena, found, PINNED_MAX);

			if (n == 0 || n >= PINNED_MAX || !can_be_agents(found, n))
				continue;
			ret->v = sp_compile_room(k, n, sizeof(*ret->v));
			if (!ret->v)
				return -ENOMEM;
			memcpy(ret->v, found, n * sizeof(*found));
			ret->n = n;
			return 0;
		}
	}
	return 0;
}

static int rule(struct sp_compiling *k, struct sp_names *texts, uint32_t i)
{
	const struct sp_policy_rule *r = &k->p->rule[i];
	struct sp_c_rule *out = &k->c->rule[i];

	out->of = r;
	out->named = r->agents;
	out->condition = sp_compile_room(k, r->when.n, sizeof(*out->condition));
	if (!out->condition)
		return -ENOMEM;
	for (uint32_t n = 0; n < r->when.n; n++) {
		const struct sp_policy_condition *w = &r->when.v[n];

		out->condition[n].of = w;
		SP_TRY(program(k, texts, w, &out->condition[n].program));
		note_uses(k, w->text);
	}
	out->conditions_n = r->when.n;
	return r->agents.n ? 0 : pinned(k, r, &out->named);
}

int sp_compile_conditions(struct sp_compiling *k)
{
	struct sp_names texts = {0};
	size_t most = 0;
	int err = 0;

	for (uint32_t i = 0; i < k->p->rules_n; i++)
		most += k->p->rule[i].when.n;
	k->c->rule = sp_compile_room(k, k->p->rules_n, sizeof(*k->c->rule));
	k->c->program = sp_compile_room(k, most, sizeof(*k->c->program));
	if (!k->c->rule || !k->c->program)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->p->rules_n && !err; i++)
		err = rule(k, &texts, i);
	sp_names_done(&texts);
	return err;
}
