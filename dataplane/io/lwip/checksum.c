/// The Internet checksum (RFC 1071) in wide words: the sum does not mind the width it is taken in.
#include <lwip/opt.h>

#include "common/bytes.h"

#include <immintrin.h>
#include "common/banned.h"

static uint64_t add(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

/// The sum of `n` bytes, a multiple of 64, as words of 32 bits.
__attribute__((target("avx2"))) static uint64_t add_wide(const uint8_t *p, size_t n)
{
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
	__m256i a = _mm256_setzero_si256(), b = a;
	uint64_t sum[4];

	for (; n; n -= 64, p += 64) {
		__m256i x = _mm256_loadu_si256((const __m256i *)p);
		__m256i y = _mm256_loadu_si256((const __m256i *)(p + 32));

		a = _mm256_add_epi64(a, _mm256_add_epi64(_mm256_and_si256(x, low), _mm256_srli_epi64(x, 32)));
		b = _mm256_add_epi64(b, _mm256_add_epi64(_mm256_and_si256(y, low), _mm256_srli_epi64(y, 32)));
	}
	_mm256_storeu_si256((__m256i *)sum, _mm256_add_epi64(a, b));
	return sum[0] + sum[1] + sum[2] + sum[3];
}

uint16_t sp_lwip_checksum(const void *data, int n)
{
	const uint8_t *p = data;
	uint64_t a = 0, b = 0, v;

	if (n >= 128 && __builtin_cpu_supports("avx2")) {
		int wide = n / 64 * 64;

		a = add_wide(p, (size_t)wide);
		n -= wide;
		p += wide;
	}
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
