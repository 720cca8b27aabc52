/// When to fetch an issuer's key set, and for how long the last good one counts. A state machine
/// without I/O, threads or clocks of its own: the control process gives it times and a way to
/// fetch.
///
/// Rules (security.md section 5): each issuer is fetched in the background every `interval_ns`; a
/// failure is tried again after 30 s, 1 min, 2 min ... up to the interval; an unknown kid brings
/// the next fetch forward, yet two fetches of one issuer never start within 30 s. A failed fetch
/// changes nothing: the last good set stays until `max_age_ns` (24 h at most) after it was fetched;
/// then workers deny, because its valid_until, which goes into the snapshot, has passed.
///
/// Use: sp_refresh_new() with the issuers that are fetched; sp_refresh_seed() with the keys of the
/// snapshot in force, so that a restart without the issuer at hand keeps them; then, in the loop,
/// sp_refresh_tick() at sp_refresh_next_ns() and after sp_refresh_unknown_kid(); when
/// sp_refresh_take_dirty(), build and publish a snapshot from sp_refresh_keys().
/// Owner: one thread of control. Errors 0 or -errno.
#pragma once

#include "config/jwks.h"

#define SP_REFRESH_GAP_NS (30ull * 1000000000ull)
#define SP_REFRESH_MAX_AGE_NS (24ull * 3600 * 1000000000ull)

struct sp_refresh_now {
	uint64_t boot_ns; ///< deadlines
	uint64_t wall_ns; ///< what the snapshot's keys_valid_until_ns is in
};
struct sp_refresh_issuer {
	uint64_t interval_ns; ///< raised to 30 s when lower
	uint64_t max_age_ns; ///< cut to 24 h when higher, or 0
};
/// Start fetching issuer number `issuer`. 0 with *ret (then owned by the caller), -EINPROGRESS when
/// sp_refresh_complete() will bring the outcome, or -errno with a text in `why`.
typedef int sp_refresh_fetch(
	void *ctx, uint32_t issuer, struct sp_jwks **ret, char *why, size_t why_cap);

struct sp_refresh;
/// All issuers are due at once. -ENOMEM.
SP_MUST_CHECK int sp_refresh_new(const struct sp_refresh_issuer *issuers, uint32_t n,
	sp_refresh_fetch *fetch, void *ctx, struct sp_refresh **ret);
struct sp_refresh *sp_refresh_free(struct sp_refresh *r);

/// A set from an earlier life: used until `valid_until_ns` (wall; cut to now + max_age_ns) or the
/// first good fetch. Takes `keys`; drops it when it is past its time or the issuer has a set
/// already.
void sp_refresh_seed(struct sp_refresh *r, uint32_t issuer, struct sp_jwks *keys,
	uint64_t valid_until_ns, struct sp_refresh_now now);
/// A worker met a kid that is not in the issuer's set (SP_MSG_KEY_UNKNOWN). Any number of calls
/// costs at most one fetch in 30 s. An issuer number out of range is ignored.
void sp_refresh_unknown_kid(struct sp_refresh *r, uint32_t issuer, struct sp_refresh_now now);
/// Start every fetch that is due.
void sp_refresh_tick(struct sp_refresh *r, struct sp_refresh_now now);
/// Outcome of a fetch that was in progress: takes `keys` when `err` is 0.
void sp_refresh_complete(struct sp_refresh *r, uint32_t issuer, int err, struct sp_jwks *keys,
	const char *why, struct sp_refresh_now now);
/// Boot time of the next thing to do; UINT64_MAX when nothing is planned.
uint64_t sp_refresh_next_ns(const struct sp_refresh *r);

/// True once after something changed that a new snapshot must carry: other keys, or a valid_until
/// that has moved by a quarter of the max age since the last time this said so.
bool sp_refresh_take_dirty(struct sp_refresh *r);
/// The set that counts, borrowed until the next call that takes keys; NULL = none yet.
/// *ret_valid_until_ns is wall time and may have passed.
const struct sp_jwks *sp_refresh_keys(
	const struct sp_refresh *r, uint32_t issuer, uint64_t *ret_valid_until_ns);

/// For `sallyctl status`.
struct sp_refresh_status {
	uint64_t last_good_wall_ns, last_try_wall_ns; ///< 0 = never
	uint64_t valid_until_ns;
	uint32_t fetches, failures; ///< since start
	uint32_t failed_in_a_row;
	uint32_t keys, skipped;
	bool in_progress;
	char why[160]; ///< of the last failure; empty after a success
};
SP_MUST_CHECK int sp_refresh_status(const struct sp_refresh *r, uint32_t issuer,
	struct sp_refresh_status *ret); ///< -ENOENT
