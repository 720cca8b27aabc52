/// The Internet checksum, eight bytes at a time (RFC 1071): the sum does not mind the width it is taken in.
#include <lwip/opt.h>

#include "common/bytes.h"
#include "common/banned.h"

static uint64_t add(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

uint16_t sp_lwip_checksum(const void *data, int n)
{
	const uint8_t *p = data;
	uint64_t a = 0, b = 0, v;

	for (; n >= 16; n -= 16, p += 16) {
		memcpy(&v, p, 8);
		a = add(a, v);
		memcpy(&v, p + 8, 8);
		b = add(b, v);
	}
	for (; n >= 2; n -= 2, p += 2) {
		uint16_t w;

		memcpy(&w, p, 2);
		a = add(a, w);
	}
	if (n)
		a = add(a, *p);
	a = add(a, b);
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16);
	a = (a & 0xffff) + (a >> 16);
	a = (a & 0xffff) + (a >> 16);
	return (uint16_t)a;
}
