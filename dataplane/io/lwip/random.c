#include "dataplane/io/lwip/random.h"

#include "common/bytes.h"
#include <lwip/opt.h>
#include "dataplane/io/lwip/hooks.h"

#include <sys/random.h>
#include "common/banned.h"

#define POOL_WORDS 64u // getrandom gives up to 256 bytes without ever being interrupted

static uint64_t sip_key[2], table_key, clock_ns;
static uint32_t pool[POOL_WORDS];
static unsigned pool_left;

static int draw(void *p, size_t n)
{
	ssize_t got = getrandom(p, n, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EIO;
}

int sp_lwip_random_init(void)
{
	SP_TRY(draw(sip_key, sizeof(sip_key)));
	SP_TRY(draw(&table_key, sizeof(table_key)));
	table_key |= 1;
	pool_left = 0;
	return 0;
}

uint64_t sp_lwip_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v ^ table_key) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

uint32_t sp_lwip_random(void)
{
	if (!pool_left) {
		// Ports and neighbour timers must not become predictable, so there is no other way on.
		SP_BUG_IF(draw(pool, sizeof(pool)) < 0);
		pool_left = POOL_WORDS;
	}
	return pool[--pool_left];
}

static uint64_t turn_left(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = turn_left(v[1], 13) ^ v[0];
		v[0] = turn_left(v[0], 32);
		v[2] += v[3];
		v[3] = turn_left(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = turn_left(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = turn_left(v[1], 17) ^ v[2];
		v[2] = turn_left(v[2], 32);
	}
}

uint64_t sp_lwip_siphash(const uint64_t *words, unsigned n)
{
	uint64_t v[4] = {sip_key[0] ^ 0x736f6d6570736575ull, sip_key[1] ^ 0x646f72616e646f6dull,
		sip_key[0] ^ 0x6c7967656e657261ull, sip_key[1] ^ 0x7465646279746573ull};
	uint64_t end = (uint64_t)(n * 8) << 56;

	for (unsigned i = 0; i <= n; i++) {
		uint64_t m = i < n ? words[i] : end;

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void sp_lwip_clock(uint64_t now_ns)
{
	clock_ns = now_ns;
}

static void put_address(uint64_t to[2], const ip_addr_t *a)
{
	if (IP_IS_V6(a))
		memcpy(to, ip_2_ip6(a)->addr, 16);
	else
		to[0] = ip_2_ip4(a)->addr;
}

u32_t sp_lwip_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
	uint64_t words[5] = {0};

	put_address(words, local);
	put_address(words + 2, remote);
	words[4] = (uint64_t)local_port << 16 | remote_port;
	return (u32_t)sp_lwip_siphash(words, 5) + (u32_t)(clock_ns / 4096);
}
