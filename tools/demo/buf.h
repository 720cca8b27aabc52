/// A byte buffer that grows. Memory running out stops the program: this is a development tool.
#pragma once

#include "common/bytes.h"

struct demo_buf {
	uint8_t *p;
	size_t len, cap;
};

/// Room for `n` more bytes at the end; returns where they go (not yet counted in `len`).
uint8_t *demo_buf_room(struct demo_buf *b, size_t n);
void demo_buf_done(struct demo_buf *b);

static inline void demo_put(struct demo_buf *b, const void *p, size_t n)
{
	if (n)
		memcpy(demo_buf_room(b, n), p, n);
	b->len += n;
}
static inline void demo_put_bytes(struct demo_buf *b, struct sp_bytes s)
{
	demo_put(b, s.p, s.n);
}
#define demo_lit(b, s) demo_put((b), (s), sizeof(s) - 1)
void demo_u64(struct demo_buf *b, uint64_t v);
void demo_i64(struct demo_buf *b, int64_t v);
/// `s` (UTF-8) as the inside of a JSON string.
void demo_escaped(struct demo_buf *b, struct sp_bytes s);
void demo_printf(struct demo_buf *b, const char *fmt, ...) SP_PRINTF(2, 3);
static inline struct sp_bytes demo_bytes(const struct demo_buf *b)
{
	return sp_bytes(b->p, b->len);
}
