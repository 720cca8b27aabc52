#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/sha256_two.h"

#include <cpuid.h>
#include <immintrin.h>
#include <openssl/sha.h>
#include "common/banned.h"

#define UNIT __attribute__((target("sha,sse4.1")))
#define INLINE static inline __attribute__((always_inline)) UNIT

/// Which word of the digest h[i] is.
static const uint8_t order[8] = {5, 4, 1, 0, 7, 6, 3, 2};

alignas(16) static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/// One block of one message: the state, and the last sixteen words of the schedule.
struct lane {
	__m128i abef, cdgh;
	__m128i w[4];
};

INLINE struct lane lane_of(const struct sp_sha256_way *w)
{
	const __m128i *h = (const __m128i *)w->h;

	return (struct lane){.abef = _mm_loadu_si128(h), .cdgh = _mm_loadu_si128(h + 1)};
}

INLINE void take_block(struct lane *l, const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
	const __m128i *from = (const __m128i *)p;

	for (unsigned i = 0; i < 4; i++)
		l->w[i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), swap);
}

/// The block is done. What was before it comes from memory, for which there is no register; the sums stay in theirs,
/// which compilers have to be made to leave them in: the next block would wait for what is read back.
INLINE void add(struct lane *l, struct sp_sha256_way *w)
{
	__m128i_u *h = (__m128i_u *)w->h;

	l->abef = _mm_add_epi32(l->abef, h[0]);
	l->cdgh = _mm_add_epi32(l->cdgh, h[1]);
	h[0] = l->abef;
	h[1] = l->cdgh;
	__asm__("" : "+m"(h[0]), "+m"(h[1])); // another value than the sum, for all they know
	w->p += SP_SHA256_BLOCK;
	w->blocks--;
}

/// Words 4i to 4i + 3 of the schedule, with their constants.
INLINE __m128i words(struct lane *l, unsigned i)
{
	__m128i *w = &l->w[i % 4];

	if (i >= 4) {
		__m128i last = l->w[(i + 3) % 4], seven = _mm_alignr_epi8(last, l->w[(i + 2) % 4], 4);

		*w = _mm_sha256msg1_epu32(*w, l->w[(i + 1) % 4]);
		*w = _mm_sha256msg2_epu32(_mm_add_epi32(*w, seven), last);
	}
	return _mm_add_epi32(*w, _mm_load_si128((const __m128i *)constants + i));
}

INLINE void first_two(struct lane *l, __m128i k)
{
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, k);
}

INLINE void last_two(struct lane *l, __m128i k)
{
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

INLINE void four(struct lane *a, unsigned i)
{
	__m128i k = words(a, i);

	first_two(a, k);
	last_two(a, k);
}

INLINE void four_both(struct lane *a, struct lane *b, unsigned i)
{
	__m128i k = words(a, i), m = words(b, i);

	first_two(a, k);
	first_two(b, m);
	last_two(a, k);
	last_two(b, m);
}

/// The step's number has to be a constant.
#define SIXTEEN(step)                                                                              \
	step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7)                            \
	step(8) step(9) step(10) step(11) step(12) step(13) step(14) step(15)

static UNIT void rest_by_unit(struct sp_sha256_way *w)
{
	struct lane a = lane_of(w);

	while (w->blocks) {
		take_block(&a, w->p);
#define STEP(i) four(&a, i);
		SIXTEEN(STEP)
#undef STEP
		add(&a, w);
	}
}

static UNIT void both_by_unit(struct sp_sha256_way *v, struct sp_sha256_way *w)
{
	struct lane a = lane_of(v), b = lane_of(w);

	while (v->blocks && w->blocks) {
		take_block(&a, v->p);
		take_block(&b, w->p);
#define STEP(i) four_both(&a, &b, i);
		SIXTEEN(STEP)
#undef STEP
		add(&a, v);
		add(&b, w);
	}
}

static bool ask_for_unit(void)
{
	unsigned a, b, c, d, b7;

	return __get_cpuid_count(7, 0, &a, &b7, &c, &d) && b7 & bit_SHA && __get_cpuid(1, &a, &b, &c, &d) &&
	       c & bit_SSE4_1;
}

/// Asking the processor is dear in a virtual machine.
static bool has_unit(void)
{
	static _Atomic int8_t known; // 1 = it has, -1 = it has not
	int8_t k = atomic_load_explicit(&known, memory_order_relaxed);

	if (sp_unlikely(!k)) {
		k = ask_for_unit() ? 1 : -1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k > 0;
}

static void plain(struct sp_sha256_way *w, size_t blocks)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	for (unsigned i = 0; i < SP_ARRAY_LEN(order); i++)
		c.h[order[i]] = w->h[i];
	SHA256_Update(&c, w->p, blocks * SP_SHA256_BLOCK);
	for (unsigned i = 0; i < SP_ARRAY_LEN(order); i++)
		w->h[i] = c.h[order[i]];
	w->p += blocks * SP_SHA256_BLOCK;
	w->blocks -= blocks;
}

void sp_sha256_both_plain(struct sp_sha256_way *a, struct sp_sha256_way *b)
{
	size_t blocks = sp_min(a->blocks, b->blocks);

	plain(a, blocks);
	plain(b, blocks);
}

void sp_sha256_rest_plain(struct sp_sha256_way *w)
{
	plain(w, w->blocks);
}

void sp_sha256_both(struct sp_sha256_way *a, struct sp_sha256_way *b)
{
	if (has_unit())
		both_by_unit(a, b);
	else
		sp_sha256_both_plain(a, b);
}

void sp_sha256_rest(struct sp_sha256_way *w)
{
	if (has_unit())
		rest_by_unit(w);
	else
		sp_sha256_rest_plain(w);
}

/// By sixteens, as the unit wrote the one and will read the other: what is written in smaller pieces has to reach the
/// cache before it can be read at once.
void sp_sha256_end(const struct sp_sha256_way *w, uint8_t ret[SP_SHA256])
{
	const __m128i swap = _mm_set_epi64x(0x08090a0b0c0d0e0fll, 0x0001020304050607ll);
	const __m128i *h = (const __m128i *)w->h;
	__m128i feba = _mm_loadu_si128(h), hgdc = _mm_loadu_si128(h + 1);

	_mm_storeu_si128((__m128i *)ret, _mm_shuffle_epi8(_mm_unpackhi_epi64(feba, hgdc), swap));
	_mm_storeu_si128((__m128i *)ret + 1, _mm_shuffle_epi8(_mm_unpacklo_epi64(feba, hgdc), swap));
}
