/// The parse tree as libpg_query's protobuf structs, read in place and field by field. Internal to
/// this folder.
#pragma once

#include "common/sql/sql_int.h"

#include <pg_query/pg_query.pb-c.h>

/// One thing a message holds: a scalar that is not zero, a string that is not empty, a message.
struct sp_pg_item {
	uint32_t number;
	uint64_t value;
	const void *p;
};
struct sp_pg_iter {
	const ProtobufCMessage *m;
	unsigned field;
	size_t at;
};

static inline struct sp_pg_iter sp_pg_iter(const void *m)
{
	return (struct sp_pg_iter){.m = m};
}
static inline bool sp_pg_scalar(
	const ProtobufCFieldDescriptor *f, const uint8_t *at, struct sp_pg_item *ret)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		ret->p = *(const char *const *)(const void *)at;
		return ret->p && *(const char *)ret->p;
	case PROTOBUF_C_TYPE_MESSAGE:
		ret->p = *(const void *const *)(const void *)at;
		return ret->p != NULL;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_DOUBLE:
		memcpy(&ret->value, at, 8);
		return ret->value != 0;
	default: { // 32 bits, bool and enum among them
		uint32_t v;

		memcpy(&v, at, 4);
		ret->value = v;
		return v != 0;
	}
	}
}
/// The next one, in the order of the descriptor. A list gives its elements, null ones too.
static inline bool sp_pg_next(struct sp_pg_iter *i, struct sp_pg_item *ret)
{
	const uint8_t *base = (const uint8_t *)i->m;

	for (; i->field < i->m->descriptor->n_fields; i->field++, i->at = 0) {
		const ProtobufCFieldDescriptor *f = &i->m->descriptor->fields[i->field];

		*ret = (struct sp_pg_item){.number = f->id};
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);

			if (i->at == n)
				continue;
			if (f->type != PROTOBUF_C_TYPE_MESSAGE) { // sets of numbers: no tree of a
								  // text has one
				i->field++;
				return true;
			}
			ret->p = (*(const void *const *const *)(const void *)(base +
									      f->offset))[i->at++];
			return true;
		}
		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
			*(const uint32_t *)(const void *)(base + f->quantifier_offset) != f->id)
			continue;
		if (sp_pg_scalar(f, base + f->offset, ret)) {
			i->field++;
			return true;
		}
	}
	return false;
}
/// What a Node holds, whatever it is.
static inline const void *sp_pg_inside(const PgQuery__Node *node)
{
	return node->alias;
}
