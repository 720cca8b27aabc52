#include "common/json_scan.h"
#include "common/banned.h"

const uint8_t *sp_json_fail(struct sp_json_error *error, size_t off, int err, const char *what)
{
	*error = (struct sp_json_error){.err = err, .off = (uint32_t)off, .what = what};
	return NULL;
}

/// Four hexadecimal digits, or -1.
static int32_t hex4(const uint8_t *p, const uint8_t *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

const uint8_t *sp_json_escape(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error)
{
	size_t off = (size_t)(p - base);
	int32_t hi, lo;

	if (end - p < 2)
		return sp_json_fail(error, (size_t)(end - base), -EBADMSG, "unterminated string");
	if (sp_json_short_escape(p[1]))
		return p + 2;
	if (p[1] != 'u')
		return sp_json_fail(error, off, -EBADMSG, "unknown escape");
	hi = hex4(p + 2, end);
	if (hi < 0)
		return sp_json_fail(error, off, -EBADMSG, "escape without four hex digits");
	if (hi < 0xd800 || hi > 0xdfff)
		return p + 6;
	if (hi >= 0xdc00 || end - p < 8 || p[6] != '\\' || p[7] != 'u')
		return sp_json_fail(error, off, -EILSEQ, "lone surrogate");
	lo = hex4(p + 8, end);
	if (lo < 0xdc00 || lo > 0xdfff)
		return sp_json_fail(error, off, -EILSEQ, "lone surrogate");
	return p + 12;
}

/// Length of the well-formed sequence at p (RFC 3629 table 4: no overlong forms, no surrogates,
/// nothing over U+10FFFF), or 0.
static unsigned utf8_length(const uint8_t *p, const uint8_t *end)
{
	uint8_t c = p[0], low = 0x80, high = 0xbf;
	unsigned n;

	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (end - p < (ptrdiff_t)n)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

const uint8_t *sp_json_utf8(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error)
{
	while (p < end && *p >= 0x80) {
		unsigned n = utf8_length(p, end);

		if (!n)
			return sp_json_fail(error, (size_t)(p - base), -EILSEQ, "invalid UTF-8");
		p += n;
	}
	return p;
}

static inline const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (uint8_t)(*p - '0') <= 9)
		p++;
	return p;
}

const uint8_t *sp_json_number(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error)
{
	const uint8_t *q;

	if (*p == '-')
		p++;
	q = p < end && *p == '0' ? p + 1 : digits(p, end);
	if (q == p)
		return sp_json_fail(error, (size_t)(p - base), -EBADMSG, "digit expected");
	if (q < end && *q == '.') {
		p = q + 1;
		q = digits(p, end);
		if (q == p)
			return sp_json_fail(error, (size_t)(p - base), -EBADMSG, "digit expected");
	}
	if (q < end && (*q == 'e' || *q == 'E')) {
		p = q + 1;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, end);
		if (q == p)
			return sp_json_fail(error, (size_t)(p - base), -EBADMSG, "digit expected");
	}
	return q;
}

/// A code point over U+007F: its first byte, the others left pending.
static int push_utf8(struct sp_json_reader *r, uint32_t c)
{
	if (c < 0x800) {
		r->pending[r->pending_n++] = (uint8_t)(0x80 | (c & 0x3f));
		return (int)(0xc0 | c >> 6);
	}
	r->pending[r->pending_n++] = (uint8_t)(0x80 | (c & 0x3f));
	r->pending[r->pending_n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	if (c < 0x10000)
		return (int)(0xe0 | c >> 12);
	r->pending[r->pending_n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	return (int)(0xf0 | c >> 18);
}

static int next_escape(struct sp_json_reader *r)
{
	uint8_t kind = r->p[1];
	uint32_t c;

	if (kind != 'u') {
		r->p += 2;
		switch (kind) {
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return kind;
		}
	}
	c = (uint32_t)hex4(r->p + 2, r->end);
	r->p += 6;
	if (c >= 0xd800 && c <= 0xdbff) {
		c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(r->p + 2, r->end) - 0xdc00);
		r->p += 6;
	}
	return c < 0x80 ? (int)c : push_utf8(r, c);
}

int sp_json_reader_next(struct sp_json_reader *r)
{
	if (r->pending_n)
		return r->pending[--r->pending_n];
	if (r->p >= r->end)
		return -1;
	return *r->p == '\\' ? next_escape(r) : *r->p++;
}
