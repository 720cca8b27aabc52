#include "dataplane/http/http1_int.h"
#include "common/banned.h"

enum {
	SIZE,
	EXT_NAME,
	EXT_VALUE,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_LINE,
	TRAILER_NAME,
	TRAILER,
	TRAILER_LF,
	END_LF,
	ENDED
};

void sp_chunk_init(struct sp_chunk *c, bool trailers, uint64_t max_total, uint64_t max_framing)
{
	*c = (struct sp_chunk){
		.state = SIZE,
		.trailers = trailers,
		.max_total = max_total,
		.max_framing = max_framing,
	};
}

static const char *bad_length = "malformed chunk size";
static const char *bad_end = "chunk line without CRLF";

static int hex(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static const char *on_size(struct sp_chunk *c, uint8_t b)
{
	int h = hex(b);

	if (h >= 0) {
		if (++c->digits > 16)
			return bad_length;
		c->left = c->left << 4 | (unsigned)h;
		return NULL;
	}
	if (!c->digits || (b != '\r' && b != ';'))
		return bad_length;
	c->state = b == '\r' ? SIZE_LF : EXT_NAME;
	c->part = 0;
	return NULL;
}

/// `;name` and, last, `;name=value`, tokens both: parsers (llhttp among them) disagree on what may
/// follow a value and on quoted ones.
static const char *on_ext(struct sp_chunk *c, uint8_t b)
{
	if (sp_http_token_ok(sp_bytes(&b, 1))) {
		c->part = 1;
		return ++c->line > SP_CHUNK_EXT_MAX ? "chunk framing over the limit" : NULL;
	}
	if (!c->part || (b != '\r' && (c->state == EXT_VALUE || (b != ';' && b != '='))))
		return "malformed chunk extension";
	c->state = b == ';' ? EXT_NAME : b == '=' ? EXT_VALUE : SIZE_LF;
	c->part = 0;
	c->line++;
	return NULL;
}

static const char *on_trailer(struct sp_chunk *c, uint8_t b)
{
	if (b == '\r') {
		c->state = TRAILER_LF;
		return NULL;
	}
	if ((b < 0x20 && b != '\t') || b >= 0x7f)
		return "control or non-ASCII byte in a trailer";
	return ++c->line > SP_CHUNK_TRAILER_MAX ? "chunk framing over the limit" : NULL;
}

static const char *on_trailer_name(struct sp_chunk *c, uint8_t b)
{
	struct sp_bytes name = sp_bytes(c->name, sp_min(c->name_n, sizeof(c->name)));

	if (b == ':') {
		if (!c->name_n || sp_bytes_ieq(name, SP_LIT("content-length")) ||
			sp_bytes_ieq(name, SP_LIT("transfer-encoding")))
			return "a trailer that may not be one";
		c->state = TRAILER;
		return NULL;
	}
	if (!sp_http_token_ok(sp_bytes(&b, 1)))
		return "malformed trailer";
	if (c->name_n < sizeof(c->name))
		c->name[c->name_n] = b;
	c->name_n++;
	return ++c->line > SP_CHUNK_TRAILER_MAX ? "chunk framing over the limit" : NULL;
}

/// The size line is whole: is the chunk still within the limits?
static const char *on_size_end(struct sp_chunk *c, uint8_t b, struct sp_http_error *err)
{
	if (b != '\n')
		return bad_end;
	if (c->left > c->max_total - c->total) {
		err->status = 413;
		return "body over the limit";
	}
	c->total += c->left;
	if (c->framing > c->total && c->framing - c->total > c->max_framing)
		return "chunk framing over the limit";
	c->state = c->left ? DATA : TRAILER_LINE;
	c->digits = 0;
	c->line = 0;
	return NULL;
}

static const char *on_trailer_line(struct sp_chunk *c, uint8_t b)
{
	if (b == '\r') {
		c->state = END_LF;
		return NULL;
	}
	if (!c->trailers)
		return "trailers are not accepted";
	c->state = TRAILER_NAME;
	c->name_n = 0;
	return on_trailer_name(c, b);
}

static const char *expect(struct sp_chunk *c, uint8_t b, uint8_t want, uint8_t next)
{
	if (b != want)
		return bad_end;
	c->state = next;
	return NULL;
}

static const char *on_byte(struct sp_chunk *c, uint8_t b, struct sp_http_error *err)
{
	switch (c->state) {
	case SIZE:
		return on_size(c, b);
	case EXT_NAME:
	case EXT_VALUE:
		return on_ext(c, b);
	case SIZE_LF:
		return on_size_end(c, b, err);
	case DATA_CR:
		return expect(c, b, '\r', DATA_LF);
	case DATA_LF:
		return expect(c, b, '\n', SIZE);
	case TRAILER_LINE:
		return on_trailer_line(c, b);
	case TRAILER_NAME:
		return on_trailer_name(c, b);
	case TRAILER:
		return on_trailer(c, b);
	case TRAILER_LF:
		return expect(c, b, '\n', TRAILER_LINE);
	default:
		return expect(c, b, '\n', ENDED);
	}
}

enum sp_chunk_step sp_chunk_next(struct sp_chunk *c, const uint8_t *buf, size_t len, size_t *pos,
	struct sp_bytes *ret, struct sp_http_error *err)
{
	while (*pos < len && c->state != ENDED) {
		const char *what;

		if (c->state == DATA) {
			size_t n = (size_t)sp_min((uint64_t)(len - *pos), c->left);

			*ret = sp_bytes(buf + *pos, n);
			*pos += n;
			c->left -= n;
			if (!c->left)
				c->state = DATA_CR;
			return SP_CHUNK_DATA;
		}
		err->status = 400;
		c->framing++;
		what = on_byte(c, buf[*pos], err);
		if (what) {
			err->what = what;
			return SP_CHUNK_BAD;
		}
		++*pos;
	}
	return c->state == ENDED ? SP_CHUNK_END : SP_CHUNK_MORE;
}
