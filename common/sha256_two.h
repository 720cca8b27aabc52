/// SHA-256 of two messages at once: one alone keeps the processor's unit for it waiting for its own last step, so a
/// second one beside it costs next to nothing. Without such a unit libcrypto hashes them one after the other.
/// Any process, never blocks, never fails. FIPS 180-4.
#pragma once

#include "common/sha256.h"

/// A message on its way. Who uses it looks at `blocks` alone.
struct sp_sha256_way {
	uint32_t h[8]; ///< F E B A H G D C, as that unit wants them
	const uint8_t *p; ///< borrowed: the next block
	size_t blocks; ///< to come
};
#define SP_SHA256_BLOCK 64u
/// Of a message that is padded already.
static inline void sp_sha256_begin_padded(struct sp_sha256_way *w, const uint8_t *p, size_t blocks)
{
	static const uint32_t start[8] = {0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19,
		0x1f83d9ab, 0xa54ff53a, 0x3c6ef372};

	memcpy(w->h, start, sizeof(start));
	w->p = p;
	w->blocks = blocks;
}
/// Of `n` bytes at `p`, which stay until the end: writes over the SP_SHA256_PAD bytes behind them.
#define SP_SHA256_PAD 72u
static inline void sp_sha256_begin(struct sp_sha256_way *w, uint8_t *p, size_t n)
{
	uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
	size_t whole = (n + 1 + sizeof(bits) + SP_SHA256_BLOCK - 1) / SP_SHA256_BLOCK * SP_SHA256_BLOCK;

	memset(p + n, 0, SP_SHA256_PAD); // of one length: no call
	p[n] = 0x80;
	memcpy(p + whole - sizeof(bits), &bits, sizeof(bits));
	sp_sha256_begin_padded(w, p, whole / SP_SHA256_BLOCK);
}
/// On by as many blocks as the shorter one still has.
void sp_sha256_both(struct sp_sha256_way *a, struct sp_sha256_way *b);
/// To the end.
void sp_sha256_rest(struct sp_sha256_way *w);
/// `ret` may lie in the message.
void sp_sha256_end(const struct sp_sha256_way *w, uint8_t ret[SP_SHA256]);

/// What happens where the processor has no unit for it.
void sp_sha256_both_plain(struct sp_sha256_way *a, struct sp_sha256_way *b);
void sp_sha256_rest_plain(struct sp_sha256_way *w);
