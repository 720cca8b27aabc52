#include "config/limits_fit.h"

#include "config/judge/judge.h"
#include "config/snapshot_policy.h"
#include "common/banned.h"

/// Of every call that names a session: the tool's own max_calls.
#define OWN 1u

static uint32_t most(struct sp_snap_table t, uint32_t so_far)
{
	return t.n > so_far ? t.n : so_far;
}

static bool comparable(struct sp_bytes a, struct sp_bytes b)
{
	size_t n = sp_min(a.n, b.n);

	return n == 0 || memcmp(a.p, b.p, n) == 0;
}

static struct sp_bytes fixed_part(struct sp_bytes glob)
{
	size_t n = 0;

	while (n < glob.n && glob.p[n] != '*' && glob.p[n] != '?')
		n++;
	return sp_bytes(glob.p, n);
}

/// Limits by tool that could bind a name beginning as `glob` does: two globs match one name only if
/// the texts before their wildcards agree.
static uint32_t near_glob(const struct sp_snap *s, uint32_t agent, const uint32_t *v, uint32_t n,
	struct sp_bytes glob)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct sp_snap_limit *l = SP_SNAP_POLICY(s, limits, sp_snap_limit, v[i]);
		bool fits = false;

		for (uint32_t g = 0; g < l->globs.n && !fits; g++)
			fits = comparable(fixed_part(glob),
				fixed_part(
					sp_snap_str(s, *SP_SNAP_GET(s, l->globs, sp_snap_str, g))));
		found += fits && sp_snap_agent_fits(s, agent, l->any_agent, l->agents, l->roles);
	}
	return found;
}

static const uint32_t *numbers(const struct sp_snap *s, struct sp_snap_table t)
{
	return sp_snap_at(s, t, 0, sizeof(uint32_t));
}

struct fit {
	const struct sp_snap *s;
	const struct sp_compiled *c;
	struct sp_check *check;
	uint32_t agent;
	uint32_t others; ///< that bind it besides those of agents and tools
	/// The agent's, and those that name no agent, for names that are no action.
	struct sp_snap_table lists[2];
};

static int refuse(const struct fit *f, const char *tool, uint32_t limit, uint32_t n)
{
	sp_check_add(f->check, f->c->limit[limit].at, "join limits that bind the same calls",
		"a call of '%s' by agent '%s' could be bound by %u limits, at most %u can be", tool,
		f->c->agent[f->agent].name, n, SP_JUDGE_LIMITS_MAX);
	return -EBADMSG;
}

/// The most limits by tool that a name could meet which one of the globs of limit `no` matches,
/// from above.
static uint32_t most_near(const struct fit *f, uint32_t no)
{
	const struct sp_snap_limit *l = SP_SNAP_POLICY(f->s, limits, sp_snap_limit, no);
	uint32_t found = 0;

	for (uint32_t g = 0; g < l->globs.n; g++) {
		struct sp_bytes glob =
			sp_snap_str(f->s, *SP_SNAP_GET(f->s, l->globs, sp_snap_str, g));
		uint32_t n = 0;

		for (size_t i = 0; i < SP_ARRAY_LEN(f->lists); i++)
			n += near_glob(
				f->s, f->agent, numbers(f->s, f->lists[i]), f->lists[i].n, glob);
		found = sp_max(found, n);
	}
	return found;
}

/// Of names that are no action: how many limits by tool one of them could meet, from above, and one
/// of those.
static uint32_t most_wild(const struct fit *f, uint32_t *ret_limit)
{
	uint32_t found = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(f->lists); i++) {
		for (uint32_t k = 0; k < f->lists[i].n; k++) {
			uint32_t no = numbers(f->s, f->lists[i])[k], n = most_near(f, no);

			if (n > found)
				*ret_limit = no;
			found = sp_max(found, n);
		}
	}
	return found;
}

/// Limits for any tool that bind the agent.
static uint32_t of_any_tool(const struct fit *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->lists[0].n; i++)
		n += SP_SNAP_POLICY(f->s, limits, sp_snap_limit, numbers(f->s, f->lists[0])[i])
			     ->any_tool;
	return n;
}

/// A tool is also known by its name behind the upstream's: both names count on one call.
static uint32_t of_bare_name(const struct fit *f, const char *name, uint32_t any_tool)
{
	const char *bare = strstr(name, "__");
	uint32_t action = bare ? sp_names_find(&f->c->actions_names, bare + 2) : SP_SNAP_NONE;
	const struct sp_snap_who who = {f->agent, action, SP_NOBYTES};

	if (action == SP_SNAP_NONE)
		return 0;
	return sp_snap_limits_of(f->s, &who, SP_SNAP_NONE, NULL, 0) - any_tool;
}

static int agent_fits(struct fit *f)
{
	uint32_t found[SP_JUDGE_LIMITS_MAX] = {0}, limit = 0;
	uint32_t wild, any;

	f->lists[0] = SP_SNAP_POLICY(f->s, agent_facts, sp_snap_agent_facts, f->agent)->limits;
	any = of_any_tool(f);
	wild = most_wild(f, &limit);
	for (uint32_t a = 0; a < f->s->h->actions.n; a++) {
		const char *name = f->c->actions_names.v[a];
		const struct sp_snap_who who = {f->agent, a, sp_bytes_cstr(name)};
		uint32_t n =
			sp_snap_limits_of(f->s, &who, SP_SNAP_NONE, found, SP_ARRAY_LEN(found));
		uint32_t last = n ? found[sp_min(n, SP_JUDGE_LIMITS_MAX) - 1] : limit;

		n += of_bare_name(f, name, any) + f->others;
		if (n > SP_JUDGE_LIMITS_MAX)
			return refuse(f, name, last, n);
		n += wild;
		if (n > SP_JUDGE_LIMITS_MAX)
			return refuse(f, name, limit, n);
	}
	if (wild + any + f->others > SP_JUDGE_LIMITS_MAX)
		return refuse(f, f->c->limit[limit].globs.n ? f->c->limit[limit].globs.v[0] : "*",
			limit, wild + any + f->others);
	return 0;
}

/// Agents of one class have the same list of limits and the same roles: what holds for one holds
/// for all.
struct class
{
	uint64_t roles;
	uint32_t limits_off, agent;
};

static int by_class(const void *va, const void *vb)
{
	const struct class *a = va, *b = vb;

	if (a->limits_off != b->limits_off)
		return a->limits_off < b->limits_off ? -1 : 1;
	if (a->roles != b->roles)
		return a->roles < b->roles ? -1 : 1;
	return (a->agent > b->agent) - (a->agent < b->agent);
}

/// Agents whose lists are long enough to be looked at; `others` bind every call at most.
static uint32_t gather(const struct sp_snap *s, uint32_t others, struct class *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->agents.n; i++) {
		const struct sp_snap_agent_facts *f =
			SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, i);

		if (f->limits.n + others > SP_JUDGE_LIMITS_MAX)
			v[n++] = (struct class){f->roles, f->limits.off, i};
	}
	if (n)
		qsort(v, n, sizeof(*v), by_class);
	return n;
}

int sp_limits_fit(const struct sp_snap *s, const struct sp_compiled *c, struct sp_check *check)
{
	const struct sp_snap_policy *p = &s->h->policy;
	struct fit f = {s, c, check, 0, OWN, {{0, 0}, p->wild_limits}};
	struct class *v = calloc(s->h->agents.n + 1ul, sizeof(*v));
	uint32_t actions = 0, groups = 0, n;
	int err = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->action_facts.n; i++)
		actions = most(
			SP_SNAP_GET(s, p->action_facts, sp_snap_action_facts, i)->limits, actions);
	for (uint32_t i = 0; i < p->groups.n; i++)
		groups = most(SP_SNAP_GET(s, p->groups, sp_snap_group, i)->limits, groups);
	f.others = groups + OWN;
	n = gather(s, 2 * actions + p->wild_limits.n + f.others, v);
	for (uint32_t i = 0; i < n && !err; i++) {
		f.agent = v[i].agent;
		if (i == 0 || v[i].limits_off != v[i - 1].limits_off ||
			v[i].roles != v[i - 1].roles)
			err = agent_fits(&f);
	}
	free(v);
	return err;
}
