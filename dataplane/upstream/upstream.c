#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static void chain(struct sp_upstreams *u)
{
	size_t parser = (sp_http1_size() + 63) & ~(size_t)63;

	for (uint32_t i = u->conf.max_connections; i-- > 0;) {
		struct up_conn *c = &u->conns[i];

		c->parser = (struct sp_http1 *)(void *)(u->parsers + i * parser);
		c->buf = u->heads + i * (u->head_cap + 1);
		c->next = u->free_conns;
		u->free_conns = c;
	}
	for (uint32_t i = u->conf.max_exchanges; i-- > 0;) {
		struct sp_exchange *x = &u->exchanges[i];

		x->room = u->rooms + (size_t)i * UP_KEEP_BYTES;
		x->next = u->free_exchanges;
		u->free_exchanges = x;
	}
}

int sp_upstreams_new(const struct sp_upstreams_conf *conf, struct sp_upstreams **ret)
{
	size_t parser = (sp_http1_size() + 63) & ~(size_t)63;
	struct sp_upstreams *u;

	if (!conf->max_connections || !conf->max_exchanges || !conf->limits.max_head_bytes)
		return -EINVAL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->conf = *conf;
	u->head_cap = sp_min(conf->limits.max_head_bytes, UP_HEAD_MAX);
	u->conf.limits.max_head_bytes = (uint32_t)u->head_cap;
	u->conns = aligned_alloc(SP_CACHE_LINE, conf->max_connections * sizeof(*u->conns));
	if (u->conns)
		memset(u->conns, 0, conf->max_connections * sizeof(*u->conns));
	u->exchanges = calloc(conf->max_exchanges, sizeof(*u->exchanges));
	u->heads = calloc(conf->max_connections, u->head_cap + 1);
	u->parsers = aligned_alloc(64, conf->max_connections * parser);
	u->rooms = calloc(conf->max_exchanges, UP_KEEP_BYTES);
	if (!u->conns || !u->exchanges || !u->heads || !u->parsers || !u->rooms ||
		up_h2_shared_new(u) < 0) {
		sp_upstreams_free(u);
		return -ENOMEM;
	}
	chain(u);
	*ret = u;
	return 0;
}

struct sp_upstreams *sp_upstreams_free(struct sp_upstreams *u)
{
	if (!u)
		return NULL;
	for (uint32_t i = 0; u->conns && i < u->conf.max_connections; i++) {
		up_h2_free(&u->conns[i]);
		sp_timer_stop(u->conf.wheel, &u->conns[i].timer);
		up_secure_free(&u->conns[i]);
	}
	for (uint32_t i = 0; u->exchanges && i < u->conf.max_exchanges; i++) {
		sp_timer_stop(u->conf.wheel, &u->exchanges[i].timer);
		if (u->exchanges[i].state != UP_X_FREE)
			up_request_drop(&u->exchanges[i]);
	}
	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		while (u->bucket[i])
			up_pool_free(u->bucket[i]);
	up_h2_shared_free(u);
	free(u->conns);
	free(u->exchanges);
	free(u->heads);
	free(u->parsers);
	free(u->rooms);
	free(u);
	return NULL;
}

/// Pools of identities not seen before; all of them or none.
static int add_pools(struct sp_upstreams *u, const struct sp_snap *s)
{
	for (uint32_t i = 0; i < s->h->upstreams.n; i++) {
		const struct sp_snap_upstream *conf = sp_snap_upstream(s, i);
		struct up_pool *p;
		int r = 0;

		if (!up_pool_find(u, conf->identity))
			r = up_pool_new(u, s, conf, &p);
		if (r < 0) {
			up_pools_reap(u);
			return r;
		}
	}
	return 0;
}

/// What it carries comes to its end.
static void drain(struct up_pool *p)
{
	struct up_conn *c, *next;

	while (p->idle)
		up_conn_close(p->idle);
	for (c = p->shared; c; c = next) {
		next = c->next;
		up_h2_retire(c);
	}
}

int sp_upstreams_refresh(struct sp_upstreams *u, const struct sp_snap *s)
{
	SP_TRY(add_pools(u, s));
	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		for (struct up_pool *p = u->bucket[i]; p; p = p->next)
			p->live = false;
	for (uint32_t i = 0; i < s->h->upstreams.n; i++)
		up_pool_find(u, sp_snap_upstream(s, i)->identity)->live = true;
	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		for (struct up_pool *p = u->bucket[i]; p; p = p->next)
			if (!p->live)
				drain(p);
	up_pools_reap(u);
	return 0;
}

uint32_t sp_upstreams_open(const struct sp_upstreams *u)
{
	return u->open;
}
