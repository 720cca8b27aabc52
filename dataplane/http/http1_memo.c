/// The beginning of a head that was read before, on the same agent's connection or of the same upstream.
#include "dataplane/http/http1_int.h"
#include "common/banned.h"

#define LEAST 32u  ///< bytes below which there is nothing to be saved
#define PAUSE 100u ///< heads that are just read when none was like the one before
#define OTHERS 16u ///< heads that begin as is known and go on in another way, until the last is what is known

size_t sp_http1_memo_size(void)
{
	return sizeof(struct sp_http1_memo);
}

void sp_http1_remember(struct sp_http1 *p, struct sp_http1_memo *m)
{
	p->memo = m;
}

void sp_http1_forget(struct sp_http1_memo *m)
{
	if (m->text_n)
		sp_wipe(m, sizeof(*m));
}

/// As if all that is known had been read.
static void restore(struct sp_http1 *p, const struct sp_http1_memo *m)
{
	const struct sp_http_head *h = &m->state.head;
	bool is_head_answer = p->is_head_answer;

	memcpy(p, &m->state, SP_HTTP1_BEGIN_BYTES);
	if (h->params_n) {
		memcpy(p->head.param_name, h->param_name, h->params_n * sizeof(h->param_name[0]));
		memcpy(p->head.param_value, h->param_value, h->params_n * sizeof(h->param_value[0]));
	}
	p->is_head_answer = is_head_answer;
}

void sp_http1_recall(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	struct sp_http1_memo *m = p->memo;

	if (!m->begin_n || len < m->begin_n || memcmp(buf, m->text, m->begin_n) != 0)
		return;
	restore(p, m);
	if (m->used < UINT16_MAX)
		m->used++;
	if (m->tail.known && !sp_http1_read_tail(p, &m->tail, buf, len))
		restore(p, m);
}

uint64_t sp_http1_stamp(const struct sp_http1 *p, struct sp_http_span s)
{
	return s.off + s.len <= p->recalled ? p->stamp : 0;
}

/// The end of the last line that lies within the first `n` bytes.
static size_t whole_lines(const uint8_t *p, size_t n)
{
	while (n && p[n - 1] != '\n')
		n--;
	return n;
}

static size_t alike(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/// Behind the whole lines, the first `n` of `same` bytes, the name of a header whose value differs: it need not be read
/// anew. How many bytes there are with it.
static size_t and_name(const uint8_t *p, size_t n, size_t same)
{
	const uint8_t *colon = memchr(p + n, ':', same - n);
	size_t end = colon ? (size_t)(colon + 1 - p) : n;

	return colon && end < same && p[end] == ' ' ? end + 1 : end;
}

/// Take this head as the one that the next is compared with.
static void keep(struct sp_http1_memo *m, const uint8_t *buf, size_t n)
{
	m->stamp++;
	memcpy(m->text, buf, n);
	sp_wipe(m->text + n, m->text_n > n ? m->text_n - n : 0);
	m->text_n = (uint32_t)n;
	m->begin_n = 0;
	m->tail.known = false;
	m->used = 0;
}

/// The first `n` bytes of a head that was accepted, read once more for the state they lead to.
static void prepare(struct sp_http1_memo *m, const struct sp_http1 *p, size_t n)
{
	struct sp_http1 *s = &m->state;

	sp_wipe(m->text + n, m->text_n - n);
	m->text_n = (uint32_t)n;
	sp_http1_init(s, p->is_response, &p->limits);
	sp_http1_read_head(s, m->text, n);
	m->begin_n = s->state == SP_HTTP1_HEAD && s->fed == n && s->scan == n ? (uint32_t)n : 0;
	s->memo = m;
	s->base = NULL;
	s->recalled = (uint32_t)n;
	s->stamp = m->stamp;
	m->used = 0;
}

void sp_http1_learn(struct sp_http1 *p, const uint8_t *buf)
{
	struct sp_http1_memo *m = p->memo;
	size_t n, same, lines;

	if (p->recalled) {
		if (++m->tail.others == OTHERS)
			sp_http1_learn_tail(&m->tail, &m->state, p, buf);
		return;
	}
	if (m->pause) {
		m->pause--;
		return;
	}
	n = whole_lines(buf, sp_min((size_t)p->head.bytes - 2, (size_t)SP_HTTP1_MEMO_BYTES));
	same = alike(buf, m->text, sp_min(n, (size_t)m->text_n));
	lines = whole_lines(buf, same);
	if (lines >= LEAST && lines >= n / 2) {
		prepare(m, p, and_name(buf, lines, same));
		if (m->begin_n)
			sp_http1_learn_tail(&m->tail, &m->state, p, buf);
		return;
	}
	if (m->text_n && !m->used)
		m->pause = PAUSE; // what was kept served nobody
	keep(m, buf, n);
}
