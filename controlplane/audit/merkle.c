#include "controlplane/audit/merkle.h"

#include "common/banned.h"

static void join(struct sp_merkle_step *s, const uint8_t *left, const uint8_t *right)
{
	s->bytes[0] = 1;
	memcpy(s->bytes + 1 + SP_SHA256, right, SP_SHA256);
	memcpy(s->bytes + 1, left, SP_SHA256);
	sp_sha256_begin(&s->hash, s->bytes, 1 + 2 * SP_SHA256);
}

void sp_merkle_begin(struct sp_merkle_step *s, const uint8_t leaf[SP_SHA256])
{
	s->level = 0;
	s->bytes[0] = 0;
	memcpy(s->bytes + 1, leaf, SP_SHA256);
	sp_sha256_begin(&s->hash, s->bytes, 1 + SP_SHA256);
}

bool sp_merkle_on(struct sp_merkle_step *s, struct sp_merkle *m)
{
	uint8_t h[SP_SHA256];
	unsigned k = s->level;

	SP_BUG_IF(k >= SP_MERKLE_LEVELS);
	sp_sha256_end(&s->hash, h);
	if (m->size >> k & 1) {
		join(s, m->node[k], h);
		s->level++;
		return true;
	}
	memcpy(m->node[k], h, SP_SHA256);
	m->size++;
	return false;
}

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256])
{
	struct sp_merkle_step s;

	sp_merkle_begin(&s, leaf);
	do
		sp_sha256_rest(&s.hash);
	while (sp_merkle_on(&s, m));
}

void sp_merkle_root(const struct sp_merkle *m, uint8_t ret[SP_SHA256])
{
	struct sp_merkle_step s;
	bool first = true;

	if (m->size == 0)
		sp_sha256(NULL, 0, ret);
	for (unsigned k = 0; k < SP_MERKLE_LEVELS; k++) {
		if (!(m->size >> k & 1))
			continue;
		if (first) {
			memcpy(ret, m->node[k], SP_SHA256);
		} else {
			join(&s, m->node[k], ret);
			sp_sha256_rest(&s.hash);
			sp_sha256_end(&s.hash, ret);
		}
		first = false;
	}
}
