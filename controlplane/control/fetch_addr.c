#include "controlplane/control/fetch_addr.h"

#include <netinet/in.h>
#include "common/banned.h"

struct block {
	uint8_t prefix[16];
	uint8_t bits;
	uint8_t class;
};

static const struct block v4_blocks[] = {
	{{0}, 8, SP_ADDR_NEVER},
	{{10}, 8, SP_ADDR_PRIVATE},
	{{100, 100, 100, 200}, 32,
		SP_ADDR_NEVER}, // a cloud's metadata service inside the shared range
	{{100, 64}, 10, SP_ADDR_PRIVATE},
	{{127}, 8, SP_ADDR_PRIVATE},
	{{168, 63, 129, 16}, 32,
		SP_ADDR_NEVER}, // a cloud's platform address outside every special range
	{{169, 254}, 16, SP_ADDR_NEVER},
	{{172, 16}, 12, SP_ADDR_PRIVATE},
	{{192, 0, 0}, 24, SP_ADDR_NEVER},
	{{192, 0, 2}, 24, SP_ADDR_NEVER},
	{{192, 88, 99}, 24, SP_ADDR_NEVER},
	{{192, 168}, 16, SP_ADDR_PRIVATE},
	{{198, 18}, 15, SP_ADDR_NEVER},
	{{198, 51, 100}, 24, SP_ADDR_NEVER},
	{{203, 0, 113}, 24, SP_ADDR_NEVER},
	{{224}, 3, SP_ADDR_NEVER},
};
/// First match counts; outside 2000::/3 nothing is public.
static const struct block v6_blocks[] = {
	{{[15] = 1}, 128, SP_ADDR_PRIVATE},
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, SP_ADDR_NEVER}, // a cloud's metadata service
	{{0xfc}, 7, SP_ADDR_PRIVATE},
	{{0x20, 0x01}, 23, SP_ADDR_NEVER},
	{{0x20, 0x01, 0x0d, 0xb8}, 32, SP_ADDR_NEVER},
	{{0x20, 0x02}, 16, SP_ADDR_NEVER},
	{{0x3f, 0xff}, 20, SP_ADDR_NEVER},
	{{0x20}, 3, SP_ADDR_PUBLIC},
};
static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t v4_translated[12] = {0x00, 0x64, 0xff, 0x9b};

static bool within(const uint8_t *addr, const struct block *b)
{
	unsigned whole = b->bits / 8, rest = b->bits % 8;

	if (memcmp(addr, b->prefix, whole) != 0)
		return false;
	return rest == 0 || ((addr[whole] ^ b->prefix[whole]) >> (8 - rest)) == 0;
}

static enum sp_fetch_addr_class look_up(
	const uint8_t *addr, const struct block *blocks, size_t n, enum sp_fetch_addr_class other)
{
	for (size_t i = 0; i < n; i++)
		if (within(addr, &blocks[i]))
			return (enum sp_fetch_addr_class)blocks[i].class;
	return other;
}

static enum sp_fetch_addr_class class_v4(const uint8_t *addr)
{
	return look_up(addr, v4_blocks, SP_ARRAY_LEN(v4_blocks), SP_ADDR_PUBLIC);
}

enum sp_fetch_addr_class sp_fetch_addr_class(const struct sockaddr *a)
{
	const uint8_t *v6;

	if (a->sa_family == AF_INET)
		return class_v4((const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr);
	if (a->sa_family != AF_INET6)
		return SP_ADDR_NEVER;
	v6 = ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
	if (memcmp(v6, v4_mapped, 12) == 0 || memcmp(v6, v4_translated, 12) == 0)
		return class_v4(v6 + 12);
	return look_up(v6, v6_blocks, SP_ARRAY_LEN(v6_blocks), SP_ADDR_NEVER);
}

bool sp_fetch_addr_loopback(const struct sockaddr *a)
{
	static const struct block v6 = {{[15] = 1}, 128, 0};

	if (a->sa_family == AF_INET)
		return *(const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr == 127;
	return a->sa_family == AF_INET6 &&
	       within(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr, &v6);
}
