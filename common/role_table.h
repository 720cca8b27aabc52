/// control.roles as numbers, in control's slot of the root region: control resolves the names with each reload, so
/// that audit, which asks no user database, admits whom control admits.
#pragma once

#include "common/ctl_table.h"
#include "common/shm_layout.h"

#include <sys/types.h>

struct sp_role_number {
	uint32_t id; ///< of a user, or of a group
	bool group;
	enum sp_ctl_access access;
};
/// Control, its one thread: replace the table. What is over SP_ROLES_MAX is left out.
void sp_role_table_put(struct sp_control_slot *slot, const struct sp_role_number *v, uint32_t n);
/// The highest role that names the user or one of the groups. SP_ACCESS_NONE while the table changes.
enum sp_ctl_access sp_role_table_of(const struct sp_control_slot *slot, uid_t uid, const gid_t *group,
	uint32_t groups_n);
