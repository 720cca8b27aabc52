/// The Internet checksum (RFC 1071) in wide words: the sum does not mind the width it is taken in.
#include "dataplane/io/lwip/checksum.h"

#include <immintrin.h>
#include "common/banned.h"

#define WIDE __attribute__((target("avx2,tune=haswell"))) // or gcc loads by halves

/// 32 bytes added to the sums of words; with `to` they are copied on the way. The processor adds pairs of signed words,
/// so each goes in less 2^15.
WIDE static inline __m256i add32(__m256i sum, uint8_t *to, const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);

	if (to)
		_mm256_storeu_si256((__m256i *)to, v);
	v = _mm256_madd_epi16(_mm256_xor_si256(v, _mm256_set1_epi16(INT16_MIN)), _mm256_set1_epi16(1));
	return _mm256_add_epi32(sum, v);
}

/// The sum of `n` bytes, a multiple of 32, as words of 16 bits.
WIDE static inline uint64_t add_wide(uint8_t *to, const uint8_t *p, size_t n)
{
	__m256i a = _mm256_setzero_si256(), b = a;
	size_t i = 0;
	__m128i x;

	for (; i + 64 <= n; i += 64) {
		a = add32(a, to ? to + i : NULL, p + i);
		b = add32(b, to ? to + i + 32 : NULL, p + i + 32);
	}
	if (i < n)
		a = add32(a, to ? to + i : NULL, p + i);
	a = _mm256_add_epi32(a, b);
	x = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return (uint64_t)(_mm_cvtsi128_si32(x) + (int64_t)(n / 2 << 15)); // and the 2^15 put back
}

WIDE static uint64_t sum_wide(const uint8_t *p, size_t n)
{
	return add_wide(NULL, p, n);
}

WIDE static uint64_t copy_wide(uint8_t *to, const uint8_t *p, size_t n)
{
	return add_wide(to, p, n);
}

static uint64_t add8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return (v & UINT32_MAX) + (v >> 32);
}

/// Of what is too short for wide words.
static uint64_t sum_narrow(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;
	uint32_t v4;
	uint16_t v2;

	for (; n >= 8; n -= 8, p += 8)
		sum += add8(p);
	if (n & 4) {
		memcpy(&v4, p, 4);
		sum += v4;
		p += 4;
	}
	if (n & 2) {
		memcpy(&v2, p, 2);
		sum += v2;
		p += 2;
	}
	return n & 1 ? sum + *p : sum;
}

static size_t wide_part(size_t n)
{
	return n >= 64 && __builtin_cpu_supports("avx2") ? n / 32 * 32 : 0;
}

uint64_t sp_lwip_sum(const void *data, size_t n)
{
	size_t wide = wide_part(n);
	uint64_t sum = wide ? sum_wide(data, wide) : 0;

	return sum + sum_narrow((const uint8_t *)data + wide, n - wide);
}

uint64_t sp_lwip_copy(uint8_t *to, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t wide = wide_part(n);
	uint64_t sum = wide ? copy_wide(to, p, wide) : 0;

	memcpy(to + wide, p + wide, n - wide);
	return sum + sum_narrow(p + wide, n - wide);
}

uint16_t sp_lwip_checksum(const void *data, int n)
{
	return sp_lwip_fold(sp_lwip_sum(data, (size_t)n));
}
