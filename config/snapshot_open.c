/// The one place where a blob is distrusted: after sp_snap_open() every accessor may follow every
/// offset.
#include "config/snapshot.h"
#include "config/snapshot_check.h"
#include "config/snapshot_format.h"
#include "common/banned.h"

bool sp_snap_range_ok(const struct sp_snap_blob *b, uint64_t off, uint64_t len, uint64_t align)
{
	return off % align == 0 && off >= sizeof(*b->h) && off <= b->n && len <= b->n - off;
}

bool sp_snap_str_ok(const struct sp_snap_blob *b, struct sp_snap_str s)
{
	return s.len == 0 ? s.off <= b->n : sp_snap_range_ok(b, s.off, s.len, 1);
}

static bool strs_ok(const struct sp_snap_blob *b, const struct sp_snap_str *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!sp_snap_str_ok(b, s[i]))
			return false;
	return true;
}

bool sp_snap_table_ok(const struct sp_snap_blob *b, struct sp_snap_table t, uint64_t size)
{
	return t.n == 0 ? t.off <= b->n : sp_snap_range_ok(b, t.off, t.n * size, 8);
}

bool sp_snap_str_table_ok(const struct sp_snap_blob *b, struct sp_snap_table t)
{
	return sp_snap_table_ok(b, t, sizeof(struct sp_snap_str)) &&
	       (t.n == 0 || strs_ok(b, (const struct sp_snap_str *)(b->base + t.off), t.n));
}

bool sp_snap_index_ok(const struct sp_snap_blob *b, struct sp_snap_index x, uint32_t entries)
{
	uint64_t slots = (uint64_t)x.mask + 1;
	const uint32_t *slot = (const uint32_t *)(b->base + x.off);

	if ((slots & (slots - 1)) || slots > UINT32_MAX || slots <= entries ||
		!sp_snap_range_ok(b, x.off, slots * sizeof(*slot), 4))
		return false;
	for (uint64_t i = 0; i < slots; i++)
		if (slot[i] > entries)
			return false;
	return true;
}

bool sp_snap_list_ok(const struct sp_snap_blob *b, struct sp_snap_table t, uint32_t below)
{
	const uint32_t *v = (const uint32_t *)(b->base + t.off);

	if (!sp_snap_table_ok(b, t, sizeof(*v)))
		return false;
	for (uint32_t i = 0; i < t.n; i++)
		if (v[i] >= below || (i && v[i] <= v[i - 1]))
			return false;
	return true;
}

/// Entry `i` of a table that sp_snap_table_ok() passed.
#define ENTRY(b, t, type, i) ((const struct type *)((b)->base + (t).off) + (i))

static bool keys_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->keys.n; i++) {
		const struct sp_snap_key *k = ENTRY(b, b->h->keys, sp_snap_key, i);

		if (!sp_snap_str_ok(b, k->kid) || !sp_snap_str_ok(b, k->spki) ||
			k->alg < SP_ALG_RS256 || k->alg > SP_ALG_EDDSA ||
			k->issuer >= b->h->issuers.n)
			return false;
	}
	return true;
}

/// An issuer's keys are a run of the one table of keys, so that a key's number finds it in both.
static bool keys_run_ok(const struct sp_snap_blob *b, struct sp_snap_table run)
{
	struct sp_snap_table all = b->h->keys;
	uint64_t end = (uint64_t)all.off + all.n * (uint64_t)sizeof(struct sp_snap_key);

	return run.n == 0 ||
	       (run.off >= all.off && (run.off - all.off) % sizeof(struct sp_snap_key) == 0 &&
		       run.off + run.n * (uint64_t)sizeof(struct sp_snap_key) <= end);
}

static bool issuers_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->issuers.n; i++) {
		const struct sp_snap_issuer *s = ENTRY(b, b->h->issuers, sp_snap_issuer, i);

		if (!sp_snap_str_ok(b, s->iss) || !sp_snap_str_ok(b, s->agent_claim) ||
			!sp_snap_str_table_ok(b, s->audiences) ||
			!sp_snap_table_ok(b, s->keys, sizeof(struct sp_snap_key)) ||
			!keys_run_ok(b, s->keys))
			return false;
	}
	return true;
}

static bool upstreams_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->upstreams.n; i++) {
		const struct sp_snap_upstream *u = ENTRY(b, b->h->upstreams, sp_snap_upstream, i);
		const struct sp_snap_str strs[] = {
			u->name, u->host, u->path, u->server_name, u->ca_pem, u->credential};

		if (!strs_ok(b, strs, SP_ARRAY_LEN(strs)) || u->kind > SP_UP_UNIX ||
			u->era > SP_ERA_BOTH || u->http > SP_UP_HTTP_2 ||
			u->addrs_n > SP_UPSTREAM_ADDRS_MAX)
			return false;
		for (uint32_t a = 0; a < u->addrs_n; a++)
			if (u->addr_len[a] > sizeof(u->addr[a]))
				return false;
	}
	return true;
}

static bool routes_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->routes.n; i++) {
		const struct sp_snap_route *r = ENTRY(b, b->h->routes, sp_snap_route, i);
		const struct sp_snap_str strs[] = {r->path, r->resource, r->scopes, r->metadata,
			r->metadata_url, r->anonymous_agent};
		const uint32_t *up = (const uint32_t *)(b->base + r->upstreams.off);

		if (!strs_ok(b, strs, SP_ARRAY_LEN(strs)) || !sp_snap_str_table_ok(b, r->hosts) ||
			!sp_snap_str_table_ok(b, r->origins) ||
			!sp_snap_table_ok(b, r->upstreams, sizeof(*up)))
			return false;
		for (uint32_t u = 0; u < r->upstreams.n; u++)
			if (up[u] >= b->h->upstreams.n)
				return false;
	}
	return true;
}

static bool agents_ok(const struct sp_snap_blob *b)
{
	uint64_t bits = b->h->actions_words * (uint64_t)sizeof(uint64_t);

	for (uint32_t i = 0; i < b->h->agents.n; i++) {
		const struct sp_snap_agent *a = ENTRY(b, b->h->agents, sp_snap_agent, i);

		if (!sp_snap_str_ok(b, a->name) || !sp_snap_str_ok(b, a->source) ||
			a->audit_level > SP_AUDIT_STRICT ||
			!sp_snap_range_ok(b, a->actions_off, bits, 8))
			return false;
	}
	for (uint32_t i = 0; i < b->h->actions.n; i++)
		if (!sp_snap_str_ok(b, ENTRY(b, b->h->actions, sp_snap_action, i)->name))
			return false;
	return true;
}

static bool tables_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_header *h = b->h;

	return sp_snap_table_ok(b, h->issuers, sizeof(struct sp_snap_issuer)) &&
	       sp_snap_table_ok(b, h->keys, sizeof(struct sp_snap_key)) &&
	       sp_snap_table_ok(b, h->upstreams, sizeof(struct sp_snap_upstream)) &&
	       sp_snap_table_ok(b, h->routes, sizeof(struct sp_snap_route)) &&
	       sp_snap_table_ok(b, h->agents, sizeof(struct sp_snap_agent)) &&
	       sp_snap_table_ok(b, h->actions, sizeof(struct sp_snap_action)) &&
	       sp_snap_index_ok(b, h->agents_index, h->agents.n) &&
	       sp_snap_index_ok(b, h->actions_index, h->actions.n) &&
	       sp_snap_index_ok(b, h->issuers_index, h->issuers.n);
}

/// Over the header with its checksum zeroed, and all that follows it.
uint64_t sp_snap_checksum(const void *base, size_t n)
{
	struct sp_snap_header h;
	uint64_t part[2];

	memcpy(&h, base, sizeof(h));
	memset(h.checksum, 0, sizeof(h.checksum));
	part[0] = sp_snap_hash(sp_bytes(&h, sizeof(h)));
	part[1] = sp_snap_hash(sp_bytes((const uint8_t *)base + sizeof(h), n - sizeof(h)));
	return sp_snap_hash(sp_bytes(part, sizeof(part)));
}

int sp_snap_attach(const void *base, size_t n, struct sp_snap *ret)
{
	const struct sp_snap_header *h = base;

	if ((uintptr_t)base % alignof(struct sp_snap_header) || n < sizeof(*h))
		return -EINVAL;
	if (h->magic != SP_SNAP_MAGIC)
		return -EINVAL;
	if (h->layout != SP_SNAP_LAYOUT)
		return -ESTALE;
	if (h->bytes < sizeof(*h) || h->bytes > n)
		return -EINVAL;
	*ret = (struct sp_snap){base, h};
	return 0;
}

int sp_snap_open(const void *base, size_t n, struct sp_snap *ret)
{
	struct sp_snap_blob b = {base, n, base};
	struct sp_snap s;
	uint64_t sum;

	SP_TRY(sp_snap_attach(base, n, &s));
	b.n = b.h->bytes;
	sum = sp_snap_checksum(base, b.n);
	if (memcmp(&sum, b.h->checksum, sizeof(sum)) != 0)
		return -EBADMSG;
	if (b.h->default_audit_level > SP_AUDIT_STRICT || !sp_snap_str_ok(&b, b.h->profile) ||
		b.h->actions_words < (b.h->actions.n + 63ull) / 64 || !tables_ok(&b) ||
		!keys_ok(&b) || !issuers_ok(&b) || !upstreams_ok(&b) || !routes_ok(&b) ||
		!agents_ok(&b) || !sp_snap_policy_ok(&b))
		return -EBADMSG;
	*ret = s;
	return 0;
}
