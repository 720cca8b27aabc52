#include "common/loopback.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include "common/banned.h"

static bool on_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return addr->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

void sp_loopback_tune(int fd, const struct sockaddr *addr)
{
	static const char plain[] = "reno";

	if (on_loopback(addr))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof(plain) - 1);
}
