#include "controlplane/audit/merkle.h"

#include "common/banned.h"

static void join(const uint8_t *left, const uint8_t *right, uint8_t *ret)
{
	struct sp_bytes piece[] = {SP_LIT("\x01"), {left, SP_SHA256}, {right, SP_SHA256}};

	sp_sha256(piece, SP_ARRAY_LEN(piece), ret);
}

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256])
{
	struct sp_bytes piece[] = {SP_LIT("\x00"), {leaf, SP_SHA256}};
	uint8_t h[SP_SHA256];
	unsigned k = 0;

	sp_sha256(piece, SP_ARRAY_LEN(piece), h);
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
