/// Protobuf's wire format, read in place. Internal to this folder.
#pragma once

#include "common/sql/sql_int.h"

struct sp_pg_wire {
	uint32_t number, type;
	uint64_t value; ///< of type 0
	struct sp_bytes bytes; ///< of type 2
};

static inline bool sp_pg_varint(struct sp_bytes *m, uint64_t *ret)
{
	uint64_t v = 0;

	for (uint32_t shift = 0; shift < 64 && m->n; shift += 7) {
		uint8_t c = *m->p++;

		m->n--;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/// 1 one was read, 0 at the end, -EBADMSG on what this judge has no use for.
static inline int sp_pg_next(struct sp_bytes *m, struct sp_pg_wire *ret)
{
	uint64_t key, n;

	*ret = (struct sp_pg_wire){0};
	if (!m->n)
		return 0;
	if (!sp_pg_varint(m, &key) || key >> 3 > UINT16_MAX)
		return -EBADMSG;
	ret->number = (uint32_t)(key >> 3);
	ret->type = key & 7;
	if (ret->type == 0)
		return sp_pg_varint(m, &ret->value) ? 1 : -EBADMSG;
	if (ret->type != 2 || !sp_pg_varint(m, &n) || n > m->n)
		return -EBADMSG;
	ret->bytes = sp_bytes(m->p, (size_t)n);
	m->p += n;
	m->n -= (size_t)n;
	return 1;
}

/// The first field of that number and type 2 in `m`.
static inline bool sp_pg_get(struct sp_bytes m, uint32_t number, struct sp_bytes *ret)
{
	struct sp_pg_wire f;

	while (sp_pg_next(&m, &f) > 0) {
		if (f.number == number && f.type == 2) {
			*ret = f.bytes;
			return true;
		}
	}
	return false;
}
