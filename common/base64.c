#include "common/base64.h"
#include "common/banned.h"

static const char std_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Value of each character plus one; 0 = not of the alphabet, so that unnamed entries refuse.
#define COMMON_VALUES                                                                              \
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,    \
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15,         \
	['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,        \
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29,        \
	['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,        \
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43,        \
	['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,        \
	['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,        \
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62

static const uint8_t std_values[256] = {COMMON_VALUES, ['+'] = 63, ['/'] = 64};
static const uint8_t url_values[256] = {COMMON_VALUES, ['-'] = 63, ['_'] = 64};

/// The last 2 or 3 characters: 1 or 2 bytes, and bits that must be zero.
static int decode_tail(const uint8_t *values, struct sp_bytes in, uint8_t *out)
{
	uint32_t v = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t x = values[in.p[i]];

		if (!x)
			return -EINVAL;
		v = v << 6 | (uint32_t)(x - 1);
	}
	if (in.n == 2) {
		if (v & 0xf)
			return -EINVAL;
		out[0] = (uint8_t)(v >> 4);
	} else {
		if (v & 0x3)
			return -EINVAL;
		out[0] = (uint8_t)(v >> 10);
		out[1] = (uint8_t)(v >> 2);
	}
	return 0;
}

static int decode(const uint8_t *values, struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret)
{
	size_t tail = in.n % 4, whole = in.n - tail, len;

	if (tail == 1)
		return -EINVAL;
	len = whole / 4 * 3 + (tail ? tail - 1 : 0);
	if (len > cap)
		return -ENOSPC;
	for (size_t i = 0, o = 0; i < whole; i += 4, o += 3) {
		uint8_t a = values[in.p[i]], b = values[in.p[i + 1]];
		uint8_t c = values[in.p[i + 2]], d = values[in.p[i + 3]];
		uint32_t v;

		if (!a || !b || !c || !d)
			return -EINVAL;
		v = (uint32_t)(a - 1) << 18 | (uint32_t)(b - 1) << 12 | (uint32_t)(c - 1) << 6 |
		    (uint32_t)(d - 1);
		out[o] = (uint8_t)(v >> 16);
		out[o + 1] = (uint8_t)(v >> 8);
		out[o + 2] = (uint8_t)v;
	}
	if (tail)
		SP_TRY(decode_tail(values, sp_bytes(in.p + whole, tail), out + whole / 4 * 3));
	*ret = len;
	return 0;
}

int sp_base64url_decode(struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret)
{
	return decode(url_values, in, out, cap, ret);
}

int sp_base64_decode(struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret)
{
	if (in.n % 4)
		return -EINVAL;
	if (in.n && in.p[in.n - 1] == '=')
		in.n -= in.p[in.n - 2] == '=' ? 2 : 1;
	return decode(std_values, in, out, cap, ret);
}

static void encode(struct sp_out *o, struct sp_bytes in, const char *chars, bool pad)
{
	size_t i;

	for (i = 0; i + 3 <= in.n; i += 3) {
		uint32_t v = (uint32_t)in.p[i] << 16 | (uint32_t)in.p[i + 1] << 8 | in.p[i + 2];
		char four[4] = {
			chars[v >> 18], chars[v >> 12 & 63], chars[v >> 6 & 63], chars[v & 63]};

		sp_out_put(o, four, 4);
	}
	if (in.n - i == 1) {
		char four[4] = {chars[in.p[i] >> 2], chars[(in.p[i] & 3) << 4], '=', '='};

		sp_out_put(o, four, pad ? 4 : 2);
	} else if (in.n - i == 2) {
		uint32_t v = (uint32_t)in.p[i] << 8 | in.p[i + 1];
		char four[4] = {chars[v >> 10], chars[v >> 4 & 63], chars[(v & 15) << 2], '='};

		sp_out_put(o, four, pad ? 4 : 3);
	}
}

void sp_base64url_encode(struct sp_out *o, struct sp_bytes in)
{
	encode(o, in, url_chars, false);
}

void sp_base64_encode(struct sp_out *o, struct sp_bytes in)
{
	encode(o, in, std_chars, true);
}
