/// Reading and writing MessagePack where the peer is not trusted. The reader is a cursor over
/// borrowed bytes: no allocation, whatever lengths the bytes claim. Source: the MessagePack
/// specification (github.com/msgpack/msgpack, spec.md). Extension types are refused.
#pragma once

#include "common/bytes.h"

#include <msgpack.h>

#define SP_CV_DEPTH_MAX 16u

enum sp_cv_type {
	SP_CV_NIL = 1,
	SP_CV_BOOL,
	SP_CV_UINT,
	SP_CV_INT, ///< negative
	SP_CV_FLOAT,
	SP_CV_STR,
	SP_CV_BIN,
	SP_CV_ARRAY, ///< `n` values follow
	SP_CV_MAP, ///< `n` pairs of values follow
};
struct sp_cv_value {
	enum sp_cv_type type;
	uint32_t n; ///< ARRAY, MAP
	uint64_t u; ///< UINT, BOOL
	int64_t i; ///< INT
	double f; ///< FLOAT
	struct sp_bytes s; ///< STR, BIN; borrowed
};
/// Take the next value's head off *m. -EBADMSG: cut short, reserved, or more elements than bytes
/// left.
SP_MUST_CHECK int sp_cv_next(struct sp_bytes *m, struct sp_cv_value *ret);
/// Take one whole value off *m, containers with all they hold. *ret (may be NULL) is its bytes.
/// -EBADMSG, or -E2BIG nested deeper than SP_CV_DEPTH_MAX.
SP_MUST_CHECK int sp_cv_skip(struct sp_bytes *m, struct sp_bytes *ret);
/// `m` is exactly one value, strings are UTF-8 without NUL: -EBADMSG, -EILSEQ, -E2BIG. What passed
/// can be walked without further checks failing.
SP_MUST_CHECK int sp_cv_check(struct sp_bytes m);
/// The value of a string key in a checked map: -ENOENT absent, -EEXIST twice, -EINVAL no map.
SP_MUST_CHECK int sp_cv_get(struct sp_bytes map, struct sp_bytes key, struct sp_bytes *ret);
/// A checked value as one JSON text; floats as %.17g, binary as hexadecimal. -ENOSPC by the
/// writer's overflow.
void sp_cv_json(struct sp_bytes m, struct sp_out *out);

/// A growing writer that counts the elements of open containers itself. Heap; `failed` is sticky.
#define SP_CV_OPEN_MAX 8u
struct sp_cv_out {
	msgpack_sbuffer buf;
	msgpack_packer pk;
	size_t frame; ///< where the open frame starts (common/ctlmsg.h)
	uint32_t depth;
	struct {
		size_t off; ///< of its count
		uint32_t items; ///< keys count too
		bool map;
	} open[SP_CV_OPEN_MAX];
	bool failed;
};
void sp_cv_out_init(struct sp_cv_out *o);
void sp_cv_out_done(struct sp_cv_out *o);
void sp_cv_put_map(struct sp_cv_out *o); ///< until sp_cv_put_end(): key, value, key, value ...
void sp_cv_put_array(struct sp_cv_out *o); ///< until sp_cv_put_end()
void sp_cv_put_end(struct sp_cv_out *o);
void sp_cv_put_nil(struct sp_cv_out *o);
void sp_cv_put_bool(struct sp_cv_out *o, bool v);
void sp_cv_put_u64(struct sp_cv_out *o, uint64_t v);
void sp_cv_put_bytes(struct sp_cv_out *o, struct sp_bytes v); ///< as a string
void sp_cv_put_str(struct sp_cv_out *o, const char *s);
void sp_cv_put_fmt(struct sp_cv_out *o, const char *fmt, ...)
	SP_PRINTF(2, 3); ///< string, cut at 1 KiB
void sp_cv_put_raw(struct sp_cv_out *o, struct sp_bytes m); ///< one value, encoded and checked
static inline struct sp_bytes sp_cv_out_bytes(const struct sp_cv_out *o)
{
	return sp_bytes(o->buf.data, o->buf.size);
}
