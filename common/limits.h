/// Rate and budget windows in the limits region: exact across workers, lock-free, any worker.
/// A window starts with the first call after the one before ended; it is not aligned to the clock,
/// and boot time drives it, so a stepped wall clock neither opens nor shuts it.
#pragma once

#include "common/shm.h"

enum sp_limit_verdict { SP_LIMIT_OK = 0, SP_LIMIT_MINUTE, SP_LIMIT_HOUR, SP_LIMIT_DAY };

struct sp_limit_ask {
	uint32_t per_minute, per_hour; ///< 0 = not limited
	uint64_t daily_tokens;         ///< 0 = not limited
	uint64_t tokens;               ///< of this call
};
/// Take one call and its tokens from all windows, or from none. On refusal *ret_retry_ms says when a
/// call like it may pass (0 = its tokens alone are over the budget: never), and the verdict is the
/// window that opens last. Never lets through more than a limit; while two calls race, one may be
/// refused for room the other is about to give back. A window without limit is not counted.
enum sp_limit_verdict sp_limits_take(struct sp_limit_slot *s, const struct sp_limit_ask *ask,
	uint64_t boot_ns, uint64_t *ret_retry_ms);
/// Charge tokens found out later (a result's); may take the day over its budget.
void sp_limits_charge(struct sp_limit_slot *s, uint64_t tokens, uint64_t boot_ns);
/// For `sallyctl agents`: what stands in each window now.
struct sp_limit_use {
	uint64_t minute, hour, day_tokens;
};
/// Most that fits in a window's word: limits above are held to it, charges stop there.
#define SP_LIMIT_CALLS_MAX ((1u << 24) - 1)
#define SP_LIMIT_TOKENS_MAX ((1ull << 34) - 1)
void sp_limits_use(const struct sp_limit_slot *s, uint64_t boot_ns, struct sp_limit_use *ret);

/// Slot `i`, or NULL when there is none. Slots are given to agents by control: config/limit_slots.h.
struct sp_limit_slot *sp_limits_slot(const struct sp_shm *shm, uint32_t i);
