/// Connections that mean no good, at a steady rate. They cost next to nothing here: one hello is made, and sent by all.
#include "bench/shake.h"

#include "common/clock.h"

#include <stdio.h>
#include <sys/epoll.h>
#include "common/banned.h"

#define HELLO_MAX 2048u
#define OPEN_MAX 8192u
#define SLOW_STEP_NS (20 * SP_NS_PER_MS)

enum kind { DROPPED, HELLO, HALF, KEPT, SLOW };

struct guest {
	int fd;
	size_t sent;
	uint64_t next_ns; ///< slow: when the next byte is due
};

struct storm {
	const struct shake_options *opt;
	struct load_target target;
	enum kind kind;
	uint8_t hello[HELLO_MAX];
	size_t hello_n;
	int epoll_fd;
	struct guest guest[OPEN_MAX];
	uint32_t free[OPEN_MAX], free_n;
	uint64_t opened, answered, refused, unmade;
};

static int make_hello(struct storm *s)
{
	SSL_CTX *ctx = NULL;
	SSL *ssl = NULL;
	BIO *b = BIO_new(BIO_s_mem()), *empty = BIO_new(BIO_s_mem());
	int n, r = shake_client(s->opt, NULL, &ctx);

	if (r == 0)
		ssl = SSL_new(ctx);
	if (!ssl || !b || !empty) {
		SSL_CTX_free(ctx);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, empty, b);
	SSL_set_connect_state(ssl);
	(void)SSL_set_tlsext_host_name(ssl, "localhost");
	(void)SSL_do_handshake(ssl);
	n = BIO_read(b, s->hello, sizeof(s->hello));
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	if (n <= 0 || (size_t)n == sizeof(s->hello))
		return -EPROTO;
	s->hello_n = (size_t)n;
	return 0;
}

static void leave(struct storm *s, struct guest *g)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sp_close_fd(&g->fd);
	s->free[s->free_n++] = (uint32_t)(g - s->guest);
}

static void come(struct storm *s)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
	struct guest *g;
	int fd;

	if (s->free_n == 0) {
		s->unmade++;
		return;
	}
	fd = shake_dial(s->opt, &s->target, s->opened);
	if (fd < 0) {
		s->unmade++;
		return;
	}
	g = &s->guest[s->free[--s->free_n]];
	*g = (struct guest){.fd = fd};
	e.data.ptr = g;
	s->opened++;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		leave(s, g);
}

static void say(struct storm *s, struct guest *g, size_t n)
{
	ssize_t r = send(g->fd, s->hello + g->sent, n, MSG_NOSIGNAL);

	if (r > 0)
		g->sent += (size_t)r;
}

static void on(struct storm *s, struct guest *g, uint32_t events, uint64_t now_ns)
{
	char b[512];

	if (events & (EPOLLERR | EPOLLHUP)) {
		s->refused++;
		leave(s, g);
		return;
	}
	if ((events & EPOLLOUT) && g->sent == 0 && s->kind != DROPPED)
		say(s, g, s->kind == SLOW ? 1 : s->hello_n);
	g->next_ns = now_ns + SLOW_STEP_NS;
	if (s->kind == DROPPED || (s->kind == HELLO && g->sent)) {
		leave(s, g);
		return;
	}
	if (!(events & EPOLLIN))
		return;
	if (recv(g->fd, b, sizeof(b), MSG_DONTWAIT) > 0) {
		s->answered++;
		if (s->kind != KEPT)
			leave(s, g);
	} else {
		s->refused++;
		leave(s, g);
	}
}

static void drip(struct storm *s, uint64_t now_ns)
{
	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		struct guest *g = &s->guest[i];

		if (g->fd < 0 || !g->sent || g->next_ns > now_ns || g->sent == s->hello_n)
			continue;
		say(s, g, 1);
		g->next_ns = now_ns + SLOW_STEP_NS;
	}
}

static void blow(struct storm *s)
{
	uint64_t began = sp_clock_boot_ns(), ends = began + s->opt->seconds * SP_NS_PER_SEC, now_ns = began;
	uint64_t due = 0, dripped = began;
	struct epoll_event e[128];

	while (now_ns < ends) {
		int n = epoll_wait(s->epoll_fd, e, SP_ARRAY_LEN(e), 1);

		now_ns = sp_clock_boot_ns();
		for (int i = 0; i < n; i++)
			on(s, e[i].data.ptr, e[i].events, now_ns);
		for (uint64_t want = (now_ns - began) * s->opt->rate / SP_NS_PER_SEC; due < want; due++)
			come(s);
		if (s->kind == SLOW && now_ns - dripped > SLOW_STEP_NS) {
			drip(s, now_ns);
			dripped = now_ns;
		}
	}
}

static int kind_of(const char *name, enum kind *ret)
{
	static const char *const names[] = {"dropped", "hello", "half", "kept", "slow"};

	for (unsigned i = 0; name && i < SP_ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

int shake_storm(const struct shake_options *o)
{
	struct storm *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = o;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		s->guest[i].fd = -1;
		s->free[s->free_n++] = i;
	}
	r = kind_of(o->kind, &s->kind);
	if (r == 0)
		r = shake_target(o, &s->target);
	if (r == 0)
		r = make_hello(s);
	if (r == 0) {
		blow(s);
		printf("{\"opened\":%llu,\"answered\":%llu,\"refused\":%llu,\"unmade\":%llu}\n",
			(unsigned long long)s->opened, (unsigned long long)s->answered,
			(unsigned long long)s->refused, (unsigned long long)s->unmade);
	}
	for (uint32_t i = 0; i < OPEN_MAX; i++)
		sp_close_fd(&s->guest[i].fd);
	sp_close_fd(&s->epoll_fd);
	load_target_done(&s->target);
	free(s);
	return r;
}
