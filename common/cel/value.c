#include "common/cel/value.h"

#include "common/banned.h"

const char *sp_cel_error_text(enum sp_cel_error e)
{
	static const char *const text[] = {
		[SP_CEL_E_NONE] = "no error",
		[SP_CEL_E_NO_SUCH_KEY] = "no such key",
		[SP_CEL_E_NO_OVERLOAD] = "no such overload",
		[SP_CEL_E_OVERFLOW] = "out of range",
		[SP_CEL_E_DIVIDE] = "division by zero",
		[SP_CEL_E_INDEX] = "index out of bounds",
		[SP_CEL_E_CONVERT] = "cannot be converted",
		[SP_CEL_E_REPEATED_KEY] = "repeated key",
		[SP_CEL_E_COST] = "over the limit of steps or memory",
		[SP_CEL_E_UNKNOWN_VAR] = "unknown variable",
		[SP_CEL_E_BAD_PROGRAM] = "damaged program",
	};

	return (size_t)e < SP_ARRAY_LEN(text) && text[e] ? text[e] : "unknown error";
}

const char *cel_type_name(enum sp_cel_type t)
{
	static const char *const name[] = {
		[SP_CEL_NULL] = "null_type",
		[SP_CEL_BOOL] = "bool",
		[SP_CEL_INT] = "int",
		[SP_CEL_UINT] = "uint",
		[SP_CEL_DOUBLE] = "double",
		[SP_CEL_STRING] = "string",
		[SP_CEL_BYTES] = "bytes",
		[SP_CEL_LIST] = "list",
		[SP_CEL_MAP] = "map",
		[SP_CEL_DURATION] = "google.protobuf.Duration",
		[SP_CEL_TIMESTAMP] = "google.protobuf.Timestamp",
		[SP_CEL_TYPE] = "type",
	};

	return (size_t)t < SP_ARRAY_LEN(name) ? name[t] : NULL;
}

void *sp_cel_alloc(struct sp_cel_arena *a, size_t n)
{
	size_t at = a->used + (-((uintptr_t)a->p + a->used) & 7);

	if (at > a->cap || n > a->cap - at)
		return NULL;
	a->used = at + n;
	return a->p + at;
}

enum sp_cel_error cel_from_const(
	const uint8_t *prog, uint32_t i, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	struct sp_cel_const c = sp_cel_const(prog, i);

	return cel_const_value(prog, &c, arena, ret);
}

enum sp_cel_error cel_const_value(const uint8_t *prog, const struct sp_cel_const *c,
	struct sp_cel_arena *arena, struct sp_cel *ret)
{
	struct sp_cel_list *l;

	ret->type = (enum sp_cel_type)c->type;
	ret->ns = 0;
	ret->is_json = false;
	switch (ret->type) {
	case SP_CEL_STRING:
	case SP_CEL_BYTES:
	case SP_CEL_TYPE:
		ret->s = sp_bytes(prog + c->v, c->n);
		return SP_CEL_E_NONE;
	case SP_CEL_BOOL:
		ret->b = c->v;
		return SP_CEL_E_NONE;
	case SP_CEL_LIST:
		l = sp_cel_alloc(arena, sizeof(*l));
		if (!l)
			return SP_CEL_E_COST;
		*l = (struct sp_cel_list){.n = c->n, .prog = prog, .first = (uint32_t)c->v};
		ret->list = l;
		return SP_CEL_E_NONE;
	default:
		ret->u = c->v;
		return SP_CEL_E_NONE;
	}
}

/// A number of a document: INT when its value is integral and in range.
static enum sp_cel_error number_of(const struct sp_json *doc, uint32_t tok, struct sp_cel *ret)
{
	double d;

	if (sp_json_i64(doc, tok, &ret->i) == 0) {
		ret->type = SP_CEL_INT;
		return SP_CEL_E_NONE;
	}
	if (!cel_double_read(sp_json_span(doc, tok), &d))
		return SP_CEL_E_CONVERT;
	if (d >= -CEL_2_63 && d < CEL_2_63 && (double)(int64_t)d == d) {
		cel_set_int(ret, (int64_t)d);
	} else {
		ret->type = SP_CEL_DOUBLE;
		ret->d = d;
	}
	return SP_CEL_E_NONE;
}

static enum sp_cel_error string_of(
	const struct sp_json *doc, uint32_t tok, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	uint32_t len = doc->tok[tok].len;
	uint8_t *buf = NULL;
	struct sp_bytes s;

	if (doc->tok[tok].escaped) {
		buf = sp_cel_alloc(arena, len);
		if (!buf)
			return SP_CEL_E_COST;
	}
	if (sp_json_str(doc, tok, buf, buf ? len : 0, &s) < 0)
		return SP_CEL_E_CONVERT;
	ret->type = SP_CEL_STRING;
	ret->s = s;
	return SP_CEL_E_NONE;
}

enum sp_cel_error sp_cel_from_json(
	const struct sp_json *doc, uint32_t tok, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	enum sp_json_type t = sp_json_type(doc, tok);

	ret->ns = 0;
	ret->is_json = false;
	switch (t) {
	case SP_JSON_STRING:
		return string_of(doc, tok, arena, ret);
	case SP_JSON_NUMBER:
		return number_of(doc, tok, ret);
	case SP_JSON_FALSE:
	case SP_JSON_TRUE:
		cel_set_bool(ret, t == SP_JSON_TRUE);
		return SP_CEL_E_NONE;
	case SP_JSON_NULL:
		ret->type = SP_CEL_NULL;
		ret->u = 0;
		return SP_CEL_E_NONE;
	case SP_JSON_ARRAY:
	case SP_JSON_OBJECT:
		ret->type = t == SP_JSON_ARRAY ? SP_CEL_LIST : SP_CEL_MAP;
		ret->is_json = true;
		ret->json.doc = doc;
		ret->json.tok = tok;
		return SP_CEL_E_NONE;
	}
	return SP_CEL_E_NO_SUCH_KEY;
}

enum sp_cel_error sp_cel_map_of(
	struct sp_cel_arena *a, const struct sp_cel (*pairs)[2], uint32_t n, struct sp_cel *ret)
{
	struct sp_cel_map *m = sp_cel_alloc(a, sizeof(*m));

	if (!m)
		return SP_CEL_E_COST;
	*m = (struct sp_cel_map){.n = n, .cap = n, .kv = (struct sp_cel(*)[2])(uintptr_t)pairs};
	*ret = (struct sp_cel){.type = SP_CEL_MAP, .map = m};
	return SP_CEL_E_NONE;
}

enum sp_cel_error sp_cel_list_of(
	struct sp_cel_arena *a, const struct sp_cel *v, uint32_t n, struct sp_cel *ret)
{
	struct sp_cel_list *l = sp_cel_alloc(a, sizeof(*l));

	if (!l)
		return SP_CEL_E_COST;
	*l = (struct sp_cel_list){.n = n, .cap = n, .v = (struct sp_cel *)(uintptr_t)v};
	*ret = (struct sp_cel){.type = SP_CEL_LIST, .list = l};
	return SP_CEL_E_NONE;
}

