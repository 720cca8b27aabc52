/// The checksums of a whole frame in one go, where it lies in one piece: lwIP would take them by layer and by buffer.
#include "dataplane/io/lwip/checksum.h"

#include <lwip/def.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/tcp.h>
#include "common/banned.h"

#define TCP_SUM_AT 16u
#define IP4_SUM_AT 10u

struct parts {
	uint32_t ip; ///< where its header begins
	bool v6;
	uint32_t tcp, tcp_n; ///< 0: it is something else
	uint64_t pseudo; ///< sum of the pseudo header
};

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void find_in4(const uint8_t *ip, size_t n, struct parts *p)
{
	uint32_t len = get16(ip + 2);

	if (ip[0] != 0x45 || ip[9] != IP_PROTO_TCP || get16(ip + 6) & (IP_MF | IP_OFFMASK) || len > n ||
		len < IP_HLEN + TCP_HLEN)
		return;
	p->tcp = p->ip + IP_HLEN;
	p->tcp_n = len - IP_HLEN;
	p->pseudo = sp_lwip_sum(ip + 12, 8) + PP_HTONS(IP_PROTO_TCP) + lwip_htons((uint16_t)p->tcp_n);
}

static void find_in6(const uint8_t *ip, size_t n, struct parts *p)
{
	uint32_t len = get16(ip + 4);

	if (ip[0] >> 4 != 6 || ip[6] != IP6_NEXTH_TCP || len > n - IP6_HLEN || len < TCP_HLEN)
		return;
	p->tcp = p->ip + IP6_HLEN;
	p->tcp_n = len;
	p->pseudo = sp_lwip_sum(ip + 8, 32) + PP_HTONS(IP6_NEXTH_TCP) + lwip_htons((uint16_t)len);
}

/// In a frame of `n` bytes, of which `head_n` may be read. False: neither IPv4 nor IPv6.
static bool find(const uint8_t *head, size_t head_n, size_t n, struct parts *ret)
{
	uint32_t type;

	*ret = (struct parts){.ip = SIZEOF_ETH_HDR};
	if (head_n < SIZEOF_ETH_HDR + SIZEOF_VLAN_HDR)
		return false;
	type = get16(head + 12);
	if (type == ETHTYPE_VLAN) {
		type = get16(head + 16);
		ret->ip += SIZEOF_VLAN_HDR;
	}
	head_n -= ret->ip;
	n -= ret->ip;
	ret->v6 = type == ETHTYPE_IPV6;
	if (type == ETHTYPE_IP && head_n >= IP_HLEN)
		find_in4(head + ret->ip, n, ret);
	else if (type == ETHTYPE_IPV6 && head_n >= IP6_HLEN)
		find_in6(head + ret->ip, n, ret);
	else
		return false;
	return true;
}

bool lwip_sums_right(const uint8_t *frame, size_t n)
{
	struct parts p;

	if (!find(frame, n, n, &p) || !p.tcp)
		return false;
	if (!p.v6 && sp_lwip_fold(sp_lwip_sum(frame + p.ip, IP_HLEN)) != 0xffff)
		return false;
	return sp_lwip_fold(p.pseudo + sp_lwip_sum(frame + p.tcp, p.tcp_n)) == 0xffff;
}

static void put(uint8_t *at, uint64_t sum)
{
	uint16_t v = (uint16_t)~sp_lwip_fold(sum);

	memcpy(at, &v, sizeof(v));
}

void lwip_sums_fill(uint8_t *frame, size_t n, const uint8_t *head, size_t head_n, uint64_t rest)
{
	struct parts p;

	if (!find(head, head_n, n, &p))
		return;
	SP_BUG_IF(p.tcp && head_n < p.tcp + TCP_HLEN);
	if (!p.v6)
		put(frame + p.ip + IP4_SUM_AT, sp_lwip_sum(head + p.ip, IP_HLEN));
	if (p.tcp)
		put(frame + p.tcp + TCP_SUM_AT, p.pseudo + sp_lwip_sum(head + p.tcp, head_n - p.tcp) + rest);
}
