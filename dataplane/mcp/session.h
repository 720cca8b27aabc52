/// Legacy session ids: authenticated tokens that carry their own state, so that any worker (and any gateway with
/// the same keys) can serve any request of a session. AES-256-GCM under the gateway's session keys;
/// bound to the principal; a random number names the session in records and revocations.
#pragma once

#include "common/level.h"
#include "common/shm_layout.h"

#define SP_SESSION_UPSTREAMS_MAX 8u
#define SP_SOUTH_SESSION_MAX 160u
#define SP_SESSION_TEXT_MAX 2400u

struct sp_south_session {
	uint64_t upstream; ///< identity
	uint32_t revision; ///< enum sp_revision agreed with that upstream
	uint32_t len;      ///< 0: that upstream gave no session id
	uint8_t id[SP_SOUTH_SESSION_MAX];
};
struct sp_session {
	uint32_t revision; ///< enum sp_revision agreed with the agent
	uint64_t route;    ///< hash of the route's path
	uint64_t expires_s; ///< wall time
	uint8_t principal[32];
	uint8_t number[16];
	uint32_t south_n;
	struct sp_south_session south[SP_SESSION_UPSTREAMS_MAX];
};

struct sp_session_keys {
	uint8_t key[2][32], key_id[2];
	bool set;  ///< keys were published: until then nothing is sealed or opened
	void *ctx; ///< EVP_CIPHER_CTX, reused
};
SP_MUST_CHECK int sp_session_keys_init(struct sp_session_keys *k);
void sp_session_keys_set(struct sp_session_keys *k, const struct sp_secrets_half *half);
void sp_session_keys_done(struct sp_session_keys *k);

/// Seal into visible ASCII: 0 and *ret_len, or -ENOSPC / -EIO.
SP_MUST_CHECK int sp_session_seal(struct sp_session_keys *k, const struct sp_session *s, uint8_t *text,
	size_t cap, size_t *ret_len);
/// -EBADMSG for anything that is not whole, ours and unexpired at `wall_s`.
SP_MUST_CHECK int sp_session_open(struct sp_session_keys *k, struct sp_bytes text, uint64_t wall_s,
	struct sp_session *ret);
