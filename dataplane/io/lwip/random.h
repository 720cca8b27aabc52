/// Numbers nobody can foretell: keyed hashes and a generator fed by the kernel.
#pragma once

#include <stdint.h>

/// Draw fresh keys: 0 or -errno. Before anything else of the stack.
int sp_lwip_random_init(void);
/// One step of a keyed hash for tables (not for secrets), with a key of this process's life.
uint64_t sp_lwip_mix(uint64_t h, uint64_t v);
uint32_t sp_lwip_random(void);
/// SipHash-2-4 of `n` words under a key of this process's life.
uint64_t sp_lwip_siphash(const uint64_t *words, unsigned n);
/// The clock sequence numbers go on by: the turn's boot time.
void sp_lwip_clock(uint64_t now_ns);
