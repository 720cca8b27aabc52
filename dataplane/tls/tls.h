/// TLS 1.2 and 1.3 over byte buffers (OpenSSL 3): no sockets, so every I/O back end runs the same code.
/// One worker, one thread. Ciphertext goes straight into the stream's transmit blocks.
#pragma once

#include "common/bytes.h"
#include "common/shm_layout.h"
#include "dataplane/io/io.h"

/// Once at start, before anything of OpenSSL's is used, in a process of one thread: what OpenSSL gives
/// back is kept by its size for the next use instead of handed to the allocator. That has
/// SP_TLS_MEMORY_MAX bytes of addresses, of which only what was in use at once becomes memory, or counts
/// as such where the kernel promises no more than it has; beyond them the allocator is asked. What peers
/// sent is wiped from a record's buffer. -EBUSY: OpenSSL was used before. -ENOMEM.
SP_MUST_CHECK int sp_tls_memory(void);
#define SP_TLS_MEMORY_MAX (64u * 20480u + 2048u * 65536u)
size_t sp_tls_memory_kept(void); ///< bytes that wait for their next use

/// Once at start, before the process gives up opening files: sets OpenSSL up and reads the system's CA
/// bundle (SSL_CERT_FILE names another). -ENOENT when there is none: only clients without a CA need it.
SP_MUST_CHECK int sp_tls_init(void);

/// Once, after that: servers and clients made from now on have intel-ipsec-mb, not OpenSSL, encrypt AES-GCM's records.
/// -ENOTSUP: not in this build, the CPU lacks the instructions, or the library fails its known answers.
SP_MUST_CHECK int sp_tls_fast_records(void);
bool sp_tls_records_fast(void);

/// Certificates by SNI, ALPN (http/1.1), tickets under the shared keys, client certificates if a CA is set.
struct sp_tls_server;
/// Built from one published half of the secrets region; rebuilt on a new generation while connections
/// of the old one live on. `half` is only read during the call. -EINVAL names a bad certificate or key.
SP_MUST_CHECK int sp_tls_server_new(const struct sp_secrets_half *half, struct sp_tls_server **ret);
struct sp_tls_server *sp_tls_server_free(struct sp_tls_server *s); ///< connections keep their own reference

/// Verified client side, for upstreams: `ca_pem` (empty = the system's store, loaded at start),
/// `server_name` is sent as SNI and must match the certificate.
struct sp_tls_client;
SP_MUST_CHECK int sp_tls_client_new(struct sp_bytes ca_pem, struct sp_tls_client **ret);
/// What ALPN offers, in the protocol's own form (length, name, ...); without this http/1.1. -EINVAL.
SP_MUST_CHECK int sp_tls_client_offer(struct sp_tls_client *c, struct sp_bytes protocols);
struct sp_tls_client *sp_tls_client_free(struct sp_tls_client *c);

struct sp_tls;
SP_MUST_CHECK int sp_tls_accept(struct sp_tls_server *srv, struct sp_stream *out, struct sp_tls **ret);
/// Starts the handshake: the first flight is queued on `out`.
SP_MUST_CHECK int sp_tls_connect(struct sp_tls_client *cli, const char *server_name,
	struct sp_stream *out, struct sp_tls **ret);
struct sp_tls *sp_tls_free(struct sp_tls *t);

/// Ciphertext will be fed soon: fetches what that reads.
void sp_tls_soon(const struct sp_tls *t);
/// Hand over ciphertext; it must stay valid until sp_tls_read() said -EAGAIN.
void sp_tls_feed(struct sp_tls *t, const uint8_t *data, size_t n);
/// Advance the handshake and decrypt: *ret > 0 plaintext bytes. -EAGAIN all input used, -EPROTO (alert
/// queued; close the stream), -EPIPE close-notify read (writing still works), -ENOBUFS no transmit blocks.
SP_MUST_CHECK int sp_tls_read(struct sp_tls *t, uint8_t *buf, size_t cap, size_t *ret);
/// Encrypt all `n` bytes into the stream's queue: 0, -ENOBUFS (the connection is then unusable), -EPROTO. While only a
/// part of a handshake message has come, bytes are kept until the rest has, up to a bound: -ENOBUFS above it.
SP_MUST_CHECK int sp_tls_write(struct sp_tls *t, const uint8_t *p, size_t n);
bool sp_tls_holds(const struct sp_tls *t); ///< bytes that are kept so
/// Queue close-notify. Errors do not matter any more. What is still kept is lost, and the peer is told nothing.
void sp_tls_shutdown(struct sp_tls *t);

bool sp_tls_established(const struct sp_tls *t);
/// What ALPN chose, once established; empty when nothing. Valid as long as the connection.
struct sp_bytes sp_tls_alpn(const struct sp_tls *t);
struct sp_tls_info {
	uint16_t version; ///< 0x0303 or 0x0304
	bool resumed;
	char sni[128]; ///< "" when none
	uint8_t client_cert_sha256[32];
	bool has_client_cert;
};
void sp_tls_info(const struct sp_tls *t, struct sp_tls_info *ret); ///< once established
