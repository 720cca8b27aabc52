#include "controlplane/control/trust.h"

#include "common/clock.h"
#include "common/log.h"
#include "config/load.h"

#include <stdio.h>
#include "common/banned.h"

static struct sp_refresh_now now(void)
{
	return (struct sp_refresh_now){sp_clock_boot_ns(), sp_clock_wall_ns()};
}

int sp_trust_init(struct sp_trust *t)
{
	*t = (struct sp_trust){.fetcher_fd = -1};
	SP_TRY(sp_fetch_global_init());
	return sp_fetcher_new(&t->fetcher, &t->fetcher_fd);
}

void sp_trust_done(struct sp_trust *t)
{
	sp_refresh_free(t->refresh);
	sp_fetcher_free(t->fetcher);
	*t = (struct sp_trust){.fetcher_fd = -1};
}

int sp_trust_read_file(
	const struct sp_gw_issuer *i, struct sp_jwks **ret, char *why, size_t why_cap)
{
	struct sp_jwks_error error = {.what = ""};
	uint8_t *text;
	size_t n;
	int err = sp_load_file(i->jwks_file.s, SP_JWKS_MAX_BYTES, &text, &n);

	if (err < 0) {
		snprintf(why, why_cap, "%.100s: %s", i->jwks_file.s, strerror(-err));
		return err;
	}
	err = sp_jwks_parse(sp_bytes(text, n), i->algs, ret, &error);
	free(text);
	if (err < 0)
		snprintf(why, why_cap, "%.100s: %s", i->jwks_file.s, error.what);
	return err;
}

static int fetch(void *ctx, uint32_t issuer, struct sp_jwks **ret, char *why, size_t why_cap)
{
	struct sp_trust *t = ctx;
	const struct sp_gw_issuer *i = sp_gw_issuer(t->gateway, issuer);
	struct sp_fetch_issuer in = {
		.issuer = i->issuer.s,
		.jwks_uri = i->jwks_uri.s,
		.ca_file = i->ca_file.s,
		.algs = i->algs,
		.allow_private = i->allow_private_address,
		.development = t->gateway->profile == SP_PROFILE_DEVELOPMENT,
	};
	int err;

	if (i->jwks_file.s)
		return sp_trust_read_file(i, ret, why, why_cap);
	err = sp_fetcher_start(t->fetcher, (t->round & 0xffff) << 16 | issuer, &in);
	return err < 0 ? err : -EINPROGRESS;
}

static struct sp_jwks *copy_of(const struct sp_jwks *s)
{
	size_t n = sizeof(*s) + s->n * sizeof(s->key[0]);
	struct sp_jwks *c = malloc(n);

	if (c)
		memcpy(c, s, n);
	return c;
}

/// The key set of a snapshot's issuer, as it was when it was compiled.
static struct sp_jwks *of_snapshot(const struct sp_snap *s, const struct sp_snap_issuer *i)
{
	struct sp_jwks *set;

	if (i->keys.n == 0 || i->keys.n > SP_JWKS_KEYS_MAX)
		return NULL;
	set = calloc(1, sizeof(*set) + i->keys.n * sizeof(set->key[0]));
	if (!set)
		return NULL;
	for (uint32_t k = 0; k < i->keys.n; k++) {
		const struct sp_snap_key *in = SP_SNAP_GET(s, i->keys, sp_snap_key, k);
		struct sp_bytes kid = sp_snap_str(s, in->kid), spki = sp_snap_str(s, in->spki);
		struct sp_jwk *out = &set->key[set->n];

		if (kid.n > SP_JWKS_KID_MAX || spki.n > SP_JWKS_SPKI_MAX)
			continue;
		out->alg = (enum sp_jwt_alg)in->alg;
		out->kid_len = (uint32_t)kid.n;
		out->spki_len = (uint32_t)spki.n;
		memcpy(out->kid, kid.p, kid.n);
		memcpy(out->spki, spki.p, spki.n);
		set->n++;
	}
	if (set->n == 0)
		set = sp_jwks_free(set);
	return set;
}

/// Keys of an issuer that had some before, so that a slow or silent key server ends nobody's work.
static void seed(struct sp_trust *t, const struct sp_refresh *before,
	const struct sp_gateway *gateway_before, const struct sp_snap *running,
	struct sp_refresh *next, const struct sp_gateway *g, uint32_t issuer)
{
	struct sp_bytes name = sp_bytes_cstr(sp_gw_issuer(g, issuer)->issuer.s);
	struct sp_jwks *set = NULL;
	uint64_t until = 0;
	uint32_t found;

	(void)t;
	for (uint32_t i = 0; before && !set && i < gateway_before->issuers.n; i++) {
		const struct sp_jwks *old = sp_refresh_keys(before, i, &until);

		if (old &&
			sp_bytes_eq(name, sp_bytes_cstr(sp_gw_issuer(gateway_before, i)->issuer.s)))
			set = copy_of(old);
	}
	found = running && !set ? sp_snap_find_issuer(running, name) : SP_SNAP_NONE;
	if (found != SP_SNAP_NONE) {
		const struct sp_snap_issuer *i =
			SP_SNAP_GET(running, running->h->issuers, sp_snap_issuer, found);

		set = of_snapshot(running, i);
		until = i->keys_valid_until_ns;
	}
	if (set)
		sp_refresh_seed(next, issuer, set, until, now());
}

int sp_trust_configure(
	struct sp_trust *t, const struct sp_gateway *g, const struct sp_snap *running)
{
	struct sp_refresh_issuer *issuers = calloc(g->issuers.n + 1ul, sizeof(*issuers));
	struct sp_refresh *next;
	int err;

	if (!issuers)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->issuers.n; i++)
		issuers[i] = (struct sp_refresh_issuer){
			sp_gw_issuer(g, i)->refresh_ns, sp_gw_issuer(g, i)->keys_max_age_ns};
	err = sp_refresh_new(issuers, g->issuers.n, fetch, t, &next);
	free(issuers);
	if (err < 0)
		return err;
	for (uint32_t i = 0; i < g->issuers.n; i++)
		if (!sp_gw_issuer(g, i)->jwks_file.s)
			seed(t, t->refresh, t->gateway, running, next, g, i);
	sp_refresh_free(t->refresh);
	t->refresh = next;
	t->gateway = g;
	t->round++;
	sp_refresh_tick(t->refresh, now());
	return 0;
}

bool sp_trust_turn(struct sp_trust *t)
{
	struct sp_fetched f;

	if (!t->refresh)
		return false;
	while (sp_fetcher_take(t->fetcher, &f) == 0) {
		uint32_t issuer = f.number & 0xffff;

		if (f.number >> 16 != (t->round & 0xffff) || issuer >= t->gateway->issuers.n) {
			if (f.err == 0)
				sp_jwks_free(f.keys);
			continue;
		}
		if (f.err < 0)
			sp_log(SP_LOG_WARN, "keys", "issuer %s: %s",
				sp_gw_issuer(t->gateway, issuer)->issuer.s, f.why);
		sp_refresh_complete(
			t->refresh, issuer, f.err, f.err == 0 ? f.keys : NULL, f.why, now());
	}
	sp_refresh_tick(t->refresh, now());
	return sp_refresh_take_dirty(t->refresh);
}

void sp_trust_unknown_kid(struct sp_trust *t, uint32_t issuer)
{
	if (t->refresh)
		sp_refresh_unknown_kid(t->refresh, issuer, now());
}

uint64_t sp_trust_next_ns(const struct sp_trust *t)
{
	return t->refresh ? sp_refresh_next_ns(t->refresh) : UINT64_MAX;
}

struct sp_issuer_keys *sp_trust_keys(const struct sp_trust *t)
{
	uint32_t n = t->gateway ? t->gateway->issuers.n : 0;
	struct sp_issuer_keys *keys = calloc(n + 1ul, sizeof(*keys));

	for (uint32_t i = 0; keys && i < n; i++)
		keys[i].set = sp_refresh_keys(t->refresh, i, &keys[i].valid_until_ns);
	return keys;
}
