/// A borrowed run of bytes (not a C string), and a bounded writer over memory somebody else owns.
#pragma once

#include "common/base.h"

/// Borrowed, never freed through this; lifetime is that of what it points into.
struct sp_bytes {
	const uint8_t *p;
	size_t n;
};

#define SP_LIT(s) ((struct sp_bytes){(const uint8_t *)(s), sizeof(s) - 1})
#define SP_NOBYTES ((struct sp_bytes){NULL, 0})
/// For "%.*s".
#define SP_FMT(b) (int)(b).n, (const char *)(b).p

static inline struct sp_bytes sp_bytes(const void *p, size_t n)
{
	return (struct sp_bytes){p, n};
}
static inline struct sp_bytes sp_bytes_cstr(const char *s)
{
	return (struct sp_bytes){(const uint8_t *)s, strlen(s)};
}
static inline bool sp_bytes_eq(struct sp_bytes a, struct sp_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/// The same without a call for up to 16 bytes, as names and words are.
static inline bool sp_bytes_eq_short(struct sp_bytes a, struct sp_bytes b)
{
	const size_t n = a.n;
	uint64_t x[2], y[2];
	uint32_t v[2], w[2];

	if (n != b.n)
		return false;
	if (n > 16)
		return memcmp(a.p, b.p, n) == 0;
	if (n >= 8) {
		memcpy(&x[0], a.p, 8);
		memcpy(&x[1], a.p + n - 8, 8);
		memcpy(&y[0], b.p, 8);
		memcpy(&y[1], b.p + n - 8, 8);
		return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
	}
	if (n >= 4) {
		memcpy(&v[0], a.p, 4);
		memcpy(&v[1], a.p + n - 4, 4);
		memcpy(&w[0], b.p, 4);
		memcpy(&w[1], b.p + n - 4, 4);
		return ((v[0] ^ w[0]) | (v[1] ^ w[1])) == 0;
	}
	return n == 0 || (a.p[0] == b.p[0] && a.p[n / 2] == b.p[n / 2] && a.p[n - 1] == b.p[n - 1]);
}
/// Copy up to 32 bytes without a call.
static inline void sp_copy_few(uint8_t *to, const uint8_t *from, size_t n)
{
	struct {
		uint64_t v[2];
	} x[2];
	uint64_t y[2];
	uint32_t z[2];

	if (n >= 16) {
		memcpy(&x[0], from, 16);
		memcpy(&x[1], from + n - 16, 16);
		memcpy(to, &x[0], 16);
		memcpy(to + n - 16, &x[1], 16);
	} else if (n >= 8) {
		memcpy(&y[0], from, 8);
		memcpy(&y[1], from + n - 8, 8);
		memcpy(to, &y[0], 8);
		memcpy(to + n - 8, &y[1], 8);
	} else if (n >= 4) {
		memcpy(&z[0], from, 4);
		memcpy(&z[1], from + n - 4, 4);
		memcpy(to, &z[0], 4);
		memcpy(to + n - 4, &z[1], 4);
	} else if (n) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}
/// Printable ASCII and blanks, nothing else.
bool sp_bytes_printable(struct sp_bytes s);
/// ASCII case-insensitive equality (header names, hosts).
bool sp_bytes_ieq(struct sp_bytes a, struct sp_bytes b);
static inline bool sp_bytes_has(struct sp_bytes set, uint8_t c)
{
	return set.n && memchr(set.p, c, set.n);
}
bool sp_bytes_starts(struct sp_bytes s, struct sp_bytes prefix);
/// Decimal digits only, no sign, no blanks. -EINVAL on anything else, -ERANGE on overflow.
SP_MUST_CHECK int sp_bytes_u64(struct sp_bytes s, uint64_t *ret);
/// Constant-time equality for secrets; false at once when lengths differ.
bool sp_bytes_eq_secret(struct sp_bytes a, struct sp_bytes b);
/// Overwrite memory that held a secret; the compiler may not drop it.
void sp_wipe(void *p, size_t n);

/// A bounded writer. `overflow` is sticky: check it once at the end. It never allocates.
struct sp_out {
	uint8_t *p;
	size_t len, cap;
	bool overflow;
};
static inline struct sp_out sp_out_init(void *p, size_t cap)
{
	return (struct sp_out){.p = p, .cap = cap};
}
static inline void sp_out_put(struct sp_out *o, const void *p, size_t n)
{
	if (sp_unlikely(n > o->cap - o->len)) {
		o->overflow = true;
		return;
	}
	if (n)
		memcpy(o->p + o->len, p, n);
	o->len += n;
}
static inline void sp_out_bytes(struct sp_out *o, struct sp_bytes b)
{
	sp_out_put(o, b.p, b.n);
}
#define sp_out_lit(o, s) sp_out_put((o), (s), sizeof(s) - 1)
void sp_out_u64(struct sp_out *o, uint64_t v);
void sp_out_hex(struct sp_out *o, struct sp_bytes b);
/// `s` as the inside of a JSON string (quotes not added): escapes `"`, `\` and controls; `s` is UTF-8.
void sp_out_json_escaped(struct sp_out *o, struct sp_bytes s);
