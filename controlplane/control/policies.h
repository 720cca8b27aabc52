/// Policy sources as they were published, in control's folder policies/: `stage` is what is being
/// compiled, <generation>/ holds `src` and `meta` of what was published. Compiling always reads the
/// stage, so that what is kept is what was judged. Control's one thread; blocks for the disk.
#pragma once

#include "common/bytes.h"

#define SP_POLICIES_KEPT 32u
#define SP_POLICY_BYTES_MAX (64u * 1024u * 1024u)

enum sp_policy_origin {
	SP_ORIGIN_FOLDER = 1, ///< what the configuration names: read again at a restart or reload
	SP_ORIGIN_UPLOAD, ///< published by an operator: stays until the next publish
	SP_ORIGIN_ROLLBACK, ///< an earlier generation's sources: likewise
};
const char *sp_policy_origin_name(enum sp_policy_origin o);

struct sp_policy_entry {
	uint64_t generation;
	uint64_t wall_ns;
	enum sp_policy_origin origin;
	uint64_t from; ///< rollback: the generation it came from
	uint8_t sha256[32];
	char actor[64];
	char note[256];
};

struct sp_policies {
	int dir_fd; ///< open for control's life
	char stage_path[512]; ///< absolute: what sp_load_policy() is given
};
/// -errno. `state_dir` is the gateway's.
SP_MUST_CHECK int sp_policies_init(
	struct sp_policies *p, const char *state_dir, int control_dir_fd);

/// Fill the stage anew: from a folder's .json, .yaml and .yml files, from a generation that was
/// kept, or file by file. -E2BIG in all over SP_POLICY_BYTES_MAX, -ENOENT no such folder or
/// generation.
SP_MUST_CHECK int sp_policies_stage_folder(struct sp_policies *p, const char *folder);
SP_MUST_CHECK int sp_policies_stage_kept(struct sp_policies *p, uint64_t generation);
SP_MUST_CHECK int sp_policies_stage_clear(struct sp_policies *p);
/// -EINVAL a name that does not end in .json, .yaml or .yml, is empty, over 200 bytes, begins with
/// a dot, or has a slash or control byte.
SP_MUST_CHECK int sp_policies_stage_file(
	struct sp_policies *p, struct sp_bytes name, struct sp_bytes text);

/// The stage was published as `e->generation`: keep it; the oldest beyond SP_POLICIES_KEPT go.
SP_MUST_CHECK int sp_policies_keep(struct sp_policies *p, const struct sp_policy_entry *e);
/// What is kept, newest first: number of entries, at most SP_POLICIES_KEPT. -errno.
int sp_policies_list(const struct sp_policies *p, struct sp_policy_entry ret[SP_POLICIES_KEPT]);

/// The text of `meta`. Pure. -EBADMSG.
SP_MUST_CHECK int sp_policy_entry_parse(struct sp_bytes text, struct sp_policy_entry *ret);
void sp_policy_entry_print(const struct sp_policy_entry *e, struct sp_out *out);
