/// Policy text to a sealed policy, for tests: one document or several, good or with the problem
/// wanted.
#pragma once

#include "config/policy_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct sp_check check;

static inline void all_problems(char *buf, size_t cap)
{
	buf[0] = 0;
	for (uint32_t i = 0; i < check.n; i++) {
		size_t len = strlen(buf);

		sp_problem_text(&check.v[i], buf + len, cap - len - 1);
		snprintf(buf + strlen(buf), cap - strlen(buf), "\n");
	}
}

/// Up to three documents made one policy; NULL with problems in `check`.
static inline struct sp_policy *join(const char *const text[3], const char *const file[3])
{
	struct sp_policy *p;
	int err = 0;

	sp_check_init(&check);
	assert_int_equal(sp_policy_new(&p), 0);
	for (unsigned i = 0; i < 3 && text[i]; i++) {
		int e = sp_policy_read(p, sp_bytes_cstr(text[i]), file[i], &check);

		assert_true(e == 0 || e == -EBADMSG);
		err = err ? err : e;
	}
	if (err == 0)
		err = sp_policy_seal_in(p, &check);
	assert_int_equal(err == 0, sp_check_ok(&check));
	return err ? sp_policy_free(p) : p;
}

static inline struct sp_policy *must(struct sp_policy *p)
{
	char all[4096];

	all_problems(all, sizeof(all));
	if (!p)
		fail_msg("%s", all);
	sp_check_done(&check);
	return p;
}

static inline struct sp_policy *json(const char *text)
{
	return must(join((const char *const[3]){text}, (const char *const[3]){"p.json"}));
}

static inline struct sp_policy *yaml(const char *text)
{
	return must(join((const char *const[3]){text}, (const char *const[3]){"p.yaml"}));
}

static inline struct sp_policy *both(const char *a, const char *b)
{
	return must(join((const char *const[3]){a, b}, (const char *const[3]){"a.json", "b.json"}));
}

static inline void wanted(struct sp_policy *p, const char *want)
{
	char all[8192];

	all_problems(all, sizeof(all));
	if (p || !strstr(all, want))
		fail_msg("wanted: %s\ngot: %s", want, p ? "no problem" : all);
	sp_check_done(&check);
}

static inline void bad_json(const char *text, const char *want)
{
	wanted(join((const char *const[3]){text}, (const char *const[3]){"p.json"}), want);
}

static inline void bad_yaml(const char *text, const char *want)
{
	wanted(join((const char *const[3]){text}, (const char *const[3]){"p.yaml"}), want);
}

static inline void bad_both(const char *a, const char *b, const char *want)
{
	wanted(join((const char *const[3]){a, b}, (const char *const[3]){"a.json", "b.json"}),
		want);
}

static inline const struct sp_policy_tool *tool(const struct sp_policy *p, const char *name)
{
	for (uint32_t i = 0; i < p->tools_n; i++)
		if (strcmp(p->tool[i].name, name) == 0)
			return &p->tool[i];
	fail_msg("no tool %s", name);
	return NULL;
}

static inline const struct sp_policy_agent *agent(const struct sp_policy *p, const char *name)
{
	for (uint32_t i = 0; i < p->agents_n; i++)
		if (strcmp(p->agent[i].name, name) == 0)
			return &p->agent[i];
	fail_msg("no agent %s", name);
	return NULL;
}
