/// Who may do what at the control and audit sockets: the peer's user, as the kernel tells, against
/// control.roles of the configuration. Control's one thread; asks the system's user database.
#pragma once

#include "common/role_table.h"
#include "common/unixsock.h"
#include "config/gateway.h"

/// What the user database knows of a peer.
struct sp_role_facts {
	uid_t uid;
	const char *user; ///< NULL when it has no name
	gid_t group[64];
	int groups_n;
};
/// Root and `owner` (who runs control) are admin; else the highest role that names the user, its
/// number or one of its groups. `group_of` gives a group's number by name, or (gid_t)-1. Pure.
enum sp_ctl_access sp_role_of(const struct sp_gw_roles *roles, const struct sp_role_facts *facts,
	uid_t owner, gid_t (*group_of)(const char *name));
/// The same for a connection; `name` is set to "user (uid N)".
enum sp_ctl_access sp_role_of_peer(
	const struct sp_gw_roles *roles, const struct sp_unix_peer *peer, char *name, size_t cap);
/// Every user and group the roles name, as numbers; those the system does not know are left out. Returns how many
/// of them, at most SP_ROLES_MAX, lie in `ret`.
uint32_t sp_role_numbers(const struct sp_gw_roles *roles, struct sp_role_number ret[SP_ROLES_MAX]);
