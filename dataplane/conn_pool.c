#include "dataplane/conn_private.h"

#include "common/pages.h"

#include <netinet/in.h>
#include "common/banned.h"

int sp_conn_pool_init(struct sp_worker *w, uint32_t count)
{
	struct sp_conn_pool *p = &w->conns;
	uint32_t slots = 1;

	p->stride = (sizeof(struct sp_conn) + 63) / 64 * 64 + (sp_http1_size() + 63) / 64 * 64;
	p->count = count;
	p->mem = sp_pages_map(p->stride * count);
	p->seen = sp_pages_map(sizeof(*p->seen) * count);
	p->heads = sp_pages_map(sp_http1_memo_size() * count);
	while (slots < 2 * count)
		slots *= 2;
	p->addrs = calloc(slots, sizeof(*p->addrs));
	if (!p->mem || !p->seen || !p->heads || !p->addrs)
		return -ENOMEM;
	p->addr_mask = slots - 1;
	return 0;
}

void sp_conn_pool_done(struct sp_worker *w)
{
	for (uint32_t i = 0; i < w->conns.fresh; i++) { // those that a drain's deadline cut off
		struct sp_conn *c = sp_conn_nth(w, i);

		if (c->state != SP_CONN_FREE)
			c->tls = sp_tls_free(c->tls);
	}
	if (w->conns.mem)
		munmap(w->conns.mem, w->conns.stride * w->conns.count);
	if (w->conns.seen)
		munmap(w->conns.seen, sizeof(*w->conns.seen) * w->conns.count);
	if (w->conns.heads)
		munmap(w->conns.heads, sp_http1_memo_size() * w->conns.count);
	free(w->conns.addrs);
	w->conns = (struct sp_conn_pool){0};
}

struct sp_conn *sp_conn_nth(struct sp_worker *w, uint32_t i)
{
	return (struct sp_conn *)(w->conns.mem + (size_t)i * w->conns.stride);
}

void sp_conn_address_key(const struct sockaddr_storage *peer, uint8_t key[16])
{
	memset(key, 0, 16);
	if (peer->ss_family == AF_INET) {
		memcpy(key + 4, &((const struct sockaddr_in *)peer)->sin_addr, 4);
		key[15] = 4;
	} else if (peer->ss_family == AF_INET6) {
		memcpy(key, &((const struct sockaddr_in6 *)peer)->sin6_addr, 8);
		key[15] = 6;
	} else {
		key[15] = 1;
	}
}

/// Linear probing; entries of addresses without connections are reused, so the table never fills:
/// it has twice as many slots as there may be connections.
static struct sp_addr_count *address_slot(struct sp_conn_pool *p, const uint8_t key[16])
{
	uint32_t i = (uint32_t)sp_snap_hash(sp_bytes(key, 16)) & p->addr_mask;
	struct sp_addr_count *reuse = NULL;

	for (uint32_t step = 0; step <= p->addr_mask; step++, i = (i + 1) & p->addr_mask) {
		struct sp_addr_count *a = &p->addrs[i];

		if (memcmp(a->addr, key, 16) == 0)
			return a;
		if (a->n == 0 && !reuse)
			reuse = a;
		if (a->addr[15] == 0)
			break; // never used: the address is not further on
	}
	SP_BUG_IF(!reuse);
	memcpy(reuse->addr, key, 16);
	return reuse;
}

struct sp_conn *sp_conn_get(struct sp_worker *w, const struct sockaddr_storage *peer)
{
	struct sp_conn_pool *p = &w->conns;
	struct sp_http1 *http;
	struct sp_addr_count *a;
	struct sp_conn *c;
	uint8_t key[16];
	size_t number;

	if (p->open == p->count) {
		sp_count(w, SP_STAT_SHED_CONN);
		return NULL;
	}
	sp_conn_address_key(peer, key);
	a = address_slot(p, key);
	if (a->n >= w->plan->max_connections_per_address) {
		sp_count(w, SP_STAT_SHED_ADDR);
		return NULL;
	}
	a->n++;
	c = p->free;
	if (c)
		p->free = c->next_free;
	else
		c = sp_conn_nth(w, p->fresh++);
	p->open++;
	http = (struct sp_http1 *)((uint8_t *)c + (sizeof(*c) + 63) / 64 * 64);
	memset(c, 0, sizeof(*c));
	c->w = w;
	c->http = http;
	c->agent = SP_SNAP_NONE;
	number = (size_t)((uint8_t *)c - p->mem) / p->stride;
	c->seen = &p->seen[number];
	c->heads = (struct sp_http1_memo *)(p->heads + number * sp_http1_memo_size());
	c->addr_slot = (uint32_t)(a - p->addrs);
	return c;
}

void sp_conn_put(struct sp_conn *c)
{
	struct sp_conn_pool *p = &c->w->conns;

	p->addrs[c->addr_slot].n--;
	c->state = SP_CONN_FREE;
	c->next_free = p->free;
	p->free = c;
	p->open--;
}
