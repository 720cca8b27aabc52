#include "dataplane/io/lwip/lists.h"

#include "dataplane/io/lwip/random.h"

#include <lwip/tcp.h>
#include "common/banned.h"

/// In the order of their coming: half open, or in TIME_WAIT.
struct age {
	struct tcp_pcb *first, *last;
	uint32_t n;
};
struct links {
	struct tcp_pcb *hash_next, *prev, *older, *younger;
	struct age *age;
	uint32_t bucket;
	bool hashed, listed;
};

static struct {
	struct tcp_pcb **bucket;
	uint32_t mask, half_open_max;
	struct age half_open, time_wait;
	uint64_t half_open_dropped;
} all;

size_t sp_lwip_links_bytes(void)
{
	return sizeof(struct links);
}

static struct links *links(struct tcp_pcb *pcb)
{
	return (struct links *)(pcb + 1);
}

int sp_lwip_lists_init(uint32_t pcbs, uint32_t half_open)
{
	uint32_t n = 1024;

	while (n < pcbs)
		n *= 2;
	memset(&all, 0, sizeof(all));
	all.bucket = calloc(n, sizeof(struct tcp_pcb *));
	all.mask = n - 1;
	all.half_open_max = half_open;
	return all.bucket ? 0 : -ENOMEM;
}

void sp_lwip_lists_done(void)
{
	free(all.bucket);
	memset(&all, 0, sizeof(all));
}

static uint64_t mix_address(uint64_t h, const ip_addr_t *a)
{
	if (!IP_IS_V6(a))
		return sp_lwip_mix(h, ip_2_ip4(a)->addr);
	for (unsigned i = 0; i < 4; i++)
		h = sp_lwip_mix(h, ip_2_ip6(a)->addr[i]);
	return h;
}

static uint32_t bucket_of(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
	u16_t remote_port)
{
	uint64_t h = sp_lwip_mix(0, (uint64_t)local_port << 16 | remote_port);

	h = mix_address(mix_address(h, remote), local);
	return (uint32_t)(h ^ h >> 32) & all.mask;
}

static void age_add(struct age *a, struct tcp_pcb *pcb)
{
	struct links *l = links(pcb);

	l->age = a;
	l->older = a->last;
	l->younger = NULL;
	if (a->last)
		links(a->last)->younger = pcb;
	else
		a->first = pcb;
	a->last = pcb;
	a->n++;
}

static void age_remove(struct tcp_pcb *pcb)
{
	struct links *l = links(pcb);
	struct age *a = l->age;

	if (!a)
		return;
	if (l->older)
		links(l->older)->younger = l->younger;
	else
		a->first = l->younger;
	if (l->younger)
		links(l->younger)->older = l->older;
	else
		a->last = l->older;
	l->age = NULL;
	a->n--;
}

static void hash_add(struct tcp_pcb *pcb)
{
	struct links *l = links(pcb);

	l->bucket = bucket_of(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
	l->hash_next = all.bucket[l->bucket];
	all.bucket[l->bucket] = pcb;
	l->hashed = true;
}

static void hash_remove(struct tcp_pcb *pcb)
{
	struct links *l = links(pcb);
	struct tcp_pcb **at;

	if (!l->hashed)
		return;
	for (at = &all.bucket[l->bucket]; *at != pcb;)
		at = &links(*at)->hash_next;
	*at = l->hash_next;
	l->hashed = false;
}

static bool known(struct tcp_pcb **list)
{
	return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

void sp_lwip_enlist(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	pcb->next = *list;
	*list = pcb;
	if (!known(list)) // listening and bound ones are few, and the former have no links
		return;
	if (pcb->next)
		links(pcb->next)->prev = pcb;
	links(pcb)->prev = NULL;
	links(pcb)->listed = true;
	hash_add(pcb);
	if (list == &tcp_tw_pcbs)
		age_add(&all.time_wait, pcb);
	else if (pcb->state == SYN_RCVD)
		age_add(&all.half_open, pcb);
}

static void delist_unknown(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	for (struct tcp_pcb **at = list; *at; at = &(*at)->next) {
		if (*at == pcb) {
			*at = pcb->next;
			break;
		}
	}
	pcb->next = NULL;
}

void sp_lwip_delist(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	struct links *l;

	if (!known(list)) {
		delist_unknown(list, pcb);
		return;
	}
	l = links(pcb);
	if (l->listed && l->prev)
		l->prev->next = pcb->next;
	else if (*list == pcb)
		*list = pcb->next;
	sp_lwip_links_forget(pcb);
	pcb->next = NULL;
}

void sp_lwip_links_fresh(struct tcp_pcb *pcb)
{
	memset(links(pcb), 0, sizeof(struct links));
}

/// lwIP's timer takes a pcb out of its list by itself and then frees it: its successor is told here.
void sp_lwip_links_forget(struct tcp_pcb *pcb)
{
	struct links *l = links(pcb);

	if (l->listed && pcb->next)
		links(pcb->next)->prev = l->prev;
	l->listed = false;
	age_remove(pcb);
	hash_remove(pcb);
}

struct tcp_pcb *const *sp_lwip_bucket(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
	u16_t remote_port)
{
	return &all.bucket[bucket_of(local, local_port, remote, remote_port)];
}

struct tcp_pcb *sp_lwip_find(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
	u16_t remote_port)
{
	struct tcp_pcb *pcb = all.bucket[bucket_of(local, local_port, remote, remote_port)];

	while (pcb && !(pcb->remote_port == remote_port && pcb->local_port == local_port &&
			      ip_addr_cmp(&pcb->remote_ip, remote) && ip_addr_cmp(&pcb->local_ip, local)))
		pcb = links(pcb)->hash_next;
	return pcb;
}

void sp_lwip_half_open_room(void)
{
	if (all.half_open.n < all.half_open_max)
		return;
	all.half_open_dropped++;
	tcp_abandon(all.half_open.first, 0);
}

void sp_lwip_half_open_over(struct tcp_pcb *pcb)
{
	age_remove(pcb);
}

bool sp_lwip_drop_time_wait(void)
{
	if (!all.time_wait.first)
		return false;
	tcp_abort(all.time_wait.first);
	return true;
}

uint32_t sp_lwip_half_open(void)
{
	return all.half_open.n;
}

uint64_t sp_lwip_half_open_dropped(void)
{
	return all.half_open_dropped;
}
