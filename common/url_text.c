#include "common/url_parts.h"

#include "common/mp.h"
#include "common/banned.h"

/// Code points NFKC turns into ASCII, blanks, controls, formats, private use, combining diacritics,
/// and the slashes that legacy code pages fold into '/' and '\\'. From the Unicode Character
/// Database 14.0, gaps of up to six closed; ascending.
static const struct {
	uint32_t from, to;
} disguised[] = {
	{0x80, 0xa0},
	{0xa8, 0xbe},
	{0x132, 0x133},
	{0x13f, 0x140},
	{0x149, 0x149},
	{0x17f, 0x17f},
	{0x1c4, 0x1cc},
	{0x1f1, 0x1f3},
	{0x2b0, 0x2b8},
	{0x2d8, 0x2e3},
	{0x300, 0x36f},
	{0x37a, 0x385},
	{0x600, 0x605},
	{0x61c, 0x61c},
	{0x6dd, 0x6dd},
	{0x70f, 0x70f},
	{0x890, 0x891},
	{0x8e2, 0x8e2},
	{0x1680, 0x1680},
	{0x180e, 0x180e},
	{0x1d2c, 0x1d5b},
	{0x1d62, 0x1d65},
	{0x1d9c, 0x1da0},
	{0x1dbb, 0x1dbb},
	{0x1e9a, 0x1e9a},
	{0x1fbd, 0x1fc1},
	{0x1fcd, 0x1fcf},
	{0x1fdd, 0x1fdf},
	{0x1fed, 0x1fef},
	{0x1ffd, 0x209c},
	{0x20a8, 0x20a8},
	{0x2100, 0x213b},
	{0x2145, 0x2149},
	{0x2150, 0x217f},
	{0x2189, 0x2189},
	{0x2215, 0x2216},
	{0x2460, 0x24ea},
	{0x29f5, 0x29f9},
	{0x2a74, 0x2a76},
	{0x2c7c, 0x2c7d},
	{0x3000, 0x3000},
	{0x309b, 0x309c},
	{0x3200, 0x3243},
	{0x3250, 0x325f},
	{0x32b1, 0x32cf},
	{0x3358, 0x33ff},
	{0xa7f2, 0xa7f4},
	{0xd800, 0xf8ff},
	{0xfb00, 0xfb06},
	{0xfb29, 0xfb29},
	{0xfc5e, 0xfc63},
	{0xfdfa, 0xfe19},
	{0xfe30, 0xfe38},
	{0xfe47, 0xfe7e},
	{0xfeff, 0xff5e},
	{0xffe3, 0xffe3},
	{0xfff9, 0xfffb},
	{0x107a5, 0x107a5},
	{0x110bd, 0x110bd},
	{0x110cd, 0x110cd},
	{0x13430, 0x13438},
	{0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a},
	{0x1d400, 0x1d6a3},
	{0x1d7ce, 0x1d7ff},
	{0x1f100, 0x1f14f},
	{0x1f16a, 0x1f16c},
	{0x1f190, 0x1f190},
	{0x1fbf0, 0x1fbf9},
	{0xe0001, 0xe0001},
	{0xe0020, 0xe007f},
	{0xf0000, 0x10fffd},
};

static bool is_disguised(uint32_t cp)
{
	size_t lo = 0, hi = SP_ARRAY_LEN(disguised);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (disguised[mid].to < cp)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < SP_ARRAY_LEN(disguised) && disguised[lo].from <= cp;
}

bool sp_url_text_plain(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n;) {
		uint8_t b = s.p[i];
		size_t more = b < 0x80 ? 0 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
		uint32_t cp = more ? b & (0x3fu >> more) : b;

		if (i + more >= s.n)
			return false;
		for (size_t k = 1; k <= more; k++)
			cp = cp << 6 | (s.p[i + k] & 0x3fu);
		if (cp < 0x20 || cp == 0x7f || (cp >= 0x80 && is_disguised(cp)))
			return false;
		i += more + 1;
	}
	return true;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// RFC 3986's pchar and '/', without ';': servlet containers cut a segment there, others do not.
static bool may_stand_raw(uint8_t c, enum sp_url_text kind)
{
	if (c >= 0x80)
		return true;
	if (kind == SP_URL_TEXT_FILE)
		return c >= 0x20 && c != 0x7f && c != '\\';
	return c > 0x20 && c < 0x7f && !sp_bytes_has(SP_LIT("\"<>^`{|}[]\\;?#"), c);
}

static bool may_be_escaped(uint8_t c, enum sp_url_text kind)
{
	if (c < 0x20 || c == 0x7f || sp_bytes_has(SP_LIT("/\\.%"), c))
		return false;
	return kind == SP_URL_TEXT_FILE || !sp_bytes_has(SP_LIT("?#;"), c);
}

enum sp_url_why sp_url_decode(
	struct sp_bytes text, enum sp_url_text kind, struct sp_out *ret, bool *ret_escaped)
{
	struct sp_out out = *ret;
	size_t from = out.len;
	bool escaped = false;
	struct sp_bytes done;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (c == '%') {
			int hi = text.n - i > 2 ? hex(text.p[i + 1]) : -1;
			int lo = hi < 0 ? -1 : hex(text.p[i + 2]);

			if (lo < 0 || !may_be_escaped((uint8_t)(hi << 4 | lo), kind))
				return SP_URL_ENCODING;
			c = (uint8_t)(hi << 4 | lo);
			i += 2;
			escaped = true;
		} else if (!may_stand_raw(c, kind)) {
			return SP_URL_CHARACTER;
		}
		sp_out_put(&out, &c, 1);
	}
	if (out.overflow)
		return SP_URL_TOO_LONG;
	done = sp_bytes(out.p + from, out.len - from);
	if (!sp_utf8_ok(done) || !sp_url_text_plain(done))
		return escaped ? SP_URL_ENCODING : SP_URL_CHARACTER;
	*ret = out;
	*ret_escaped = escaped;
	return SP_URL_OK;
}
