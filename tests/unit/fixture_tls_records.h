/// Records that no correct peer would make: any inner plaintext, sealed under a direction's keys.
#pragma once

#include "dataplane/tls/records.h"

/// `to` takes 5 + n + 16 bytes; returns that.
static inline size_t seal_inner(struct tls_half *h, const uint8_t *inner, size_t n, uint8_t *to)
{
	size_t len = n + TLS_RECORD_TAG;
	const uint8_t head[] = {TLS_DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
	uint8_t nonce[12];
	int k;

	memcpy(nonce, h->iv, sizeof(nonce));
	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(h->seq >> (56 - 8 * i));
	memcpy(to, head, sizeof(head));
	SP_BUG_IF(EVP_EncryptInit_ex(h->aead, NULL, NULL, NULL, nonce) != 1);
	SP_BUG_IF(EVP_EncryptUpdate(h->aead, NULL, &k, head, sizeof(head)) != 1);
	SP_BUG_IF(EVP_EncryptUpdate(h->aead, to + 5, &k, inner, (int)n) != 1);
	SP_BUG_IF(EVP_EncryptFinal_ex(h->aead, to + 5 + n, &k) != 1);
	SP_BUG_IF(EVP_CIPHER_CTX_ctrl(h->aead, EVP_CTRL_AEAD_GET_TAG, 16, to + 5 + n) != 1);
	h->seq++;
	return 5 + len;
}
