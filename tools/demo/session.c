#include "tools/demo/session.h"

#include <sys/random.h>
#include "common/banned.h"

#define RANDOM_BYTES 16u
#define PROOF_BYTES 8u

/// SplitMix64's finisher, absorbing one run of bytes (a multiple of 8).
static uint64_t absorb(uint64_t h, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t w;

		memcpy(&w, p + i, 8);
		h = (h ^ w) + 0x9e3779b97f4a7c15ull;
		h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
		h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
		h ^= h >> 31;
	}
	return h;
}

/// Tells our ids from strangers' in a demonstration, no more than that.
static uint64_t proof(const struct demo_sessions *s, const uint8_t bits[RANDOM_BYTES])
{
	return absorb(absorb(0, s->key, sizeof(s->key)), bits, RANDOM_BYTES);
}

int demo_sessions_init(struct demo_sessions *s)
{
	s->ended_n = 0;
	return getrandom(s->key, sizeof(s->key), 0) == sizeof(s->key) ? 0 : -EIO;
}

static void id_of(const struct demo_sessions *s, const uint8_t bits[RANDOM_BYTES], char ret[DEMO_SESSION_ID])
{
	struct sp_out o = sp_out_init(ret, DEMO_SESSION_ID);
	uint64_t p = proof(s, bits);

	sp_out_hex(&o, sp_bytes(bits, RANDOM_BYTES));
	sp_out_hex(&o, sp_bytes(&p, PROOF_BYTES));
}

void demo_session_new(struct demo_sessions *s, char ret[DEMO_SESSION_ID])
{
	uint8_t bits[RANDOM_BYTES];

	SP_BUG_IF(getrandom(bits, sizeof(bits), 0) != sizeof(bits));
	id_of(s, bits, ret);
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool demo_session_live(const struct demo_sessions *s, struct sp_bytes id)
{
	uint8_t bits[RANDOM_BYTES];
	char made[DEMO_SESSION_ID];

	if (id.n != DEMO_SESSION_ID)
		return false;
	for (unsigned i = 0; i < RANDOM_BYTES; i++) {
		int hi = nibble(id.p[2 * i]), lo = nibble(id.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		bits[i] = (uint8_t)(hi << 4 | lo);
	}
	id_of(s, bits, made);
	if (!sp_bytes_eq_secret(id, sp_bytes(made, sizeof(made))))
		return false;
	for (uint32_t i = 0; i < sp_min(s->ended_n, DEMO_ENDED_MAX); i++)
		if (memcmp(s->ended[i], id.p, DEMO_SESSION_ID) == 0)
			return false;
	return true;
}

void demo_session_end(struct demo_sessions *s, struct sp_bytes id)
{
	if (id.n == DEMO_SESSION_ID)
		memcpy(s->ended[s->ended_n++ % DEMO_ENDED_MAX], id.p, DEMO_SESSION_ID);
}
