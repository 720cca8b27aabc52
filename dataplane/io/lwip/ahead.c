#include "dataplane/io/lwip/ahead.h"

#include "dataplane/io/lwip/stack.h"

#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/tcp.h>
#include "common/banned.h"

#define SEGMENT_BYTES (2u * SP_CACHE_LINE) ///< of one sent: its pbuf and headers
#define USER_BYTES (4u * SP_CACHE_LINE) ///< of the user's own object, where it usually begins to look

static void fetch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i += SP_CACHE_LINE)
		__builtin_prefetch((const uint8_t *)p + i);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void from4(const uint8_t *p, ip_addr_t *ret)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	ip_addr_set_ip4_u32_val(*ret, word);
}

static void from6(const uint8_t *p, ip_addr_t *ret)
{
	uint32_t words[4];

	memcpy(words, p, sizeof(words));
	IP_ADDR6(ret, words[0], words[1], words[2], words[3]);
}

/// Where TCP's header begins in a packet of `n` bytes, or 0.
static uint32_t addresses(const uint8_t *ip, uint32_t n, uint16_t type, ip_addr_t *src, ip_addr_t *dst)
{
	if (type == ETHTYPE_IP && n >= IP_HLEN + TCP_HLEN && ip[0] == 0x45 && ip[9] == IP_PROTO_TCP) {
		from4(ip + 12, src);
		from4(ip + 16, dst);
		return IP_HLEN;
	}
	if (type == ETHTYPE_IPV6 && n >= IP6_HLEN + TCP_HLEN && ip[6] == IP6_NEXTH_TCP) {
		from6(ip + 8, src);
		from6(ip + 24, dst);
		return IP6_HLEN;
	}
	return 0;
}

void lwip_ahead_frame(struct lwip_ahead *a, const struct sp_frame *f)
{
	uint32_t at = SIZEOF_ETH_HDR, tcp;
	ip_addr_t src = {0}, dst = {0};

	__builtin_prefetch(f->room, 1);
	*a = (struct lwip_ahead){0};
	if (f->len < SIZEOF_ETH_HDR + SIZEOF_VLAN_HDR)
		return;
	if (get16(f->data + 12) == ETHTYPE_VLAN)
		at += SIZEOF_VLAN_HDR;
	tcp = addresses(f->data + at, f->len - at, get16(f->data + at - 2), &src, &dst);
	if (!tcp)
		return;
	tcp += at;
	a->data = f->len > tcp + (uint32_t)(f->data[tcp + 12] >> 4) * 4;
	a->bucket = sp_lwip_bucket(&dst, get16(f->data + tcp + 2), &src, get16(f->data + tcp));
	__builtin_prefetch(a->bucket);
}

void lwip_ahead_pcb(struct lwip_ahead *a)
{
	a->pcb = a->bucket ? *a->bucket : NULL;
	if (a->pcb)
		fetch(a->pcb, sizeof(*a->pcb) + sp_lwip_links_bytes());
}

/// The frames before may have ended the connection: its memory is still there, and so is its stream's.
static const struct lwip_stream *stream_of(const struct lwip_ahead *a)
{
	return a->pcb && a->pcb->state == ESTABLISHED ? a->pcb->callback_arg : NULL;
}

void lwip_ahead_stream(const struct lwip_ahead *a)
{
	const struct lwip_stream *ls = stream_of(a);

	if (!ls)
		return;
	fetch(ls, sizeof(*ls));
	if (a->pcb->unacked)
		__builtin_prefetch(a->pcb->unacked);
}

void lwip_ahead_user(const struct lwip_ahead *a)
{
	const struct lwip_stream *ls = stream_of(a);

	if (!ls)
		return;
	if (ls->s.user)
		fetch(ls->s.user, USER_BYTES);
	if (ls->s.tx_head)
		__builtin_prefetch(ls->s.tx_head);
	if (a->pcb->unacked && a->pcb->unacked->p)
		fetch(a->pcb->unacked->p, SEGMENT_BYTES);
}

void lwip_ahead_soon(const struct lwip_ahead *a)
{
	const struct lwip_stream *ls = stream_of(a);

	if (!ls)
		return;
	if (a->pcb->unacked && a->pcb->unacked->p)
		__builtin_prefetch(a->pcb->unacked->p->next);
	if (a->data && ls->s.phase == SP_STREAM_OPEN && ls->s.ops->on_soon)
		ls->s.ops->on_soon(ls->s.user);
}
