#include "config/cel/type.h"

#include <stdio.h>
#include "common/banned.h"

const struct cel_type cel_scalar[] = {
	{0, NULL, NULL},
	{SP_CEL_NULL, NULL, NULL},
	{SP_CEL_BOOL, NULL, NULL},
	{SP_CEL_INT, NULL, NULL},
	{SP_CEL_UINT, NULL, NULL},
	{SP_CEL_DOUBLE, NULL, NULL},
	{SP_CEL_STRING, NULL, NULL},
	{SP_CEL_BYTES, NULL, NULL},
	{SP_CEL_LIST, NULL, cel_dyn},
	{SP_CEL_MAP, &cel_scalar[SP_CEL_STRING], cel_dyn},
	{SP_CEL_DURATION, NULL, NULL},
	{SP_CEL_TIMESTAMP, NULL, NULL},
	{SP_CEL_TYPE, NULL, NULL},
};

void cel_type_text(const struct cel_type *t, char *text, size_t cap)
{
	static const char *const name[] = {"dyn", [SP_CEL_NULL] = "null", [SP_CEL_BOOL] = "bool",
		[SP_CEL_INT] = "int", [SP_CEL_UINT] = "uint", [SP_CEL_DOUBLE] = "double",
		[SP_CEL_STRING] = "string", [SP_CEL_BYTES] = "bytes", [SP_CEL_LIST] = "list",
		[SP_CEL_MAP] = "map", [SP_CEL_DURATION] = "duration",
		[SP_CEL_TIMESTAMP] = "timestamp", [SP_CEL_TYPE] = "type"};
	char key[32], elem[64];

	if (t->kind == SP_CEL_LIST && t->elem->kind) {
		cel_type_text(t->elem, elem, sizeof(elem));
		snprintf(text, cap, "list(%s)", elem);
	} else if (t->kind == SP_CEL_MAP && (t->key->kind || t->elem->kind)) {
		cel_type_text(t->key, key, sizeof(key));
		cel_type_text(t->elem, elem, sizeof(elem));
		snprintf(text, cap, "map(%s, %s)", key, elem);
	} else {
		snprintf(text, cap, "%s", name[t->kind]);
	}
}

bool cel_same(const struct cel_type *a, const struct cel_type *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == SP_CEL_LIST)
		return cel_same(a->elem, b->elem);
	return a->kind != SP_CEL_MAP || (cel_same(a->key, b->key) && cel_same(a->elem, b->elem));
}

bool cel_is_numeric(const struct cel_type *t)
{
	return t->kind == SP_CEL_INT || t->kind == SP_CEL_UINT || t->kind == SP_CEL_DOUBLE;
}

bool cel_may_be(const struct cel_type *a, const struct cel_type *b)
{
	if (!a->kind || !b->kind || (cel_is_numeric(a) && cel_is_numeric(b)))
		return true;
	if (a->kind != b->kind)
		return a->kind == SP_CEL_NULL || b->kind == SP_CEL_NULL;
	if (a->kind == SP_CEL_LIST)
		return cel_may_be(a->elem, b->elem);
	return a->kind != SP_CEL_MAP ||
	       (cel_may_be(a->key, b->key) && cel_may_be(a->elem, b->elem));
}

const struct cel_type *cel_join(const struct cel_type *a, const struct cel_type *b)
{
	return cel_same(a, b) ? a : cel_dyn;
}

const struct cel_type *cel_type_new(struct cel_cc *c, enum sp_cel_type kind,
	const struct cel_type *key, const struct cel_type *elem)
{
	struct cel_type *t = sp_arena_alloc(c->arena, sizeof(*t));

	if (!t) {
		c->no_memory = true;
		return cel_dyn;
	}
	*t = (struct cel_type){kind, key, elem};
	return t;
}

const struct cel_type *cel_type_of_var(enum sp_cel_static s)
{
	static const enum sp_cel_type kind[] = {[SP_CEL_T_BOOL] = SP_CEL_BOOL,
		[SP_CEL_T_INT] = SP_CEL_INT,
		[SP_CEL_T_UINT] = SP_CEL_UINT,
		[SP_CEL_T_DOUBLE] = SP_CEL_DOUBLE,
		[SP_CEL_T_STRING] = SP_CEL_STRING,
		[SP_CEL_T_BYTES] = SP_CEL_BYTES,
		[SP_CEL_T_LIST] = SP_CEL_LIST,
		[SP_CEL_T_MAP] = SP_CEL_MAP,
		[SP_CEL_T_DURATION] = SP_CEL_DURATION,
		[SP_CEL_T_TIMESTAMP] = SP_CEL_TIMESTAMP};

	return &cel_scalar[(size_t)s < SP_ARRAY_LEN(kind) ? kind[s] : 0];
}

bool cel_type_named(const char *path, struct sp_bytes *ret)
{
	static const char *const name[] = {"bool", "int", "uint", "double", "string", "bytes",
		"list", "map", "null_type", "type", "google.protobuf.Timestamp",
		"google.protobuf.Duration"};

	for (size_t i = 0; i < SP_ARRAY_LEN(name); i++) {
		if (strcmp(path, name[i]) == 0) {
			*ret = sp_bytes_cstr(name[i]);
			return true;
		}
	}
	return false;
}
