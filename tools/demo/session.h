/// Legacy sessions that carry their own proof: the id is random bits and a keyed digest of them, so
/// only those that were ended must be remembered. One server, one thread.
#pragma once

#include "common/bytes.h"

#define DEMO_SESSION_ID 48u ///< characters
#define DEMO_ENDED_MAX 4096u

struct demo_sessions {
	uint8_t key[32];
	uint32_t ended_n; ///< how many were ever ended; the oldest are forgotten
	char ended[DEMO_ENDED_MAX][DEMO_SESSION_ID];
};

SP_MUST_CHECK int demo_sessions_init(struct demo_sessions *s);
void demo_session_new(struct demo_sessions *s, char ret[DEMO_SESSION_ID]);
/// True for an id this server made and nobody ended.
bool demo_session_live(const struct demo_sessions *s, struct sp_bytes id);
void demo_session_end(struct demo_sessions *s, struct sp_bytes id);
