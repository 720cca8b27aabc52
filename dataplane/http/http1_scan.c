/// Lines of a head, whatever the pieces they come in. A header is shown once the byte after its line's end is there,
/// since only that byte tells whether it is folded.
#include "dataplane/http/http1_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "common/banned.h"

/// First byte at or after `i` that is no visible ASCII and no space.
static size_t next_special(const uint8_t *b, size_t i, size_t n)
{
#ifdef __SSE2__
	const __m128i space = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f);

	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
		// Signed: bytes from 0x80 on are below the space, too.
		__m128i bad = _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, del));
		unsigned m = (unsigned)_mm_movemask_epi8(bad);

		if (m)
			return i + (size_t)__builtin_ctz(m);
	}
#endif
	for (; i < n; i++)
		if ((int8_t)b[i] < 0x20 || b[i] == 0x7f)
			return i;
	return n;
}

static enum sp_scan bad(struct sp_http1 *p, uint16_t status, const char *what)
{
	sp_http1_fail(p, status, what);
	return SP_SCAN_BAD;
}

/// The first byte of a line is there. LINE: it is an ordinary one.
static enum sp_scan line_start(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	size_t i = p->line;

	if (buf[i] == ' ' || buf[i] == '\t')
		return bad(p, 400, "a line starts with white space");
	if (buf[i] != '\r') {
		if (i && ++p->headers > p->limits.max_headers)
			return bad(p, 431, "too many headers");
		p->started = true;
		return SP_SCAN_LINE;
	}
	if (i == 0)
		return bad(p, 400, "empty line before the message");
	if (i + 1 == len)
		return SP_SCAN_MORE;
	if (buf[i + 1] != '\n')
		return bad(p, 400, "carriage return without line feed");
	p->scan = (uint32_t)(i + 2);
	return SP_SCAN_END;
}

/// Find the CRLF of the line that has begun. LINE: it was found, and p->scan is behind it.
static enum sp_scan line_end(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	size_t i = p->scan;

	for (;;) {
		i = next_special(buf, i, len);
		p->scan = (uint32_t)i;
		if (i == len)
			return SP_SCAN_MORE;
		if (buf[i] == '\r')
			break;
		if (buf[i] == '\n')
			return bad(p, 400, "line feed without carriage return");
		if (buf[i] != '\t' && (buf[i] < 0x80 || !p->is_response))
			return bad(p, 400, "control or non-ASCII byte in the head");
		i++;
	}
	if (i + 1 == len)
		return SP_SCAN_MORE;
	if (buf[i + 1] != '\n')
		return bad(p, 400, "carriage return without line feed");
	p->scan = (uint32_t)(i + 2);
	p->ended = true;
	return SP_SCAN_LINE;
}

enum sp_scan sp_http1_line(
	struct sp_http1 *p, const uint8_t *buf, size_t len, struct sp_http_span *ret)
{
	enum sp_scan r;

	if (!p->started) {
		if (p->line == len)
			return SP_SCAN_MORE;
		r = line_start(p, buf, len);
		if (r != SP_SCAN_LINE)
			return r;
	}
	if (!p->ended) {
		r = line_end(p, buf, len);
		if (r != SP_SCAN_LINE)
			return r;
	}
	if (p->line && p->scan == len)
		return SP_SCAN_MORE;
	if (p->line && (buf[p->scan] == ' ' || buf[p->scan] == '\t'))
		return bad(p, 400, "a line starts with white space");
	*ret = (struct sp_http_span){p->line, p->scan - 2 - p->line};
	p->line = p->scan;
	p->started = p->ended = false;
	return SP_SCAN_LINE;
}
