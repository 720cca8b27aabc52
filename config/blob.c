#include "config/blob.h"
#include "common/banned.h"

void sp_blob_init(struct sp_blob *b, size_t max)
{
	*b = (struct sp_blob){.max = max};
}

void sp_blob_done(struct sp_blob *b)
{
	free(b->p);
	*b = (struct sp_blob){0};
}

static int grow(struct sp_blob *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *p;

	while (cap < need)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	memset(p + b->cap, 0, cap - b->cap);
	b->p = p;
	b->cap = cap;
	return 0;
}

uint32_t sp_blob_room(struct sp_blob *b, size_t n, size_t align)
{
	size_t off = (b->n + align - 1) / align * align;

	if (b->err)
		return 0;
	if (n > b->max || off > b->max - n) {
		b->err = -E2BIG;
		return 0;
	}
	if (off + n > b->cap)
		b->err = grow(b, off + n);
	if (b->err)
		return 0;
	b->n = off + n;
	return (uint32_t)off;
}

uint32_t sp_blob_put(struct sp_blob *b, struct sp_bytes s)
{
	uint32_t off = sp_blob_room(b, s.n, 1);

	if (!b->err && s.n)
		memcpy(b->p + off, s.p, s.n);
	return off;
}

void *sp_blob_at(struct sp_blob *b, uint32_t off)
{
	return b->err ? NULL : b->p + off;
}
