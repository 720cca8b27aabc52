/// Shared by conn.c (states), conn_greet.c (handshakes), conn_pool.c (memory and limits), conn_write.c (answers)
/// and the loop only.
#pragma once

#include "dataplane/conn.h"
#include "dataplane/worker.h"

struct sp_conn *sp_conn_get(struct sp_worker *w, const struct sockaddr_storage *peer);
void sp_conn_put(struct sp_conn *c);
struct sp_conn *sp_conn_nth(struct sp_worker *w, uint32_t i);
void sp_conn_set_state(struct sp_conn *c, enum sp_conn_state state);
void sp_conn_close(struct sp_conn *c);
/// Drop the connection and what is queued on it. Harmless when it is already gone.
void sp_conn_abort(struct sp_conn *c);
void sp_conn_parse(struct sp_conn *c);
/// Keep a flight (or a piece of one) until its turn comes; nothing more is read before that. -EBUSY when too many
/// wait, or what they wait in is all taken.
SP_MUST_CHECK int sp_conn_greet_later(struct sp_conn *c, const uint8_t *data, size_t n);
void sp_conn_greet_forget(struct sp_conn *c);
static inline bool sp_conn_greeting(const struct sp_worker *w)
{
	return w->greetings.begun.head || w->greetings.fresh.head;
}
/// Its turn has come: begin TLS if that was not done, and go on with these bytes.
void sp_conn_handshake(struct sp_conn *c, const uint8_t *data, size_t n);
/// Encrypt (or copy) and queue; an error aborts the stream.
void sp_conn_write(struct sp_conn *c, struct sp_bytes b);
/// Write on with the parts that waited for room.
void sp_conn_pump(struct sp_conn *c);
