/// Where the stack's frames come from and go to: a DPDK port, or memory in tests. Same thread as the stack.
#pragma once

#include "common/bytes.h"

#define SP_FRAME_ROOM 64u ///< the stack's own bytes beside each frame it was given
#define SP_WIRE_BURST 16u

enum sp_frame_sums { SP_SUMS_UNKNOWN = 0, SP_SUMS_GOOD };

struct sp_frame {
	uint8_t *data;
	uint32_t len;
	enum sp_frame_sums sums; ///< the port has verified the checksums of IPv4 and TCP
	void *room;   ///< SP_FRAME_ROOM bytes, aligned to 8, while the stack has the frame
	void *handle; ///< for give_back()
};

struct sp_wire;
struct sp_wire_ops {
	/// Up to `most` frames, which are the stack's until it gives them back.
	unsigned (*receive)(struct sp_wire *w, struct sp_frame *frames, unsigned most);
	void (*give_back)(struct sp_wire *w, void *handle);
	/// Room for a frame of `n` bytes to be written now and handed to send(); NULL: none left.
	uint8_t *(*room)(struct sp_wire *w, uint32_t n);
	/// Queue what room() gave last. Where `sums_out` is set the port fills in IPv4's and TCP's checksums.
	void (*send)(struct sp_wire *w);
	/// Push out all that is queued.
	void (*flush)(struct sp_wire *w);
	void (*free)(struct sp_wire *w);
};
struct sp_wire {
	const struct sp_wire_ops *ops;
	uint8_t mac[6];
	bool sums_out;
	uint32_t lost;    ///< times that the other end went away, with all it knew of connections
	uint64_t dropped; ///< frames that no stack and no other end got to see
};
