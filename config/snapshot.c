#include "config/snapshot.h"

#include "common/fold.h"
#include "common/banned.h"

static uint64_t read64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/// As wyhash does: 16 bytes a step, the tail read overlapping, the length mixed in last.
uint64_t sp_snap_hash(struct sp_bytes s)
{
	const uint8_t *p = s.p;
	size_t n = s.n;
	uint64_t h = sp_fold(SP_FOLD_0, SP_FOLD_1), a = 0, b = 0;

	if (n > 16) {
		for (; n > 16; n -= 16, p += 16)
			h = sp_fold(read64(p) ^ SP_FOLD_1, read64(p + 8) ^ h);
		a = read64(p + n - 16);
		b = read64(p + n - 8);
	} else if (n >= 8) {
		a = read64(p);
		b = read64(p + n - 8);
	} else if (n >= 4) {
		a = read32(p);
		b = read32(p + n - 4);
	} else if (n > 0) {
		a = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
	}
	return sp_fold(SP_FOLD_2 ^ s.n, sp_fold(a ^ SP_FOLD_1, b ^ h));
}

/// Entry a name may be: the first in its chain that `table` says is called so.
static uint32_t find(const struct sp_snap *s, struct sp_snap_index index,
	struct sp_snap_table table, size_t size, struct sp_bytes name)
{
	const uint32_t *slot = (const uint32_t *)(s->base + index.off);
	uint64_t h = sp_snap_hash(name);

	for (uint32_t i = 0; i <= index.mask; i++) {
		uint32_t e = slot[(h + i) & index.mask];
		const struct sp_snap_str *v;

		if (e == 0)
			return SP_SNAP_NONE;
		v = sp_snap_at(s, table, e - 1, size);
		if (sp_bytes_eq_short(sp_snap_str(s, *v), name))
			return e - 1;
	}
	return SP_SNAP_NONE;
}

_Static_assert(offsetof(struct sp_snap_agent, name) == 0 &&
		       offsetof(struct sp_snap_action, name) == 0 &&
		       offsetof(struct sp_snap_issuer, iss) == 0,
	"find() reads the name as the first member");

uint32_t sp_snap_find_agent(const struct sp_snap *s, struct sp_bytes name)
{
	return find(s, s->h->agents_index, s->h->agents, sizeof(struct sp_snap_agent), name);
}

uint32_t sp_snap_find_action(const struct sp_snap *s, struct sp_bytes name)
{
	return find(s, s->h->actions_index, s->h->actions, sizeof(struct sp_snap_action), name);
}

uint32_t sp_snap_find_issuer(const struct sp_snap *s, struct sp_bytes iss)
{
	return find(s, s->h->issuers_index, s->h->issuers, sizeof(struct sp_snap_issuer), iss);
}

/// Routes are few: looked through, not indexed.
uint32_t sp_snap_find_route(const struct sp_snap *s, struct sp_bytes path)
{
	for (uint32_t i = 0; i < s->h->routes.n; i++)
		if (sp_bytes_eq(sp_snap_str(s, sp_snap_route(s, i)->path), path))
			return i;
	return SP_SNAP_NONE;
}

bool sp_snap_allows(const struct sp_snap *s, const struct sp_snap_agent *a, uint32_t action)
{
	const uint64_t *bits = (const uint64_t *)(s->base + a->actions_off);

	if (action >= s->h->actions.n)
		return false;
	return bits[action / 64] >> (action % 64) & 1;
}
