#include "controlplane/control/candidate.h"

#include "controlplane/control/trust.h"

#include "common/childfd.h"
#include "common/clock.h"

#include <limits.h>
#include <stdio.h>
#include "common/banned.h"

/// Key sets are read when they are due (trust.c); here it is only seen to that the files are good.
static int check_key_files(const struct sp_gateway *g, struct sp_check *check)
{
	int err = 0;

	for (uint32_t i = 0; i < g->issuers.n && err != -ENOMEM; i++) {
		const struct sp_gw_issuer *s = sp_gw_issuer(g, i);
		struct sp_jwks *set = NULL;
		char why[256];
		int r = s->jwks_file.s ? sp_trust_read_file(s, &set, why, sizeof(why)) : 0;

		sp_jwks_free(set);
		if (r < 0 && r != -ENOMEM) {
			sp_check_add(check, (struct sp_at){g->file, s->jwks_file.line, 0},
				"a JSON Web Key Set (RFC 7517) with a key for one of the algorithms",
				"jwks_file: %s", why);
			r = -EBADMSG;
		}
		err = r < 0 ? r : err;
	}
	return err;
}

int sp_candidate_read(const char *config_path, struct sp_check *check, struct sp_candidate *ret)
{
	struct sp_candidate c = {0};
	int err, tls, keys;

	SP_TRY(sp_load_gateway(config_path, check, &c.gateway));
	err = sp_load_upstreams(c.gateway, sp_resolve_system, NULL, check, &c.upstreams);
	if (err != -ENOMEM) { // all problems of the files named, at once
		tls = sp_tls_files_read(c.gateway, check, &c.tls);
		keys = check_key_files(c.gateway, check);
		if (err == 0 || tls == -ENOMEM)
			err = tls;
		if (err == 0 || keys == -ENOMEM)
			err = keys;
	}
	if (err < 0) {
		sp_candidate_done(&c);
		return err;
	}
	*ret = c;
	return 0;
}

void sp_candidate_done(struct sp_candidate *c)
{
	if (c->upstreams.v)
		sp_upstream_set_done(&c->upstreams);
	if (c->policy)
		sp_policy_free(c->policy);
	sp_tls_files_free(c->tls);
	if (c->gateway)
		sp_gateway_free(c->gateway);
	*c = (struct sp_candidate){0};
}

int sp_candidate_try(const struct sp_candidate *c, const struct sp_policy *policy,
	uint64_t generation, struct sp_check *check, uint8_t **ret, size_t *ret_n)
{
	struct sp_issuer_keys *none = calloc(c->gateway->issuers.n + 1ul, sizeof(*none));
	struct sp_compile_in in = {
		.gateway = c->gateway,
		.policy = policy,
		.keys = none,
		.upstreams = c->upstreams.v,
		.generation = generation,
		.built_ns = sp_clock_wall_ns(),
	};
	int err = none ? sp_compile(&in, check, ret, ret_n) : -ENOMEM;

	free(none);
	return err;
}

const char *sp_problem_file(const char *file, const char *hide)
{
	size_t n = hide ? strlen(hide) : 0;

	if (n && strncmp(file, hide, n) == 0 && file[n] == '/')
		return file + n + 1;
	return file;
}

void sp_problems_text(const struct sp_check *check, const char *hide, char *buf, size_t cap)
{
	size_t at = 0;

	buf[0] = 0;
	for (uint32_t i = 0; i < check->n && at < cap; i++) {
		struct sp_problem p = check->v[i];
		int n;

		p.file = (char *)sp_problem_file(p.file, hide);
		n = sp_problem_text(&p, buf + at, cap - at);
		at += n < 0 ? 0 : (size_t)n;
		if (at + 1 < cap && i + 1 < check->n) {
			buf[at++] = '\n';
			buf[at] = 0;
		}
	}
	if (check->dropped && at < cap)
		snprintf(buf + at, cap - at, "\nand %u more", check->dropped);
}

static void print_problems(const struct sp_check *check)
{
	char text[1024];

	for (uint32_t i = 0; i < check->n; i++) {
		sp_problem_text(&check->v[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
	if (check->dropped)
		fprintf(stderr, "and %u more\n", check->dropped);
}

static void print_summary(const struct sp_candidate *c)
{
	int days = sp_tls_files_days_left(c->tls, sp_clock_wall_ns());

	for (uint32_t i = 0; i < c->upstreams.n; i++)
		if (c->upstreams.v[i].resolve_err)
			fprintf(stderr, "note: upstream %s: its name does not resolve now\n",
				sp_gw_upstream(c->gateway, i)->name.s);
	if (days < 14)
		fprintf(stderr, days < 0 ? "note: a certificate has expired\n"
					 : "note: a certificate expires within two weeks\n");
	printf("%s: good: profile %s, %u listeners, %u upstreams, %u routes, %u issuers, %u "
	       "agents, %u tools\n",
		c->gateway->file, sp_profile_name((enum sp_profile)c->gateway->profile),
		c->gateway->listeners.n, c->gateway->upstreams.n, c->gateway->routes.n,
		c->gateway->issuers.n, c->policy->agents_n, c->policy->actions_n);
}

static int check_all(const char *config_path, struct sp_check *check, struct sp_candidate *ret)
{
	struct sp_candidate c;
	uint8_t *blob = NULL;
	size_t n;
	int err;

	SP_TRY(sp_candidate_read(config_path, check, &c));
	err = sp_load_policy(c.gateway->policy.directory.s, check, &c.policy);
	if (err == 0)
		err = sp_candidate_try(&c, c.policy, 1, check, &blob, &n);
	if (err < 0) {
		sp_candidate_done(&c);
		return err;
	}
	free(blob);
	*ret = c;
	return 0;
}

static int fail(const struct sp_check *check, const char *config_path, int err)
{
	print_problems(check);
	if (err != -EBADMSG)
		fprintf(stderr, "%s: %s\n", config_path, strerror(-err));
	return 1;
}

int sp_check_main(const char *config_path)
{
	struct sp_check check;
	struct sp_candidate c;
	int err;

	sp_check_init(&check);
	err = check_all(config_path, &check, &c);
	if (err < 0) {
		err = fail(&check, config_path, err);
	} else {
		print_summary(&c);
		sp_candidate_done(&c);
	}
	sp_check_done(&check);
	return err;
}

static int write_plan(const char *config_path, const struct sp_gateway *g, struct sp_check *check)
{
	struct sp_plan_source source;
	struct sp_shm shm;

	SP_TRY(sp_shm_attach(SP_FD_PLAN, SP_REGION_PLAN, sizeof(struct sp_plan), true, &shm));
	SP_TRY(sp_load_plan_facts(g, config_path, check, &source));
	return sp_plan_build(g, &source.facts, check, (struct sp_plan *)shm.base);
}

int sp_plan_main(const char *config_path)
{
	struct sp_check check;
	struct sp_candidate c;
	int err;

	sp_check_init(&check);
	err = check_all(config_path, &check, &c);
	if (err == 0) {
		err = write_plan(config_path, c.gateway, &check);
		sp_candidate_done(&c);
	}
	if (err < 0)
		err = fail(&check, config_path, err);
	sp_check_done(&check);
	return err;
}
