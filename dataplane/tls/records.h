/// TLS 1.3 records once the handshake is over (RFC 8446 sections 5 and 4.6.3): a record is opened straight
/// from what was received into the reader's buffer, and sealed straight into a transmit block. The handshake is
/// OpenSSL's, as is the AEAD; what is saved is its record layer, which costs twice the cipher and
/// allocates. One thread. Private to dataplane/tls.
#pragma once

#include "common/bytes.h"
#include "dataplane/io/io.h"

#include <openssl/evp.h>

#define TLS_SECRET_MAX 48u
#define TLS_RECORD_HEAD 5u
#define TLS_RECORD_TAG 16u
#define TLS_RECORD_PLAIN_MAX 16384u
/// What is longer was not made by a correct peer.
#define TLS_RECORD_MAX (TLS_RECORD_PLAIN_MAX + 256u)
/// Records under one key before we update ours: less than RFC 8446 5.5 allows AES-GCM.
#define TLS_REKEY_AT (1ull << 24)
#define TLS_UPDATES_MAX 32u ///< key updates without data between them

enum tls_content { TLS_CHANGE_CIPHER = 20, TLS_ALERT = 21, TLS_HANDSHAKE = 22, TLS_DATA = 23 };

enum tls_alert {
	TLS_CLOSE_NOTIFY = 0,
	TLS_UNEXPECTED_MESSAGE = 10,
	TLS_BAD_RECORD_MAC = 20,
	TLS_RECORD_OVERFLOW = 22,
	TLS_ILLEGAL_PARAMETER = 47,
	TLS_DECODE_ERROR = 50,
	TLS_INTERNAL_ERROR = 80,
	TLS_USER_CANCELED = 90,
};

enum tls_suite { TLS_SUITE_NONE = 0, TLS_AES_128_GCM, TLS_AES_256_GCM, TLS_CHACHA20_POLY1305 };

/// One direction's keys.
struct tls_half {
	EVP_CIPHER_CTX *aead;
	uint64_t seq; ///< of the next record
	uint8_t iv[12];
	uint8_t secret[TLS_SECRET_MAX]; ///< the traffic secret, from which the next one comes
};

struct tls_records {
	struct tls_half in, out;
	uint8_t *hold;              ///< a record that came in part, or an opened one the reader had no room for
	uint32_t held;              ///< bytes of the partial record
	uint32_t plain_at, plain_n; ///< of the opened one, what is still to be read
	uint8_t suite;              ///< enum tls_suite
	uint8_t updates;            ///< key updates since the last data
	const char *error;          ///< why it failed, static text
};

/// `in` and `out` are traffic secrets of the suite's hash length; `out_seq` records went out under `out`
/// already. -ENOMEM.
SP_MUST_CHECK int tls_records_init(struct tls_records *r, enum tls_suite suite, const uint8_t *in,
	const uint8_t *out, uint64_t out_seq);
void tls_records_done(struct tls_records *r);
/// Length of the suite's hash and so of its secrets.
size_t tls_suite_secret(enum tls_suite suite);

/// Read on in *in (which advances): 0 and *ret > 0 bytes of data in `buf`; -EAGAIN: all of *in is used;
/// -EPIPE: close-notify; -EPROTO: failed, an alert is queued where one is due; -ENOBUFS: no memory or no transmit
/// blocks. After the last three nothing may be read.
SP_MUST_CHECK int tls_records_read(struct tls_records *r, struct sp_stream *stream, struct sp_bytes *in,
	uint8_t *buf, size_t cap, size_t *ret);
/// Seal `n` bytes into as many records as they need. -ENOBUFS: blocks ran out, some may be queued;
/// -EPROTO: the cipher failed.
SP_MUST_CHECK int tls_records_write(
	struct tls_records *r, struct sp_stream *stream, const uint8_t *p, size_t n);
/// Queue an alert; whether it can be does not matter any more.
void tls_records_alert(struct tls_records *r, struct sp_stream *stream, enum tls_alert what);
