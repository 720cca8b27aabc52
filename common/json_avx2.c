#include "common/json_scan.h"

#include <immintrin.h>
#include "common/banned.h"

#define TWIN __attribute__((target("avx2,bmi,bmi2")))
#define TWIN_LOOK 32u

static inline __attribute__((always_inline)) TWIN __m256i load(const uint8_t *p)
{
	return _mm256_lddqu_si256((const __m256i *)p);
}

struct twin_eye {
	__m256i ends, low;
};

static inline __attribute__((always_inline)) TWIN struct twin_eye twin_eye(void)
{
	struct twin_eye e = {
		.ends = _mm256_setr_epi8(-1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0,
			-1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0),
		.low = _mm256_set1_epi8(0x20),
	};

	__asm__("" : "+x"(e.ends), "+x"(e.low)); // or they would be made anew at each look
	return e;
}

/// Bit i set: byte i ends a run of plain string bytes. The two that are looked up are found by their lower halves; less
/// 0x20, signed, is negative for controls and for bytes >= 0x80.
static inline __attribute__((always_inline)) TWIN uint32_t stops(const struct twin_eye *e, const uint8_t *p)
{
	__m256i v = load(p), end = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(e->ends, v), v);

	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(end, _mm256_subs_epi8(v, e->low)));
}

static inline __attribute__((always_inline)) TWIN uint32_t not_blank(const uint8_t *p)
{
	__m256i v = load(p);
	__m256i space = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(' '));
	__m256i lf = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n'));
	__m256i tab = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t'));
	__m256i cr = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r'));
	__m256i any = _mm256_or_si256(_mm256_or_si256(space, lf), _mm256_or_si256(tab, cr));

	return ~(uint32_t)_mm256_movemask_epi8(any);
}

/// The last 31 bytes or fewer: one load that ends where the text ends, when the text is that long.
static TWIN __attribute__((noinline)) const uint8_t *plain_tail(
	const struct twin_eye *eye, const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	if (p == end)
		return end;
	if (end - base >= 32) {
		uint32_t mask = stops(eye, end - 32) >> (32 - (end - p));

		return mask ? p + __builtin_ctz(mask) : end;
	}
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
		p++;
	return p;
}

static inline __attribute__((always_inline)) TWIN const uint8_t *twin_plain(
	const struct twin_eye *eye, const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	while (sp_likely(end - p >= 32)) {
		uint32_t mask = stops(eye, p);

		if (sp_likely(mask))
			return p + __builtin_ctz(mask);
		p += 32;
	}
	return plain_tail(eye, base, p, end);
}

static inline __attribute__((always_inline)) TWIN unsigned twin_look(const struct twin_eye *e, const uint8_t *p)
{
	return _tzcnt_u32(stops(e, p));
}

static inline __attribute__((always_inline)) TWIN uint64_t twin_keep(uint64_t v, size_t n)
{
	return _bzhi_u64(v, (uint32_t)(8 * n));
}

static inline __attribute__((always_inline)) TWIN void twin_zero(void *to, size_t n)
{
	for (size_t i = 0; i < n; i += 256)
#pragma GCC unroll 8
		for (size_t k = 0; k < 256; k += 32)
			_mm256_storeu_si256((__m256i *)((uint8_t *)to + i + k), _mm256_setzero_si256());
}

/// Bytes of an escape's second place, by the halves of each: a bit for each upper half, and what upper halves go with
/// a lower one.
static inline __attribute__((always_inline)) TWIN uint32_t short_escapes(__m256i v)
{
	const __m256i upper = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i lower = _mm256_setr_epi8(0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1,
		0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
	const __m256i half = _mm256_set1_epi8(0x0f);
	__m256i high = _mm256_shuffle_epi8(upper, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
	__m256i both = _mm256_and_si256(high, _mm256_shuffle_epi8(lower, _mm256_and_si256(v, half)));

	return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

/// The escapes of 32 bytes one by one, where backslashes stand side by side or one is of an escape of more.
static TWIN __attribute__((noinline)) bool escapes_of(const uint8_t *p, const uint8_t **ret)
{
	struct twin_eye e = twin_eye();
	unsigned next = 32;

	for (uint32_t mask = stops(&e, p); mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctz(mask);

		if (p[i] != '\\' || !sp_json_short_escape(p[i + 1])) {
			*ret = p + i;
			return false;
		}
		next = sp_max(i + 2, 32u);
		mask &= ~(2u << i);
	}
	*ret = p + next;
	return true;
}

/// A bit for each of 32 bytes: all escapes among them are judged at once. A backslash in the last place is left to the
/// next bytes.
static TWIN __attribute__((noinline)) const uint8_t *twin_escaped(const uint8_t *p, const uint8_t *end)
{
	while (end - p > 32) {
		__m256i v = load(p);
		uint32_t slash = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
		uint32_t quote = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
		uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v));
		uint32_t second = slash << 1, stop = low | (quote & ~second);

		if (second & ~quote && (second & slash || second & ~short_escapes(v))) {
			if (!escapes_of(p, &p))
				return p;
			continue;
		}
		if (stop)
			return p + __builtin_ctz(stop);
		p += 32 - (slash >> 31);
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
