/// What the files of this folder share. Private to dataplane/tls.
#pragma once

#include "dataplane/tls/tls.h"

#include <openssl/ssl.h>

#define TLS_SNI_MAX 128u

/// AddressSanitizer is told whose memory.c's blocks are.
#ifdef __SANITIZE_ADDRESS__
#define TLS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TLS_SANITIZED 1
#endif
#endif

struct sp_tls {
	SSL *ssl;
	BIO *bio; ///< the SSL's
	struct sp_stream *out;
	const uint8_t *in; ///< ciphertext not yet read
	size_t in_n;
	struct sp_tls_server *server; ///< a reference, or NULL
	struct sp_tls_client *client; ///< a reference, or NULL
	bool open; ///< established, neither failed nor ended, nothing held
	bool established, failed, no_room;
	bool dry;   ///< this call wants more than was fed
	bool ended; ///< close-notify read: the other direction still works
	struct tls_held *held; ///< or NULL
	char sni[TLS_SNI_MAX];
};

struct sp_tls_server {
	unsigned refs;
	SSL_CTX *ctx[SP_CERTS_MAX];
	uint32_t n, first; ///< `first` is the default
	struct {
		uint32_t n;
		char name[SP_CERT_NAMES_MAX][128];
	} names[SP_CERTS_MAX];
	struct sp_ticket_key ticket[SP_TICKET_KEYS];
	uint32_t tickets_n;
	EVP_CIPHER *ticket_cipher;
};

struct sp_tls_client {
	unsigned refs;
	SSL_CTX *ctx;
	SSL_SESSION *session; ///< the last ticket, for `session_name` only
	char session_name[TLS_SNI_MAX];
};

// tls.c
/// A connection over `ctx` whose records go to `out`. -ENOMEM.
SP_MUST_CHECK int tls_open(SSL_CTX *ctx, struct sp_stream *out, struct sp_tls **ret);
/// Versions, groups, ciphers and options of both sides. -EINVAL.
SP_MUST_CHECK int tls_ctx_new(const SSL_METHOD *method, SSL_CTX **ret);

// held.c
#define TLS_HELD_MAX 65536u ///< bytes of one connection
#define TLS_HOLDING_MAX 64u ///< connections
struct tls_held {
	size_t n;
	uint8_t bytes[TLS_HELD_MAX];
};
/// `n` more bytes to be written later. -ENOBUFS: none of them is held.
SP_MUST_CHECK int tls_hold(struct sp_tls *t, const uint8_t *p, size_t n);
struct tls_held *tls_held_free(struct tls_held *h);

// client.c
void tls_client_established(struct sp_tls *t);

// memory.c
/// `n` bytes from a peer were put at `p`, which OpenSSL asked for: to be wiped when it gives that back.
void tls_memory_filled(const void *p, size_t n);

// pem.c
/// Leaf and chain, leaf first; the key must belong to the leaf. -EINVAL.
SP_MUST_CHECK int tls_pem_identity(SSL_CTX *ctx, struct sp_bytes chain, struct sp_bytes key);
/// Every certificate of a PEM bundle. -EINVAL when there is none or one is bad.
SP_MUST_CHECK int tls_pem_store(struct sp_bytes pem, X509_STORE **ret);

// tickets.c
/// Issue and open session tickets under the server's keys; without keys there are no tickets.
SP_MUST_CHECK int tls_tickets_use(SSL_CTX *ctx, struct sp_tls_server *s);
