#include "common/json_scan.h"

#include <immintrin.h>
#include "common/banned.h"

#define TWIN __attribute__((target("avx2,bmi,bmi2")))

/// Bit i set: byte i ends a run of plain string bytes. The signed compare finds controls and bytes
/// >= 0x80 at once.
static inline __attribute__((always_inline)) TWIN uint32_t stops(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	__m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
	__m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v);

	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), low));
}

static inline __attribute__((always_inline)) TWIN uint32_t not_blank(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i space = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(' '));
	__m256i lf = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n'));
	__m256i tab = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t'));
	__m256i cr = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r'));
	__m256i any = _mm256_or_si256(_mm256_or_si256(space, lf), _mm256_or_si256(tab, cr));

	return ~(uint32_t)_mm256_movemask_epi8(any);
}

/// The last 31 bytes or fewer: one load that ends where the text ends, when the text is that long.
static TWIN __attribute__((noinline)) const uint8_t *plain_tail(
	const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	if (p == end)
		return end;
	if (end - base >= 32) {
		uint32_t mask = stops(end - 32) >> (32 - (end - p));

		return mask ? p + __builtin_ctz(mask) : end;
	}
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
		p++;
	return p;
}

static inline __attribute__((always_inline)) TWIN const uint8_t *twin_plain(
	const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	while (sp_likely(end - p >= 32)) {
		uint32_t mask = stops(p);

		if (sp_likely(mask))
			return p + __builtin_ctz(mask);
		p += 32;
	}
	return plain_tail(base, p, end);
}

/// A bit for each of 32 bytes, so that one load serves all escapes among them.
static TWIN __attribute__((noinline)) const uint8_t *twin_escaped(const uint8_t *p, const uint8_t *end)
{
	while (end - p > 32) {
		uint32_t mask = stops(p);
		unsigned next = 32;

		for (; mask; mask &= mask - 1) {
			unsigned i = (unsigned)__builtin_ctz(mask);

			if (p[i] != '\\' || !sp_json_short_escape(p[i + 1]))
				return p + i;
			next = sp_max(i + 2, 32u);
			mask &= ~(2u << i);
		}
		p += next;
	}
	while (p < end && *p != '"' && *p >= 0x20 && *p < 0x80) {
		if (*p != '\\')
			p++;
		else if (end - p >= 2 && sp_json_short_escape(p[1]))
			p += 2;
		else
			break;
	}
	return p;
}

static TWIN __attribute__((noinline)) const uint8_t *twin_blanks(
	const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 32) {
		uint32_t mask = not_blank(p);

		if (mask)
			return p + __builtin_ctz(mask);
		p += 32;
	}
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

bool sp_json_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
}

#define TWIN_SCAN sp_json_scan_avx2
#include "common/json_twin.h"
