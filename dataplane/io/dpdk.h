/// The io back end on a DPDK port: frames by a poll-mode driver, TCP/IP by lwip/. One a process, which must
/// be linked with io_dpdk_dep (static EAL). The thread that made it is the one that uses it; EAL has another
/// one for interrupts, whose callbacks only run while no burst is under way (dpdk_quiet.c).
#pragma once

#include "common/port.h"
#include "dataplane/io/io.h"

struct sp_io_dpdk_stats {
	uint64_t frames_in, frames_out, frames_dropped;
	uint64_t half_open, half_open_dropped; ///< handshakes under way; given up for newer ones
	uint64_t memory_refused; ///< requests that found a pool of the stack empty
	uint64_t held; ///< frames kept for streams that do not read, now
};

/// Starts EAL, opens the one port that port->device names and brings up its addresses. Takes about 0.2 s,
/// opens files and starts threads: before the sandbox. Streams that can not go over the port (unix sockets,
/// loopback, networks it does not reach) and watched descriptors are an io_uring's within.
/// -EINVAL with a line on standard error from EAL or the driver, -ENODEV no such port, -EBUSY a second one.
SP_MUST_CHECK int sp_io_dpdk_new(
	const struct sp_io_conf *conf, const struct sp_port *port, struct sp_io **ret);
void sp_io_dpdk_stats(const struct sp_io *io, struct sp_io_dpdk_stats *ret);
/// What a port is when nothing is said: MTU 1500, 16384 frames, 1024 handshakes under way.
void sp_port_usual(struct sp_port *port, const char *device);
