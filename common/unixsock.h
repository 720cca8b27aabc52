/// Unix stream sockets between processes of one host: listening, connecting, who the peer is, and
/// whole transfers with a deadline. Any process that may block (control, audit, sallyctl).
#pragma once

#include "common/bytes.h"

#include <sys/types.h>

/// Listen at `path`, replacing a socket that is there in one step, with permission bits `mode`.
/// Non-blocking, close-on-exec. -ENAMETOOLONG, or -errno.
SP_MUST_CHECK int sp_unix_listen(const char *path, mode_t mode, int backlog, int *ret);
/// Connect within `timeout_ms`. Close-on-exec, non-blocking. -ENOENT, -ECONNREFUSED, -EACCES,
/// -ETIMEDOUT ...
SP_MUST_CHECK int sp_unix_connect(const char *path, int timeout_ms, int *ret);

/// Who connected, by the kernel's word (SO_PEERCRED): it is what the peer was when it connected.
struct sp_unix_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};
SP_MUST_CHECK int sp_unix_peer(int fd, struct sp_unix_peer *ret);

/// Its groups beyond that one, as they were when it connected (SO_PEERGROUPS): how many of them lie in `ret`;
/// 0 when there are more than `cap`.
uint32_t sp_unix_peer_groups(int fd, gid_t *ret, uint32_t cap);

/// Write or read exactly `n` bytes; `timeout_ms` covers the whole, -1 waits for ever.
/// -ETIMEDOUT, -EPIPE when the peer is gone (reading: before the last byte), or -errno.
SP_MUST_CHECK int sp_unix_write_all(int fd, const void *p, size_t n, int timeout_ms);
SP_MUST_CHECK int sp_unix_read_all(int fd, void *p, size_t n, int timeout_ms);
