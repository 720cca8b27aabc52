/// One piece against random pieces: the same events.
#include "dataplane/http/sse.h"
#include "common/banned.h"

#define CAP 4096

struct log {
	uint8_t text[1 << 17];
	size_t n;
	unsigned events;
};

static void log_put(struct log *l, struct sp_bytes b)
{
	size_t n = sp_min(b.n, sizeof(l->text) - l->n - 1);

	if (n)
		memcpy(l->text + l->n, b.p, n);
	l->n += n;
	l->text[l->n] = 0xff;
	l->n += l->n + 1 < sizeof(l->text);
}

static int note(void *user, const struct sp_sse_event *e)
{
	struct log *l = user;

	l->events++;
	log_put(l, e->type);
	log_put(l, e->id);
	log_put(l, e->data);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct log a, b;
	static uint8_t buf[CAP];
	uint32_t x = (uint32_t)size;
	struct sp_sse s;
	int ra, rb = 0;

	a.n = b.n = a.events = b.events = 0;
	sp_sse_init(&s, buf, sizeof(buf));
	ra = sp_sse_feed(&s, data, size, note, &a);
	sp_sse_init(&s, buf, sizeof(buf));
	for (size_t at = 0; at < size && rb == 0;) {
		size_t n;

		x = x * 1664525u + 1013904223u;
		n = sp_min((size_t)(1 + (x >> 24) % 13), size - at);
		rb = sp_sse_feed(&s, data + at, n, note, &b);
		at += n;
	}
	SP_BUG_IF(ra != rb || a.events != b.events || a.n != b.n || memcmp(a.text, b.text, a.n) != 0);
	return 0;
}
