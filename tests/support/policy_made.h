/// Policies compiled and opened again, to be asked. A test's set-up is fresh(), its end done().
#pragma once

#include "config/snapshot_policy.h"
#include "tests/support/policy_make.h"

static struct sp_check check;

static inline int fresh(void **state)
{
	(void)state;
	sp_check_init(&check);
	return 0;
}

static inline int done(void **state)
{
	(void)state;
	sp_check_done(&check);
	return 0;
}

/// A compiled policy that is looked at, and the memory it lies in.
struct made {
	struct sp_snap s;
	uint8_t *blob;
	size_t n;
};

static inline struct made good(struct sp_policy *p)
{
	struct made m = {.blob = NULL};
	int err = make_blob(p, &check, &m.blob, &m.n);

	if (err)
		print_message("%s\n", first_problem(&check));
	assert_int_equal(err, 0);
	assert_int_equal(sp_snap_open(m.blob, m.n, &m.s), 0);
	sp_policy_free(p);
	return m;
}

static inline struct sp_snap_who who(const struct sp_snap *s, const char *agent, const char *tool)
{
	struct sp_snap_who w = {sp_snap_find_agent(s, sp_bytes_cstr(agent)),
		sp_snap_find_action(s, sp_bytes_cstr(tool)), sp_bytes_cstr(tool)};

	return w;
}

/// Names of the rules that concern a call, with blanks between.
static inline const char *rules(const struct made *m, const char *agent, const char *tool)
{
	static char text[4096];
	struct sp_snap_who w = who(&m->s, agent, tool);
	struct sp_out o = sp_out_init(text, sizeof(text) - 1);
	struct sp_snap_rules it;
	uint32_t no;

	sp_snap_rules_begin(&it, &m->s, &w);
	while ((no = sp_snap_rules_next(&it)) != SP_SNAP_NONE) {
		if (o.len)
			sp_out_lit(&o, " ");
		sp_out_bytes(&o, sp_snap_str(&m->s, SP_SNAP_POLICY(&m->s, rules, sp_snap_rule, no)->name));
	}
	text[o.len] = 0;
	return text;
}
