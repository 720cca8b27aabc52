/// What a frame will touch is fetched into the caches while the frames before it are worked on: with hundreds of busy
/// connections nothing of the next one is there. Only hints: a wrong one costs nothing but time. Private to this
/// folder.
#pragma once

#include "dataplane/io/lwip/wire.h"

struct tcp_pcb;
struct lwip_ahead {
	struct tcp_pcb *const *bucket; ///< of the connection, or NULL
	const struct tcp_pcb *pcb;
	bool data; ///< it brings some
};

/// The five steps, each for a frame that is one nearer to its turn, with others in between.
void lwip_ahead_frame(struct lwip_ahead *a, const struct sp_frame *f);
void lwip_ahead_pcb(struct lwip_ahead *a);
void lwip_ahead_stream(const struct lwip_ahead *a);
void lwip_ahead_user(const struct lwip_ahead *a);
void lwip_ahead_soon(const struct lwip_ahead *a);
#define LWIP_AHEAD 5u
/// With fewer streams than this the caches keep enough by themselves: asking ahead takes more than it saves.
#define LWIP_AHEAD_STREAMS 256u
