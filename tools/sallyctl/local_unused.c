/// `policy unused`: what is granted and nobody uses.
#include "tools/sallyctl/local.h"

#include "common/clock.h"
#include "config/standing.h"
#include "tools/sallyctl/local_records.h"
#include "tools/sallyctl/uses.h"

#include <stdio.h>
#include "common/banned.h"

#define DAYS 90u

struct unused {
	const struct sp_snap *s;
	const struct sp_records *records;
	struct sp_uses pairs, rules;
	uint64_t since_ns, days;
	uint32_t permissions, permissions_unused, allowing, allowing_unused, agents_unused;
	struct sp_cv_out list; ///< of permissions, made while they are counted
};

static void put_last(struct sp_cv_out *o, const struct sp_use *use)
{
	char buf[SP_USES_TIME];

	sp_cv_put_str(o, "last_used");
	if (use)
		sp_cv_put_str(o, sp_uses_time(use->last_ns, buf));
	else
		sp_cv_put_nil(o);
}

static bool is_used(const struct unused *u, const struct sp_use *use)
{
	return use && use->last_ns >= u->since_ns;
}

static void look_at_pair(struct unused *u, uint32_t agent, uint32_t action)
{
	struct sp_bytes name = sp_snap_str(u->s, sp_snap_agent(u->s, agent)->name);
	struct sp_bytes tool = sp_snap_str(
		u->s, SP_SNAP_GET(u->s, u->s->h->actions, sp_snap_action, action)->name);
	const struct sp_snap_who who = {agent, action, tool};
	enum sp_standing standing = sp_standing_of(u->s, &who);
	const struct sp_use *use;

	if (standing == SP_STANDING_DENIED)
		return;
	u->permissions++;
	use = sp_uses_find(&u->pairs, name, tool);
	if (is_used(u, use))
		return;
	u->permissions_unused++;
	sp_cv_put_map(&u->list);
	sp_records_put_text(&u->list, "agent", name);
	sp_records_put_text(&u->list, "tool", tool);
	sp_records_put_text(&u->list, "standing", sp_bytes_cstr(sp_standing_name(standing)));
	put_last(&u->list, use);
	sp_cv_put_end(&u->list);
}

static void look_at_pairs(struct unused *u)
{
	for (uint32_t a = 0; a < u->s->h->agents.n; a++) {
		uint32_t before = u->permissions;
		struct sp_bytes name = sp_snap_str(u->s, sp_snap_agent(u->s, a)->name);

		for (uint32_t t = 0; t < u->s->h->actions.n; t++)
			look_at_pair(u, a, t);
		u->agents_unused += u->permissions != before &&
				    !is_used(u, sp_uses_find(&u->pairs, name, SP_NOBYTES));
	}
}

/// Rules that grant, tools by pattern among them. One that refuses is no permission.
static void put_rules(struct unused *u, struct sp_cv_out *o)
{
	uint32_t n = u->s->h->policy.rules.n;

	for (uint32_t i = 0; i < n; i++) {
		const struct sp_snap_rule *r = SP_SNAP_POLICY(u->s, rules, sp_snap_rule, i);
		struct sp_bytes name = sp_snap_str(u->s, r->name);
		const struct sp_use *use = sp_uses_find(&u->rules, SP_NOBYTES, name);

		if (r->effect != SP_EFFECT_ALLOW)
			continue;
		u->allowing++;
		if (is_used(u, use))
			continue;
		u->allowing_unused++;
		sp_cv_put_map(o);
		sp_records_put_text(o, "rule", name);
		sp_records_put_text(o, "file", sp_snap_str(u->s, r->source));
		sp_records_put_number(o, "line", r->line);
		put_last(o, use);
		sp_cv_put_end(o);
	}
}

static void put_counts(const struct unused *u, struct sp_cv_out *o)
{
	char buf[SP_USES_TIME];

	sp_records_put_number(o, "days", u->days);
	sp_records_put_text(o, "since", sp_bytes_cstr(sp_uses_time(u->since_ns, buf)));
	sp_cv_put_str(o, "records_from");
	if (u->records->calls_n)
		sp_cv_put_str(o, sp_uses_time(u->records->call[0].time_ns, buf));
	else
		sp_cv_put_nil(o);
	sp_records_put_number(o, "calls", u->records->calls_n);
	sp_records_put_number(o, "agents", u->s->h->agents.n);
	sp_records_put_number(o, "agents_unused", u->agents_unused);
	sp_records_put_number(o, "permissions", u->permissions);
	sp_records_put_number(o, "permissions_unused", u->permissions_unused);
	sp_records_put_number(o, "rules", u->allowing);
	sp_records_put_number(o, "rules_unused", u->allowing_unused);
}

static int print(const struct sp_line *l, struct unused *u)
{
	struct sp_cv_out o, rules;
	int err;

	sp_cv_out_init(&o);
	sp_cv_out_init(&rules);
	sp_cv_put_array(&rules);
	put_rules(u, &rules);
	sp_cv_put_end(&rules);
	sp_cv_put_map(&o);
	put_counts(u, &o);
	sp_cv_put_str(&o, "unused_permissions");
	sp_cv_put_raw(&o, sp_cv_out_bytes(&u->list));
	sp_cv_put_str(&o, "unused_rules");
	sp_cv_put_raw(&o, sp_cv_out_bytes(&rules));
	sp_cv_put_end(&o);
	o.failed |= rules.failed || u->list.failed;
	err = sp_records_print(l, &o, NULL);
	sp_cv_out_done(&rules);
	sp_cv_out_done(&o);
	return err;
}

/// What is called unused by records that do not reach back so far would be a guess.
static void warn_of_short_records(const struct unused *u)
{
	char buf[SP_USES_TIME];

	if (u->records->calls_n == 0)
		fputs("sallyctl: there is no call in the records: everything looks unused\n", stderr);
	else if (u->records->call[0].time_ns > u->since_ns)
		fprintf(stderr, "sallyctl: the records begin %s only, less than %u days ago\n",
			sp_uses_time(u->records->call[0].time_ns, buf), (unsigned)u->days);
}

static int look(const struct sp_line *l, struct unused *u)
{
	int err = sp_uses_sum(u->records, SP_USES_GRANTED, 0, true, &u->pairs);

	if (err == 0)
		err = sp_uses_of_rules(u->records, &u->rules);
	if (err == 0) {
		warn_of_short_records(u);
		sp_cv_out_init(&u->list);
		sp_cv_put_array(&u->list);
		look_at_pairs(u);
		sp_cv_put_end(&u->list);
		err = print(l, u);
		sp_cv_out_done(&u->list);
	}
	sp_uses_done(&u->pairs);
	sp_uses_done(&u->rules);
	return err;
}

static int unused(const struct sp_line *l, const struct sp_records_line *what,
	const struct sp_snap *s, const struct sp_records *records)
{
	uint64_t now = sp_clock_wall_ns(), days = what->days ? what->days : DAYS;
	struct unused u = {.s = s, .records = records, .days = days};

	u.since_ns = now - sp_min(now, days * 86400 * SP_NS_PER_SEC);
	return look(l, &u);
}

int sp_local_policy_unused(const struct sp_line *l)
{
	return sp_records_ask(l, unused);
}
