/// All memory of the stack: pools of fixed sizes, reserved once, never grown. When a pool is empty
/// the packet is dropped, as on a busy wire.
#pragma once

#include <stdint.h>

struct sp_lwip_sizes {
	uint32_t pcbs;     ///< connections, half open ones and those in TIME_WAIT included
	uint32_t segments; ///< sent or waiting to be sent, of all connections
};
/// 0 or -ENOMEM. Once per life of the stack, before lwip_init().
int sp_lwip_memory_init(const struct sp_lwip_sizes *sizes);
void sp_lwip_memory_done(void);
/// Requests that found a pool empty.
uint64_t sp_lwip_memory_refused(void);
