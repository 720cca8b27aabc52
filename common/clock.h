/// Time. Deadlines and windows use boot time (it survives suspend and never steps);
/// tokens and records use wall time, sampled once a loop turn by the worker.
#pragma once

#include "common/base.h"

#include <time.h>

#define SP_NS_PER_SEC 1000000000ull
#define SP_NS_PER_MS 1000000ull
#define SP_NS_PER_US 1000ull

/// CLOCK_BOOTTIME in nanoseconds. One vDSO call or system call; never fails.
static inline uint64_t sp_clock_boot_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}
/// CLOCK_REALTIME in nanoseconds since 1970, UTC.
static inline uint64_t sp_clock_wall_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}
