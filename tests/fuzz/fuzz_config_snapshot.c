#include "config/diff.h"
#include "tests/support/snap_stamp.h"
#include "tests/support/snap_touch.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch_identity(const struct sp_snap *s)
{
	for (uint32_t i = 0; i < s->h->issuers.n; i++) {
		const struct sp_snap_issuer *x = SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, i);

		sp_snap_find_issuer(s, sp_snap_str(s, x->iss));
		touch_str(s, x->agent_claim);
		touch_strs(s, x->audiences);
		for (uint32_t k = 0; k < x->keys.n; k++) {
			const struct sp_snap_key *key = SP_SNAP_GET(s, x->keys, sp_snap_key, k);

			touch_str(s, key->kid);
			touch_str(s, key->spki);
			SP_BUG_IF(key->issuer >= s->h->issuers.n);
		}
	}
}

static void touch_routes(const struct sp_snap *s)
{
	for (uint32_t i = 0; i < s->h->routes.n; i++) {
		const struct sp_snap_route *r = sp_snap_route(s, i);

		sp_snap_find_route(s, sp_snap_str(s, r->path));
		touch_str(s, r->metadata);
		touch_str(s, r->metadata_url);
		touch_str(s, r->scopes);
		touch_str(s, r->resource);
		touch_str(s, r->anonymous_agent);
		touch_strs(s, r->hosts);
		touch_strs(s, r->origins);
		for (uint32_t k = 0; k < r->upstreams.n; k++) {
			uint32_t no = *(const uint32_t *)sp_snap_at(s, r->upstreams, k, 4);
			const struct sp_snap_upstream *u = sp_snap_upstream(s, no);

			touch_str(s, u->name);
			touch_str(s, u->credential);
			touch_str(s, u->ca_pem);
			for (uint32_t a = 0; a < u->addrs_n; a++)
				touch_sink += sp_snap_hash(sp_bytes(u->addr[a], u->addr_len[a]));
		}
	}
}

static void touch_agents(const struct sp_snap *s)
{
	for (uint32_t i = 0; i < s->h->agents.n && i < 64; i++) {
		const struct sp_snap_agent *a = sp_snap_agent(s, i);

		sp_snap_find_agent(s, sp_snap_str(s, a->name));
		touch_str(s, a->source);
		for (uint32_t k = 0; k < s->h->actions.n && k < 256; k++) {
			touch_sink += sp_snap_allows(s, a, k);
			touch_str(s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, k)->name);
		}
	}
	sp_snap_find_action(s, SP_LIT("read"));
}

/// The checksum is made right first, so that the offsets are what is tried; whatever opens is read
/// whole.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *blob = malloc(size + 8);
	struct sp_snap_header *h = (struct sp_snap_header *)blob;
	struct sp_snap s;

	SP_BUG_IF(!blob);
	memcpy(blob, data, size);
	if (size >= sizeof(*h)) {
		h->magic = SP_SNAP_MAGIC;
		h->layout = SP_SNAP_LAYOUT;
		h->bytes = (uint32_t)size;
		snap_stamp(blob, size, 1, 1);
	}
	if (sp_snap_open(blob, size, &s) == 0) {
		touch_identity(&s);
		touch_routes(&s);
		touch_agents(&s);
		touch_policy(&s);
		if (s.h->agents.n < 64 && s.h->actions.n < 256)
			touch_sink += (uint64_t)sp_snap_diff(NULL, &s, NULL, NULL);
	}
	free(blob);
	return 0;
}
