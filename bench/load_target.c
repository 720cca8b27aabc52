#include "bench/load_target.h"

#include "tools/demo/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/un.h>
#include "common/banned.h"

int load_address(const char *where, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[128], port[8];

	if (strncmp(where, "unix:", 5) == 0) {
		struct sockaddr_un *u = (struct sockaddr_un *)ret;

		if (strlen(where + 5) >= sizeof(u->sun_path))
			return -ENAMETOOLONG;
		u->sun_family = AF_UNIX;
		memcpy(u->sun_path, where + 5, strlen(where + 5));
		*ret_len = sizeof(*u);
		return 0;
	}
	SP_TRY(demo_split_address(where, host, sizeof(host), port, sizeof(port)));
	if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, &hints, &found) != 0)
		return -EINVAL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int init_tls(struct load_target *t, const char *ca)
{
	t->tls = SSL_CTX_new(TLS_client_method());
	if (!t->tls)
		return -ENOMEM;
	// One for all, or each proxy picks another: what it costs is OpenSSL's in all of them.
	if (SSL_CTX_set_ciphersuites(t->tls, "TLS_AES_128_GCM_SHA256") != 1)
		return -EINVAL;
	SSL_CTX_set_verify(t->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(t->tls, 1);
	SSL_CTX_set_mode(t->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (ca && SSL_CTX_load_verify_locations(t->tls, ca, NULL) != 1) {
		ERR_print_errors_fp(stderr);
		return -EINVAL;
	}
	return 0;
}

static int parse(struct load_target *t, const char *url, const char *connect_to, const char *ca)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *host = url + (tls ? 8 : 7), *path = strchr(host, '/');
	char port[8];

	if ((!tls && strncmp(url, "http://", 7) != 0) || !path || strlen(path) >= sizeof(t->path) ||
		(size_t)(path - host) >= sizeof(t->host))
		return -EINVAL;
	memcpy(t->host, host, (size_t)(path - host));
	snprintf(t->path, sizeof(t->path), "%s", path);
	SP_TRY(demo_split_address(t->host, t->name, sizeof(t->name), port, sizeof(port)));
	SP_TRY(load_address(connect_to ? connect_to : t->host, &t->addr, &t->addr_len));
	if (!tls)
		return 0;
	SP_TRY(init_tls(t, ca));
	return SSL_CTX_set_alpn_protos(t->tls, alpn, sizeof(alpn) - 1) == 0 ? 0 : -EINVAL;
}

int load_target_init(struct load_target *t, const char *url, const char *connect_to, const char *ca)
{
	int r;

	*t = (struct load_target){0};
	r = parse(t, url, connect_to, ca);
	if (r) {
		fprintf(stderr, "sallyport-load: %s%s%s: %s\n", url, connect_to ? " at " : "",
			connect_to ? connect_to : "", strerror(-r));
		load_target_done(t);
	}
	return r;
}

void load_target_done(struct load_target *t)
{
	SSL_CTX_free(t->tls);
	t->tls = NULL;
}

int load_target_dial(const struct load_target *t)
{
	SP_AUTO_FD fd = socket(t->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	demo_socket_tune(fd);
	if (connect(fd, (const struct sockaddr *)&t->addr, t->addr_len) < 0 && errno != EINPROGRESS)
		return -errno;
	return sp_take_fd(&fd);
}
