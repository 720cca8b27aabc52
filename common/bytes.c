#include "common/bytes.h"

#include <strings.h>
#include "common/banned.h"

bool sp_bytes_ieq(struct sp_bytes a, struct sp_bytes b)
{
	if (a.n != b.n)
		return false;
	if (a.n && memcmp(a.p, b.p, a.n) == 0)
		return true; // mostly they are written alike
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i], y = b.p[i];

		if (x >= 'A' && x <= 'Z')
			x |= 0x20;
		if (y >= 'A' && y <= 'Z')
			y |= 0x20;
		if (x != y)
			return false;
	}
	return true;
}

typedef uint8_t sixteen __attribute__((vector_size(16)));

static bool all_printable(sixteen v)
{
	sixteen other = (sixteen)((v - 0x20) > 0x7e - 0x20);
	uint64_t half[2];

	memcpy(half, &other, sizeof(half));
	return (half[0] | half[1]) == 0;
}

/// The last sixteen bytes overlap those before them.
bool sp_bytes_printable(struct sp_bytes s)
{
	sixteen v;

	if (s.n < sizeof(v)) {
		memset(&v, ' ', sizeof(v));
		sp_copy_few((uint8_t *)&v, s.p, s.n);
		return all_printable(v);
	}
	for (size_t i = 0; i < s.n - sizeof(v); i += sizeof(v)) {
		memcpy(&v, s.p + i, sizeof(v));
		if (!all_printable(v))
			return false;
	}
	memcpy(&v, s.p + s.n - sizeof(v), sizeof(v));
	return all_printable(v);
}

bool sp_bytes_starts(struct sp_bytes s, struct sp_bytes prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

int sp_bytes_u64(struct sp_bytes s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

bool sp_bytes_eq_secret(struct sp_bytes a, struct sp_bytes b)
{
	volatile uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= a.p[i] ^ b.p[i];
	return diff == 0;
}

void sp_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

#define TENS(t) t "0", t "1", t "2", t "3", t "4", t "5", t "6", t "7", t "8", t "9"
static const char pairs[100][3] = {TENS("0"), TENS("1"), TENS("2"), TENS("3"), TENS("4"), TENS("5"),
	TENS("6"), TENS("7"), TENS("8"), TENS("9")};

/// How many digits: the bits by log10(2), and one more where that is a digit short.
static size_t digits_of(uint64_t v)
{
	static const uint64_t least[] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
		1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
		1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
		10000000000000000000u};
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
	size_t n = bits * 1233 >> 12;

	return n + (v >= least[n]);
}

void sp_out_u64(struct sp_out *o, uint64_t v)
{
	size_t n = digits_of(v);
	uint8_t *to;

	if (n > o->cap - o->len) {
		o->overflow = true;
		return;
	}
	// In place: digits put together elsewhere would be copied before their bytes have reached the cache.
	o->len += n;
	for (to = o->p + o->len; v >= 100; v /= 100) {
		to -= 2;
		memcpy(to, pairs[v % 100], 2);
	}
	if (v >= 10)
		memcpy(to - 2, pairs[v % 100], 2);
	else
		to[-1] = (uint8_t)('0' + v);
}

static const char hex_digits[] = "0123456789abcdef";

/// Sixteen bytes at once.
static void hex16(uint8_t *to, const uint8_t *from)
{
	sixteen v, high, low, a, b;

	memcpy(&v, from, sizeof(v));
	high = v >> 4;
	low = v & 15;
	a = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	b = __builtin_shufflevector(
		high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
	a += '0' + ((sixteen)(a > 9) & ('a' - '0' - 10));
	b += '0' + ((sixteen)(b > 9) & ('a' - '0' - 10));
	memcpy(to, &a, sizeof(a));
	memcpy(to + sizeof(a), &b, sizeof(b));
}

void sp_out_hex(struct sp_out *o, struct sp_bytes b)
{
	uint8_t *to = o->p + o->len;

	if (b.n > (o->cap - o->len) / 2) {
		o->overflow = true;
		return;
	}
	o->len += 2 * b.n;
	for (; b.n >= sizeof(sixteen); b = sp_bytes(b.p + sizeof(sixteen), b.n - sizeof(sixteen))) {
		hex16(to, b.p);
		to += 2 * sizeof(sixteen);
	}
	for (size_t i = 0; i < b.n; i++) {
		*to++ = (uint8_t)hex_digits[b.p[i] >> 4];
		*to++ = (uint8_t)hex_digits[b.p[i] & 15];
	}
}

void sp_out_json_escaped(struct sp_out *o, struct sp_bytes s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		sp_out_put(o, s.p + from, i - from);
		from = i + 1;
		if (c >= 0x20) {
			char esc[2] = {'\\', (char)c};

			sp_out_put(o, esc, 2);
		} else {
			char esc[6] = {'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};

			sp_out_put(o, esc, 6);
		}
	}
	sp_out_put(o, s.p + from, s.n - from);
}
