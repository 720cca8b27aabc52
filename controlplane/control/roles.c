#include "controlplane/control/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include "common/banned.h"

static bool in_group(const struct sp_role_facts *f, gid_t gid)
{
	if (gid == (gid_t)-1)
		return false;
	for (int i = 0; i < f->groups_n; i++)
		if (f->group[i] == gid)
			return true;
	return false;
}

static bool is_named(const struct sp_texts *names, const struct sp_role_facts *f,
	gid_t (*group_of)(const char *name))
{
	for (uint32_t i = 0; i < names->n; i++) {
		const char *s = names->v[i].s;
		uint64_t number;

		if (s[0] == '@') {
			if (in_group(f, group_of(s + 1)))
				return true;
		} else if (sp_bytes_u64(sp_bytes_cstr(s), &number) == 0) {
			if (number == f->uid)
				return true;
		} else if (f->user && strcmp(s, f->user) == 0) {
			return true;
		}
	}
	return false;
}

enum sp_ctl_access sp_role_of(const struct sp_gw_roles *roles, const struct sp_role_facts *facts,
	uid_t owner, gid_t (*group_of)(const char *name))
{
	if (facts->uid == 0 || facts->uid == owner || is_named(&roles->admin, facts, group_of))
		return SP_ACCESS_ADMIN;
	if (is_named(&roles->operator, facts, group_of))
		return SP_ACCESS_OPERATE;
	if (is_named(&roles->reviewer, facts, group_of))
		return SP_ACCESS_REVIEW;
	if (is_named(&roles->viewer, facts, group_of))
		return SP_ACCESS_VIEW;
	return SP_ACCESS_NONE;
}

static gid_t group_of_system(const char *name)
{
	struct group g, *found = NULL;
	char buf[16384];

	return getgrnam_r(name, &g, buf, sizeof(buf), &found) == 0 && found ? g.gr_gid : (gid_t)-1;
}

enum sp_ctl_access sp_role_of_peer(
	const struct sp_gw_roles *roles, const struct sp_unix_peer *peer, char *name, size_t cap)
{
	struct sp_role_facts f = {.uid = peer->uid, .group = {peer->gid}, .groups_n = 1};
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (getpwuid_r(peer->uid, &pw, buf, sizeof(buf), &found) == 0 && found) {
		int n = (int)SP_ARRAY_LEN(f.group);

		f.user = pw.pw_name;
		if (getgrouplist(pw.pw_name, peer->gid, f.group, &n) >= 0)
			f.groups_n = n;
		else // more groups than we hold: the first of them are there
			f.groups_n = (int)SP_ARRAY_LEN(f.group);
	}
	snprintf(name, cap, "%s (uid %u)", f.user ? f.user : "unknown", (unsigned)peer->uid);
	return sp_role_of(roles, &f, geteuid(), group_of_system);
}

static bool number_of(const char *name, struct sp_role_number *ret)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	uint64_t number;
	gid_t gid;

	ret->group = name[0] == '@';
	if (ret->group) {
		gid = group_of_system(name + 1);
		ret->id = gid;
		return gid != (gid_t)-1;
	}
	if (sp_bytes_u64(sp_bytes_cstr(name), &number) == 0) {
		ret->id = (uint32_t)number;
		return number < UINT32_MAX;
	}
	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) != 0 || !found)
		return false;
	ret->id = found->pw_uid;
	return true;
}

uint32_t sp_role_numbers(const struct sp_gw_roles *roles, struct sp_role_number ret[SP_ROLES_MAX])
{
	const struct {
		const struct sp_texts *names;
		enum sp_ctl_access access;
	} lists[] = {
		{&roles->admin, SP_ACCESS_ADMIN},
		{&roles->operator, SP_ACCESS_OPERATE},
		{&roles->reviewer, SP_ACCESS_REVIEW},
		{&roles->viewer, SP_ACCESS_VIEW},
	};
	uint32_t n = 0;

	for (unsigned l = 0; l < SP_ARRAY_LEN(lists); l++) {
		for (uint32_t i = 0; i < lists[l].names->n && n < SP_ROLES_MAX; i++) {
			ret[n].access = lists[l].access;
			n += number_of(lists[l].names->v[i].s, &ret[n]);
		}
	}
	return n;
}
