/// What bogus tokens may cost: signatures that were checked in vain, counted by address in windows of a minute.
/// Over the limit a token that is not known is refused unread, so that forging tokens does not buy the
/// worker's time. Bounded, set-associative; the address whose window began first goes. One worker's.
#pragma once

#include "common/bytes.h"

#define SP_FAILURES_KEY 16u ///< bytes that stand for an address

struct sp_failures;
/// `per_minute` 0 = no limit.
SP_MUST_CHECK int sp_failures_new(uint32_t per_minute, struct sp_failures **ret);
struct sp_failures *sp_failures_free(struct sp_failures *f);
/// May a token from there be verified now? When not, *ret_retry_ms says when the window ends.
bool sp_failures_may(const struct sp_failures *f, const uint8_t key[SP_FAILURES_KEY], uint64_t now_ns,
	uint64_t *ret_retry_ms);
/// A token from there was verified in vain.
void sp_failures_add(struct sp_failures *f, const uint8_t key[SP_FAILURES_KEY], uint64_t now_ns);
