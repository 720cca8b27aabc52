#include "dataplane/io/dpdk_wire.h"

#include "common/clock.h"
#include "common/pages.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_log.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_tcp.h>
#include <stdatomic.h>
#include "common/banned.h"

#define DESCRIPTORS 1024u
#define TX_WAITING 1024u
#define CACHE 256u
#define FRESH 16u
#define REVIVE_NS (100 * SP_NS_PER_MS)
#define REVIVE_POLLS 256u ///< the clock is looked at once in so many empty polls

struct dpdk_wire {
	struct sp_wire wire;
	uint16_t port;
	bool started;
	bool dials; ///< a memif client: its driver does not connect again by itself
	bool up; ///< of memif, for the interrupt thread
	_Atomic uint32_t lost;
	uint32_t polls;
	uint64_t dialled_ns;
	struct rte_mempool *pool;
	uint32_t fresh_n, tx_n;
	struct rte_mbuf *fresh[FRESH]; ///< to be written to, the last one first
	struct rte_mbuf *tx[TX_WAITING];
};

static struct dpdk_wire *of(struct sp_wire *w)
{
	return sp_container_of(w, struct dpdk_wire, wire);
}

static uint32_t data_room(const struct sp_port *port)
{
	uint32_t frame = (uint32_t)port->mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN;

	return RTE_PKTMBUF_HEADROOM + sp_max(frame, 2048u);
}

uint32_t sp_dpdk_frame_bytes(const struct sp_port *port)
{
	return (uint32_t)sizeof(struct rte_mbuf) + SP_FRAME_ROOM + data_room(port) + 2 * SP_CACHE_LINE;
}

static bool is_ip6(const uint8_t *data)
{
	return data[12] == 0x86 && data[13] == 0xdd;
}

static enum sp_frame_sums sums_of(const struct rte_mbuf *m, const uint8_t *data)
{
	uint64_t ip = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (l4 != RTE_MBUF_F_RX_L4_CKSUM_GOOD || m->data_len < RTE_ETHER_HDR_LEN)
		return SP_SUMS_UNKNOWN;
	return ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD || is_ip6(data) ? SP_SUMS_GOOD : SP_SUMS_UNKNOWN;
}

/// The peer went away: meet it again, now and then, when it is back. Stopping and starting the port is how this
/// driver connects.
static void revive(struct dpdk_wire *w)
{
	struct rte_eth_link link;
	uint64_t now_ns;

	if (!w->dials || ++w->polls % REVIVE_POLLS)
		return;
	now_ns = sp_clock_boot_ns();
	if (now_ns - w->dialled_ns < REVIVE_NS)
		return;
	w->dialled_ns = now_ns;
	if (w->started && rte_eth_link_get_nowait(w->port, &link) == 0 && link.link_status)
		return;
	if (w->started && rte_eth_dev_stop(w->port) < 0)
		return;
	w->started = rte_eth_dev_start(w->port) == 0;
}

/// In EAL's interrupt thread.
static void look_at_link(void *user)
{
	struct dpdk_wire *w = user;
	struct rte_eth_link link;
	bool up = rte_eth_link_get_nowait(w->port, &link) == 0 && link.link_status;

	if (w->up && !up)
		atomic_fetch_add_explicit(&w->lost, 1, memory_order_release);
	w->up = up;
}

static void drop_waiting(struct dpdk_wire *w)
{
	rte_pktmbuf_free_bulk(w->tx, w->tx_n);
	w->wire.dropped += w->tx_n;
	w->tx_n = 0;
}

/// What waits is for who is gone.
static void note_loss(struct dpdk_wire *w)
{
	uint32_t lost = atomic_load_explicit(&w->lost, memory_order_acquire);

	if (sp_likely(lost == w->wire.lost))
		return;
	w->wire.lost = lost;
	drop_waiting(w);
}

static unsigned wire_receive(struct sp_wire *wire, struct sp_frame *frames, unsigned most)
{
	struct dpdk_wire *w = of(wire);
	struct rte_mbuf *m[SP_WIRE_BURST];
	unsigned n = 0, got = 0;

	if (sp_dpdk_burst_begin()) {
		if (sp_likely(w->started))
			got = rte_eth_rx_burst(w->port, 0, m, (uint16_t)sp_min(most, SP_WIRE_BURST));
		if (!got)
			revive(w);
	}
	sp_dpdk_burst_end();
	note_loss(w);
	for (unsigned i = 0; i < got; i++) {
		uint8_t *data = rte_pktmbuf_mtod(m[i], uint8_t *);

		if (sp_unlikely(m[i]->nb_segs > 1)) { // larger than the MTU allows
			rte_pktmbuf_free(m[i]);
			wire->dropped++;
			continue;
		}
		frames[n++] = (struct sp_frame){.data = data,
			.len = m[i]->data_len,
			.sums = sums_of(m[i], data),
			.room = rte_mbuf_to_priv(m[i]),
			.handle = m[i]};
	}
	return n;
}

static void wire_give_back(struct sp_wire *wire, void *handle)
{
	(void)wire;
	rte_pktmbuf_free_seg(handle); // it has one, or the stack would not have seen it
}

/// What the driver does not take stays queued: its ring is full, or the other end is away.
static void wire_flush(struct sp_wire *wire)
{
	struct dpdk_wire *w = of(wire);
	uint32_t done = 0, n;

	if (!w->tx_n || !w->started)
		return;
	if (sp_dpdk_burst_begin()) {
		do {
			n = rte_eth_tx_burst(w->port, 0, w->tx + done, (uint16_t)(w->tx_n - done));
			done += n;
		} while (n && done < w->tx_n);
	}
	sp_dpdk_burst_end();
	w->tx_n -= done;
	if (done && w->tx_n)
		memmove(w->tx, w->tx + done, w->tx_n * sizeof(struct rte_mbuf *));
}

static uint8_t *wire_room(struct sp_wire *wire, uint32_t n)
{
	struct dpdk_wire *w = of(wire);
	struct rte_mbuf *m;

	if (w->tx_n == TX_WAITING)
		wire_flush(wire);
	if (w->tx_n == TX_WAITING) // nobody takes them: what is new is worth more than what is old
		drop_waiting(w);
	if (!w->fresh_n && rte_pktmbuf_alloc_bulk(w->pool, w->fresh, FRESH) == 0)
		w->fresh_n = FRESH;
	if (!w->fresh_n)
		return NULL;
	m = w->fresh[w->fresh_n - 1];
	if (n > rte_pktmbuf_tailroom(m))
		return NULL;
	m->data_len = (uint16_t)n;
	m->pkt_len = n;
	return rte_pktmbuf_mtod(m, uint8_t *);
}

/// The stack left the checksums of IPv4 and TCP to the port, which wants the pseudo header's sum.
static void ask_for_sums(struct rte_mbuf *m)
{
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t type = (uint16_t)(at[12] << 8 | at[13]);
	struct rte_tcp_hdr *tcp;

	m->l2_len = RTE_ETHER_HDR_LEN;
	if (type == RTE_ETHER_TYPE_VLAN) {
		type = (uint16_t)(at[16] << 8 | at[17]);
		m->l2_len += RTE_VLAN_HLEN;
	}
	at += m->l2_len;
	if (type == RTE_ETHER_TYPE_IPV4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;

		m->l3_len = rte_ipv4_hdr_len(ip);
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
		ip->hdr_checksum = 0;
		if (ip->next_proto_id != IPPROTO_TCP)
			return;
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		tcp = (struct rte_tcp_hdr *)(at + m->l3_len);
		tcp->cksum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
	} else if (type == RTE_ETHER_TYPE_IPV6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;

		if (ip->proto != IPPROTO_TCP)
			return;
		m->l3_len = sizeof(*ip);
		m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
		tcp = (struct rte_tcp_hdr *)(at + m->l3_len);
		tcp->cksum = rte_ipv6_phdr_cksum(ip, m->ol_flags);
	}
}

static void wire_send(struct sp_wire *wire)
{
	struct dpdk_wire *w = of(wire);
	struct rte_mbuf *m = w->fresh[--w->fresh_n];

	if (wire->sums_out)
		ask_for_sums(m);
	w->tx[w->tx_n++] = m;
}

/// The port itself ends with the process, as EAL does: closing it takes calls a sandboxed process has not.
static void wire_free(struct sp_wire *wire)
{
	struct dpdk_wire *w = of(wire);

	sp_dpdk_after_callbacks(NULL, NULL);
	rte_pktmbuf_free_bulk(w->fresh, w->fresh_n);
	rte_pktmbuf_free_bulk(w->tx, w->tx_n);
	free(w);
}

static const struct sp_wire_ops wire_ops = {
	wire_receive, wire_give_back, wire_room, wire_send, wire_flush, wire_free};

static int configure(struct dpdk_wire *w, const struct sp_port *port)
{
	static const uint64_t rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	static const uint64_t tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	uint16_t rx_n = DESCRIPTORS, tx_n = DESCRIPTORS;
	struct rte_eth_conf conf = {.rxmode.mtu = port->mtu};
	struct rte_eth_dev_info info;

	SP_TRY(rte_eth_dev_info_get(w->port, &info));
	conf.rxmode.offloads = info.rx_offload_capa & rx;
	if ((info.tx_offload_capa & tx) == tx) {
		conf.txmode.offloads = tx;
		w->wire.sums_out = true;
	}
	SP_TRY(rte_eth_dev_configure(w->port, 1, 1, &conf));
	SP_TRY(rte_eth_dev_adjust_nb_rx_tx_desc(w->port, &rx_n, &tx_n));
	SP_TRY(rte_eth_rx_queue_setup(w->port, 0, rx_n, (unsigned)rte_eth_dev_socket_id(w->port), NULL, w->pool));
	return rte_eth_tx_queue_setup(w->port, 0, tx_n, (unsigned)rte_eth_dev_socket_id(w->port), NULL);
}

static int begin(struct dpdk_wire *w, const struct sp_port *port)
{
	static const uint8_t none[6];
	struct rte_ether_addr mac;
	bool own = memcmp(port->mac, none, sizeof(none)) != 0;
	bool tap = strncmp(port->device, "net_tap", 7) == 0;
	bool memif = strncmp(port->device, "net_memif", 9) == 0;
	int r;

	SP_TRY(configure(w, port));
	w->dials = memif && !strstr(port->device, "role=server");
	if (memif) // the other end is a process, and its connections end with it
		sp_dpdk_after_callbacks(look_at_link, w);
	r = rte_eth_dev_start(w->port);
	w->started = r == 0;
	if (r < 0 && !w->dials)
		return r;
	if (w->dials) // a peer that is away is no news ten times a second
		rte_log_set_level_pattern("pmd.net.memif", RTE_LOG_EMERG);
	memcpy(&mac, port->mac, sizeof(mac));
	// A driver without addresses to filter by takes every frame. A tap's address is its other end's, the
	// kernel's: it stays, and ours is another.
	if (own && !tap && rte_eth_dev_default_mac_addr_set(w->port, &mac) < 0)
		(void)rte_eth_promiscuous_enable(w->port);
	if (!own) {
		SP_TRY(rte_eth_macaddr_get(w->port, &mac));
		mac.addr_bytes[RTE_ETHER_ADDR_LEN - 1] ^= tap;
	}
	memcpy(w->wire.mac, &mac, sizeof(mac));
	(void)rte_eth_allmulticast_enable(w->port); // IPv6 looks for neighbours by multicast
	return 0;
}

static void unmap(struct rte_mempool_memhdr *mem, void *user)
{
	(void)user;
	munmap(mem->addr, mem->len);
}

/// Frames in memory that EAL knows nothing of.
static struct rte_mempool *make_own_pool(const struct sp_port *port)
{
	struct rte_pktmbuf_pool_private priv = {
		.mbuf_data_room_size = (uint16_t)data_room(port), .mbuf_priv_size = SP_FRAME_ROOM};
	uint32_t item = (uint32_t)sizeof(struct rte_mbuf) + SP_FRAME_ROOM + data_room(port);
	size_t bytes = (size_t)port->frames * rte_mempool_calc_obj_size(item, 0, NULL);
	struct rte_mempool *pool = rte_mempool_create_empty("frames", port->frames, item, CACHE,
		sizeof(priv), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	void *mem = pool ? sp_pages_map(bytes) : NULL;
	int n = -ENOMEM;

	if (mem && rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) == 0) {
		rte_pktmbuf_pool_init(pool, &priv);
		n = rte_mempool_populate_iova(pool, mem, RTE_BAD_IOVA, bytes, unmap, NULL);
	}
	if (mem && n <= 0)
		munmap(mem, bytes);
	if (n < (int)port->frames) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

/// Without reserved huge pages EAL's memory is shared memory in pages of 4 KiB. Only what reaches for the frames from
/// outside has a need of that.
static struct rte_mempool *make_pool(const struct sp_port *port)
{
	if (!rte_eal_has_hugepages() && !rte_eal_has_pci() && !strstr(port->device, "zero-copy="))
		return make_own_pool(port);
	return rte_pktmbuf_pool_create("frames", port->frames, CACHE, SP_FRAME_ROOM,
		(uint16_t)data_room(port), SOCKET_ID_ANY);
}

int sp_dpdk_wire_new(const struct sp_port *port, struct sp_wire **ret)
{
	struct dpdk_wire *w;
	uint16_t id = rte_eth_find_next(0);
	int r;

	if (id == RTE_MAX_ETHPORTS || rte_eth_dev_count_avail() != 1)
		return -ENODEV;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->wire.ops = &wire_ops;
	w->port = id;
	w->pool = make_pool(port);
	r = w->pool ? begin(w, port) : -ENOMEM;
	if (r < 0) {
		wire_free(&w->wire);
		return r;
	}
	*ret = &w->wire;
	return 0;
}
