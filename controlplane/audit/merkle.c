#include "controlplane/audit/merkle.h"

#include <tmmintrin.h>
#include "common/banned.h"

/// What is hashed is put together and read by sixteens: what a reader wants out of two pieces has to be in the cache
/// first. `before` ends with the byte that comes before the hash; what it returns, with the hash's last one.
static __m128i put(__m128i *to, __m128i before, const uint8_t *hash)
{
	__m128i one = _mm_loadu_si128((const __m128i *)hash), two = _mm_loadu_si128((const __m128i *)hash + 1);

	_mm_store_si128(to, _mm_alignr_epi8(one, before, 15));
	_mm_store_si128(to + 1, _mm_alignr_epi8(two, one, 15));
	return two;
}

/// The byte that tells what is above the leaves from them.
static __m128i kind(uint8_t k)
{
	return _mm_set_epi64x((int64_t)((uint64_t)k << 56), 0);
}

/// Behind `n` hashes, of which `before` ends the last one: as many blocks.
static void pad(struct sp_merkle_step *s, __m128i before, unsigned n)
{
	__m128i *to = (__m128i *)s->bytes + 2 * n, *last = (__m128i *)s->bytes + 4 * n - 1;
	uint64_t bits = 8 * (1 + n * SP_SHA256);

	_mm_store_si128(to, _mm_alignr_epi8(_mm_set_epi64x(0, 0x80), before, 15));
	while (++to < last)
		_mm_store_si128(to, _mm_setzero_si128());
	_mm_store_si128(last, _mm_set_epi64x((int64_t)__builtin_bswap64(bits), 0));
	sp_sha256_begin_padded(&s->hash, s->bytes, n);
}

static void join(struct sp_merkle_step *s, const uint8_t *left, const uint8_t *right)
{
	__m128i *to = (__m128i *)s->bytes;

	pad(s, put(to + 2, put(to, kind(1), left), right), 2);
}

void sp_merkle_begin(struct sp_merkle_step *s, const uint8_t leaf[SP_SHA256])
{
	s->level = 0;
	pad(s, put((__m128i *)s->bytes, kind(0), leaf), 1);
}

bool sp_merkle_on(struct sp_merkle_step *s, struct sp_merkle *m)
{
	uint8_t h[SP_SHA256];
	unsigned k = s->level;

	SP_BUG_IF(k >= SP_MERKLE_LEVELS);
	sp_sha256_end(&s->hash, h);
	if (m->size >> k & 1) {
		join(s, m->node[k], h);
		s->level++;
		return true;
	}
	memcpy(m->node[k], h, SP_SHA256);
	m->size++;
	return false;
}

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256])
{
	struct sp_merkle_step s;

	sp_merkle_begin(&s, leaf);
	do
		sp_sha256_rest(&s.hash);
	while (sp_merkle_on(&s, m));
}

void sp_merkle_root(const struct sp_merkle *m, uint8_t ret[SP_SHA256])
{
	struct sp_merkle_step s;
	bool first = true;

	if (m->size == 0)
		sp_sha256(NULL, 0, ret);
	for (unsigned k = 0; k < SP_MERKLE_LEVELS; k++) {
		if (!(m->size >> k & 1))
			continue;
		if (first) {
			memcpy(ret, m->node[k], SP_SHA256);
		} else {
			join(&s, m->node[k], ret);
			sp_sha256_rest(&s.hash);
			sp_sha256_end(&s.hash, ret);
		}
		first = false;
	}
}
