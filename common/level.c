#include "common/level.h"
#include "common/banned.h"

static const char *const level_names[] = {
	[SP_AUDIT_BASIC] = "basic",
	[SP_AUDIT_ENHANCED] = "enhanced",
	[SP_AUDIT_STRICT] = "strict",
};

const char *sp_audit_level_name(enum sp_audit_level l)
{
	return l <= SP_AUDIT_STRICT ? level_names[l] : "strict";
}

int sp_audit_level_parse(struct sp_bytes s, enum sp_audit_level *ret)
{
	for (unsigned i = 0; i < SP_ARRAY_LEN(level_names); i++) {
		if (sp_bytes_eq(s, sp_bytes_cstr(level_names[i]))) {
			*ret = (enum sp_audit_level)i;
			return 0;
		}
	}
	return -ENOENT;
}

static const struct sp_bytes revision_names[SP_REV__COUNT] = {
	[SP_REV_NONE] = SP_LIT(""),
	[SP_REV_2025_03_26] = SP_LIT("2025-03-26"),
	[SP_REV_2025_06_18] = SP_LIT("2025-06-18"),
	[SP_REV_2025_11_25] = SP_LIT("2025-11-25"),
	[SP_REV_2026_07_28] = SP_LIT("2026-07-28"),
};

struct sp_bytes sp_revision_name(enum sp_revision r)
{
	return revision_names[r < SP_REV__COUNT ? r : SP_REV_NONE];
}

int sp_revision_parse(struct sp_bytes s, enum sp_revision *ret)
{
	for (unsigned i = 1; i < SP_REV__COUNT; i++) {
		if (sp_bytes_eq_short(s, revision_names[i])) {
			*ret = (enum sp_revision)i;
			return 0;
		}
	}
	return -ENOENT;
}
