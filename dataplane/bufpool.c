#include "dataplane/bufpool.h"

#include "common/pages.h"
#include "common/banned.h"

#define KEEP_BYTES (64u * 1024u)
/// Apart by no power of two, small ones spread over the sets of the caches. Of large ones pages are given back.
#define SPREAD_BYTES (17u * SP_CACHE_LINE)

/// What lies between two is an eighth of a buffer at most: one line where they are smallest.
static size_t stride_of(size_t bytes)
{
	if (bytes > KEEP_BYTES)
		return bytes;
	return bytes + (bytes > SPREAD_BYTES * 8 ? SPREAD_BYTES : SP_CACHE_LINE);
}

int sp_bufpool_init(struct sp_bufpool *p, uint32_t count, size_t bytes)
{
	size_t stride = stride_of(bytes), all = (size_t)count * stride;
	uint32_t *free_stack = calloc(count, sizeof(*free_stack));
	uint8_t *base = free_stack ? sp_pages_map(all) : NULL;

	if (!base) {
		free(free_stack);
		return -ENOMEM;
	}
	if (bytes > KEEP_BYTES)
		(void)madvise(base, all, MADV_NOHUGEPAGE); // what goes back is smaller
	for (uint32_t i = 0; i < count; i++)
		free_stack[i] = count - 1 - i;
	*p = (struct sp_bufpool){base, free_stack, count, count, bytes, stride};
	return 0;
}

void sp_bufpool_commit(struct sp_bufpool *p)
{
	(void)madvise(p->base, (size_t)p->count * p->stride, MADV_POPULATE_WRITE); // a kernel without it says so
}

void sp_bufpool_done(struct sp_bufpool *p)
{
	if (p->base)
		munmap(p->base, (size_t)p->count * p->stride);
	free(p->free);
	*p = (struct sp_bufpool){0};
}

uint8_t *sp_bufpool_get(struct sp_bufpool *p)
{
	return p->free_n ? p->base + (size_t)p->free[--p->free_n] * p->stride : NULL;
}

void sp_bufpool_put(struct sp_bufpool *p, uint8_t *b, size_t used)
{
	SP_BUG_IF(!sp_bufpool_owns(p, b) || p->free_n == p->count);
	if (used > KEEP_BYTES)
		madvise(b + KEEP_BYTES, p->bytes - KEEP_BYTES, MADV_DONTNEED);
	p->free[p->free_n++] = (uint32_t)((size_t)(b - p->base) / p->stride);
}
