#include "dataplane/http/sse.h"
#include "common/banned.h"

/// The buffer holds, in this order: data (data_len), id (id_len), type (type_len), the current
/// line.
static void reset(struct sp_sse *s)
{
	s->len = s->line = 0;
	s->data_len = s->id_len = s->type_len = 0;
	s->retry_ms = -1;
	s->has_data = s->has_id = false;
}

void sp_sse_init(struct sp_sse *s, uint8_t *buf, size_t cap)
{
	memset(s, 0, sizeof(*s));
	s->buf = buf;
	s->cap = cap;
	reset(s);
}

static void reverse(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t t = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = t;
	}
}

/// Replace [at, at+old) by the value of the current line, [value, len), and start a new line.
static void place(struct sp_sse *s, size_t at, size_t old, size_t value)
{
	size_t n = s->len - value, between = s->line - at - old;

	memmove(s->buf + at, s->buf + at + old, between);
	memmove(s->buf + at + between, s->buf + value, n);
	if (between && n) {
		reverse(s->buf + at, between);
		reverse(s->buf + at + between, n);
		reverse(s->buf + at, between + n);
	}
	s->line = s->len = at + between + n;
}

static void take_data(struct sp_sse *s, size_t value)
{
	size_t n = s->len - value;

	if (s->has_data) {
		// "data" and its line end made room for the line feed that joins.
		s->buf[--value] = '\n';
		n++;
	}
	place(s, s->data_len, 0, value);
	s->data_len += n;
	s->has_data = true;
}

static void take_id(struct sp_sse *s, size_t value)
{
	size_t n = s->len - value;

	if (n && memchr(s->buf + value, 0, n))
		return;
	place(s, s->data_len, s->id_len, value);
	s->id_len = n;
	s->has_id = true;
}

static void take_type(struct sp_sse *s, size_t value)
{
	size_t n = s->len - value;

	place(s, s->data_len + s->id_len, s->type_len, value);
	s->type_len = n;
}

static void take_retry(struct sp_sse *s, size_t value)
{
	uint64_t ms;

	if (sp_bytes_u64(sp_bytes(s->buf + value, s->len - value), &ms) == 0 && ms <= INT64_MAX)
		s->retry_ms = (int64_t)ms;
}

static void take_field(struct sp_sse *s)
{
	size_t n = s->len - s->line, value = s->len;
	const uint8_t *p = s->buf + s->line, *colon = memchr(p, ':', n);
	struct sp_bytes name = sp_bytes(p, colon ? (size_t)(colon - p) : n);

	if (colon)
		value = s->line + name.n + 1;
	if (value < s->len && s->buf[value] == ' ')
		value++;
	if (sp_bytes_eq(name, SP_LIT("data")))
		take_data(s, value);
	else if (sp_bytes_eq(name, SP_LIT("id")))
		take_id(s, value);
	else if (sp_bytes_eq(name, SP_LIT("event")))
		take_type(s, value);
	else if (sp_bytes_eq(name, SP_LIT("retry")))
		take_retry(s, value);
	s->len = s->line;
}

static int dispatch(struct sp_sse *s, sp_sse_fn fn, void *user)
{
	struct sp_sse_event e = {
		.data = sp_bytes(s->buf, s->data_len),
		.id = sp_bytes(s->buf + s->data_len, s->id_len),
		.type = sp_bytes(s->buf + s->data_len + s->id_len, s->type_len),
		.has_data = s->has_data,
		.retry_ms = s->retry_ms,
	};
	bool any = s->has_data || s->has_id || s->retry_ms >= 0;
	int r = any ? fn(user, &e) : 0;

	reset(s);
	return r;
}

static int end_line(struct sp_sse *s, sp_sse_fn fn, void *user)
{
	if (!s->started) {
		s->started = true;
		if (s->len >= 3 && memcmp(s->buf, "\xef\xbb\xbf", 3) == 0) {
			s->len -= 3;
			memmove(s->buf, s->buf + 3, s->len);
		}
	}
	if (s->len == s->line)
		return dispatch(s, fn, user);
	take_field(s);
	return 0;
}

/// Bytes before the next line end.
static size_t run(const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	const uint8_t *cr = memchr(p, '\r', lf ? (size_t)(lf - p) : n);

	return cr ? (size_t)(cr - p) : lf ? (size_t)(lf - p) : n;
}

static int append(struct sp_sse *s, const uint8_t *p, size_t n)
{
	if (s->len > s->line && s->buf[s->line] == ':')
		return 0; // a comment: one byte of it is enough
	if (n && s->len == s->line && p[0] == ':')
		n = 1;
	if (n > s->cap - s->len)
		return -EMSGSIZE;
	if (n)
		memcpy(s->buf + s->len, p, n);
	s->len += n;
	return 0;
}

int sp_sse_feed(struct sp_sse *s, const uint8_t *p, size_t n, sp_sse_fn fn, void *user)
{
	while (n) {
		size_t k;
		int r;

		if (s->cr) {
			s->cr = false;
			if (*p == '\n') {
				p++, n--;
				continue;
			}
		}
		k = run(p, n);
		SP_TRY(append(s, p, k));
		if (k == n)
			return 0;
		s->cr = p[k] == '\r';
		p += k + 1;
		n -= k + 1;
		r = end_line(s, fn, user);
		if (r)
			return r;
	}
	return 0;
}
