/// One client connection of the load generator: connects, shakes hands, opens a session in the legacy
/// era, then carries one call at a time. Never blocks; its owner waits with epoll.
#pragma once

#include "bench/load_answer.h"
#include "bench/load_target.h"

enum load_state {
	CONN_DOWN, ///< not connected
	CONN_CONNECTING,
	CONN_HANDSHAKING,
	CONN_OPENING,   ///< initialize was sent
	CONN_NOTIFYING, ///< notifications/initialized was sent
	CONN_IDLE,      ///< ready for a call
	CONN_BUSY,      ///< a call is out
};

struct load_conn {
	int fd;
	SSL *ssl;
	enum load_state state;
	bool watches_writing;
	const struct load_agent *agent;
	unsigned turn; ///< next in the mix
	// the call that is out
	const struct load_item *item;
	uint64_t id, ref, start_ns;
	struct load_answer answer;
	struct demo_buf out;
	size_t out_at;
	char session[256];
	uint64_t sent_bytes, received_bytes;
	uint64_t redial_ns; ///< when DOWN: not before
	struct load_conn *next_idle;
};

enum load_event {
	EVENT_NONE,
	EVENT_READY,    ///< became idle without having answered a call
	EVENT_ANSWERED, ///< the call's answer is whole in `answer`; the connection is idle
	EVENT_BROKEN,   ///< it is down; when a call was out (`item`), nobody knows its outcome
};

struct load_client {
	const struct load_target *target;
	const struct load_plan *plan;
	int epoll_fd;
};

void load_conn_init(struct load_conn *c, const struct load_agent *agent, unsigned first_turn);
/// EVENT_NONE, or EVENT_BROKEN when dialing failed at once.
enum load_event load_conn_dial(const struct load_client *l, struct load_conn *c);
enum load_event load_conn_on(const struct load_client *l, struct load_conn *c, uint32_t events);
/// Send the mix's next call; the connection is idle. `start_ns` is what its latency counts from.
enum load_event load_conn_call(
	const struct load_client *l, struct load_conn *c, uint64_t ref, uint64_t start_ns);
void load_conn_done(struct load_conn *c);
