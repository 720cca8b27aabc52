/// Memory for pools that are touched at random: any process, at start.
#pragma once

#include "common/base.h"

#include <sys/mman.h>

/// Zeroes that take no memory until they are touched, in transparent huge pages where the kernel gives them: 4 KiB
/// ones cost a walk of the page tables for most of what a call touches. NULL: none. Given back with munmap().
static inline void *sp_pages_map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, bytes, MADV_HUGEPAGE); // a kernel without them says so
	return p;
}
