#include "dataplane/io/lwip/stack.h"

#include <netinet/in.h>
#include "common/banned.h"

static void ip6_from(const struct in6_addr *from, ip_addr_t *ret)
{
	uint32_t words[4];

	memcpy(words, from, sizeof(words));
	IP_ADDR6(ret, words[0], words[1], words[2], words[3]);
}

int lwip_address_from(
	const struct sockaddr *addr, socklen_t len, ip_addr_t *ret_ip, uint16_t *ret_port)
{
	ip_addr_t ip = {0};

	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

		if (len < sizeof(*in))
			return -EINVAL;
		ip_addr_set_ip4_u32_val(ip, in->sin_addr.s_addr);
		*ret_port = ntohs(in->sin_port);
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

		if (len < sizeof(*in6))
			return -EINVAL;
		ip6_from(&in6->sin6_addr, &ip);
		*ret_port = ntohs(in6->sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret_ip = ip;
	return 0;
}

void lwip_address_to(const ip_addr_t *ip, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (IP_IS_V6(ip)) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ip_2_ip6(ip)->addr, sizeof(in6->sin6_addr));
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = ip_addr_get_ip4_u32(ip);
	}
}

static bool reached6(const struct sp_port *p, const ip6_addr_t *ip)
{
	if (!p->addrs6 || ip6_addr_isloopback(ip))
		return false;
	if (!IN6_IS_ADDR_UNSPECIFIED(&p->gateway6) || ip6_addr_islinklocal(ip))
		return true;
	for (uint32_t i = 0; i < p->addrs6; i++)
		if (memcmp(&p->addr6[i], ip->addr, 8) == 0)
			return true;
	return false;
}

bool lwip_address_reached(const struct lwip_io *l, const ip_addr_t *ip)
{
	const struct sp_port *p = &l->port;
	uint32_t addr, mask;

	if (IP_IS_V6(ip))
		return reached6(p, ip_2_ip6(ip));
	addr = ip_addr_get_ip4_u32(ip);
	if (!p->addr4.s_addr || (ntohl(addr) >> 24) == 127)
		return false;
	mask = htonl(p->prefix4 ? UINT32_MAX << (32 - p->prefix4) : 0);
	return p->gateway4.s_addr || ((addr ^ p->addr4.s_addr) & mask) == 0;
}
