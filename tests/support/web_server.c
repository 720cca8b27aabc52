#include "tests/support/web_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include "common/banned.h"

enum { PAGES = 16 };

struct web_server {
	pthread_t thread;
	pthread_mutex_t lock;
	int listen_fd, stop[2];
	uint16_t port;
	SSL_CTX *tls;
	char ca[64];
	struct web_page page[PAGES];
	unsigned pages;
	_Atomic unsigned connections, requests;
};

struct peer {
	int fd;
	SSL *ssl;
};

static int peer_read(struct peer *p, char *buf, size_t n)
{
	return p->ssl ? SSL_read(p->ssl, buf, (int)n) : (int)recv(p->fd, buf, n, 0);
}

static int peer_write(struct peer *p, const char *buf, size_t n)
{
	return p->ssl ? SSL_write(p->ssl, buf, (int)n) : (int)send(p->fd, buf, n, MSG_NOSIGNAL);
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	SP_BUG_IF(!e || X509_add_ext(cert, e, -1) != 1);
	X509_EXTENSION_free(e);
}

static X509 *make_cert(EVP_PKEY *key, const char *names)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, NID_subject_alt_name, names);
	SP_BUG_IF(X509_sign(cert, key, EVP_sha256()) <= 0);
	return cert;
}

static void start_tls(struct web_server *s, const char *names)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = make_cert(key, names);
	FILE *f;
	int fd;

	s->tls = SSL_CTX_new(TLS_server_method());
	SP_BUG_IF(SSL_CTX_use_certificate(s->tls, cert) != 1 ||
		  SSL_CTX_use_PrivateKey(s->tls, key) != 1);
	snprintf(s->ca, sizeof(s->ca), "/tmp/sp-test-ca-XXXXXX");
	fd = mkstemp(s->ca);
	SP_BUG_IF(fd < 0);
	f = fdopen(fd, "w");
	SP_BUG_IF(!f || PEM_write_X509(f, cert) != 1);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void answer(struct web_server *s, struct peer *p)
{
	char request[8192];
	int n = 0, got;

	do {
		got = peer_read(p, request + n, sizeof(request) - 1 - (size_t)n);
		if (got <= 0)
			return;
		n += got;
		request[n] = 0;
	} while (!strstr(request, "\r\n\r\n") && n < (int)sizeof(request) - 1);
	atomic_fetch_add(&s->requests, 1);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->pages; i++) {
		struct web_page *page = &s->page[i];
		size_t len = strlen(page->path);

		if (strncmp(request, "GET ", 4) != 0 ||
			strncmp(request + 4, page->path, len) != 0 || request[4 + len] != ' ')
			continue;
		if (page->n && peer_write(p, page->answer, page->n) > 0 && p->ssl)
			SSL_shutdown(p->ssl);
		got = page->n == 0;
		pthread_mutex_unlock(&s->lock);
		while (got && peer_read(p, request, sizeof(request)) > 0)
			;
		return;
	}
	pthread_mutex_unlock(&s->lock);
	peer_write(p, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 45);
}

static void *serve(void *arg)
{
	struct web_server *s = arg;

	for (;;) {
		struct pollfd fds[] = {{.fd = s->listen_fd, .events = POLLIN},
			{.fd = s->stop[0], .events = POLLIN}};
		const struct timeval patience = {.tv_sec = 5};
		struct peer p = {0};

		if (poll(fds, 2, -1) < 0 || fds[1].revents)
			return NULL;
		p.fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (p.fd < 0)
			continue;
		atomic_fetch_add(&s->connections, 1);
		setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (s->tls) {
			p.ssl = SSL_new(s->tls);
			SSL_set_fd(p.ssl, p.fd);
		}
		if (!p.ssl || SSL_accept(p.ssl) == 1)
			answer(s, &p);
		SSL_free(p.ssl);
		close(p.fd);
	}
}

struct web_server *web_server_new(const char *names)
{
	struct web_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);

	SP_BUG_IF(!s);
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SP_BUG_IF(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		  listen(s->listen_fd, 16) < 0 ||
		  getsockname(s->listen_fd, (struct sockaddr *)&a, &n) < 0 ||
		  pipe2(s->stop, O_CLOEXEC) < 0);
	s->port = ntohs(a.sin_port);
	if (names)
		start_tls(s, names);
	SP_BUG_IF(pthread_create(&s->thread, NULL, serve, s) != 0);
	return s;
}

struct web_server *web_server_free(struct web_server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->listen_fd);
	for (unsigned i = 0; i < s->pages; i++)
		free(s->page[i].answer);
	if (s->tls)
		unlink(s->ca);
	SSL_CTX_free(s->tls);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

uint16_t web_server_port(const struct web_server *s)
{
	return s->port;
}

const char *web_server_ca(const struct web_server *s)
{
	return s->ca;
}

void web_server_raw(struct web_server *s, const char *path, const char *raw, size_t n)
{
	struct web_page *page = NULL;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->pages; i++)
		if (strcmp(s->page[i].path, path) == 0)
			page = &s->page[i];
	if (!page) {
		SP_BUG_IF(s->pages == PAGES);
		page = &s->page[s->pages++];
		snprintf(page->path, sizeof(page->path), "%s", path);
	}
	free(page->answer);
	page->answer = malloc(n + 1);
	SP_BUG_IF(!page->answer);
	memcpy(page->answer, raw, n);
	page->n = n;
	pthread_mutex_unlock(&s->lock);
}

void web_server_page(struct web_server *s, const char *path, int status, const char *body)
{
	char *raw;
	int n = asprintf(&raw,
		"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		status, strlen(body), body);

	SP_BUG_IF(n < 0);
	web_server_raw(s, path, raw, (size_t)n);
	free(raw);
}

unsigned web_server_connections(const struct web_server *s)
{
	return atomic_load(&s->connections);
}

unsigned web_server_requests(const struct web_server *s)
{
	return atomic_load(&s->requests);
}
