/// Revocations that last: an append-only file in control's folder, and the region workers read. An
/// entry is on disk before it takes effect. Owner: control's one thread.
#pragma once

#include "common/revoked.h"

struct sp_revocations {
	struct sp_root *root;
	struct sp_revoked_region *region;
	int fd;
	uint64_t loaded; ///< entries the file held at start
	uint64_t cut; ///< bytes of a half-written last entry, dropped at start
	uint64_t expired; ///< sessions that were over by themselves, dropped at start
};
struct sp_revocation {
	enum sp_revoked_kind kind;
	uint8_t id[16]; ///< first half of SHA-256 of the id
	uint64_t wall_ns;
	uint32_t uid; ///< who
};

/// Take up `revoked` in `dir_fd` and fill the region. Sessions ended before `sessions_from_ns` (wall)
/// have expired since and are dropped from the file. -EBADMSG the file is damaged elsewhere than at
/// its end, -ENOSPC more entries than the region holds.
SP_MUST_CHECK int sp_revocations_init(struct sp_revocations *r, struct sp_root *root,
	const struct sp_shm *region, int dir_fd, uint64_t sessions_from_ns);
void sp_revocations_done(struct sp_revocations *r);
/// Durable, then effective on every worker. -EEXIST already revoked (nothing is written), -ENOSPC
/// full, or the disk's error: it is then not in effect.
SP_MUST_CHECK int sp_revocations_add(struct sp_revocations *r, const struct sp_revocation *v);

/// The same for a session its own agent ends. Agents get no more than half of the table, so that they
/// cannot keep operators from revoking: -ENOSPC.
SP_MUST_CHECK int sp_revocations_end_session(
	struct sp_revocations *r, const uint8_t id[16], uint64_t wall_ns);

/// One line of the file, without the line feed. Pure. -EBADMSG.
SP_MUST_CHECK int sp_revocation_parse(struct sp_bytes line, struct sp_revocation *ret);
void sp_revocation_print(const struct sp_revocation *v, struct sp_out *out);
