/// OpenSSL's own server on real sockets: accept, shake hands, close, and nothing else.
#include "bench/shake.h"

#include "common/clock.h"
#include "common/loopback.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include "common/banned.h"

static volatile sig_atomic_t over;

struct guest {
	int fd;
	bool shaken;
	SSL *ssl;
	struct guest *next;
};

struct serve {
	SSL_CTX *ctx;
	int door, epoll_fd;
	uint64_t n, resumed, failed, began;
	struct guest guest[1024], *free;
};

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void end(struct serve *s, struct guest *g)
{
	SSL_free(g->ssl);
	close(g->fd); // which takes it out of epoll
	g->ssl = NULL;
	g->next = s->free;
	s->free = g;
}

/// As far as what has come allows.
static void step(struct serve *s, struct guest *g)
{
	int r;
	char b;

	ERR_clear_error();
	if (!g->shaken) {
		r = SSL_accept(g->ssl);
		if (r == 1) {
			g->shaken = true;
			s->n++;
			s->resumed += (uint64_t)SSL_session_reused(g->ssl);
		} else if (SSL_get_error(g->ssl, r) != SSL_ERROR_WANT_READ) {
			s->failed++;
			end(s, g);
		}
		return;
	}
	r = SSL_read(g->ssl, &b, 1);
	if (r <= 0 && SSL_get_error(g->ssl, r) == SSL_ERROR_WANT_READ)
		return;
	(void)SSL_shutdown(g->ssl);
	end(s, g);
}

static void greet(struct serve *s, int fd)
{
	struct guest *g = s->free;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = g};

	if (g)
		g->ssl = SSL_new(s->ctx);
	if (!g || !g->ssl || SSL_set_fd(g->ssl, fd) != 1 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
		s->failed++;
		close(fd);
		return;
	}
	s->free = g->next;
	g->fd = fd;
	g->shaken = false;
	SSL_set_accept_state(g->ssl);
	step(s, g);
}

static void serve(struct serve *s)
{
	struct epoll_event e[64];
	int fd, n = epoll_wait(s->epoll_fd, e, SP_ARRAY_LEN(e), -1);

	if (!s->began && n > 0)
		s->began = cpu_ns();
	for (int i = 0; i < n; i++) {
		if (e[i].data.ptr) {
			step(s, e[i].data.ptr);
			continue;
		}
		while ((fd = accept4(s->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
			greet(s, fd);
	}
}

static int open_door(const struct shake_options *o, int *ret)
{
	struct load_target at;
	int one = 1, r = -EINVAL;
	SP_AUTO_FD fd = -1;

	SP_TRY(shake_target(o, &at));
	fd = socket(at.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) // as the gateway's are
		sp_loopback_tune(fd, (struct sockaddr *)&at.addr);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&at.addr, at.addr_len) < 0 || listen(fd, SOMAXCONN) < 0)
		r = -errno;
	else
		r = 0;
	load_target_done(&at);
	if (r == 0)
		*ret = sp_take_fd(&fd);
	return r;
}

int shake_serve(const struct shake_options *o)
{
	static struct serve s = {.door = -1, .epoll_fd = -1};
	struct epoll_event e = {.events = EPOLLIN};

	SP_TRY(open_door(o, &s.door));
	SP_TRY(shake_server(o, &s.ctx));
	for (size_t i = 0; i < SP_ARRAY_LEN(s.guest); i++) {
		s.guest[i].next = s.free;
		s.free = &s.guest[i];
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll_fd < 0 || epoll_ctl(s.epoll_fd, EPOLL_CTL_ADD, s.door, &e) < 0 ||
		sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL) < 0)
		return -errno;
	printf("{\"listens\":true}\n");
	fflush(stdout);
	while (!over)
		serve(&s);
	printf("{\"handshakes\":%llu,\"resumed\":%llu,\"failed\":%llu,\"cpu_us\":%.2f}\n", (unsigned long long)s.n,
		(unsigned long long)s.resumed, (unsigned long long)s.failed,
		(double)(cpu_ns() - s.began) / 1000 / (double)sp_max(s.n, (uint64_t)1));
	return 0;
}
