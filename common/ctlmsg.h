/// The control protocol of `sallyctl`, spoken on the sockets of control and audit. One frame:
/// u32 little-endian length of the body, then the body, one MessagePack map.
///
///   request  {v: 1, id: uint, cmd: str, args: map}
///   answer   {v: 1, id: uint, more: bool, code: uint, error: str, data: any}
///
/// `cmd` is a command's words as in common/ctl_table.h, `args` its arguments by name. `code` 0 =
/// done and `data` holds the result; else `error` says what was wrong, where, and what to do.
/// `more` = another answer to the same id follows. Unknown members are ignored; another version is
/// refused.
#pragma once

#include "common/ctlval.h"

#define SP_CTL_VERSION 1u
#define SP_CTL_HEAD_BYTES 4u
#define SP_CTL_REQUEST_MAX (4u * 1024u * 1024u)
#define SP_CTL_ANSWER_MAX (16u * 1024u * 1024u)

/// Exit codes of sallyctl; an answer's code is one of the first two.
enum sp_ctl_code {
	SP_CTL_OK = 0,
	SP_CTL_REFUSED = 1,
	SP_CTL_USAGE = 2,
	SP_CTL_NO_CONNECTION = 3,
	SP_CTL_UNDECIDED = 4,
};

/// Size of the first frame's body when `in` holds all of it; 0 = more bytes are needed.
/// -EMSGSIZE when it is empty or claims more than `max`.
int sp_ctl_frame(struct sp_bytes in, size_t max, struct sp_bytes *ret_body);

struct sp_ctl_request {
	uint64_t id;
	struct sp_bytes command; ///< borrowed
	struct sp_bytes args; ///< a checked MessagePack map, borrowed
};
/// Pure. -EBADMSG not a request, -EPROTONOSUPPORT another version (*ret_id is set when there is
/// one).
SP_MUST_CHECK int sp_ctl_request_read(
	struct sp_bytes body, struct sp_ctl_request *ret, uint64_t *ret_id);
/// An argument by name: -ENOENT when it is not there, -EINVAL when it has another type.
SP_MUST_CHECK int sp_ctl_arg_str(
	const struct sp_ctl_request *r, const char *name, struct sp_bytes *ret);
SP_MUST_CHECK int sp_ctl_arg_u64(const struct sp_ctl_request *r, const char *name, uint64_t *ret);
SP_MUST_CHECK int sp_ctl_arg_raw(
	const struct sp_ctl_request *r, const char *name, struct sp_bytes *ret);
bool sp_ctl_arg_flag(const struct sp_ctl_request *r, const char *name);

struct sp_ctl_answer {
	uint64_t id;
	bool more;
	uint64_t code;
	struct sp_bytes error; ///< borrowed
	struct sp_bytes data; ///< one checked value, borrowed
};
SP_MUST_CHECK int sp_ctl_answer_read(struct sp_bytes body, struct sp_ctl_answer *ret); ///< -EBADMSG

/// Begin a frame in an initialised writer: its args (a map) are put next, then sp_ctl_frame_end().
void sp_ctl_request_begin(struct sp_cv_out *o, uint64_t id, struct sp_bytes command);
/// Begin an answer that carries a result: put one value, then sp_ctl_frame_end(). `code` is
/// SP_CTL_OK, or SP_CTL_REFUSED for a result that tells of something wrong.
void sp_ctl_answer_begin(struct sp_cv_out *o, uint64_t id, bool more, uint64_t code);
/// The whole frame of an answer without a result. `error` is any text; bytes no terminal should see
/// are replaced.
SP_MUST_CHECK int sp_ctl_answer_error(
	struct sp_cv_out *o, uint64_t id, uint64_t code, const char *error);
/// Close the map and fill in the length; another frame may be begun behind it. 0, -ENOMEM, or
/// -EMSGSIZE over `max`.
SP_MUST_CHECK int sp_ctl_frame_end(struct sp_cv_out *o, size_t max);
