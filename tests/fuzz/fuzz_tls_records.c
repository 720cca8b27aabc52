/// What an agent that shook hands can send: records of any inner plaintext under the right keys, and any bytes.
/// Input: pieces of `kind, length`, then so many bytes; kind 0 is sealed, 1 comes as it is, the rest of its
/// bits pick the reader's room.
#include "tests/unit/fixture_tls_records.h"
#include "common/banned.h"

static const struct sp_stream_ops no_ops;

struct ends {
	struct sp_stream *stream;
	struct tls_records server;
	struct tls_half peer;
};

static void follow_update(struct ends *e)
{
	memcpy(e->peer.iv, e->server.in.iv, sizeof(e->peer.iv));
	e->peer.seq = e->server.in.seq;
	SP_BUG_IF(EVP_CIPHER_CTX_copy(e->peer.aead, e->server.in.aead) != 1);
}

static int take(struct ends *e, struct sp_bytes in, size_t cap)
{
	uint8_t buf[512];
	size_t n = 0;
	int r;

	do {
		r = tls_records_read(&e->server, e->stream, &in, buf, cap, &n);
		SP_BUG_IF(r == 0 && (n == 0 || n > cap));
	} while (r == 0);
	SP_BUG_IF(r == -EAGAIN && in.n);
	SP_BUG_IF(r != -EAGAIN && r != -EPIPE && r != -EPROTO && r != -ENOBUFS);
	return r;
}

static void run(struct ends *e, const uint8_t *data, size_t size)
{
	uint8_t rec[512];

	while (size >= 2) {
		size_t n = sp_min((size_t)data[1], size - 2), cap = 1 + (size_t)(data[0] >> 1) * 4;
		struct sp_bytes in = sp_bytes(data + 2, n);

		if (!(data[0] & 1) && n) {
			follow_update(e);
			in = sp_bytes(rec, seal_inner(&e->peer, in.p, n, rec));
		}
		if (take(e, in, cap) != -EAGAIN)
			return;
		data += 2 + n;
		size -= 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[TLS_SECRET_MAX] = {1, 2, 3};
	struct sp_io_conf conf = {.max_streams = 2, .blocks = 16, .recv_buffers = 4};
	struct sp_stream *other;
	struct ends e = {0};
	struct sp_io *io;

	SP_BUG_IF(sp_io_mem_new(&conf, &io) < 0);
	SP_BUG_IF(sp_io_mem_pair(io, &no_ops, NULL, &no_ops, NULL, &e.stream, &other) < 0);
	SP_BUG_IF(tls_records_init(&e.server, TLS_AES_128_GCM, secret, secret, 0) < 0);
	e.peer.aead = EVP_CIPHER_CTX_new();
	run(&e, data, size);
	EVP_CIPHER_CTX_free(e.peer.aead);
	tls_records_done(&e.server);
	sp_io_free(io);
	return 0;
}
