#include "common/loopback.h"

#include "common/plan.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include "common/banned.h"

void sp_loopback_tune(int fd, const struct sockaddr *addr)
{
	static const char plain[] = "reno";

	if (addr->sa_family != AF_UNIX && sp_addr_loopback((const struct sockaddr_storage *)addr))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof(plain) - 1);
}
