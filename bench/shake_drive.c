/// Clients that shake hands with a gateway: over and over (drive), or once and stay (hold).
#include "bench/shake.h"

#include "common/clock.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "common/banned.h"

struct client {
	int fd;
	SSL *ssl;
	bool ticket; ///< the server's last message of a handshake
};

struct drive {
	const struct shake_options *opt;
	struct load_target target;
	SSL_CTX *ctx;
	SSL_SESSION *session; ///< offered by all when resuming
	int epoll_fd;
	struct client *client;
	uint64_t dialled, done, resumed, failed;
};

static int on_ticket(SSL *ssl, SSL_SESSION *s)
{
	struct client *c = SSL_get_app_data(ssl);

	(void)s;
	c->ticket = true;
	return 0;
}

/// A copy: OpenSSL spoils a ticket that was used once.
static int offer(struct client *c, SSL_SESSION *of)
{
	SSL_SESSION *s = SSL_SESSION_dup(of);
	int r = s && SSL_set_session(c->ssl, s) == 1 ? 0 : -EINVAL;

	SSL_SESSION_free(s);
	return r;
}

static int dial(struct drive *d, struct client *c)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

	*c = (struct client){.fd = shake_dial(d->opt, &d->target, d->dialled)};
	if (c->fd < 0)
		return c->fd;
	d->dialled++;
	c->ssl = SSL_new(d->ctx);
	if (!c->ssl)
		return -ENOMEM;
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	if (SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_tlsext_host_name(c->ssl, "localhost") != 1)
		return -EINVAL;
	if (d->session)
		SP_TRY(offer(c, d->session));
	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0 ? -errno : 0;
}

static void drop_ssl(struct client *c)
{
	if (!c->ssl)
		return;
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
}

/// 1 = the handshake is over and its ticket is here, 0 = not yet.
static int step(struct drive *d, struct client *c)
{
	char b;
	int r;

	ERR_clear_error();
	r = SSL_read(c->ssl, &b, 1);
	if (c->ticket) {
		d->done++;
		d->resumed += (uint64_t)SSL_session_reused(c->ssl);
		if (d->opt->resume && !d->session)
			d->session = SSL_SESSION_dup(SSL_get0_session(c->ssl));
		return 1;
	}
	r = SSL_get_error(c->ssl, r);
	if (r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE)
		return 0;
	d->failed++;
	return -EPROTO;
}

static int set_up(struct drive *d, const struct shake_options *o, uint64_t clients)
{
	*d = (struct drive){.opt = o};
	SP_TRY(shake_target(o, &d->target));
	SP_TRY(shake_client(o, on_ticket, &d->ctx));
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->client = calloc(clients, sizeof(*d->client));
	for (uint64_t i = 0; d->client && i < clients; i++)
		d->client[i].fd = -1;
	return d->epoll_fd < 0 ? -errno : d->client ? 0 : -ENOMEM;
}

static void tear_down(struct drive *d, uint64_t clients)
{
	for (uint64_t i = 0; d->client && i < clients; i++) {
		drop_ssl(&d->client[i]);
		sp_close_fd(&d->client[i].fd);
	}
	free(d->client);
	SSL_SESSION_free(d->session);
	SSL_CTX_free(d->ctx);
	sp_close_fd(&d->epoll_fd);
	load_target_done(&d->target);
}

/// Close with a reset: what is over should not wait in TIME-WAIT, of which there are only so many.
static void drop(struct client *c)
{
	const struct linger now = {.l_onoff = 1};

	drop_ssl(c);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sp_close_fd(&c->fd);
}

static int drive_until(struct drive *d, uint64_t ends)
{
	struct epoll_event e[64];

	while (sp_clock_boot_ns() < ends) {
		int n = epoll_wait(d->epoll_fd, e, SP_ARRAY_LEN(e), 100);

		for (int i = 0; i < n; i++) {
			struct client *c = e[i].data.ptr;
			int r = step(d, c);

			if (r == 0)
				continue;
			if (r > 0)
				(void)SSL_shutdown(c->ssl);
			drop(c);
			SP_TRY(dial(d, c));
		}
	}
	return 0;
}

int shake_drive(const struct shake_options *o)
{
	struct drive d;
	uint64_t from;
	int r = set_up(&d, o, o->parallel);

	if (r == 0 && o->resume) { // one ticket first, for all
		r = dial(&d, &d.client[0]);
		for (from = sp_clock_boot_ns(); r == 0 && !d.session;)
			r = sp_clock_boot_ns() - from < 10 * SP_NS_PER_SEC ?
				sp_min(step(&d, &d.client[0]), 0) : -ETIMEDOUT;
		if (r == 0)
			drop(&d.client[0]);
	}
	d.done = d.resumed = d.failed = 0;
	from = sp_clock_boot_ns();
	for (uint64_t i = 0; r == 0 && i < o->parallel; i++)
		r = dial(&d, &d.client[i]);
	if (r == 0)
		r = drive_until(&d, from + o->seconds * SP_NS_PER_SEC);
	if (r == 0)
		printf("{\"handshakes\":%llu,\"resumed\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n",
			(unsigned long long)d.done, (unsigned long long)d.resumed, (unsigned long long)d.failed,
			(double)(sp_clock_boot_ns() - from) / 1e9);
	tear_down(&d, o->parallel);
	return r;
}

static int hold_all(struct drive *d)
{
	const struct shake_options *o = d->opt;
	struct epoll_event e[64];
	uint64_t began = sp_clock_boot_ns(), open = 0, last = began;

	while (d->done + d->failed < o->count) {
		int n;

		// The first one's ticket is for all.
		while (d->dialled < o->count &&
			d->dialled - d->done - d->failed < (o->resume && !d->session ? 1 : o->parallel))
			SP_TRY(dial(d, &d->client[d->dialled]));
		n = epoll_wait(d->epoll_fd, e, SP_ARRAY_LEN(e), 1000);
		for (int i = 0; i < n; i++) {
			struct client *c = e[i].data.ptr;

			if (!c->ssl || step(d, c) == 0)
				continue;
			if (!c->ticket)
				sp_close_fd(&c->fd);
			else
				epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
			drop_ssl(c); // only the socket stays
			open = d->done;
			last = sp_clock_boot_ns();
		}
		if (sp_clock_boot_ns() - last > 30 * SP_NS_PER_SEC)
			return -ETIMEDOUT;
	}
	printf("{\"held\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n", (unsigned long long)open,
		(unsigned long long)d->failed, (double)(sp_clock_boot_ns() - began) / 1e9);
	fflush(stdout);
	return 0;
}

/// Nothing is sent to a held connection: what can be read is its end.
static uint64_t standing(const struct drive *d)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < d->opt->count; i++) {
		char b;

		if (d->client[i].fd >= 0 && recv(d->client[i].fd, &b, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
			errno == EAGAIN)
			n++;
	}
	return n;
}

int shake_hold(const struct shake_options *o)
{
	struct drive d;
	char b[64];
	int r = set_up(&d, o, o->count);

	if (r == 0)
		r = hold_all(&d);
	if (r == 0) {
		while (read(STDIN_FILENO, b, sizeof(b)) > 0)
			;
		printf("{\"standing\":%llu}\n", (unsigned long long)standing(&d));
	}
	for (uint64_t i = 0; d.client && i < o->count; i++)
		if (d.client[i].fd >= 0)
			drop(&d.client[i]);
	tear_down(&d, o->count);
	return r;
}
