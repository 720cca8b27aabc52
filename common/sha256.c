#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/sha256.h"

#include <openssl/sha.h>
#include "common/banned.h"

void sp_sha256(const struct sp_bytes *piece, unsigned n, uint8_t ret[SP_SHA256])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	for (unsigned i = 0; i < n; i++)
		if (piece[i].n)
			SHA256_Update(&c, piece[i].p, piece[i].n);
	SHA256_Final(ret, &c);
}

/// Whole blocks are hashed where they lie. What is left is padded here (FIPS 180-4, 5.1.1): the library does it byte
/// by byte, in a buffer that it wipes.
void sp_sha256_of(struct sp_bytes b, uint8_t ret[SP_SHA256])
{
	size_t rest = b.n % SHA256_CBLOCK;
	size_t padded = rest + 1 + sizeof(uint64_t) > SHA256_CBLOCK ? 2 * SHA256_CBLOCK : SHA256_CBLOCK;
	uint64_t bits = __builtin_bswap64((uint64_t)b.n * 8);
	uint8_t last[2 * SHA256_CBLOCK] = {0};
	SHA256_CTX c;

	SHA256_Init(&c);
	if (b.n > rest)
		SHA256_Update(&c, b.p, b.n - rest);
	if (rest)
		memcpy(last, b.p + b.n - rest, rest);
	last[rest] = 0x80;
	memcpy(last + padded - sizeof(bits), &bits, sizeof(bits));
	SHA256_Update(&c, last, padded);
	for (unsigned i = 0; i < SP_ARRAY_LEN(c.h); i++) {
		uint32_t word = __builtin_bswap32(c.h[i]);

		memcpy(ret + i * sizeof(word), &word, sizeof(word));
	}
}
