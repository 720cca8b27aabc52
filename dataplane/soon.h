/// Fetching ahead what will be read soon: of events that have come, those behind the one being worked on are known.
#pragma once

#include "common/base.h"

/// So many cache lines from `p` on, which may be anything.
static inline void sp_prefetch(const void *p, unsigned lines)
{
	for (unsigned i = 0; i < lines; i++)
		__builtin_prefetch((const void *)((uintptr_t)p + i * SP_CACHE_LINE));
}
