#include "tools/demo/tools.h"

#include "tools/demo/tools_impl.h"
#include "common/banned.h"

#define STRING(name, text) "\"" name "\":{\"type\":\"string\",\"description\":\"" text "\"}"
#define INTEGER(name, least, most, text)                                                           \
	"\"" name "\":{\"type\":\"integer\",\"minimum\":" #least ",\"maximum\":" #most             \
	",\"description\":\"" text "\"}"
#define REF STRING("call_ref", "free text the server writes to its ledger")
#define SCHEMA(properties, required)                                                               \
	"\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties "},\"required\":["      \
	required "],\"additionalProperties\":false}"
#define READS ",\"annotations\":{\"readOnlyHint\":true,\"openWorldHint\":false}"
#define WRITES                                                                                     \
	",\"annotations\":{\"readOnlyHint\":false,\"destructiveHint\":true,\"openWorldHint\":false}"

static const struct demo_tool tools[] = {
	{"read_customer_data", DEMO_TOOL_PLAIN, demo_read_customer,
		"\"description\":\"A customer's master data and orders\"," SCHEMA(
			STRING("customer_id", "C-1001 to C-1040") "," REF, "\"customer_id\"") READS},
	{"update_order_status", DEMO_TOOL_PLAIN, demo_update_order,
		"\"description\":\"Set the status of an order\"," SCHEMA(
			STRING("order_id", "O-5001 to O-5120") "," STRING("status",
				"pending, paid, shipped, delivered or cancelled") "," REF,
			"\"order_id\",\"status\"") WRITES},
	{"send_email_notification", DEMO_TOOL_PLAIN, demo_send_email,
		"\"description\":\"Queue an e-mail to a customer\"," SCHEMA(
			STRING("customer_id", "whom") "," STRING("subject", "subject line") "," STRING(
				"body", "text") "," REF,
			"\"customer_id\",\"subject\"") WRITES},
	{"read_financial_data", DEMO_TOOL_PLAIN, demo_read_account,
		"\"description\":\"Owner, currency and balance of an account\"," SCHEMA(
			STRING("account_id", "A-2001 to A-2012") "," REF, "\"account_id\"") READS},
	{"update_financial_data", DEMO_TOOL_PLAIN, demo_update_account,
		"\"description\":\"Book an amount on an account\"," SCHEMA(
			STRING("account_id", "which") "," INTEGER("amount_cents", -100000000, 100000000,
				"positive is a credit") "," REF,
			"\"account_id\",\"amount_cents\"") WRITES},
	{"query_transactions", DEMO_TOOL_PLAIN, demo_query_transactions,
		"\"description\":\"An account's latest transactions\"," SCHEMA(
			STRING("account_id", "which") "," INTEGER("limit", 1, 16, "how many") "," REF,
			"\"account_id\"") READS},
	{"refund_payment", DEMO_TOOL_PLAIN, demo_refund,
		"\"description\":\"Refund an order, wholly or in part\"," SCHEMA(
			STRING("order_id", "which") "," INTEGER("amount_cents", 1, 100000000,
				"how much; all when absent") "," REF,
			"\"order_id\"") WRITES},
	{"slow_report", DEMO_TOOL_SLOW, NULL,
		"\"description\":\"A report made in steps, with progress\"," SCHEMA(
			INTEGER("steps", 1, 1000, "how many") "," INTEGER(
				"delay_ms", 0, 60000, "between two steps") "," REF,
			"\"steps\"") READS},
	{"echo", DEMO_TOOL_PLAIN, demo_echo,
		"\"description\":\"Gives back its arguments\",\"inputSchema\":{\"type\":\"object\"}" READS},
	{"big_answer", DEMO_TOOL_PLAIN, demo_big_answer,
		"\"description\":\"An answer of a given size\"," SCHEMA(
			INTEGER("bytes", 0, 8388608, "of text") "," REF, "\"bytes\"") READS},
	{"misbehave", DEMO_TOOL_MISBEHAVE, NULL,
		"\"description\":\"The server breaks the protocol as told\"," SCHEMA(
			STRING("how", "see tools/demo/misbehave.h") "," REF, "\"how\"") WRITES},
};

const struct demo_tool *demo_tool_find(struct sp_bytes name)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(tools); i++)
		if (sp_bytes_eq(name, sp_bytes_cstr(tools[i].name)))
			return &tools[i];
	return NULL;
}

void demo_tools_list(struct demo_buf *out)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(tools); i++) {
		demo_put_bytes(out, i ? SP_LIT(",{\"name\":\"") : SP_LIT("[{\"name\":\""));
		demo_put_bytes(out, sp_bytes_cstr(tools[i].name));
		demo_lit(out, "\",");
		demo_put_bytes(out, sp_bytes_cstr(tools[i].definition));
		demo_lit(out, "}");
	}
	demo_lit(out, "]");
}

struct sp_bytes demo_arg_opt(struct demo_call *c, const char *key)
{
	uint32_t t = sp_json_get(c->j, c->arguments, sp_bytes_cstr(key));
	struct sp_bytes s;

	if (sp_json_type(c->j, t) != SP_JSON_STRING ||
		sp_json_str(c->j, t, c->scratch + c->scratch_used,
			sizeof(c->scratch) - c->scratch_used, &s) < 0)
		return SP_NOBYTES;
	if (s.p == c->scratch + c->scratch_used)
		c->scratch_used += s.n;
	return s;
}

struct sp_bytes demo_arg_str(struct demo_call *c, const char *key)
{
	struct sp_bytes s = demo_arg_opt(c, key);

	if (!s.p)
		c->complaint = "a required argument is missing or no string";
	return s;
}

int64_t demo_arg_int(struct demo_call *c, const char *key, int64_t least, int64_t most, int64_t absent)
{
	uint32_t t = sp_json_get(c->j, c->arguments, sp_bytes_cstr(key));
	int64_t v;

	if (t == SP_JSON_NONE)
		return absent;
	if (sp_json_i64(c->j, t, &v) < 0 || v < least || v > most) {
		c->complaint = "an integer argument is out of its range";
		return absent;
	}
	return v;
}
