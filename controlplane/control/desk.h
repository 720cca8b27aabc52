/// The control socket: accepts, reads whole requests, finds the command and the caller's role,
/// hands over, sends the answer. A peer that misbehaves loses its own connection and nothing else.
/// One thread, no blocking call of its own; a command may block.
#pragma once

#include "common/ctl_table.h"
#include "common/ctlmsg.h"
#include "common/unixsock.h"

#include <poll.h>

#define SP_DESK_CLIENTS 16u
#define SP_DESK_POLL_MAX (SP_DESK_CLIENTS + 1)

struct sp_caller {
	struct sp_unix_peer peer;
	enum sp_ctl_access access;
	char name[96]; ///< "user (uid N)"
};
/// Exactly one answer: either sp_reply_data() and a value put into it, or sp_reply_error().
struct sp_reply {
	struct sp_cv_out out;
	uint64_t id;
	bool data, error;
};
/// The writer for the answer's one value; `code` as in common/ctlmsg.h.
struct sp_cv_out *sp_reply_data(struct sp_reply *r, enum sp_ctl_code code);
/// What was wrong, where, what to do.
void sp_reply_error(struct sp_reply *r, const char *fmt, ...) SP_PRINTF(2, 3);
/// A one-line result.
void sp_reply_text(struct sp_reply *r, const char *fmt, ...) SP_PRINTF(2, 3);

struct sp_desk_ops {
	/// Fill access and name from the peer.
	void (*who)(void *ctx, struct sp_caller *caller);
	/// `caller` may call `cmd`.
	void (*run)(void *ctx, const struct sp_ctl_command *cmd, const struct sp_ctl_request *r,
		const struct sp_caller *caller, struct sp_reply *reply);
	/// It may not, and was told so.
	void (*refused)(
		void *ctx, const struct sp_ctl_command *cmd, const struct sp_caller *caller);
	void *ctx;
};
struct sp_desk;
SP_MUST_CHECK int sp_desk_new(
	const char *path, const struct sp_desk_ops *ops, struct sp_desk **ret);
struct sp_desk *sp_desk_free(struct sp_desk *s);
/// What to wait for: fills `p`, returns how many, at most SP_DESK_POLL_MAX.
unsigned sp_desk_poll(const struct sp_desk *s, struct pollfd p[SP_DESK_POLL_MAX]);
/// After poll(), with the same array.
void sp_desk_turn(struct sp_desk *s, const struct pollfd *p, unsigned n, uint64_t boot_ns);
