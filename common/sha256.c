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

/// What SHA256_Final() does byte by byte (FIPS 180-4, 5.1.1): whole blocks go past the library's buffer.
void sp_sha256_in_place(uint8_t *p, size_t n, uint8_t ret[SP_SHA256])
{
	size_t whole = (n + 1 + sizeof(uint64_t) + SHA256_CBLOCK - 1) / SHA256_CBLOCK * SHA256_CBLOCK;
	uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
	SHA256_CTX c;

	p[n] = 0x80;
	memset(p + n + 1, 0, whole - n - 1 - sizeof(bits));
	memcpy(p + whole - sizeof(bits), &bits, sizeof(bits));
	SHA256_Init(&c);
	SHA256_Update(&c, p, whole);
	for (unsigned i = 0; i < SP_ARRAY_LEN(c.h); i++) {
		uint32_t word = __builtin_bswap32(c.h[i]);

		memcpy(ret + i * sizeof(word), &word, sizeof(word));
	}
}
