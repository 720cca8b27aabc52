/// Operators' acts on the record: control is a producer of audit records like a worker, in a
/// channel of its own. Control's one thread; never blocks.
#pragma once

#include "common/channel.h"

struct sp_acts {
	struct sp_root *root;
	struct sp_channel channel;
	uint32_t number; ///< of the channel
	int audit_event;
	uint64_t lost;
};
struct sp_act {
	const char *act; ///< the command's words
	const char *actor; ///< "root (uid 0)"
	struct sp_bytes object; ///< on what; may be empty
	struct sp_bytes detail; ///< may be empty
	const char *outcome; ///< "ok", "failed", "refused"
	uint64_t generation; ///< of the policy in force after it
};
SP_MUST_CHECK int sp_acts_init(
	struct sp_acts *a, struct sp_root *root, const struct sp_shm *channel, int audit_event);
/// 0, or -ENOBUFS when audit has no room for it: counted in `lost`.
SP_MUST_CHECK int sp_acts_record(struct sp_acts *a, const struct sp_act *act);
/// There is room for one act: asked before an act that must not happen off the record.
bool sp_acts_room(struct sp_acts *a);
