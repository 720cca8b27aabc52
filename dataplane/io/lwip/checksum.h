/// Sums of the Internet checksum, and those of whole frames. Nothing here reads past the lengths it is given.
#pragma once

#include "common/bytes.h"

/// The words of `n` bytes, at most 65,535, in the order of memory, not folded; sums may be added.
uint64_t sp_lwip_sum(const void *data, size_t n);
uint64_t sp_lwip_copy(uint8_t *to, const void *data, size_t n); ///< the same, and copied
uint16_t sp_lwip_checksum(const void *data, int n); ///< folded, as lwIP wants it

static inline uint16_t sp_lwip_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/// The frame is a TCP segment, in IPv4 without options or fragments or in IPv6 without further headers, and all its
/// checksums are right. False says nothing: the stack looks itself.
bool lwip_sums_right(const uint8_t *frame, size_t n);
/// Fill in the checksums of IPv4 and TCP, which are 0, of a frame of `n` bytes that the stack made. `head` is its first
/// `head_n` bytes with all headers, `rest` the sum of what follows them.
void lwip_sums_fill(uint8_t *frame, size_t n, const uint8_t *head, size_t head_n, uint64_t rest);
