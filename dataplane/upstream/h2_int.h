/// The inside of HTTP/2 (RFC 9113), over nghttp2: what the h2*.c files share.
#pragma once

#include "dataplane/http/http2_head.h"
#include "dataplane/upstream/upstream_int.h"

#include <nghttp2/nghttp2.h>

/// What a server may send before we take it in: of one stream, of all together.
#define UP_H2_STREAM_WINDOW (256u << 10)
#define UP_H2_WINDOW (4u << 20)
/// Frames a server may send for nothing: so many at once, and a second.
#define UP_H2_CREDIT_MAX 1000u
#define UP_H2_CREDIT_PER_SECOND 100u
/// What an answer on a stream adds.
#define UP_H2_CREDIT_ANSWER 16u
/// Bytes of frames nobody knows, between two answers.
#define UP_H2_UNKNOWN_MAX 65536
/// A header block beyond the limit of a head is refused, beyond so many times that ends the
/// connection.
#define UP_H2_BLOCK_TIMES 4u
/// A DATA frame carries so much at most, a record so many frames, so that either fits one transmit
/// block.
#define UP_H2_DATA_MAX 8192u
#define UP_H2_RECORD_MAX 16000u
#define UP_H2_ROOM 16384u
#define UP_H2_FRAME_ROOM (UP_H2_DATA_MAX + 9u)
#define UP_H2_MEMORY_MAX (64u << 20)
/// Fields of a request at most.
#define UP_H2_FIELDS_MAX 64u
/// What a stream's answer took of its window is given back when it is so much.
#define UP_H2_GIVE_BACK (UP_H2_STREAM_WINDOW / 8)

/// Memory for nghttp2: blocks of a few sizes, kept for the next call.
struct up_h2_mem;
SP_MUST_CHECK int up_h2_mem_new(struct up_h2_mem **ret);
void up_h2_mem_free(struct up_h2_mem *m);
/// What it ever took from the heap.
size_t up_h2_mem_bytes(const struct up_h2_mem *m);
nghttp2_mem *up_h2_mem_ops(struct up_h2_mem *m);

/// Made once a worker.
struct up_h2_shared {
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct up_h2_mem *mem;
};

struct up_h2_fields {
	nghttp2_nv v[UP_H2_FIELDS_MAX];
	size_t n;
};

struct up_h2 {
	nghttp2_session *session;
	struct up_conn *conn;
	struct sp_exchange *streams; ///< by next and prev
	uint32_t streams_n;
	struct up_h2 *dirty_next;
	bool dirty; ///< in the worker's list
	bool inside; ///< nghttp2 is running: it must not be called to send or receive
	bool settled; ///< the peer said its settings
	bool retired; ///< takes no more streams
	bool violated; ///< the peer broke the protocol: it was told so
	struct sp_exchange *reading; ///< whose header block is being read
	struct sp_http2_head head; ///< of it
	size_t block_bytes;
	uint32_t credit;
	uint64_t credit_ns, heard_ns;
	int64_t unknown; ///< bytes received that belong to no frame nghttp2 told of
	size_t taken; ///< received of bodies in this delivery
	struct up_h2_fields fixed; ///< of each request: the first is :method, without its value
	uint8_t text[]; ///< what they refer to, a secret among it
};

// h2_request.c
/// The fields that all requests of the connection have.
void up_h2_prepare(struct up_h2 *h);
SP_MUST_CHECK int up_h2_submit(struct up_h2 *h, struct sp_exchange *x);
ssize_t up_h2_on_read(nghttp2_session *s, int32_t id, uint8_t *to, size_t cap, uint32_t *flags,
	nghttp2_data_source *source, void *user);

// h2_answer.c
void up_h2_set_callbacks(nghttp2_session_callbacks *cb);

// h2.c
/// The peer told its settings, anew.
void up_h2_settled(struct up_h2 *h);
/// A stream of `x` was answered whole.
void up_h2_answered(struct sp_exchange *x);
/// The peer did nothing about it.
void up_h2_refused(struct sp_exchange *x);
