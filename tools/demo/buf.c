#include "tools/demo/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

uint8_t *demo_buf_room(struct demo_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 1024;

	if (n <= b->cap - b->len)
		return b->p + b->len;
	while (cap - b->len < n)
		cap *= 2;
	b->p = realloc(b->p, cap);
	SP_BUG_IF(!b->p);
	b->cap = cap;
	return b->p + b->len;
}

void demo_buf_done(struct demo_buf *b)
{
	free(b->p);
	*b = (struct demo_buf){0};
}

void demo_u64(struct demo_buf *b, uint64_t v)
{
	struct sp_out o = sp_out_init(demo_buf_room(b, 20), 20);

	sp_out_u64(&o, v);
	b->len += o.len;
}

void demo_i64(struct demo_buf *b, int64_t v)
{
	if (v < 0)
		demo_lit(b, "-");
	demo_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void demo_escaped(struct demo_buf *b, struct sp_bytes s)
{
	struct sp_out o = sp_out_init(demo_buf_room(b, s.n * 6), s.n * 6);

	sp_out_json_escaped(&o, s);
	b->len += o.len;
}

void demo_printf(struct demo_buf *b, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	SP_BUG_IF(n < 0 || (size_t)n >= sizeof(line));
	demo_put(b, line, (size_t)n);
}
