#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static struct up_pool **bucket(struct sp_upstreams *u, uint64_t identity)
{
	return &u->bucket[(identity ^ identity >> 32) % UP_POOL_BUCKETS];
}

struct up_pool *up_pool_find(struct sp_upstreams *u, uint64_t identity)
{
	struct up_pool *p = *bucket(u, identity);

	while (p && p->identity != identity)
		p = p->next;
	return p;
}

static void write_text(struct up_pool *p, const struct sp_snap *s, size_t cap)
{
	const struct sp_snap_upstream *c = &p->conf;
	struct sp_out o = sp_out_init(p->text, cap);

	sp_out_lit(&o, " ");
	sp_out_bytes(&o, sp_snap_str(s, c->path));
	sp_out_lit(&o, " HTTP/1.1\r\nHost: ");
	sp_out_bytes(&o, sp_snap_str(s, c->host));
	sp_out_lit(&o, "\r\n");
	sp_out_bytes(&o, sp_snap_str(s, c->credential));
	p->line_tail = sp_bytes(p->text, o.len);
	p->server_name = (const char *)p->text + o.len;
	sp_out_bytes(&o, sp_snap_str(s, c->server_name));
	sp_out_put(&o, "", 1);
	SP_BUG_IF(o.overflow);
}

int up_pool_new(struct sp_upstreams *u, const struct sp_snap *s,
	const struct sp_snap_upstream *conf, struct up_pool **ret)
{
	size_t text =
		conf->path.len + conf->host.len + conf->credential.len + conf->server_name.len + 32;
	struct up_pool *p = calloc(1, sizeof(*p) + text);
	struct up_pool **b = bucket(u, conf->identity);

	if (p)
		p->known = calloc(1, sp_http1_memo_size());
	if (!p || !p->known) {
		free(p);
		return -ENOMEM;
	}
	p->u = u;
	p->identity = conf->identity;
	p->conf = *conf;
	p->speaks = (uint8_t)(conf->http || conf->kind == SP_UP_TLS ? conf->http : SP_UP_HTTP_1);
	write_text(p, s, text);
	if (conf->kind == SP_UP_TLS) {
		int r = up_secure_client(
			sp_snap_str(s, conf->ca_pem), (enum sp_upstream_http)conf->http, &p->tls);

		if (r < 0) {
			sp_wipe(p->text, p->line_tail.n);
			free(p->known);
			free(p);
			return r;
		}
	}
	p->next = *b;
	*b = p;
	*ret = p;
	return 0;
}

void up_pool_free(struct up_pool *p)
{
	struct up_pool **b = bucket(p->u, p->identity);

	while (*b != p)
		b = &(*b)->next;
	*b = p->next;
	up_secure_client_free(p->tls);
	sp_wipe(p->text, p->line_tail.n);
	sp_http1_forget(p->known);
	free(p->known);
	free(p);
}

void up_pools_reap(struct sp_upstreams *u)
{
	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		for (struct up_pool *p = u->bucket[i], *next; p; p = next) {
			next = p->next;
			if (!p->live && !p->conns_n && !p->exchanges_n)
				up_pool_free(p);
		}
}

bool up_breaker_admits(struct up_pool *p, bool *ret_probe)
{
	*ret_probe = false;
	if (!p->open)
		return true;
	if (p->probing || up_now(p->u) < p->open_until_ns)
		return false;
	p->probing = *ret_probe = true;
	return true;
}

void up_breaker_success(struct up_pool *p)
{
	p->failures = 0;
	p->open = p->probing = false;
}

bool up_breaker_failure(struct up_pool *p, bool probe)
{
	bool was_open = p->open;

	if (probe)
		p->probing = false;
	if (!p->conf.breaker_failures || ++p->failures < p->conf.breaker_failures)
		return false;
	p->open = true;
	if (!was_open || probe)
		p->open_until_ns = up_now(p->u) + p->conf.breaker_open_ns;
	if (!was_open)
		up_count(p->u, SP_STAT_BREAKER_OPENED);
	return !was_open;
}

void up_wait_push(struct sp_exchange *x)
{
	struct up_pool *p = x->pool;

	x->state = UP_X_WAITING;
	x->next = NULL;
	x->prev = p->wait_tail;
	if (p->wait_tail)
		p->wait_tail->next = x;
	else
		p->wait_head = x;
	p->wait_tail = x;
	p->waiting_n++;
	p->u->waiting_n++;
}

void up_wait_remove(struct sp_exchange *x)
{
	struct up_pool *p = x->pool;

	if (x->prev)
		x->prev->next = x->next;
	else
		p->wait_head = x->next;
	if (x->next)
		x->next->prev = x->prev;
	else
		p->wait_tail = x->prev;
	p->waiting_n--;
	p->u->waiting_n--;
}
