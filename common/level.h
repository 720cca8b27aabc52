/// Words of policy that several rooms share.
#pragma once

#include "common/bytes.h"

/// What must be true before a call goes on; see ARCHITECTURE.md "Audit".
enum sp_audit_level {
	SP_AUDIT_BASIC = 0,    ///< recorded when there is room; a loss is counted and alarmed
	SP_AUDIT_ENHANCED = 1, ///< recorded in the worker's ring before it is forwarded, else refused
	SP_AUDIT_STRICT = 2,   ///< durable before it is forwarded and before it is answered
};
const char *sp_audit_level_name(enum sp_audit_level l);
SP_MUST_CHECK int sp_audit_level_parse(struct sp_bytes s, enum sp_audit_level *ret);

/// Protocol revisions, oldest first. NONE for a request that names none.
enum sp_revision {
	SP_REV_NONE = 0,
	SP_REV_2025_03_26,
	SP_REV_2025_06_18,
	SP_REV_2025_11_25,
	SP_REV_2026_07_28,
	SP_REV__COUNT,
};
static inline bool sp_revision_modern(enum sp_revision r)
{
	return r >= SP_REV_2026_07_28;
}
struct sp_bytes sp_revision_name(enum sp_revision r); ///< "2025-11-25"; "" for NONE
/// Exact text to revision; -ENOENT when it is none of ours.
SP_MUST_CHECK int sp_revision_parse(struct sp_bytes s, enum sp_revision *ret);
