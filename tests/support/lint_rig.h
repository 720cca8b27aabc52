/// A policy made word by word and linted: begin(), what the test adds, end(), done().
#pragma once

#include "config/lint/lint_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define STRS(...)                                                                                  \
	((struct sp_policy_strs){(const char *[]){__VA_ARGS__},                                    \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)})

static struct sp_policy *p;
static struct sp_lint lint;

static inline void begin(void)
{
	assert_int_equal(sp_policy_new(&p), 0);
}

static inline struct sp_policy_rule *rule(const char *name, enum sp_effect effect)
{
	struct sp_policy_rule *r;

	assert_int_equal(
		sp_policy_rule_add(p, (struct sp_at){"p.yaml", 100 + p->rules_n, 3}, &r), 0);
	r->name = name;
	r->effect = effect;
	r->group = UINT32_MAX;
	r->reason = "as asked";
	return r;
}

static inline void end(void)
{
	struct sp_check check;

	sp_check_init(&check);
	if (sp_policy_seal_in(p, &check) < 0)
		fail_msg("%s", check.n ? check.v[0].what : "?");
	sp_check_done(&check);
	sp_lint_init(&lint);
	assert_int_equal(sp_lint_policy(&lint, p), 0);
}

static inline void done(void)
{
	sp_lint_done(&lint);
	p = sp_policy_free(p);
}

static inline const struct sp_lint_finding *found(enum sp_lint_id id)
{
	for (uint32_t i = 0; i < lint.n; i++)
		if (lint.v[i].id == id)
			return &lint.v[i];
	return NULL;
}

static inline unsigned times(enum sp_lint_id id)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < lint.n; i++)
		n += lint.v[i].id == id;
	return n;
}
