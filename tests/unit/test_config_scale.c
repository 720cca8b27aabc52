/// The size a policy is promised to work at, and what it takes: memory is held to the default slot, time is shown
/// and held to a bound that a loaded machine meets, too.
#include "common/clock.h"
#include "config/snapshot_policy.h"
#include "tests/support/policy_make.h"
#include "common/banned.h"

#define AGENTS 10000u
#define TOOLS 1000u
#define RULES 10000u
#define BOUND_NS (10 * SP_NS_PER_SEC)

static struct sp_policy *large(void)
{
	struct sp_policy *p = new_policy();
	char text[160], agent[32];

	for (uint32_t i = 0; i < AGENTS; i++) {
		struct sp_policy_agent *a;

		snprintf(agent, sizeof(agent), "agent-%05u", i);
		assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(agent), made_at, &a), 0);
		snprintf(text, sizeof(text), "role-%u", i % 60);
		a->roles = words(p, text);
		a->environment = i % 2 ? "production" : "staging";
		a->per_minute = 60 + i % 40;
		a->per_hour = 1000 + i;
		a->daily_tokens = 100000;
		a->per_request_tokens = 4000;
	}
	for (uint32_t i = 0; i < TOOLS; i++) {
		snprintf(text, sizeof(text), "server%u__tool_%u", i % 20, i);
		make_tool(p, text)->max_calls = 50;
	}
	for (uint32_t i = 0; i < RULES; i++) {
		struct sp_policy_rule *r;

		snprintf(text, sizeof(text), "rule-%u", i);
		snprintf(agent, sizeof(agent), "agent-%05u", i);
		r = make_rule(p, text, i % 10 ? SP_EFFECT_ALLOW : SP_EFFECT_DENY, i % 3 ? agent : "", "", "");
		if (i % 3 == 0) {
			snprintf(text, sizeof(text), "role-%u", i % 60);
			r->roles = words(p, text);
		}
		snprintf(text, sizeof(text), i % 7 ? "server%u__tool_%u server%u__tool_%u" : "server%u__*",
			i % 20, i % TOOLS, (i + 1) % 20, (i + 1) % TOOLS);
		r->tools = words(p, text);
		snprintf(text, sizeof(text),
			"mcp.tool.arguments.count < %u && request.region == 'zone-%u'", i, i % 100);
		make_when(p, r, text);
	}
	for (uint32_t i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "limit-%u", i);
		snprintf(agent, sizeof(agent), "server%u__tool_%u", i % 20, i);
		make_limit(p, text, 10, "", "", agent);
	}
	return p;
}

static void ten_thousand_agents_and_rules_fit_the_default_slot(void **state)
{
	struct sp_policy *p = large();
	struct sp_check check;
	struct sp_gateway *g;
	uint64_t begun, compiled, opened;
	struct sp_snap s;
	uint8_t *blob;
	size_t n;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_policy_seal_in(p, &check), 0);
	begun = sp_clock_boot_ns();
	assert_int_equal(make_blob(p, &check, &blob, &n), 0);
	compiled = sp_clock_boot_ns() - begun;
	begun = sp_clock_boot_ns();
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	opened = sp_clock_boot_ns() - begun;
	print_message("compile %.0f ms (open %.1f ms of it), %.1f MiB, arena of the policy %.1f MiB\n",
		(double)compiled / 1e6, (double)opened / 1e6, (double)n / 1048576,
		(double)p->arena.bytes / 1048576);
	assert_int_equal(s.h->agents.n, AGENTS);
	assert_int_equal(s.h->actions.n, TOOLS);
	assert_int_equal(s.h->policy.rules.n, RULES);
	assert_true(compiled < BOUND_NS);
	g = make_gateway(&check);
	assert_true(n < g->limits.policy_slot_bytes);
	sp_gateway_free(g);
	free(blob);
	sp_policy_free(p);
	sp_check_done(&check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_agents_and_rules_fit_the_default_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
