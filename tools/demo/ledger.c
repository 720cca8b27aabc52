#include "tools/demo/ledger.h"

#include "common/clock.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include "common/banned.h"

int demo_ledger_open(struct demo_ledger *l, const char *path, bool witness)
{
	int fd = -1;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
	}
	l->fd = fd;
	l->witness = witness;
	l->len = 0;
	return 0;
}

static void put(struct demo_ledger *l, struct sp_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		l->buf[l->len++] = b.p[i] < 0x20 ? '?' : b.p[i];
}

static void put_line(
	struct demo_ledger *l, struct sp_bytes what, struct sp_bytes call_ref, struct sp_bytes more)
{
	if (l->fd < 0)
		return;
	what.n = sp_min(what.n, (size_t)128);
	call_ref.n = sp_min(call_ref.n, (size_t)256);
	if (what.n + call_ref.n + more.n + 2 > sizeof(l->buf) - l->len)
		demo_ledger_flush(l);
	put(l, what);
	l->buf[l->len++] = '\t';
	put(l, call_ref);
	for (size_t i = 0; i < more.n; i++)
		l->buf[l->len++] = more.p[i];
	l->buf[l->len++] = '\n';
	if (l->witness)
		demo_ledger_flush(l);
}

void demo_ledger_add(struct demo_ledger *l, struct sp_bytes what, struct sp_bytes call_ref)
{
	put_line(l, what, call_ref, SP_NOBYTES);
}

void demo_ledger_call(
	struct demo_ledger *l, struct sp_bytes tool, struct sp_bytes call_ref, struct sp_bytes arguments)
{
	uint8_t digest[SHA256_DIGEST_LENGTH], text[2 * SHA256_DIGEST_LENGTH + 32];
	struct sp_out more = sp_out_init(text, sizeof(text));

	if (l->fd >= 0 && l->witness) {
		SHA256(arguments.p, arguments.n, digest);
		sp_out_lit(&more, "\t");
		sp_out_hex(&more, sp_bytes(digest, sizeof(digest)));
		sp_out_lit(&more, "\t");
		sp_out_u64(&more, sp_clock_boot_ns());
	}
	put_line(l, tool, call_ref, sp_bytes(text, more.len));
}

void demo_ledger_flush(struct demo_ledger *l)
{
	size_t at = 0;

	while (at < l->len) {
		ssize_t n = write(l->fd, l->buf + at, l->len - at);

		SP_BUG_IF(n < 0 && errno != EINTR);
		if (n > 0)
			at += (size_t)n;
	}
	l->len = 0;
}

void demo_ledger_close(struct demo_ledger *l)
{
	if (l->fd < 0)
		return;
	demo_ledger_flush(l);
	sp_close_fd(&l->fd);
}
