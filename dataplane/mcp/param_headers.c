#include "dataplane/mcp/param_headers.h"

#include "common/banned.h"

#define KEYWORD SP_LIT("x-mcp-header")

/// A number as text: digits without zeros at either end, times ten to the exponent.
struct decimal {
	bool negative;
	uint32_t n; ///< 0 = zero
	int64_t exponent;
	uint8_t digit[32];
};

/// Read a JSON number of at most 32 significant digits and an exponent of at most nine.
static bool read_decimal(struct sp_bytes s, struct decimal *d)
{
	int64_t point = 0, e = 0;
	bool seen_point = false;
	size_t i = 0;

	*d = (struct decimal){0};
	if (i < s.n && s.p[i] == '-') {
		d->negative = true;
		i++;
	}
	for (; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
		if (s.p[i] == '.') {
			seen_point = true;
			continue;
		}
		point += seen_point;
		if (!d->n && s.p[i] == '0')
			continue;
		if (d->n == sizeof(d->digit))
			return false;
		d->digit[d->n++] = s.p[i];
	}
	if (i < s.n) {
		bool negative = s.p[++i] == '-';
		uint64_t v;

		i += s.p[i] == '-' || s.p[i] == '+';
		if (s.n - i > 9 || sp_bytes_u64(sp_bytes(s.p + i, s.n - i), &v) < 0)
			return false;
		e = negative ? -(int64_t)v : (int64_t)v;
	}
	d->exponent = e - point;
	for (; d->n && d->digit[d->n - 1] == '0'; d->n--)
		d->exponent++;
	if (!d->n)
		*d = (struct decimal){0};
	return true;
}

static bool same_number(struct sp_bytes a, struct sp_bytes b)
{
	struct decimal x, y;

	return read_decimal(a, &x) && read_decimal(b, &y) && x.negative == y.negative &&
	       x.n == y.n && x.exponent == y.exponent && memcmp(x.digit, y.digit, x.n) == 0;
}

static bool is_number(struct sp_bytes s)
{
	struct sp_json_tok tok;
	struct sp_json j;

	return s.n && s.p[0] > ' ' && s.p[s.n - 1] > ' ' &&
	       sp_json_scan(s, 0, &tok, 1, &j, NULL) == 0 && tok.type == SP_JSON_NUMBER;
}

static bool value_agrees(struct sp_bytes raw, const struct sp_json *j, uint32_t t)
{
	uint8_t decoded[SP_HEADER_VALUE_MAX];
	struct sp_bytes value;

	if (sp_headers_value(raw, decoded, &value) < 0)
		return false;
	switch (sp_json_type(j, t)) {
	case SP_JSON_STRING:
		return sp_json_str_eq(j, t, value);
	case SP_JSON_NUMBER:
		return is_number(value) && same_number(value, sp_json_span(j, t));
	case SP_JSON_TRUE:
		return sp_bytes_eq(value, SP_LIT("true"));
	case SP_JSON_FALSE:
		return sp_bytes_eq(value, SP_LIT("false"));
	default:
		return false;
	}
}

/// Annotation of a property's schema, or NONE: a string token.
static uint32_t annotation(const struct sp_json *schema, uint32_t property)
{
	return sp_json_get(schema, property, KEYWORD);
}

/// Index of the request's Mcp-Param-<name> header, or -ENOENT.
static int find_param(const struct sp_http_head *head, const uint8_t *buf, struct sp_bytes name)
{
	for (uint32_t i = 0; i < head->params_n; i++)
		if (sp_bytes_ieq(sp_http_get(buf, head->param_name[i]), name))
			return (int)i;
	return -ENOENT;
}

static bool property_agrees(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *schema, uint32_t property, const struct sp_json *j, uint32_t value)
{
	uint32_t note = annotation(schema, property);
	uint8_t name_buf[256];
	struct sp_bytes name;
	int at;

	if (note == SP_JSON_NONE)
		return true;
	if (sp_json_str(schema, note, name_buf, sizeof(name_buf), &name) < 0)
		return false;
	at = find_param(head, buf, name);
	if (value == SP_JSON_NONE || sp_json_type(j, value) == SP_JSON_NULL)
		return at < 0;
	return at >= 0 && value_agrees(sp_http_get(buf, head->param_value[at]), j, value);
}

/// Value of the member of `object` whose key equals string token `key` of the schema, or NONE.
static uint32_t member_of(
	const struct sp_json *schema, uint32_t key, const struct sp_json *j, uint32_t object)
{
	if (sp_json_type(j, object) != SP_JSON_OBJECT)
		return SP_JSON_NONE;
	for (uint32_t m = object + 1; m < j->tok[object].next; m = j->tok[m + 1].next)
		if (sp_json_same_str(schema, key, j, m))
			return m + 1;
	return SP_JSON_NONE;
}

static bool object_agrees(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *schema, uint32_t object, const struct sp_json *j, uint32_t value)
{
	uint32_t properties = sp_json_get(schema, object, SP_LIT("properties"));

	if (sp_json_type(schema, properties) != SP_JSON_OBJECT)
		return true;
	for (uint32_t k = properties + 1; k < schema->tok[properties].next;
		k = schema->tok[k + 1].next) {
		bool inner = sp_json_get(schema, k + 1, SP_LIT("properties")) != SP_JSON_NONE;
		uint32_t member;

		if (!inner && annotation(schema, k + 1) == SP_JSON_NONE)
			continue;
		member = member_of(schema, k, j, value);
		if (!property_agrees(head, buf, schema, k + 1, j, member) ||
			(inner && !object_agrees(head, buf, schema, k + 1, j, member)))
			return false;
	}
	return true;
}

int sp_param_headers_agree(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *schema, uint32_t input, const struct sp_json *j, uint32_t arguments)
{
	return object_agrees(head, buf, schema, input, j, arguments) ? 0
								     : SP_REASON_HEADER_MISMATCH;
}

struct names {
	const struct sp_json *schema;
	uint32_t token[SP_HTTP_PARAMS_MAX];
	uint32_t n;
};

static bool type_may_be_repeated(const struct sp_json *schema, uint32_t property)
{
	uint32_t type = sp_json_get(schema, property, SP_LIT("type"));

	return sp_json_str_eq(schema, type, SP_LIT("string")) ||
	       sp_json_str_eq(schema, type, SP_LIT("integer")) ||
	       sp_json_str_eq(schema, type, SP_LIT("boolean"));
}

/// An escaped annotation is refused with the rest: a token needs no escapes.
static bool note_ok(struct names *names, uint32_t property, uint32_t note)
{
	const struct sp_json *schema = names->schema;

	if (sp_json_type(schema, note) != SP_JSON_STRING || schema->tok[note].escaped ||
		!sp_http_token_ok(sp_json_span(schema, note)) ||
		!type_may_be_repeated(schema, property) || names->n == SP_HTTP_PARAMS_MAX)
		return false;
	for (uint32_t i = 0; i < names->n; i++)
		if (sp_bytes_ieq(sp_json_span(schema, names->token[i]), sp_json_span(schema, note)))
			return false;
	names->token[names->n++] = note;
	return true;
}

static bool notes_ok(struct names *names, uint32_t object)
{
	const struct sp_json *schema = names->schema;
	uint32_t properties = sp_json_get(schema, object, SP_LIT("properties"));

	if (sp_json_type(schema, properties) != SP_JSON_OBJECT)
		return true;
	for (uint32_t k = properties + 1; k < schema->tok[properties].next;
		k = schema->tok[k + 1].next) {
		uint32_t note = annotation(schema, k + 1);

		if ((note != SP_JSON_NONE && !note_ok(names, k + 1, note)) ||
			!notes_ok(names, k + 1))
			return false;
	}
	return true;
}

/// Annotations anywhere under `t`; the members of a `properties` object are names, not keywords.
static uint32_t count_notes(const struct sp_json *schema, uint32_t t, bool names)
{
	uint32_t n = 0;

	if (sp_json_type(schema, t) == SP_JSON_ARRAY)
		for (uint32_t e = t + 1; e < schema->tok[t].next; e = schema->tok[e].next)
			n += count_notes(schema, e, false);
	if (sp_json_type(schema, t) != SP_JSON_OBJECT)
		return n;
	for (uint32_t k = t + 1; k < schema->tok[t].next; k = schema->tok[k + 1].next) {
		bool properties = !names && sp_json_str_eq(schema, k, SP_LIT("properties"));

		n += !names && sp_json_str_eq(schema, k, KEYWORD);
		n += count_notes(schema, k + 1, properties);
	}
	return n;
}

bool sp_param_schema_ok(const struct sp_json *schema, uint32_t input)
{
	struct names names = {.schema = schema};

	return notes_ok(&names, input) && count_notes(schema, input, false) == names.n;
}

bool sp_param_schema_asks(const struct sp_json *schema, uint32_t input)
{
	return count_notes(schema, input, false) > 0;
}

static void put_key(struct sp_out *o, const struct sp_json *schema, uint32_t key, bool *first)
{
	sp_out_bytes(o, *first ? SP_NOBYTES : SP_LIT(","));
	*first = false;
	sp_out_bytes(o, sp_json_raw(schema, key));
	sp_out_lit(o, ":");
}

/// Recursion is bounded by the depth of the scanned schema.
static void put_object(struct sp_out *o, const struct sp_json *schema, uint32_t object)
{
	uint32_t note = annotation(schema, object);
	uint32_t properties = sp_json_get(schema, object, SP_LIT("properties"));
	bool first = true;

	sp_out_lit(o, "{");
	if (note != SP_JSON_NONE) {
		sp_out_lit(o, "\"x-mcp-header\":");
		sp_out_bytes(o, sp_json_raw(schema, note));
	}
	if (sp_json_type(schema, properties) == SP_JSON_OBJECT && count_notes(schema, properties, true)) {
		sp_out_bytes(o, note == SP_JSON_NONE ? SP_NOBYTES : SP_LIT(","));
		sp_out_lit(o, "\"properties\":{");
		for (uint32_t k = properties + 1; k < schema->tok[properties].next;
			k = schema->tok[k + 1].next) {
			if (!count_notes(schema, k + 1, false))
				continue;
			put_key(o, schema, k, &first);
			put_object(o, schema, k + 1);
		}
		sp_out_lit(o, "}");
	}
	sp_out_lit(o, "}");
}

void sp_param_schema_put(struct sp_out *o, const struct sp_json *schema, uint32_t input)
{
	put_object(o, schema, input);
}
