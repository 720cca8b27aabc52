#include "dataplane/http/http1_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "common/banned.h"

size_t sp_http1_special(const uint8_t *b, size_t i, size_t n)
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

static enum sp_scan bad(struct sp_http1 *p, size_t at, const char *what)
{
	p->scan = (uint32_t)at;
	p->error = (struct sp_http_error){400, what};
	return SP_SCAN_BAD;
}

static enum sp_scan line_start(struct sp_http1 *p, const uint8_t *buf, size_t i, size_t len)
{
	if (buf[i] == ' ' || buf[i] == '\t')
		return bad(p, i, "a line starts with white space");
	if (buf[i] != '\r') {
		p->line_start = false;
		return SP_SCAN_MORE;
	}
	if (i == 0)
		return bad(p, i, "empty line before the message");
	if (i + 1 == len)
		return SP_SCAN_MORE;
	if (buf[i + 1] != '\n')
		return bad(p, i, "carriage return without line feed");
	p->scan = (uint32_t)(i + 2);
	return SP_SCAN_END;
}

enum sp_scan sp_http1_scan(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	size_t i = p->scan;

	for (;;) {
		if (p->line_start) {
			enum sp_scan r = i < len ? line_start(p, buf, i, len) : SP_SCAN_MORE;

			if (r != SP_SCAN_MORE)
				return r;
			if (p->line_start)
				break;
		}
		i = sp_http1_special(buf, i, len);
		if (i == len)
			break;
		if (buf[i] == '\t' || (buf[i] >= 0x80 && p->is_response)) {
			i++;
			continue;
		}
		if (buf[i] == '\n')
			return bad(p, i, "line feed without carriage return");
		if (buf[i] != '\r')
			return bad(p, i, "control or non-ASCII byte in the head");
		if (i + 1 == len)
			break;
		if (buf[i + 1] != '\n')
			return bad(p, i, "carriage return without line feed");
		i += 2;
		p->line_start = true;
	}
	p->scan = (uint32_t)i;
	return SP_SCAN_MORE;
}
