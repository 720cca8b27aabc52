#include "config/arena.h"
#include "common/banned.h"

#define CHUNK_BYTES (16u * 1024u)

struct sp_arena_chunk {
	struct sp_arena_chunk *next;
	size_t used, cap;
	alignas(max_align_t) uint8_t data[];
};

void sp_arena_init(struct sp_arena *a)
{
	*a = (struct sp_arena){0};
}

void sp_arena_done(struct sp_arena *a)
{
	while (a->head) {
		struct sp_arena_chunk *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->bytes = 0;
}

void *sp_arena_alloc(struct sp_arena *a, size_t n)
{
	struct sp_arena_chunk *c = a->head;
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
	if (!c || n > c->cap - c->used) {
		size_t cap = sp_max(n, (size_t)CHUNK_BYTES);

		c = calloc(1, sizeof(*c) + cap);
		if (!c)
			return NULL;
		c->cap = cap;
		c->next = a->head;
		a->head = c;
	}
	p = c->data + c->used;
	c->used += n;
	a->bytes += n;
	return p;
}

char *sp_arena_str(struct sp_arena *a, struct sp_bytes s)
{
	char *p = sp_arena_alloc(a, s.n + 1);

	if (p && s.n)
		memcpy(p, s.p, s.n);
	return p;
}
