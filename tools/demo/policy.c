#include "tools/demo/buf.h"
#include "tools/demo/commands.h"
#include "tools/demo/files.h"

#include <stdio.h>
#include "common/banned.h"

/// The demo's agents: a whitelist each, in the form operators write.
static const struct {
	const char *agent, *actions, *level;
	unsigned per_minute, per_hour, per_request_tokens, daily_tokens;
} agents[] = {
	{"customer-support-bot", "\"read_customer_data\", \"update_order_status\", \"send_email_notification\"",
		"enhanced", 100, 5000, 1000, 100000},
	{"financial-analyst-bot",
		"\"read_financial_data\", \"query_transactions\", \"slow_report\", \"echo\", \"big_answer\"",
		"strict", 600, 20000, 100000, 10000000},
	{"rate-limited-bot", "\"read_customer_data\"", "basic", 3, 100, 1000, 100000},
};

static int write_policy(const char *dir, size_t i)
{
	struct demo_buf b = {0};
	char name[64];
	int r;

	demo_printf(&b,
		"{\n  \"tool_id\": \"%s\",\n  \"allowed_actions\": [%s],\n"
		"  \"rate_limits\": {\"per_minute\": %u, \"per_hour\": %u},\n"
		"  \"budget_limits\": {\"per_request_tokens\": %u, \"daily_max_tokens\": %u},\n"
		"  \"audit_level\": \"%s\"\n}\n",
		agents[i].agent, agents[i].actions, agents[i].per_minute, agents[i].per_hour,
		agents[i].per_request_tokens, agents[i].daily_tokens, agents[i].level);
	snprintf(name, sizeof(name), "%s.json", agents[i].agent);
	r = demo_file_write(dir, name, demo_bytes(&b), 0644);
	demo_buf_done(&b);
	return r;
}

int demo_cmd_policy(int argc, char **argv)
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: sallyport-demo policy DIR\n");
		return 2;
	}
	r = demo_folder(argv[1]);
	for (size_t i = 0; i < SP_ARRAY_LEN(agents) && !r; i++)
		r = write_policy(argv[1], i);
	return r < 0;
}
