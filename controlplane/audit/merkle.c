#include "controlplane/audit/merkle.h"

#include "common/banned.h"

static void join(const uint8_t *left, const uint8_t *right, uint8_t *ret)
{
	uint8_t b[1 + 2 * SP_SHA256 + SP_SHA256_PAD];

	b[0] = 1;
	memcpy(b + 1, left, SP_SHA256);
	memcpy(b + 1 + SP_SHA256, right, SP_SHA256);
	sp_sha256_in_place(b, 1 + 2 * SP_SHA256, ret);
}

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256])
{
	uint8_t b[1 + SP_SHA256 + SP_SHA256_PAD], h[SP_SHA256];
	unsigned k = 0;

	b[0] = 0;
	memcpy(b + 1, leaf, SP_SHA256);
	sp_sha256_in_place(b, 1 + SP_SHA256, h);
	for (; m->size >> k & 1; k++)
		join(m->node[k], h, h);
	SP_BUG_IF(k >= SP_MERKLE_LEVELS);
	memcpy(m->node[k], h, SP_SHA256);
	m->size++;
}

void sp_merkle_root(const struct sp_merkle *m, uint8_t ret[SP_SHA256])
{
	bool first = true;

	if (m->size == 0)
		sp_sha256(NULL, 0, ret);
	for (unsigned k = 0; k < SP_MERKLE_LEVELS; k++) {
		if (!(m->size >> k & 1))
			continue;
		if (first)
			memcpy(ret, m->node[k], SP_SHA256);
		else
			join(m->node[k], ret, ret);
		first = false;
	}
}
