/// Three parts divided by NUL: a header value, a tool's inputSchema, arguments. A value that
/// decodes goes out and comes back as itself; a schema that is accepted is met by the headers made
/// from the arguments.
#include "dataplane/mcp/param_headers.h"

#include "common/banned.h"

#define PARTS 3u

static void value_round_trip(struct sp_bytes raw)
{
	static uint8_t one[SP_HEADER_VALUE_MAX], two[SP_HEADER_VALUE_MAX];
	static uint8_t out[2 * SP_HEADER_VALUE_MAX];
	struct sp_out o = sp_out_init(out, sizeof(out));
	struct sp_bytes value, back;

	if (raw.n > SP_HEADER_VALUE_MAX || sp_headers_value(raw, one, &value))
		return;
	sp_headers_put_value(&o, value);
	SP_BUG_IF(o.overflow || sp_headers_value(sp_bytes(out, o.len), two, &back));
	SP_BUG_IF(!sp_bytes_eq(value, back));
	for (size_t i = 0; i < o.len; i++)
		SP_BUG_IF(out[i] < 0x20 || out[i] > 0x7e);
}

/// A head with one Mcp-Param header: text "name" and `value`, one after the other.
static void one_param(
	struct sp_http_head *h, uint8_t *buf, struct sp_bytes name, struct sp_bytes value)
{
	*h = (struct sp_http_head){0};
	if (!name.n)
		return;
	memcpy(buf, name.p, name.n);
	if (value.n)
		memcpy(buf + name.n, value.p, value.n);
	h->params_n = 1;
	h->param_name[0] = (struct sp_http_span){0, (uint32_t)name.n};
	h->param_value[0] = (struct sp_http_span){(uint32_t)name.n, (uint32_t)value.n};
}

/// The first annotation of a schema whose annotations are all at properties of the root, or NONE.
static uint32_t first_note(const struct sp_json *schema)
{
	uint32_t properties = sp_json_get(schema, 0, SP_LIT("properties"));

	if (sp_json_type(schema, properties) != SP_JSON_OBJECT)
		return SP_JSON_NONE;
	for (uint32_t k = properties + 1; k < schema->tok[properties].next;
		k = schema->tok[k + 1].next) {
		uint32_t note = sp_json_get(schema, k + 1, SP_LIT("x-mcp-header"));

		if (note != SP_JSON_NONE)
			return note;
	}
	return SP_JSON_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_json_tok stok[2048], atok[2048];
	static uint8_t buf[1 << 16];
	struct sp_bytes part[PARTS] = {SP_NOBYTES, SP_NOBYTES, SP_NOBYTES};
	struct sp_json schema, args;
	struct sp_http_head head;
	uint32_t note;
	size_t from = 0;
	int without, with;

	if (size > sizeof(buf) / 2)
		return 0;
	for (size_t i = 0, p = 0; i <= size && p < PARTS; i++)
		if (i == size || data[i] == 0) {
			part[p++] = sp_bytes(data + from, i - from);
			from = i + 1;
		}
	value_round_trip(part[0]);
	if (sp_json_scan(part[1], 32, stok, SP_ARRAY_LEN(stok), &schema, NULL) ||
		sp_json_scan(part[2], 32, atok, SP_ARRAY_LEN(atok), &args, NULL))
		return 0;
	if (!sp_param_schema_ok(&schema, 0))
		return 0;
	note = first_note(&schema);
	one_param(&head, buf, SP_NOBYTES, SP_NOBYTES);
	without = sp_param_headers_agree(&head, buf, &schema, 0, &args, 0);
	one_param(&head, buf, note == SP_JSON_NONE ? SP_LIT("X") : sp_json_span(&schema, note),
		part[0]);
	with = sp_param_headers_agree(&head, buf, &schema, 0, &args, 0);
	/* An annotated value is there or it is not: both answers cannot be right. */
	SP_BUG_IF(note != SP_JSON_NONE && without == 0 && with == 0);
	SP_BUG_IF(note == SP_JSON_NONE && without != with);
	return 0;
}
