/// The few words every file uses: attributes, error flow, assertions, ownership of descriptors.
/// Errors everywhere are 0 or -errno; outputs come last and are untouched on failure.
#pragma once

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SP_MUST_CHECK __attribute__((warn_unused_result))
#define SP_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define SP_NORETURN __attribute__((noreturn))
#define sp_likely(x) __builtin_expect(!!(x), 1)
#define sp_unlikely(x) __builtin_expect(!!(x), 0)
#define SP_CACHE_LINE 64
#define SP_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define sp_container_of(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))

/// Propagate a negative result to the caller: the only macro that may return.
#define SP_TRY(expr)                                                                               \
	do {                                                                                       \
		int sp_try_r = (expr);                                                             \
		if (sp_unlikely(sp_try_r < 0))                                                     \
			return sp_try_r;                                                           \
	} while (0)

/// Our own state is corrupt: stop this process. Always on; NDEBUG is never used.
#define SP_BUG_IF(cond)                                                                            \
	do {                                                                                       \
		if (sp_unlikely(cond))                                                             \
			sp_bug(__FILE__, __LINE__, #cond);                                         \
	} while (0)

/// As SP_BUG_IF, for the hot path: compiled in with -Dhot_checks=true (sanitizer builds).
#ifdef SP_HOT_CHECKS
#define SP_BUG_IF_HOT(cond) SP_BUG_IF(cond)
#else
#define SP_BUG_IF_HOT(cond) ((void)sizeof(cond))
#endif

/// Write the place and the condition to standard error and abort. Async-signal-safe.
SP_NORETURN void sp_bug(const char *file, int line, const char *cond);

static inline void sp_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
/// A descriptor closed at every exit of its scope unless sp_take_fd() moved it out.
#define SP_AUTO_FD __attribute__((cleanup(sp_close_fd))) int
static inline int sp_take_fd(int *fd)
{
	int r = *fd;
	*fd = -1;
	return r;
}

#define sp_min(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) sp_a = (a);                                                          \
		__typeof__(b) sp_b = (b);                                                          \
		sp_a < sp_b ? sp_a : sp_b;                                                         \
	})
#define sp_max(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) sp_a = (a);                                                          \
		__typeof__(b) sp_b = (b);                                                          \
		sp_a > sp_b ? sp_a : sp_b;                                                         \
	})
