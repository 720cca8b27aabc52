#include "dataplane/identity/jwt.h"

#include "common/sha256.h"
#include "common/banned.h"

/// The SHA-256 is its own hash: its first bytes choose the set, the next ones are the tag, and all
/// 32 are compared. A token enters only after it verified, so nobody can fill a set with made-up
/// ones.
enum { WAYS = 8 };

/// Apart from the entries, so that a look-up touches two cache lines and the entry it returns.
struct set {
	uint64_t tag[WAYS];
	uint64_t used[WAYS]; ///< 0 = empty, else the cache's clock at the last use
};
struct entry {
	uint8_t sha256[32];
	struct sp_principal principal;
};
struct sp_token_cache {
	uint64_t clock;
	uint32_t mask; ///< sets - 1
	struct set *sets;
	struct entry *entries; ///< WAYS a set
};

void sp_token_cache_key(struct sp_bytes resource, struct sp_bytes token, uint8_t ret_sha256[32])
{
	const uint64_t border = resource.n;
	const struct sp_bytes piece[] = {
		sp_bytes((const uint8_t *)&border, sizeof(border)), resource, token};

	sp_sha256(piece, SP_ARRAY_LEN(piece), ret_sha256);
}

int sp_token_cache_new(uint32_t entries, struct sp_token_cache **ret)
{
	struct sp_token_cache *c;
	uint32_t sets = 1;

	if (entries == 0 || entries > 1u << 24)
		return -EINVAL;
	while (sets * WAYS < entries)
		sets *= 2;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->mask = sets - 1;
	c->sets = aligned_alloc(SP_CACHE_LINE, sets * sizeof(*c->sets));
	c->entries = calloc(sets, WAYS * sizeof(*c->entries));
	if (!c->sets || !c->entries) {
		free(c->sets);
		free(c->entries);
		free(c);
		return -ENOMEM;
	}
	memset(c->sets, 0, sets * sizeof(*c->sets));
	*ret = c;
	return 0;
}

struct sp_token_cache *sp_token_cache_free(struct sp_token_cache *c)
{
	if (c) {
		sp_wipe(c->entries, (size_t)(c->mask + 1) * WAYS * sizeof(*c->entries));
		free(c->entries);
		free(c->sets);
		free(c);
	}
	return NULL;
}

struct place {
	struct set *set;
	struct entry *entry; ///< the first way's
	uint64_t tag;
};

static struct place place_of(struct sp_token_cache *c, const uint8_t sha256[32])
{
	struct place p;
	uint32_t h;

	memcpy(&h, sha256, sizeof(h));
	memcpy(&p.tag, sha256 + 8, sizeof(p.tag));
	p.set = &c->sets[h & c->mask];
	p.entry = &c->entries[(size_t)(h & c->mask) * WAYS];
	return p;
}

/// The way that holds this token, or WAYS.
static unsigned find(const struct place *p, const uint8_t sha256[32])
{
	for (unsigned i = 0; i < WAYS; i++)
		if (p->set->tag[i] == p->tag && p->set->used[i] &&
			memcmp(p->entry[i].sha256, sha256, 32) == 0)
			return i;
	return WAYS;
}

static void drop(struct place *p, unsigned way)
{
	p->set->used[way] = 0;
	p->set->tag[way] = 0;
	sp_wipe(&p->entry[way], sizeof(p->entry[way]));
}

const struct sp_principal *sp_token_cache_get(
	struct sp_token_cache *c, const uint8_t sha256[32], uint64_t auth_epoch, uint64_t wall_ns)
{
	struct place p = place_of(c, sha256);
	unsigned way = find(&p, sha256);

	if (way == WAYS)
		return NULL;
	if (p.entry[way].principal.auth_epoch != auth_epoch ||
		wall_ns >= p.entry[way].principal.expires_ns) {
		drop(&p, way);
		return NULL;
	}
	p.set->used[way] = ++c->clock;
	return &p.entry[way].principal;
}

const struct sp_principal *sp_token_cache_put(
	struct sp_token_cache *c, const uint8_t sha256[32], const struct sp_principal *principal)
{
	struct sp_principal copy = *principal; // it may lie in the entry that goes
	struct place p = place_of(c, sha256);
	unsigned way = find(&p, sha256);

	if (way == WAYS) {
		way = 0;
		for (unsigned i = 1; i < WAYS; i++)
			if (p.set->used[i] < p.set->used[way])
				way = i;
	}
	drop(&p, way);
	memcpy(p.entry[way].sha256, sha256, 32);
	p.entry[way].principal = copy;
	p.set->tag[way] = p.tag;
	p.set->used[way] = ++c->clock;
	return &p.entry[way].principal;
}
