#include "controlplane/control/commands.h"

#include "common/clock.h"
#include "common/log.h"

#include <openssl/evp.h>
#include "common/banned.h"

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -EINVAL;
}

/// A hash as the audit trail shows it: its first half is what counts.
static int hash_of(struct sp_bytes text, uint8_t ret[16])
{
	uint8_t id[16];

	if (text.n != 32 && text.n != 64)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(id); i++) {
		int hi = digit(text.p[2 * i]), lo = digit(text.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		id[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(ret, id, sizeof(id));
	return 0;
}

static int name_hash(struct sp_bytes name, uint8_t ret[16])
{
	uint8_t sha256[32];
	unsigned n = sizeof(sha256);

	if (name.n == 0)
		return -EINVAL;
	if (EVP_Digest(name.p, name.n, sha256, &n, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(ret, sha256, 16);
	return 0;
}

static int revocation_of(struct sp_job *j, struct sp_bytes id, struct sp_revocation *ret)
{
	ret->wall_ns = sp_clock_wall_ns();
	ret->uid = j->who->peer.uid;
	switch (j->cmd->id) {
	case SP_CMD_REVOKE_AGENT:
		ret->kind = SP_REVOKED_AGENT;
		return name_hash(id, ret->id);
	case SP_CMD_REVOKE_TOKEN:
		ret->kind = SP_REVOKED_TOKEN;
		return hash_of(id, ret->id);
	default:
		ret->kind = SP_REVOKED_SESSION;
		return hash_of(id, ret->id);
	}
}

static void answer(struct sp_job *j, struct sp_bytes id, int err)
{
	const char *what = j->cmd->words + sizeof("revoke");
	struct sp_snap s;
	bool unknown = j->cmd->id == SP_CMD_REVOKE_AGENT &&
		       sp_publisher_current(&j->c->publisher, &s) == 0 &&
		       sp_snap_find_agent(&s, id) == SP_SNAP_NONE;

	if (err == 0)
		sp_reply_text(j->reply, "%s %.*s is revoked, on every worker%s", what, SP_FMT(id),
			unknown ? " (the policy in force knows no such agent)" : "");
	else if (err == -EEXIST)
		sp_reply_text(j->reply, "%s %.*s was revoked already", what, SP_FMT(id));
	else if (err == -ENOSPC)
		sp_reply_error(j->reply,
			"not revoked: the table is full; raise limits.revoked_capacity and "
			"restart, or take the agent out of the policy");
	else
		sp_reply_error(
			j->reply, "not revoked: it cannot be made durable: %s", strerror(-err));
}

/// Stopping somebody must work even when nothing can be recorded: what is lost is counted and
/// logged.
void sp_cmd_revoke(struct sp_job *j)
{
	struct sp_revocation v;
	struct sp_bytes id;
	int err;

	if (sp_ctl_arg_str(j->r, "id", &id) < 0 || revocation_of(j, id, &v) < 0) {
		sp_reply_error(j->reply, "'%s' needs %s", j->cmd->words, j->cmd->args[0].help);
		return;
	}
	err = sp_revocations_add(&j->c->revocations, &v);
	if (err == 0)
		sp_publisher_kick(&j->c->publisher);
	sp_job_record(j, id, sp_job_note(j), err == 0 || err == -EEXIST);
	answer(j, id, err);
}
