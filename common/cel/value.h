/// Values while a condition is evaluated; inside of this room.
#pragma once

#include "common/cel/program.h"

/// A list that came to be (`v`), or a constant one (`prog`, from constant `first` on).
struct sp_cel_list {
	uint32_t n, cap;
	struct sp_cel *v;
	const uint8_t *prog;
	uint32_t first;
};
struct sp_cel_map {
	uint32_t n, cap;
	struct sp_cel (*kv)[2];
};

#define CEL_2_63 9223372036854775808.0
#define CEL_2_64 18446744073709551616.0

/// Meter of one evaluation: everything whose work depends on data pays here.
struct cel_meter {
	struct sp_cel_arena *arena;
	uint32_t steps, max;
};
static inline bool cel_pay(struct cel_meter *m, size_t steps)
{
	if (steps > m->max - m->steps) {
		m->steps = m->max;
		return false;
	}
	m->steps += (uint32_t)steps;
	return true;
}

/// A walk over a list's elements or a map's keys.
struct cel_cursor {
	struct sp_cel of;
	uint32_t i, n;
	uint32_t tok; ///< of the next element or key, in a document
};

static inline void cel_set_error(struct sp_cel *v, enum sp_cel_error e)
{
	v->type = SP_CEL_ERROR;
	v->error = e;
}
static inline void cel_set_bool(struct sp_cel *v, bool b)
{
	v->type = SP_CEL_BOOL;
	v->u = b; // the whole word: a copy of the value follows at once
}
static inline void cel_set_int(struct sp_cel *v, int64_t i)
{
	v->type = SP_CEL_INT;
	v->i = i;
}
static inline bool cel_is_number(const struct sp_cel *v)
{
	return v->type == SP_CEL_INT || v->type == SP_CEL_UINT || v->type == SP_CEL_DOUBLE;
}

enum sp_cel_error cel_const_value(const uint8_t *prog, const struct sp_cel_const *c,
	struct sp_cel_arena *arena, struct sp_cel *ret);
enum sp_cel_error cel_from_const(
	const uint8_t *prog, uint32_t i, struct sp_cel_arena *arena, struct sp_cel *ret);
/// Elements of a LIST, entries of a MAP.
uint32_t cel_count(const struct sp_cel *v);
void cel_cursor_init(struct cel_cursor *c, const struct sp_cel *container);
/// False at the end. `value`, of maps only, may be NULL.
bool cel_cursor_next(struct cel_cursor *c, struct sp_cel_arena *arena, struct sp_cel *key,
	struct sp_cel *value, enum sp_cel_error *ret_error);
/// Element `i` of a list, value of a key of a map. `ret` may be the container itself.
enum sp_cel_error cel_index(const struct sp_cel *container, const struct sp_cel *key,
	struct cel_meter *m, struct sp_cel *ret);
enum sp_cel_error cel_field(
	const struct sp_cel *map, struct sp_bytes name, struct cel_meter *m, struct sp_cel *ret);
enum sp_cel_error cel_push(struct sp_cel *list, const struct sp_cel *v, struct sp_cel_arena *a);
enum sp_cel_error cel_put(
	struct sp_cel *map, const struct sp_cel *k, const struct sp_cel *v, struct cel_meter *m);
enum sp_cel_error cel_new_list(struct sp_cel_arena *a, uint32_t cap, struct sp_cel *ret);
enum sp_cel_error cel_new_map(struct sp_cel_arena *a, uint32_t cap, struct sp_cel *ret);

/// Equality over all types, numbers by their value.
enum sp_cel_error cel_equal(
	const struct sp_cel *a, const struct sp_cel *b, struct cel_meter *m, bool *ret);
/// -1, 0, 1, or 2 when neither is less; SP_CEL_E_NO_OVERLOAD for types without an order.
enum sp_cel_error cel_compare(const struct sp_cel *a, const struct sp_cel *b, int *ret);
enum sp_cel_error cel_in(
	const struct sp_cel *v, const struct sp_cel *container, struct cel_meter *m, bool *ret);

/// v[0] op v[1] into v[0].
enum sp_cel_error cel_arith(enum sp_cel_op op, struct sp_cel *v, struct cel_meter *m);
enum sp_cel_error cel_negate(struct sp_cel *v);
/// A function over its arguments v[0..n) into v[0].
enum sp_cel_error cel_call(enum sp_cel_fn fn, struct sp_cel *v, uint32_t n, struct cel_meter *m);

enum sp_cel_error cel_to_string(struct sp_cel *v, struct cel_meter *m);
enum sp_cel_error cel_to_bytes(struct sp_cel *v);
enum sp_cel_error cel_to_double(struct sp_cel *v);
enum sp_cel_error cel_to_int(struct sp_cel *v);
enum sp_cel_error cel_to_uint(struct sp_cel *v);
enum sp_cel_error cel_to_bool(struct sp_cel *v);
/// A number's text, shortest that reads back the same. `buf` of 40 bytes.
size_t cel_double_text(double d, char *buf);
bool cel_double_read(struct sp_bytes s, double *ret);

enum sp_cel_error cel_to_timestamp(struct sp_cel *v);
enum sp_cel_error cel_to_duration(struct sp_cel *v);
/// Text of a TIMESTAMP or DURATION; `buf` of 48 bytes.
size_t cel_time_text(const struct sp_cel *v, char *buf);
enum sp_cel_error cel_time_add(const struct sp_cel *t, int64_t ns, struct sp_cel *ret);
enum sp_cel_error cel_time_diff(const struct sp_cel *a, const struct sp_cel *b, struct sp_cel *ret);
enum sp_cel_error cel_time_get(enum sp_cel_fn fn, struct sp_cel *v, int64_t shift);
int64_t cel_zone_shift(const uint8_t *shifts, uint32_t n, int64_t at);

enum sp_cel_error cel_match(
	const uint8_t *re, struct sp_bytes text, struct cel_meter *m, bool *ret);
const char *cel_type_name(enum sp_cel_type t);
