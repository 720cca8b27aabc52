/// A DPDK port as a wire of the stack. Private to dataplane/io.
#pragma once

#include "common/port.h"
#include "dataplane/io/lwip/wire.h"

/// After EAL has started with port->device: the only port there is. -ENODEV, -ENOMEM, -EINVAL, -EIO.
SP_MUST_CHECK int sp_dpdk_wire_new(const struct sp_port *port, struct sp_wire **ret);
/// Memory one frame takes in the pool.
uint32_t sp_dpdk_frame_bytes(const struct sp_port *port);

// dpdk_quiet.c
/// Around every burst: false while the driver's control path runs, and there is no burst then.
bool sp_dpdk_burst_begin(void);
void sp_dpdk_burst_end(void);
/// `fn` is called behind every callback of the driver's, in EAL's interrupt thread, while there is no burst.
void sp_dpdk_after_callbacks(void (*fn)(void *user), void *user);
