/// Blocks of sizes that double, cut from slabs; a freed one serves the next of its size, so that a
/// steady load allocates nothing. Larger ones are the heap's.
#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

#define CLASSES 10u ///< 32 bytes to 16 KiB
#define CLASS_MIN 32u
#define CLASS_HEAP 255u
#define SLAB_BYTES (64u << 10)

/// Before every block.
struct head {
	union {
		struct head *next; ///< free
		size_t bytes; ///< of the heap's
	};
	uint32_t class;
	uint32_t pad;
};
_Static_assert(sizeof(struct head) == 16, "blocks keep malloc's alignment");

struct slab {
	struct slab *next;
	uint64_t pad;
	uint8_t data[];
};

struct up_h2_mem {
	nghttp2_mem ops;
	struct head *free[CLASSES];
	struct slab *slabs;
	size_t used; ///< of the first slab
	size_t total;
};

static unsigned class_of(size_t n)
{
	unsigned c;

	if (n <= CLASS_MIN)
		return 0;
	c = 64 - (unsigned)__builtin_clzl((n - 1) / CLASS_MIN);
	return c < CLASSES ? c : CLASS_HEAP;
}

static void *from_heap(struct up_h2_mem *m, size_t n)
{
	struct head *b;

	if (n > UP_H2_MEMORY_MAX - sp_min(m->total, (size_t)UP_H2_MEMORY_MAX))
		return NULL;
	b = malloc(sizeof(*b) + n);
	if (!b)
		return NULL;
	*b = (struct head){.bytes = n, .class = CLASS_HEAP};
	m->total += n;
	return b + 1;
}

static bool add_slab(struct up_h2_mem *m)
{
	struct slab *s = m->total + SLAB_BYTES <= UP_H2_MEMORY_MAX ? malloc(SLAB_BYTES) : NULL;

	if (!s)
		return false;
	s->next = m->slabs;
	m->slabs = s;
	m->used = sizeof(*s);
	m->total += SLAB_BYTES;
	return true;
}

static void *mem_malloc(size_t n, void *user)
{
	struct up_h2_mem *m = user;
	unsigned c = class_of(n);
	struct head *b = c < CLASSES ? m->free[c] : NULL;
	size_t whole;

	if (c == CLASS_HEAP)
		return from_heap(m, n);
	if (b) {
		m->free[c] = b->next;
		return b + 1;
	}
	whole = sizeof(*b) + ((size_t)CLASS_MIN << c);
	if ((!m->slabs || SLAB_BYTES - m->used < whole) && !add_slab(m))
		return NULL;
	b = (struct head *)(void *)((uint8_t *)m->slabs + m->used);
	m->used += whole;
	b->class = c;
	return b + 1;
}

static void mem_free(void *p, void *user)
{
	struct up_h2_mem *m = user;
	struct head *b = p;

	if (!p)
		return;
	b--;
	if (b->class == CLASS_HEAP) {
		m->total -= b->bytes;
		free(b);
		return;
	}
	b->next = m->free[b->class];
	m->free[b->class] = b;
}

static void *mem_calloc(size_t n, size_t size, void *user)
{
	void *p;

	if (size && n > UP_H2_MEMORY_MAX / size)
		return NULL;
	p = mem_malloc(n * size, user);
	if (p)
		memset(p, 0, n * size);
	return p;
}

static void *mem_realloc(void *p, size_t n, void *user)
{
	const struct head *b = p;
	size_t have;
	void *to;

	if (!p)
		return mem_malloc(n, user);
	b--;
	have = b->class == CLASS_HEAP ? b->bytes : (size_t)CLASS_MIN << b->class;
	if (n <= have && b->class != CLASS_HEAP)
		return p;
	to = mem_malloc(n, user);
	if (!to)
		return NULL;
	memcpy(to, p, sp_min(have, n));
	mem_free(p, user);
	return to;
}

int up_h2_mem_new(struct up_h2_mem **ret)
{
	struct up_h2_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->ops = (nghttp2_mem){m, mem_malloc, mem_free, mem_calloc, mem_realloc};
	*ret = m;
	return 0;
}

void up_h2_mem_free(struct up_h2_mem *m)
{
	while (m && m->slabs) {
		struct slab *s = m->slabs;

		m->slabs = s->next;
		free(s);
	}
	free(m);
}

size_t up_h2_mem_bytes(const struct up_h2_mem *m)
{
	return m->total;
}

nghttp2_mem *up_h2_mem_ops(struct up_h2_mem *m)
{
	return &m->ops;
}
