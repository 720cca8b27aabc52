/// The twins agree on everything, and what they accept jansson reads as the same value. Jansson
/// differs in range only: it refuses NUL in keys, integers over 64 bits, reals over a double, depth
/// over 2048.
#include "tests/support/json_both.h"

#include <jansson.h>
#include "common/banned.h"

#define DEPTH 128u
#define CAP 8192u

static bool same_value(const struct sp_json *j, uint32_t t, const json_t *v);

/// What the scan saw at a glance holds when it is looked into.
static bool names_are_apart(const struct sp_json *j, uint32_t t)
{
	static uint64_t room[CAP];
	bool apart = j->tok[t].apart, alike;

	j->tok[t].apart = false;
	alike = sp_json_alike_keys(j, t, 7, room, sizeof(room));
	j->tok[t].apart = apart;
	return !apart || !alike;
}

static bool same_object(const struct sp_json *j, uint32_t t, const json_t *v)
{
	static uint8_t key[1 << 16];

	if (!json_is_object(v) || json_object_size(v) != j->tok[t].count || !names_are_apart(j, t))
		return false;
	for (uint32_t k = t + 1; k < j->tok[t].next; k = j->tok[k + 1].next) {
		struct sp_bytes s;
		const json_t *member;

		if (sp_json_str(j, k, key, sizeof(key) - 1, &s))
			return true;
		memmove(key, s.p, s.n);
		key[s.n] = 0;
		member = json_object_get(v, (const char *)key);
		if (!member || !same_value(j, k + 1, member))
			return false;
	}
	return true;
}

static bool same_array(const struct sp_json *j, uint32_t t, const json_t *v)
{
	size_t i = 0;

	if (!json_is_array(v) || json_array_size(v) != j->tok[t].count)
		return false;
	for (uint32_t e = t + 1; e < j->tok[t].next; e = j->tok[e].next)
		if (!same_value(j, e, json_array_get(v, i++)))
			return false;
	return true;
}

static bool same_value(const struct sp_json *j, uint32_t t, const json_t *v)
{
	int64_t n;

	switch (sp_json_type(j, t)) {
	case SP_JSON_NULL:
		return json_is_null(v);
	case SP_JSON_TRUE:
		return json_is_true(v);
	case SP_JSON_FALSE:
		return json_is_false(v);
	case SP_JSON_STRING:
		return json_is_string(v) &&
		       sp_json_str_eq(j, t, sp_bytes(json_string_value(v), json_string_length(v)));
	case SP_JSON_NUMBER:
		if (sp_json_i64(j, t, &n))
			return json_is_real(v);
		return json_is_integer(v) && json_integer_value(v) == n;
	case SP_JSON_ARRAY:
		return same_array(j, t, v);
	case SP_JSON_OBJECT:
		return same_object(j, t, v);
	}
	return false;
}

static bool out_of_range(const json_error_t *e)
{
	enum json_error_code code = json_error_code(e);

	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
	       code == json_error_stack_overflow;
}

/// A key as a reader without regard to case compares it: the plain way.
static size_t fold(const struct sp_json *j, uint32_t t, uint8_t *to, size_t cap)
{
	struct sp_bytes s;
	size_t n = 0;

	if (sp_json_str(j, t, to, cap, &s))
		abort();
	memmove(to, s.p, s.n);
	for (size_t i = 0; i < s.n;) {
		bool long_s = s.n - i >= 2 && memcmp(to + i, "\xc5\xbf", 2) == 0;
		bool kelvin = s.n - i >= 3 && memcmp(to + i, "\xe2\x84\xaa", 3) == 0;
		uint8_t c = to[i];

		to[n++] = long_s ? 's' : kelvin ? 'k' : c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		i += long_s ? 2 : kelvin ? 3 : 1;
	}
	return n;
}

#define ALIKE_MAX 200u ///< members: all pairs are compared

static void check_alike(const struct sp_json *j, uint32_t obj)
{
	static uint8_t a[1 << 16], b[1 << 16];
	static uint64_t room[ALIKE_MAX];
	uint32_t end = j->tok[obj].next;
	bool alike = false;

	if (sp_json_type(j, obj) != SP_JSON_OBJECT || j->tok[obj].count > ALIKE_MAX || j->text.n > sizeof(a))
		return;
	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next) {
		size_t n = fold(j, k, a, sizeof(a));

		for (uint32_t e = obj + 1; e < k; e = j->tok[e + 1].next)
			alike |= sp_bytes_eq(sp_bytes(a, n), sp_bytes(b, fold(j, e, b, sizeof(b))));
	}
	SP_BUG_IF(sp_json_alike_keys(j, obj, 7, room, sizeof(room)) != alike);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_both b = json_both(sp_bytes(data, size), DEPTH, CAP);
	json_error_t e;
	json_t *v = json_loadb((const char *)data, size,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

	if (!b.err) {
		json_both_check_index(&b.j);
		for (uint32_t t = 0; t < b.j.n; t++)
			check_alike(&b.j, t);
		SP_BUG_IF(!v && !out_of_range(&e));
		SP_BUG_IF(v && !same_value(&b.j, 0, v));
	} else {
		SP_BUG_IF(v && b.err != -E2BIG && !memchr(data, 0, size));
	}
	json_decref(v);
	json_both_done(&b);
	return 0;
}
