/// Counters and small states that all workers share, by 64-bit key: windows of limits, calls of a
/// session, states of order rules. Exact across workers, lock-free, no allocation; a process may be
/// killed anywhere. They live in the limits region for one life of the gateway; boot time drives
/// them.
///
/// The table is an array of buckets of 15 cells; a key lives in one bucket only. Counting is a
/// compare-and-swap on the cell's word. A new key goes through its bucket's claim word, which any
/// worker can finish: so two workers that bring the same key at once come to one cell, and a worker
/// that dies in between holds up nobody. A cell whose window is over may be given to another key.
///
/// Who can choose keys (sessions it opens, names it invents) could fill the table for all. So each cell knows which
/// agent made it, whoever counts in it, and one agent's are at most a share of each bucket, windows that are over
/// included: what it wants above that takes the place of one of those, or is refused. A worker that dies right after
/// it made a cell leaves it to count for all agents until it is over.
#pragma once

#include "common/policy_words.h"
#include "common/shm.h"

/// Most that one window counts; asks above are held to it.
#define SP_WINDOW_CALLS_MAX ((1ull << 20) - 1) ///< calls a second
#define SP_WINDOW_COUNT_MAX ((1ull << 24) - 1) ///< calls a minute, hour, day
#define SP_WINDOW_AMOUNT_MAX ((1ull << 34) - 1) ///< tokens; money in units of SP_MONEY_UNIT
#define SP_MONEY_UNIT 100ull ///< millionths of the currency unit; rounded up
#define SP_WINDOWS_TAKE_MAX 16u

struct sp_windows {
	struct sp_window_bucket *bucket;
	struct sp_window_makers *makers; ///< one a bucket
	uint64_t mask;
	uint32_t agent_cells; ///< of a bucket, that one agent may have made
	uint64_t session_ns; ///< of a session whose end is not told: one not used for so long is over
};

struct sp_window_ask {
	uint64_t key;
	enum sp_limit_kind kind;
	enum sp_limit_per per; ///< REQUEST: compared with max, not counted
	uint64_t amount; ///< calls: 1; tokens; millionths of the currency unit
	uint64_t max;
	uint64_t began; ///< by sp_windows_take, of what it took: when the window began; 0 = nothing
};

/// A key out of what a limit counts by: its id, and hashes of agent, tool and session, 0 for those
/// it does not. `salt`: the gateway's secret, so that whoever chooses names cannot choose whose cell
/// or bucket they share.
uint64_t sp_window_key(
	uint64_t salt, uint64_t id, uint64_t agent, uint64_t tool, uint64_t session);

/// For whom cells are made; NULL where nobody's share is asked for.
struct sp_window_owner {
	uint32_t agent; ///< 1 and up; 0: nobody
	/// Boot time: counts and states of its session are kept until then, for SP_STATE_LASTS_S at most; 0: for
	/// session_ns after their last change.
	uint64_t session_ends_ns;
};

/// What `key` counts in is soon wanted of memory.
void sp_windows_ahead(const struct sp_windows *t, uint64_t key);

/// Take all or none, of at most SP_WINDOWS_TAKE_MAX. 0; -EDQUOT with the refusing ask that opens
/// last and when a call like it may pass (0 = never); -ENOSPC with an ask for which the table has
/// no room, -EUSERS when the share of `owner` has none: refuse then. While two calls race, one may be
/// refused for room that the other is about to give back; never is more let through than a limit.
SP_MUST_CHECK int sp_windows_take(const struct sp_windows *t, const struct sp_window_owner *owner,
	struct sp_window_ask *ask, unsigned n, uint64_t boot_ns, unsigned *ret_refused,
	uint64_t *ret_retry_ms);
/// Would a take pass now? Nothing is counted, no cell is made. 0, or -EDQUOT as above.
SP_MUST_CHECK int sp_windows_peek(const struct sp_windows *t, const struct sp_window_ask *ask,
	unsigned n, uint64_t boot_ns, unsigned *ret_refused);
/// Give back what was taken for a call that did not go out; what a window that is over took along
/// stays there. Once for one take.
void sp_windows_refund(const struct sp_windows *t, const struct sp_window_ask *ask, unsigned n,
	uint64_t boot_ns);
/// What stands in a window now.
uint64_t sp_windows_read(const struct sp_windows *t, uint64_t key, enum sp_limit_kind kind,
	enum sp_limit_per per, uint64_t boot_ns);

/// A state of up to 34 bits under a key, a session's (0 when there is none or the session is over) or a
/// `lasting` one, which is kept for SP_STATE_LASTS_S after its last change.
#define SP_STATE_LASTS_S (30ull * 24 * 60 * 60)
uint64_t sp_windows_state(const struct sp_windows *t, uint64_t key, bool lasting, uint64_t boot_ns);
/// Set `set`, clear `clear`, in one step; *ret (may be NULL) is what it was. -ENOSPC, -EUSERS.
SP_MUST_CHECK int sp_windows_change(const struct sp_windows *t, const struct sp_window_owner *owner,
	uint64_t key, bool lasting, uint64_t set, uint64_t clear, uint64_t boot_ns, uint64_t *ret);

/// Bytes for at least `cells` cells; attach to memory that was zero when the region was made. One
/// agent may have made all of them.
size_t sp_windows_bytes(uint32_t cells);
SP_MUST_CHECK int sp_windows_attach(
	void *base, size_t bytes, uint32_t cells, uint64_t session_ns, struct sp_windows *ret);
/// One agent may have made this many of a hundred cells of a bucket, rounded to whole cells; at least one.
void sp_windows_share(struct sp_windows *t, uint32_t percent);
