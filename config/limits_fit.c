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

/// What no call of the agent can exceed, read off the lengths of lists.
static uint32_t ceiling(const struct sp_snap *s, uint32_t agent, uint32_t actions, uint32_t groups)
{
	return SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent)->limits.n + actions +
	       groups + OWN;
}

static int refuse(const struct sp_compiled *c, struct sp_check *check, uint32_t agent,
	const char *tool, uint32_t limit, uint32_t n)
{
	sp_check_add(check, c->limit[limit].at, "join limits that bind the same calls",
		"a call of '%s' by agent '%s' would be bound by %u limits, at most %u can be", tool,
		c->agent[agent].name, n, SP_JUDGE_LIMITS_MAX);
	return -EBADMSG;
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

/// Limits that could bind a name beginning as `glob` does: two globs match one name only if the
/// texts before their wildcards agree.
static uint32_t near_glob(const struct sp_snap *s, uint32_t agent, const uint32_t *v, uint32_t n,
	struct sp_bytes glob)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct sp_snap_limit *l = SP_SNAP_POLICY(s, limits, sp_snap_limit, v[i]);
		bool fits = l->any_tool;

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

struct wild {
	const struct sp_snap *s;
	uint32_t agent, others;
	struct sp_snap_table lists[2]; ///< the agent's, and those that name no agent
};

/// The most limits that a name could meet which one of the globs of limit `no` matches, from above.
static uint32_t most_near(const struct wild *w, uint32_t no)
{
	const struct sp_snap_limit *l = SP_SNAP_POLICY(w->s, limits, sp_snap_limit, no);
	uint32_t found = 0;

	for (uint32_t g = 0; g < l->globs.n; g++) {
		struct sp_bytes glob =
			sp_snap_str(w->s, *SP_SNAP_GET(w->s, l->globs, sp_snap_str, g));
		uint32_t n = w->others;

		for (size_t i = 0; i < SP_ARRAY_LEN(w->lists); i++)
			n += near_glob(
				w->s, w->agent, numbers(w->s, w->lists[i]), w->lists[i].n, glob);
		found = sp_max(found, n);
	}
	return found;
}

static int wild_fits(const struct sp_snap *s, const struct sp_compiled *c, uint32_t agent,
	uint32_t groups, struct sp_check *check)
{
	const struct wild w = {s, agent, groups + OWN,
		{SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent)->limits,
			s->h->policy.wild_limits}};

	for (size_t i = 0; i < SP_ARRAY_LEN(w.lists); i++) {
		for (uint32_t k = 0; k < w.lists[i].n; k++) {
			uint32_t no = numbers(s, w.lists[i])[k], n = most_near(&w, no);

			if (n > SP_JUDGE_LIMITS_MAX)
				return refuse(c, check, agent, c->limit[no].globs.v[0], no, n);
		}
	}
	return 0;
}

static int agent_fits(const struct sp_snap *s, const struct sp_compiled *c, uint32_t agent,
	uint32_t groups, struct sp_check *check)
{
	uint32_t found[SP_JUDGE_LIMITS_MAX];

	for (uint32_t a = 0; a < s->h->actions.n; a++) {
		const struct sp_snap_who who = {agent, a, sp_bytes_cstr(c->actions_names.v[a])};
		uint32_t n = sp_snap_limits_of(s, &who, SP_SNAP_NONE, found, SP_ARRAY_LEN(found));

		if (n + groups + OWN > SP_JUDGE_LIMITS_MAX)
			return refuse(c, check, agent, c->actions_names.v[a],
				n ? found[sp_min(n, SP_JUDGE_LIMITS_MAX) - 1] : 0,
				n + groups + OWN);
	}
	return wild_fits(s, c, agent, groups, check);
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

/// Agents whose lists are long enough to be looked at.
static uint32_t gather(const struct sp_snap *s, uint32_t actions, uint32_t groups, struct class *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->h->agents.n; i++) {
		const struct sp_snap_agent_facts *f =
			SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, i);

		if (ceiling(s, i, actions, groups) > SP_JUDGE_LIMITS_MAX)
			v[n++] = (struct class){f->roles, f->limits.off, i};
	}
	if (n)
		qsort(v, n, sizeof(*v), by_class);
	return n;
}

int sp_limits_fit(const struct sp_snap *s, const struct sp_compiled *c, struct sp_check *check)
{
	const struct sp_snap_policy *p = &s->h->policy;
	uint32_t actions = p->wild_limits.n, groups = 0, n;
	struct class *v = calloc(s->h->agents.n + 1ul, sizeof(*v));
	int err = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->action_facts.n; i++)
		actions = most(
			SP_SNAP_GET(s, p->action_facts, sp_snap_action_facts, i)->limits, actions);
	for (uint32_t i = 0; i < p->groups.n; i++)
		groups = most(SP_SNAP_GET(s, p->groups, sp_snap_group, i)->limits, groups);
	n = gather(s, actions, groups, v);
	for (uint32_t i = 0; i < n && !err; i++)
		if (i == 0 || v[i].limits_off != v[i - 1].limits_off ||
			v[i].roles != v[i - 1].roles)
			err = agent_fits(s, c, v[i].agent, groups, check);
	free(v);
	return err;
}
