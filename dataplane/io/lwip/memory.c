#include "dataplane/io/lwip/memory.h"

#include "dataplane/io/lwip/lists.h"

#include <lwip/mld6.h>
#include <lwip/memp.h>
#include <lwip/nd6.h>
#include <lwip/pbuf.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/tcp.h>
#include <netif/etharp.h>

#include "common/bytes.h"
#include "common/pages.h"

static const size_t lwip_bytes[] = {
#define LWIP_MEMPOOL(name, num, size, desc) [MEMP_##name] = (size),
#include <lwip/priv/memp_std.h>
};
#include "common/banned.h"

struct item {
	struct item *next;
};
struct pool {
	struct item *free;
	uint8_t *base, *fresh, *end; ///< items from `fresh` on were never used, so never touched
	size_t item_bytes;
};

/// Sizes of the heap that lwIP allocates packet headers and answers from.
enum { HEAP_SMALL = 192, HEAP_LARGE = 2048 };
enum { LARGE_ITEMS = 1024, SMALL_EXTRA = 1024, WAITING_PACKETS = 512, POOL_PBUFS = 64 };

static struct pool pools[MEMP_MAX], heap_small, heap_large;
static uint8_t *area;
static size_t area_bytes;
static uint64_t refused;

static size_t aligned(size_t n)
{
	return (n + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE;
}

static size_t type_bytes(memp_t type)
{
	return aligned(lwip_bytes[type] + (type == MEMP_TCP_PCB ? sp_lwip_links_bytes() : 0));
}

static size_t type_items(memp_t type, const struct sp_lwip_sizes *sizes)
{
	switch (type) {
	case MEMP_TCP_PCB:
		return sizes->pcbs;
	case MEMP_TCP_PCB_LISTEN:
		return 16;
	case MEMP_TCP_SEG:
		return sizes->segments;
	case MEMP_PBUF:
		return (size_t)2 * sizes->segments;
	case MEMP_ARP_QUEUE:
	case MEMP_ND6_QUEUE:
		return WAITING_PACKETS;
	case MEMP_PBUF_POOL:
		return POOL_PBUFS;
	default:
		return 64;
	}
}

static uint8_t *lay(struct pool *p, size_t item_bytes, size_t items, uint8_t *at)
{
	p->free = NULL;
	p->item_bytes = item_bytes;
	p->base = p->fresh = at;
	p->end = at + item_bytes * items;
	return p->end;
}

static uint8_t *lay_all(const struct sp_lwip_sizes *sizes, uint8_t *at)
{
	for (int t = 0; t < MEMP_MAX; t++)
		at = lay(&pools[t], type_bytes((memp_t)t), type_items((memp_t)t, sizes), at);
	at = lay(&heap_small, HEAP_SMALL, (size_t)sizes->segments + SMALL_EXTRA, at);
	return lay(&heap_large, HEAP_LARGE, LARGE_ITEMS, at);
}

int sp_lwip_memory_init(const struct sp_lwip_sizes *sizes)
{
	void *p;

	area_bytes = (size_t)(uintptr_t)lay_all(sizes, NULL);
	p = sp_pages_map(area_bytes);
	if (!p)
		return -ENOMEM;
	area = p;
	lay_all(sizes, area);
	refused = 0;
	return 0;
}

void sp_lwip_memory_done(void)
{
	if (area)
		munmap(area, area_bytes);
	area = NULL;
	memset(pools, 0, sizeof(pools));
	heap_small = heap_large = (struct pool){0};
}

uint64_t sp_lwip_memory_refused(void)
{
	return refused;
}

static void *take(struct pool *p)
{
	struct item *i = p->free;

	if (i) {
		p->free = i->next;
		__builtin_prefetch(p->free, 1);
		return i;
	}
	if (p->fresh == p->end)
		return NULL;
	i = (struct item *)p->fresh;
	p->fresh += p->item_bytes;
	return i;
}

static void give(struct pool *p, void *mem)
{
	struct item *i = mem;

	SP_BUG_IF((uint8_t *)mem < p->base || (uint8_t *)mem >= p->end);
	i->next = p->free;
	p->free = i;
}

void memp_init(void)
{
}

void *memp_malloc(memp_t type)
{
	void *p = take(&pools[type]);

	if (!p && type == MEMP_TCP_PCB && sp_lwip_drop_time_wait())
		p = take(&pools[type]);
	if (!p)
		refused++;
	else if (type == MEMP_TCP_PCB)
		sp_lwip_links_fresh(p);
	return p;
}

void memp_free(memp_t type, void *mem)
{
	if (!mem)
		return;
	if (type == MEMP_TCP_PCB)
		sp_lwip_links_forget(mem);
	give(&pools[type], mem);
}

void *sp_lwip_alloc(size_t n)
{
	void *p = NULL;

	if (n <= HEAP_SMALL)
		p = take(&heap_small);
	else if (n <= HEAP_LARGE)
		p = take(&heap_large);
	if (!p)
		refused++;
	return p;
}

void *sp_lwip_calloc(size_t n, size_t size)
{
	void *p = n * size <= HEAP_LARGE ? sp_lwip_alloc(n * size) : NULL;

	if (p)
		memset(p, 0, n * size);
	return p;
}

void sp_lwip_release(void *p)
{
	if (p)
		give((uint8_t *)p < heap_large.base ? &heap_small : &heap_large, p);
}
