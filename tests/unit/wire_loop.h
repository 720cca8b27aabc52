/// A wire whose other end is itself: what the stack sends it receives, so that one stack talks to itself. It
/// can lose frames, turn their order, and be handed frames made by a test.
#pragma once

#include "dataplane/io/lwip/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#ifndef LOOP_FRAMES
#define LOOP_FRAMES 8192u
#endif
#define LOOP_BYTES 2048u

struct loop_frame {
	uint64_t room[SP_FRAME_ROOM / 8];
	uint32_t next, len;
	uint8_t data[LOOP_BYTES];
};
struct loop_wire {
	struct sp_wire wire;
	struct loop_frame *frame;
	uint32_t free, head, tail, queued, out;
	uint32_t lose_every, swap_every, sent; ///< 0 = never
	uint32_t writing, writing_len;
	bool deaf; ///< what the stack sends is lost
	bool trusted; ///< checksums count as verified
	bool (*drop)(const uint8_t *data, uint32_t n); ///< true: this frame is lost; or NULL
	/// Called with each frame sent, or NULL.
	void (*spy)(void *user, const uint8_t *data, uint32_t n);
	void *spy_user;
};
#define LOOP_NONE UINT32_MAX

static inline struct loop_wire *loop_of(struct sp_wire *w)
{
	return sp_container_of(w, struct loop_wire, wire);
}

static inline void loop_queue(struct loop_wire *l, uint32_t i)
{
	l->frame[i].next = LOOP_NONE;
	if (l->head == LOOP_NONE)
		l->head = i;
	else
		l->frame[l->tail].next = i;
	l->tail = i;
	l->queued++;
}

static inline void loop_release(struct loop_wire *l, uint32_t i)
{
	l->frame[i].next = l->free;
	l->free = i;
	l->out--;
}

static inline unsigned loop_receive(struct sp_wire *w, struct sp_frame *frames, unsigned most)
{
	struct loop_wire *l = loop_of(w);
	unsigned n = 0;

	while (n < most && l->head != LOOP_NONE) {
		struct loop_frame *f = &l->frame[l->head];

		l->head = f->next;
		l->queued--;
		frames[n++] = (struct sp_frame){.data = f->data, .len = f->len, .room = f->room, .handle = f,
			.sums = l->trusted ? SP_SUMS_GOOD : SP_SUMS_UNKNOWN};
	}
	return n;
}

static inline void loop_give_back(struct sp_wire *w, void *handle)
{
	struct loop_wire *l = loop_of(w);

	loop_release(l, (uint32_t)((struct loop_frame *)handle - l->frame));
}

static inline uint8_t *loop_room(struct sp_wire *w, uint32_t n)
{
	struct loop_wire *l = loop_of(w);

	if (l->free == LOOP_NONE || n > LOOP_BYTES)
		return NULL;
	l->writing = l->free;
	l->writing_len = n;
	return l->frame[l->writing].data;
}

/// A frame from a test to the stack. False when there is no room.
static inline bool loop_inject(struct loop_wire *l, const uint8_t *data, uint32_t n)
{
	uint8_t *to = loop_room(&l->wire, n);

	if (!to)
		return false;
	memcpy(to, data, n);
	l->free = l->frame[l->writing].next;
	l->frame[l->writing].len = n;
	l->out++;
	loop_queue(l, l->writing);
	return true;
}

static inline void loop_send(struct sp_wire *w)
{
	struct loop_wire *l = loop_of(w);
	uint32_t i = l->writing;

	l->sent++;
	if (l->spy)
		l->spy(l->spy_user, l->frame[i].data, l->writing_len);
	if (l->drop && l->drop(l->frame[i].data, l->writing_len))
		return;
	if (l->deaf || (l->lose_every && l->sent % l->lose_every == 0))
		return;
	l->free = l->frame[i].next;
	l->frame[i].len = l->writing_len;
	l->out++;
	loop_queue(l, i);
	if (l->swap_every && l->sent % l->swap_every == 0 && l->queued > 2) { // the oldest becomes the youngest
		uint32_t first = l->head;

		l->head = l->frame[first].next;
		l->queued--;
		loop_queue(l, first);
	}
}

static inline void loop_flush(struct sp_wire *w)
{
	(void)w;
}

static inline void loop_free(struct sp_wire *w)
{
	struct loop_wire *l = loop_of(w);

	free(l->frame);
	free(l);
}

static inline struct loop_wire *loop_new(void)
{
	static const struct sp_wire_ops ops = {
		loop_receive, loop_give_back, loop_room, loop_send, loop_flush, loop_free};
	struct loop_wire *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->wire = (struct sp_wire){.ops = &ops, .mac = {2, 0, 0, 0, 0, 1}};
	l->frame = calloc(LOOP_FRAMES, sizeof(*l->frame));
	l->free = l->head = LOOP_NONE;
	for (uint32_t i = LOOP_FRAMES; l->frame && i-- > 0;) {
		l->frame[i].next = l->free;
		l->free = i;
	}
	return l;
}
