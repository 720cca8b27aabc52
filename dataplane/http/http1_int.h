/// The inside of struct sp_http1, shared by the files of this room only.
#pragma once

#include "dataplane/http/http1.h"

#include <llhttp.h>

/// What may stand between a chunk's size and its line end.
#define SP_CHUNK_EXT_MAX 256u
/// Trailer lines of an answer, all of them; requests may have none.
#define SP_CHUNK_TRAILER_MAX 4096u
/// Framing a gathered body may carry beyond as many bytes as the body itself has.
#define SP_CHUNK_FRAMING_MAX 16384u

/// A decoder of the chunked coding (RFC 9112 section 7.1) that accepts a subset of what llhttp does.
struct sp_chunk {
	uint8_t state;
	uint8_t digits;
	uint8_t part;  ///< 1 = the name or value of an extension has begun
	bool trailers; ///< allowed, and dropped
	uint32_t line; ///< bytes of extensions, or of the trailer section
	uint32_t name_n;
	uint8_t name[20]; ///< of a trailer, as much as is needed to know it
	uint64_t left; ///< of the chunk's data
	uint64_t total, max_total;
	uint64_t framing, max_framing; ///< framing may exceed `total` by max_framing
};
void sp_chunk_init(struct sp_chunk *c, bool trailers, uint64_t max_total, uint64_t max_framing);

enum sp_chunk_step { SP_CHUNK_MORE, SP_CHUNK_DATA, SP_CHUNK_END, SP_CHUNK_BAD };
/// Read on at `*pos`. DATA: `*ret` is a run of body bytes, call again. BAD: `*err` is set.
enum sp_chunk_step sp_chunk_next(struct sp_chunk *c, const uint8_t *buf, size_t len, size_t *pos,
	struct sp_bytes *ret, struct sp_http_error *err);

/// Accept, most specific range first; 0 = json, 1 = event stream.
struct sp_accept {
	uint8_t rank[2];
	bool yes[2];
};
void sp_accept_add(struct sp_accept *a, struct sp_bytes value);
/// Members of a comma-separated list equal to `token`, ASCII case-insensitively.
bool sp_field_has_token(struct sp_bytes list, struct sp_bytes token);
bool sp_field_host_ok(struct sp_bytes host);

/// Which header of SP_HTTP_HEADERS a name is, or -1. `name` is a token.
int sp_http_header_find(struct sp_bytes name);
/// A token without upper case, which HTTP/2 does not know (RFC 9113 8.2).
bool sp_http2_name_ok(struct sp_bytes s);

enum sp_body_kind { SP_BODY_NONE, SP_BODY_LENGTH, SP_BODY_CHUNKED, SP_BODY_EOF };

struct sp_http1 {
	enum sp_http1_state state;
	enum sp_body_kind body_kind;
	bool is_response, is_head_answer;
	bool used_up;  ///< what follows is of the message before: the next one begins with its first byte
	bool line_start, head_end; ///< the line scan: at the first byte of a line; at the end
	bool target_seen;
	struct sp_accept accept;
	uint32_t scan; ///< bytes the line scan has passed
	uint32_t fed;  ///< bytes llhttp has seen
	uint32_t headers;
	uint32_t recalled; ///< bytes the head begins with that were not read, but known
	uint64_t stamp;    ///< the memo's, for those
	struct sp_http1_memo *memo; ///< or NULL
	struct sp_http_limits limits;
	size_t at;         ///< gathering: offset of the next byte of body framing
	uint64_t body_len; ///< gathered, or passed on
	size_t used;       ///< at DONE, gathering
	const uint8_t *base; ///< the caller's buffer, during a call
	llhttp_t ll;
	struct sp_http_error error;
	struct sp_http_span target, field, value;
	struct sp_http_head head;
	struct sp_chunk chunk; ///< of a chunked body
};
/// What a message begins with. Behind it lies what is written before it is read.
#define SP_HTTP1_BEGIN_BYTES (offsetof(struct sp_http1, head) + offsetof(struct sp_http_head, param_name))

enum sp_scan { SP_SCAN_MORE, SP_SCAN_END, SP_SCAN_BAD };
/// Judge line ends, folding and control bytes up to `len`; p->scan is how far llhttp may read.
/// BAD: p->error is set but llhttp's verdict on the bytes before p->scan comes first.
enum sp_scan sp_http1_scan(struct sp_http1 *p, const uint8_t *buf, size_t len);
/// First byte at or after `i` that is no visible ASCII and no space, or `n`.
size_t sp_http1_special(const uint8_t *b, size_t i, size_t n);

/// What a header is read for: one of SP_HTTP_HEADERS, or one of these.
enum sp_header_kind { SP_HDR_UNREAD = -1, SP_HDR_ACCEPT = -2, SP_HDR_PARAM = -3 };
/// By its name, a token: an enum sp_http_header or enum sp_header_kind.
int sp_http1_kind(struct sp_bytes name);
/// A header was read: 0, or p->error is set and llhttp is to stop with what this returns.
int sp_http1_take(
	struct sp_http1 *p, int kind, struct sp_http_span name, struct sp_http_span value);
/// The same with p->field and p->value.
int sp_http1_take_read(struct sp_http1 *p);
/// All headers were read: the same.
int sp_http1_judge(struct sp_http1 *p);

#define SP_HTTP1_TAIL_VALUES 6u
/// How a head went on behind its known beginning: what stood before, between and behind the values of its headers.
struct sp_http1_tail {
	bool known;
	uint8_t values_n;
	uint8_t others; ///< heads since that went on in another way
	struct {
		int8_t kind;
		uint8_t name_n, name_back; ///< before the value's first byte
	} value[SP_HTTP1_TAIL_VALUES];
	uint8_t between_n[SP_HTTP1_TAIL_VALUES + 1];
	uint8_t between[160];
};
/// A head of which p->recalled bytes are known goes on in the known way: read it to its end. False: it does not, or
/// must be refused, or is not all there; then `p` is of no use.
bool sp_http1_read_tail(
	struct sp_http1 *p, const struct sp_http1_tail *t, const uint8_t *buf, size_t len);
/// A head was accepted that begins as `begun` knows: how it goes on.
void sp_http1_learn_tail(struct sp_http1_tail *t, const struct sp_http1 *begun,
	const struct sp_http1 *p, const uint8_t *buf);

#define SP_HTTP1_MEMO_BYTES 1536u
struct sp_http1_memo {
	uint32_t text_n;  ///< of a head: whole lines, or what `state` has read
	uint32_t begin_n; ///< 0, or all of the text is what `state` has read
	uint16_t used;    ///< by later heads
	uint16_t pause;   ///< heads to come that are just read
	uint64_t stamp;   ///< another one with each text
	struct sp_http1_tail tail; ///< behind the beginning
	struct sp_http1 state;
	uint8_t text[SP_HTTP1_MEMO_BYTES];
};
/// What sp_http1_next() left to be done, when nothing is known of the head that begins.
void sp_http1_begin_next(struct sp_http1 *p);
/// At the first byte of a head: p is as if it had read what is known of it, if anything is, which may be all.
void sp_http1_recall(struct sp_http1 *p, const uint8_t *buf, size_t len);
/// A whole head was read, more than what was known of it, in one piece.
void sp_http1_learn(struct sp_http1 *p, const uint8_t *buf);
/// Read the head on: p->state becomes BODY, ERROR or stays HEAD.
void sp_http1_read_head(struct sp_http1 *p, const uint8_t *buf, size_t len);
static inline void sp_http1_fail(struct sp_http1 *p, uint16_t status, const char *what)
{
	p->error = (struct sp_http_error){status, what};
	p->state = SP_HTTP1_ERROR;
}
