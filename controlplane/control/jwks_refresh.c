#include "controlplane/control/jwks_refresh.h"

#include <stdio.h>
#include "common/banned.h"

#define NEVER UINT64_MAX

struct issuer {
	struct sp_refresh_issuer rules;
	struct sp_jwks *keys;
	uint64_t told_until_ns; ///< valid_until when the owner last took the dirty mark
	uint64_t due_ns; ///< boot time of the next fetch
	uint64_t started_ns; ///< boot time of the last one; NEVER = none yet
	bool dirty;
	struct sp_refresh_status status;
};
struct sp_refresh {
	sp_refresh_fetch *fetch;
	void *ctx;
	uint32_t n;
	struct issuer issuer[];
};

int sp_refresh_new(const struct sp_refresh_issuer *issuers, uint32_t n, sp_refresh_fetch *fetch,
	void *ctx, struct sp_refresh **ret)
{
	struct sp_refresh *r = calloc(1, sizeof(*r) + n * sizeof(r->issuer[0]));

	if (!r)
		return -ENOMEM;
	r->fetch = fetch;
	r->ctx = ctx;
	r->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct issuer *s = &r->issuer[i];

		s->rules = issuers[i];
		s->rules.interval_ns = sp_max(s->rules.interval_ns, (uint64_t)SP_REFRESH_GAP_NS);
		if (s->rules.max_age_ns == 0 || s->rules.max_age_ns > SP_REFRESH_MAX_AGE_NS)
			s->rules.max_age_ns = SP_REFRESH_MAX_AGE_NS;
		s->started_ns = NEVER;
	}
	*ret = r;
	return 0;
}

struct sp_refresh *sp_refresh_free(struct sp_refresh *r)
{
	for (uint32_t i = 0; r && i < r->n; i++)
		sp_jwks_free(r->issuer[i].keys);
	free(r);
	return NULL;
}

/// Takes `keys`.
static void adopt(struct issuer *s, struct sp_jwks *keys, uint64_t valid_until_ns)
{
	if (!s->keys || !sp_jwks_eq(s->keys, keys))
		s->dirty = true;
	sp_jwks_free(s->keys);
	s->keys = keys;
	s->status.valid_until_ns = valid_until_ns;
	s->status.keys = keys->n;
	s->status.skipped = keys->skipped;
	if (valid_until_ns >= s->told_until_ns + s->rules.max_age_ns / 4 ||
		valid_until_ns < s->told_until_ns)
		s->dirty = true;
}

void sp_refresh_seed(struct sp_refresh *r, uint32_t issuer, struct sp_jwks *keys,
	uint64_t valid_until_ns, struct sp_refresh_now now)
{
	struct issuer *s = issuer < r->n ? &r->issuer[issuer] : NULL;

	if (!s || s->keys || valid_until_ns <= now.wall_ns) {
		sp_jwks_free(keys);
		return;
	}
	adopt(s, keys, sp_min(valid_until_ns, now.wall_ns + s->rules.max_age_ns));
}

/// No fetch starts before this.
static uint64_t earliest_ns(const struct issuer *s)
{
	return s->started_ns == NEVER ? 0 : s->started_ns + SP_REFRESH_GAP_NS;
}

void sp_refresh_unknown_kid(struct sp_refresh *r, uint32_t issuer, struct sp_refresh_now now)
{
	struct issuer *s = issuer < r->n ? &r->issuer[issuer] : NULL;

	uint64_t wish_ns;

	if (!s || s->status.in_progress)
		return;
	wish_ns = sp_max(now.boot_ns, earliest_ns(s));
	s->due_ns = sp_min(s->due_ns, wish_ns);
}

static uint64_t backoff_ns(const struct issuer *s)
{
	uint32_t doublings = sp_min(s->status.failed_in_a_row - 1, 20u);

	return sp_min(SP_REFRESH_GAP_NS << doublings, s->rules.interval_ns);
}

static void finish(
	struct issuer *s, int err, struct sp_jwks *keys, const char *why, struct sp_refresh_now now)
{
	struct sp_refresh_status *st = &s->status;

	st->in_progress = false;
	if (err == 0) {
		st->failed_in_a_row = 0;
		st->last_good_wall_ns = now.wall_ns;
		st->why[0] = 0;
		adopt(s, keys, now.wall_ns + s->rules.max_age_ns);
		s->due_ns = now.boot_ns + s->rules.interval_ns;
		return;
	}
	st->failures++;
	st->failed_in_a_row++;
	snprintf(st->why, sizeof(st->why), "%s", why && *why ? why : strerror(-err));
	s->due_ns = now.boot_ns + backoff_ns(s);
}

static void start(struct sp_refresh *r, uint32_t i, struct sp_refresh_now now)
{
	struct issuer *s = &r->issuer[i];
	struct sp_jwks *keys = NULL;
	char why[sizeof(s->status.why)] = "";
	int err;

	s->started_ns = now.boot_ns;
	s->due_ns = NEVER;
	s->status.fetches++;
	s->status.last_try_wall_ns = now.wall_ns;
	err = r->fetch(r->ctx, i, &keys, why, sizeof(why));
	if (err == -EINPROGRESS)
		s->status.in_progress = true;
	else
		finish(s, err, keys, why, now);
}

void sp_refresh_tick(struct sp_refresh *r, struct sp_refresh_now now)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (!r->issuer[i].status.in_progress && r->issuer[i].due_ns <= now.boot_ns)
			start(r, i, now);
}

void sp_refresh_complete(struct sp_refresh *r, uint32_t issuer, int err, struct sp_jwks *keys,
	const char *why, struct sp_refresh_now now)
{
	if (issuer < r->n && r->issuer[issuer].status.in_progress)
		finish(&r->issuer[issuer], err, keys, why, now);
	else
		sp_jwks_free(err == 0 ? keys : NULL);
}

uint64_t sp_refresh_next_ns(const struct sp_refresh *r)
{
	uint64_t next = NEVER;

	for (uint32_t i = 0; i < r->n; i++)
		if (!r->issuer[i].status.in_progress)
			next = sp_min(next, r->issuer[i].due_ns);
	return next;
}

bool sp_refresh_take_dirty(struct sp_refresh *r)
{
	bool dirty = false;

	for (uint32_t i = 0; i < r->n; i++) {
		struct issuer *s = &r->issuer[i];

		if (!s->dirty)
			continue;
		dirty = true;
		s->dirty = false;
		s->told_until_ns = s->status.valid_until_ns;
	}
	return dirty;
}

const struct sp_jwks *sp_refresh_keys(
	const struct sp_refresh *r, uint32_t issuer, uint64_t *ret_valid_until_ns)
{
	if (issuer >= r->n || !r->issuer[issuer].keys)
		return NULL;
	*ret_valid_until_ns = r->issuer[issuer].status.valid_until_ns;
	return r->issuer[issuer].keys;
}

int sp_refresh_status(const struct sp_refresh *r, uint32_t issuer, struct sp_refresh_status *ret)
{
	if (issuer >= r->n)
		return -ENOENT;
	*ret = r->issuer[issuer].status;
	return 0;
}
