/// Symmetric keys the workers share: ticket keys live in memory only (a restart ends resumption,
/// which bounds what a stolen disk opens), session keys are kept in control's folder, so that
/// sessions outlive a restart. Control's one thread.
#pragma once

#include "common/shm_layout.h"

struct sp_keys {
	struct sp_ticket_key ticket[SP_TICKET_KEYS]; ///< [0] issues
	uint64_t ticket_due_ns; ///< boot time of the next rotation
	uint8_t session[2][32]; ///< [0] seals
	uint8_t session_id[2];
	uint64_t session_made_ns; ///< wall time at which [0] was made
};

/// Session keys from `dir_fd`, made there when there are none; ticket keys from `running` (NULL =
/// made). -EBADMSG when the file is damaged.
SP_MUST_CHECK int sp_keys_init(struct sp_keys *k, int dir_fd, const struct sp_secrets_half *running,
	uint64_t boot_ns, uint64_t rotation_ns);
/// Make what is due: a new ticket key each `rotation_ns`, a new session key each `session_ns` (one
/// older key still opens, so a session lives its whole time). True when something changed, which
/// was kept already.
SP_MUST_CHECK int sp_keys_rotate(struct sp_keys *k, int dir_fd, uint64_t boot_ns, uint64_t wall_ns,
	uint64_t rotation_ns, uint64_t session_ns, bool *ret_changed);
void sp_keys_done(struct sp_keys *k); ///< wiped
