/// One connection of the load generator, whatever carries it: opens a session in the legacy era, then
/// carries one call at a time. Its bytes move through a `load_wire` (load_socket.h, peer_agent.h). Never
/// blocks.
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
	enum load_state state;
	const struct load_agent *agent;
	unsigned turn; ///< next in the mix
	// the call that is out
	const struct load_item *item;
	struct load_known *known;
	uint64_t id, ref, start_ns;
	struct load_answer answer;
	struct demo_buf out; ///< to be sent from `out_at` on
	size_t out_at;
	char session[256];
	uint64_t sent_bytes, received_bytes;
	uint64_t redial_ns; ///< when DOWN: not before
	struct load_conn *next_idle;
	bool listed; ///< among the idle ones, also when it went down since
	bool came_up; ///< counted as ready before the run
};

enum load_event {
	EVENT_NONE,
	EVENT_READY,    ///< became idle without having answered a call
	EVENT_ANSWERED, ///< the call's answer is whole in `answer`; the connection is idle
	EVENT_BROKEN,   ///< it is down; when a call was out (`item`), nobody knows its outcome
};

struct load_client;

/// A transport. Only its own turn and dial tell of events.
struct load_wire {
	/// A connection of its own kind, zero but for what the transport needs; NULL when memory ran out.
	struct load_conn *(*make)(void);
	/// EVENT_NONE, or EVENT_BROKEN when dialing failed at once.
	enum load_event (*dial)(struct load_client *l, struct load_conn *c);
	/// Send `out`: EVENT_NONE, also when some of it has to wait, or load_conn_down().
	enum load_event (*flush)(struct load_client *l, struct load_conn *c);
	/// Let go of what carries it, now. Harmless when nothing does.
	void (*drop)(struct load_client *l, struct load_conn *c);
	/// Wait for at most `wait_ns` and tell on_event of all that happened.
	void (*turn)(struct load_client *l, uint64_t wait_ns);
};

struct load_client {
	const struct load_wire *wire;
	const struct load_target *target;
	const struct load_plan *plan;
	bool stamps_turns; ///< an event's time is that of the turn that brought it
	void (*on_event)(void *user, struct load_conn *c, enum load_event e, uint64_t now_ns);
	void *user;
};

void load_conn_init(struct load_conn *c, const struct load_agent *agent, unsigned first_turn);
/// The transport is up, TLS included.
enum load_event load_conn_up(struct load_client *l, struct load_conn *c);
/// `n` bytes were added behind `answer.in`.
enum load_event load_conn_received(struct load_client *l, struct load_conn *c, size_t n);
/// Drop the transport: EVENT_BROKEN.
enum load_event load_conn_down(struct load_client *l, struct load_conn *c);
/// Send the mix's next call; the connection is idle. `start_ns` is what its latency counts from.
enum load_event load_conn_call(struct load_client *l, struct load_conn *c, uint64_t ref, uint64_t start_ns);
void load_conn_done(struct load_client *l, struct load_conn *c);
