/// The io back end that brings its own TCP/IP: streams over frames of a wire (wire.h). One a process.
#pragma once

#include "common/port.h"
#include "dataplane/io/io.h"
#include "dataplane/io/lwip/wire.h"

struct sp_io_lwip_stats {
	uint64_t frames_in, frames_out, frames_dropped; ///< dropped: not for us, malformed, no memory
	uint64_t half_open, half_open_dropped; ///< now; ever
	uint64_t memory_refused; ///< requests that found a pool of the stack empty
	uint64_t held; ///< frames kept for streams that do not read, now
	uint64_t unordered_refused; ///< times that frames which came too early were not kept, for want of frames
};

/// `wire` and `kernel` belong to the new io, also on failure. `kernel` (an io_uring io, may be NULL) has the
/// streams that can not go over the port: unix sockets, loopback, networks the port does not reach; and
/// watched descriptors. `port`'s device is not looked at. -EBUSY when the process has a stack already.
SP_MUST_CHECK int sp_io_lwip_new(const struct sp_io_conf *conf, const struct sp_port *port,
	struct sp_wire *wire, struct sp_io *kernel, struct sp_io **ret);
void sp_io_lwip_stats(const struct sp_io *io, struct sp_io_lwip_stats *ret);
