#include "dataplane/mcp/era.h"
#include "common/banned.h"

int sp_era_cache_init(struct sp_era_cache *c)
{
	c->era = calloc(SP_ERA_ENTRIES, sizeof(*c->era));
	c->south = calloc(SP_SOUTH_ENTRIES, sizeof(*c->south));
	return c->era && c->south ? 0 : -ENOMEM;
}

void sp_era_cache_done(struct sp_era_cache *c)
{
	free(c->era);
	free(c->south);
	*c = (struct sp_era_cache){0};
}

static struct sp_era_entry *era_entry(const struct sp_era_cache *c, uint64_t upstream)
{
	return &c->era[upstream % SP_ERA_ENTRIES];
}

int sp_era_get(const struct sp_era_cache *c, uint64_t upstream, uint64_t now_ns)
{
	const struct sp_era_entry *e = era_entry(c, upstream);

	if (e->upstream != upstream || now_ns >= e->until_ns)
		return -ENOENT;
	return (int)e->modern;
}

void sp_era_put(struct sp_era_cache *c, uint64_t upstream, bool modern, uint64_t now_ns)
{
	*era_entry(c, upstream) = (struct sp_era_entry){upstream, now_ns + SP_ERA_LEGACY_NS, modern};
}

#define SOUTH_WAYS 8u

static struct sp_south_entry *south_set(struct sp_era_cache *c, uint64_t upstream,
	const uint8_t principal[32])
{
	uint64_t h;

	memcpy(&h, principal, sizeof(h)); // already a hash
	return &c->south[(h ^ upstream) % (SP_SOUTH_ENTRIES / SOUTH_WAYS) * SOUTH_WAYS];
}

static bool south_is(const struct sp_south_entry *e, uint64_t upstream, const uint8_t principal[32])
{
	return e->upstream == upstream && memcmp(e->principal, principal, 32) == 0;
}

struct sp_south_entry *sp_south_get(struct sp_era_cache *c, uint64_t upstream,
	const uint8_t principal[32], uint64_t now_ns)
{
	struct sp_south_entry *set = south_set(c, upstream, principal);

	for (unsigned i = 0; i < SOUTH_WAYS; i++) {
		if (south_is(&set[i], upstream, principal)) {
			set[i].used_ns = now_ns;
			return &set[i];
		}
	}
	return NULL;
}

struct sp_south_entry *sp_south_put(struct sp_era_cache *c, const uint8_t principal[32],
	const struct sp_south_session *session, uint32_t caps, uint64_t now_ns)
{
	struct sp_south_entry *set = south_set(c, session->upstream, principal), *at = set;

	for (unsigned i = 0; i < SOUTH_WAYS; i++) {
		if (south_is(&set[i], session->upstream, principal)) {
			at = &set[i];
			break;
		}
		if (set[i].used_ns < at->used_ns)
			at = &set[i];
	}
	*at = (struct sp_south_entry){
		.upstream = session->upstream, .used_ns = now_ns, .caps = caps, .session = *session};
	memcpy(at->principal, principal, 32);
	return at;
}

void sp_south_drop(struct sp_era_cache *c, uint64_t upstream, const uint8_t principal[32])
{
	struct sp_south_entry *e = sp_south_get(c, upstream, principal, 0);

	if (e)
		*e = (struct sp_south_entry){0};
}
