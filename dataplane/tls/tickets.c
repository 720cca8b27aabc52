/// Stateless session tickets (RFC 5077, RFC 8446 4.6.1) under keys all workers share.
#include "dataplane/tls/private.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include "common/banned.h"

static int start_mac(EVP_MAC_CTX *mac, const struct sp_ticket_key *k)
{
	char digest[] = "SHA256";
	uint8_t key[sizeof(k->hmac)];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	int r;

	memcpy(key, k->hmac, sizeof(key));
	r = EVP_MAC_CTX_set_params(mac, params);
	sp_wipe(key, sizeof(key));
	return r;
}

static int seal(const struct sp_tls_server *s, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
	const struct sp_ticket_key *k = &s->ticket[0];

	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(s->ticket_cipher)) != 1)
		return -1;
	memcpy(name, k->name, sizeof(k->name));
	if (EVP_EncryptInit_ex2(c, s->ticket_cipher, k->aes, iv, NULL) != 1)
		return -1;
	return start_mac(mac, k) == 1 ? 1 : -1;
}

/// 0 = not our ticket: a full handshake; 2 = opened, but to be replaced by one under the current
/// key.
static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
	EVP_MAC_CTX *mac, int enc)
{
	const struct sp_tls *t = SSL_get_app_data(ssl);
	const struct sp_tls_server *s = t->server;

	if (enc)
		return seal(s, name, iv, c, mac);
	for (uint32_t i = 0; i < s->tickets_n; i++) {
		const struct sp_ticket_key *k = &s->ticket[i];

		if (memcmp(name, k->name, sizeof(k->name)) != 0)
			continue;
		if (EVP_DecryptInit_ex2(c, s->ticket_cipher, k->aes, iv, NULL) != 1)
			return -1;
		if (start_mac(mac, k) != 1)
			return -1;
		// A TLS 1.3 client uses a ticket once, so it always gets the next one.
		return i == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
	}
	return 0;
}

int tls_tickets_use(SSL_CTX *ctx, struct sp_tls_server *s)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, 3600);
	if (!s->tickets_n) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return SSL_CTX_set_num_tickets(ctx, 0) == 1 ? 0 : -EINVAL;
	}
	if (SSL_CTX_set_num_tickets(ctx, 1) != 1)
		return -EINVAL;
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1 ? 0 : -EINVAL;
}
