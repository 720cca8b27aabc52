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
