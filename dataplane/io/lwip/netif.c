/// The one interface of the stack: frames of the wire to packets and back.
#include "dataplane/io/lwip/stack.h"

#include "dataplane/io/lwip/ahead.h"
#include "dataplane/io/lwip/checksum.h"
#include "dataplane/io/lwip/hooks.h"

#include <lwip/ethip6.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/prot/ieee.h>
#include <netif/etharp.h>
#include <netif/ethernet.h>
#include "common/banned.h"

/// What the stack keeps beside a frame while it has it.
struct in_frame {
	struct pbuf_custom custom;
	void *handle;
};
_Static_assert(sizeof(struct in_frame) <= SP_FRAME_ROOM, "it lies in the frame's room");

static struct lwip_io *owner; // lwIP's hooks and a pbuf's release carry no context

s32_t sp_lwip_vlan_out(void)
{
	return owner->port.vlan ? owner->port.vlan : -1;
}

bool sp_lwip_vlan_in(u16_t tag)
{
	return tag == owner->port.vlan;
}

const ip6_addr_t *sp_lwip_gateway6(void)
{
	static ip6_addr_t gateway;

	if (IN6_IS_ADDR_UNSPECIFIED(&owner->port.gateway6))
		return NULL;
	memset(&gateway, 0, sizeof(gateway));
	memcpy(gateway.addr, &owner->port.gateway6, sizeof(gateway.addr));
	return &gateway;
}

/// What came before its turn is kept, by however many connections, only while the port has frames to spare.
uint16_t sp_lwip_unordered_most(void)
{
	if (owner->out < owner->port.frames / 4 * 3)
		return TCP_OOSEQ_MAX_PBUFS;
	owner->stats.unordered_refused++;
	return 0;
}

static void release(struct pbuf *p)
{
	struct in_frame *f = sp_container_of((struct pbuf_custom *)p, struct in_frame, custom);

	owner->out--;
	owner->wire->ops->give_back(owner->wire, f->handle);
}

static void copy_out(uint8_t *to, const struct pbuf *p)
{
	for (; p; p = p->next) {
		memcpy(to, p->payload, p->len);
		to += p->len;
	}
}

/// One pass over the data, where it comes from: what was stored just now is slow to be read.
static void copy_out_summed(uint8_t *frame, const struct pbuf *p)
{
	uint64_t sum = 0;
	uint32_t at = p->len;

	memcpy(frame, p->payload, p->len);
	for (const struct pbuf *q = p->next; q; q = q->next) {
		uint64_t s = sp_lwip_copy(frame + at, q->payload, q->len);

		sum += at % 2 ? __builtin_bswap16(sp_lwip_fold(s)) : s;
		at += q->len;
	}
	lwip_sums_fill(frame, at, p->payload, p->len, sum);
}

static err_t transmit(struct netif *netif, struct pbuf *p)
{
	struct lwip_io *l = netif->state;
	struct sp_wire *w = l->wire;
	uint8_t *to = w->ops->room(w, p->tot_len);

	if (!to) {
		l->stats.frames_dropped++;
		return ERR_MEM;
	}
	if (w->sums_out)
		copy_out(to, p);
	else
		copy_out_summed(to, p);
	w->ops->send(w);
	l->stats.frames_out++;
	return ERR_OK;
}

static err_t prepare(struct netif *netif)
{
	struct lwip_io *l = netif->state;

	netif->name[0] = 's';
	netif->name[1] = 'p';
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = transmit;
	netif->mtu = l->port.mtu;
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, l->wire->mac, ETH_HWADDR_LEN);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP |
		NETIF_FLAG_MLD6;
	return ERR_OK;
}

static int add_addresses6(struct lwip_io *l)
{
	netif_create_ip6_linklocal_address(&l->netif, 1);
	netif_ip6_addr_set_state(&l->netif, 0, IP6_ADDR_PREFERRED);
	for (uint32_t i = 0; i < l->port.addrs6; i++) {
		ip6_addr_t a = {0};
		s8_t at = -1;

		memcpy(a.addr, &l->port.addr6[i], sizeof(a.addr));
		if (netif_add_ip6_address(&l->netif, &a, &at) != ERR_OK || at < 0)
			return -EINVAL;
		netif_ip6_addr_set_state(&l->netif, at, IP6_ADDR_PREFERRED);
	}
	return 0;
}

int lwip_netif_up(struct lwip_io *l)
{
	ip4_addr_t addr = {l->port.addr4.s_addr}, mask = {0}, gateway = {l->port.gateway4.s_addr};

	if (l->port.prefix4)
		mask.addr = htonl(UINT32_MAX << (32 - l->port.prefix4));
	owner = l;
	if (!netif_add(&l->netif, &addr, &mask, &gateway, l, prepare, ethernet_input))
		return -EINVAL;
	// transmit() or the port
	NETIF_SET_CHECKSUM_CTRL(&l->netif,
		NETIF_CHECKSUM_ENABLE_ALL & ~(NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_TCP));
	netif_set_default(&l->netif);
	netif_set_up(&l->netif);
	l->up = true;
	return l->port.addrs6 ? add_addresses6(l) : 0;
}

void lwip_netif_down(struct lwip_io *l)
{
	if (!l->up)
		return;
	netif_set_down(&l->netif);
	netif_remove(&l->netif);
	l->up = false;
}

/// With a VLAN configured only its frames are ours; lwIP itself looks at the tag of those that have one.
static bool tagged_right(const struct lwip_io *l, const struct sp_frame *f)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)f->data;

	return f->len >= SIZEOF_ETH_HDR &&
		(!l->port.vlan || eth->type == PP_HTONS(ETHTYPE_VLAN)) && f->len <= UINT16_MAX;
}

static void take_in(struct lwip_io *l, const struct sp_frame *f)
{
	static const u16_t checks = NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP;
	struct in_frame *in = f->room;
	struct pbuf *p;

	if (!tagged_right(l, f)) {
		l->stats.frames_dropped++;
		l->wire->ops->give_back(l->wire, f->handle);
		return;
	}
	in->handle = f->handle;
	in->custom.custom_free_function = release;
	p = pbuf_alloced_custom(PBUF_RAW, (u16_t)f->len, PBUF_REF, &in->custom, f->data, (u16_t)f->len);
	l->out++;
	if (f->sums == SP_SUMS_GOOD || lwip_sums_right(f->data, f->len))
		l->netif.chksum_flags &= (u16_t)~checks;
	else
		l->netif.chksum_flags |= checks;
	if (l->netif.input(p, &l->netif) != ERR_OK) {
		l->stats.frames_dropped++;
		pbuf_free(p);
	}
}

static void take_in_ahead(struct lwip_io *l, const struct sp_frame *frames, unsigned n)
{
	struct lwip_ahead ahead[SP_WIRE_BURST];

	// `i` is the frame that is fetched for first; each step for one that is nearer to its turn.
	for (unsigned i = 0; i < n + LWIP_AHEAD; i++) {
		if (i < n)
			lwip_ahead_frame(&ahead[i], &frames[i]);
		if (i >= 1 && i - 1 < n)
			lwip_ahead_pcb(&ahead[i - 1]);
		if (i >= 2 && i - 2 < n)
			lwip_ahead_stream(&ahead[i - 2]);
		if (i >= 3 && i - 3 < n)
			lwip_ahead_user(&ahead[i - 3]);
		if (i >= 4 && i - 4 < n)
			lwip_ahead_soon(&ahead[i - 4]);
		if (i >= LWIP_AHEAD)
			take_in(l, &frames[i - LWIP_AHEAD]);
	}
}

unsigned lwip_netif_receive(struct lwip_io *l, const struct sp_frame *frames, unsigned n)
{
	l->stats.frames_in += n;
	if (l->io.live >= LWIP_AHEAD_STREAMS)
		take_in_ahead(l, frames, n);
	else
		for (unsigned i = 0; i < n; i++)
			take_in(l, &frames[i]);
	return n;
}
