#include "tools/demo/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "common/banned.h"

int demo_split_address(const char *where, char *host, size_t host_cap, char *port, size_t port_cap)
{
	const char *colon = strrchr(where, ':');
	size_t n;

	if (!colon || colon == where)
		return -EINVAL;
	n = (size_t)(colon - where);
	if (where[0] == '[' && n >= 2 && where[n - 1] == ']') {
		where++;
		n -= 2;
	}
	if (n >= host_cap || strlen(colon + 1) >= port_cap)
		return -EINVAL;
	memcpy(host, where, n);
	host[n] = 0;
	snprintf(port, port_cap, "%s", colon + 1);
	return 0;
}

static int bind_listen(int fd_in, const struct sockaddr *addr, socklen_t len)
{
	SP_AUTO_FD fd = fd_in;

	if (fd < 0 || bind(fd, addr, len) < 0 || listen(fd, 4096) < 0)
		return -errno;
	return sp_take_fd(&fd);
}

int demo_listen_tcp(const char *where)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[64], port[8];
	int fd, one = 1;

	SP_TRY(demo_split_address(where, host, sizeof(host), port, sizeof(port)));
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -EINVAL;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	fd = bind_listen(fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return fd;
}

int demo_listen_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	(void)unlink(path);
	return bind_listen(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		(const struct sockaddr *)&a, sizeof(a));
}

void demo_print_listener(int fd, const char *where, bool is_unix)
{
	struct sockaddr_storage a = {0};
	socklen_t n = sizeof(a);
	char host[64], port[8];

	if (is_unix)
		printf("listening unix:%s\n", where);
	else if (getsockname(fd, (struct sockaddr *)&a, &n) == 0 &&
		getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		printf("listening http://%s%s%s:%s/mcp\n", a.ss_family == AF_INET6 ? "[" : "", host,
			a.ss_family == AF_INET6 ? "]" : "", port);
}

void demo_socket_tune(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}
