/// HTTP/2 frames by hand (RFC 9113 4, RFC 7541 6.2.2), for what no well-behaved library would send.
#pragma once

#include "common/bytes.h"

enum {
	F_DATA = 0,
	F_HEADERS = 1,
	F_RST = 3,
	F_SETTINGS = 4,
	F_PUSH = 5,
	F_PING = 6,
	F_GOAWAY = 7,
	F_WINDOW = 8,
	F_CONT = 9,
};
enum { END_STREAM = 1, END_HEADERS = 4 };

struct frames {
	uint8_t p[1u << 20];
	size_t n;
};

static inline void frame(struct frames *f, unsigned type, unsigned flags, uint32_t id, const void *p, size_t n)
{
	const uint8_t head[9] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)type, (uint8_t)flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

	SP_BUG_IF(sizeof(f->p) - f->n < sizeof(head) + n);
	memcpy(f->p + f->n, head, sizeof(head));
	f->n += sizeof(head);
	if (n)
		memcpy(f->p + f->n, p, n);
	f->n += n;
}

static inline void settings(struct frames *f)
{
	frame(f, F_SETTINGS, 0, 0, NULL, 0);
}

struct block {
	uint8_t p[1u << 16];
	size_t n;
};

/// Lengths below 127, and values up to 300 bytes.
static inline void field(struct block *b, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	b->p[b->n++] = 0; // literal, not indexed, new name
	b->p[b->n++] = (uint8_t)n;
	memcpy(b->p + b->n, name, n);
	b->n += n;
	if (v < 127) {
		b->p[b->n++] = (uint8_t)v;
	} else {
		b->p[b->n++] = 127;
		b->p[b->n++] = (uint8_t)((v - 127) % 128 + 128);
		b->p[b->n++] = (uint8_t)((v - 127) / 128);
	}
	memcpy(b->p + b->n, value, v);
	b->n += v;
}

static inline void headers(struct frames *f, unsigned flags, uint32_t id, const struct block *b)
{
	frame(f, F_HEADERS, END_HEADERS | flags, id, b->p, b->n);
}
