/// Whatever was scanned, an envelope names only tokens of the document, of the types its header
/// promises.
#include "dataplane/mcp/envelope.h"

#include "common/banned.h"

static void check(const struct sp_json *j, uint32_t t, enum sp_json_type type)
{
	SP_BUG_IF(t != SP_JSON_NONE && (t >= j->n || j->tok[t].type != type));
}

static void check_id(const struct sp_json *j, uint32_t t, bool may_be_null)
{
	enum sp_json_type type = sp_json_type(j, t);

	SP_BUG_IF(t != SP_JSON_NONE && type != SP_JSON_STRING && type != SP_JSON_NUMBER &&
		  !(may_be_null && type == SP_JSON_NULL));
}

static void check_accepted(const struct sp_json *j, const struct sp_envelope *e)
{
	switch (e->kind) {
	case SP_RPC_REQUEST:
		SP_BUG_IF(e->id == SP_JSON_NONE || (sp_method_flags(e->method) & SP_M_NOTE));
		break;
	case SP_RPC_NOTIFICATION:
		SP_BUG_IF(e->id != SP_JSON_NONE);
		break;
	case SP_RPC_RESULT:
		SP_BUG_IF(e->id == SP_JSON_NONE || sp_json_type(j, e->result) != SP_JSON_OBJECT);
		break;
	case SP_RPC_ERROR:
		SP_BUG_IF(sp_json_type(j, e->error) != SP_JSON_OBJECT);
		break;
	default:
		SP_BUG_IF(true);
	}
	SP_BUG_IF(e->kind >= SP_RPC_RESULT && (e->method || e->method_text.n));
	check(j, e->params, SP_JSON_OBJECT);
	check(j, e->meta, SP_JSON_OBJECT);
	check(j, e->name, SP_JSON_STRING);
	check(j, e->arguments, SP_JSON_OBJECT);
	check(j, e->cursor, SP_JSON_STRING);
	check(j, e->meta_version, SP_JSON_STRING);
	check(j, e->meta_capabilities, SP_JSON_OBJECT);
	check(j, e->log_level, SP_JSON_STRING);
	check(j, e->traceparent, SP_JSON_STRING);
	check_id(j, e->progress_token, false);
	check_id(j, e->request_id, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_json_tok tok[4096];
	struct sp_envelope e;
	struct sp_json j;
	int why;

	if (sp_json_scan(sp_bytes(data, size), 64, tok, SP_ARRAY_LEN(tok), &j, NULL))
		return 0;
	why = sp_envelope_read(&j, &e);
	SP_BUG_IF(why < 0);
	check_id(&j, e.id, e.kind == SP_RPC_ERROR);
	if (!why)
		check_accepted(&j, &e);
	return 0;
}
