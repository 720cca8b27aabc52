/// What is granted and not used, and the policy that recorded calls need: `policy unused`, `policy suggest`.
#include "tests/unit/fixture_records.h"

#include "common/clock.h"
#include "common/record.h"
#include "config/standing.h"
#include "tools/sallyctl/local_records.h"
#include "common/banned.h"

/// A call so many days ago, with its outcome when it has one.
struct past {
	unsigned days;
	const char *agent, *tool, *decision, *rule, *outcome;
};

static void put_call(FILE *f, const struct past *c, unsigned number)
{
	uint64_t at = sp_clock_wall_ns() - (uint64_t)c->days * 86400 * SP_NS_PER_SEC;
	char time[64];
	struct sp_out o = sp_out_init(time, sizeof(time));
	bool allowed = strcmp(c->decision, "allow") == 0;

	sp_out_time(&o, at);
	fprintf(f,
		"{\"type\":\"decision\",\"time\":\"%.*s\",\"call\":\"%u\",\"agent\":\"%s\","
		"\"upstream\":\"crm\",\"method\":\"tools/call\",\"tool\":\"%s\",\"decision\":\"%s\","
		"\"reason\":\"%s\",\"rule\":\"%s\",\"audit_level\":\"enhanced\"}\n",
		(int)o.len, time, number, c->agent, c->tool, c->decision,
		allowed ? "none" : "tool_denied", c->rule ? c->rule : "");
	if (c->outcome)
		fprintf(f, "{\"type\":\"outcome\",\"call\":\"%u\",\"outcome\":\"%s\"}\n", number,
			c->outcome);
}

static void put_calls(const struct past *calls, unsigned n)
{
	FILE *f = fopen(records, "we");

	assert_non_null(f);
	for (unsigned i = 0; i < n; i++)
		put_call(f, &calls[i], i);
	assert_int_equal(fclose(f), 0);
}

#define HAS(told, text) assert_non_null(strstr((told), text))
#define LACKS(told, text) assert_null(strstr((told), text))

static const struct past calls[] = {
	{100, "bot", "write", "allow", NULL, "ok"},
	{40, "bot", "crm__read", "allow", NULL, "ok"},
	{3, "bot", "drop", "deny", NULL, NULL},
	{2, "helper", "look_up", "allow", "looks", "tool_error"},
	{1, "bot", "read", "allow", NULL, "ok"},
	{1, "bot", "fail", "allow", NULL, "failed"},
};

static const char *unused_in(const char *days)
{
	static char told[TOLD_MAX];

	put_file(policy, "version: 1\nagents:\n"
			 "  - {name: bot, allow: [read, write, drop]}\n"
			 "  - {name: idle, allow: [read]}\n  - name: helper\n"
			 "rules:\n"
			 "  - {name: looks, effect: allow, agents: helper, tools: \"look_*\"}\n"
			 "  - {name: never, effect: allow, agents: helper, tools: erase}\n"
			 "  - {name: no, effect: deny, agents: helper, tools: burn, reason: fire}\n");
	put_calls(calls, SP_ARRAY_LEN(calls));
	assert_int_equal(TOLD(told, sp_local_policy_unused, "--json", "policy", "unused", policy,
				 "--records", records, "--days", (char *)(uintptr_t)days),
		SP_CTL_OK);
	return told;
}

static void grants_and_rules_not_used_for_so_long_are_told(void **state)
{
	const char *told = unused_in("90");

	(void)state;
	HAS(told, "\"agents\":3,\"agents_unused\":1,\"permissions\":5,\"permissions_unused\":4,"
		  "\"rules\":2,\"rules_unused\":1,");
	HAS(told, "{\"agent\":\"bot\",\"tool\":\"write\",\"standing\":\"allowed\",\"last_used\":\"20");
	HAS(told, "{\"agent\":\"bot\",\"tool\":\"drop\",\"standing\":\"allowed\",\"last_used\":null}");
	HAS(told, "{\"agent\":\"idle\",\"tool\":\"read\"");
	HAS(told, "{\"agent\":\"helper\",\"tool\":\"erase\"");
	HAS(told, "{\"rule\":\"never\",\"file\":\"policy.yaml\",\"line\":8,\"last_used\":null}");
	LACKS(told, "\"agent\":\"bot\",\"tool\":\"read\"");
	LACKS(told, "burn");
	LACKS(told, "\"rule\":\"looks\"");
}

static void the_days_decide_what_counts_as_used(void **state)
{
	const char *told = unused_in("1000");

	(void)state;
	HAS(told, "\"permissions_unused\":3,");
	LACKS(told, "\"tool\":\"write\"");
}

static void a_prefixed_call_uses_the_bare_grant(void **state)
{
	static const struct past prefixed[] = {{1, "bot", "crm__read", "allow", NULL, "ok"}};
	char told[TOLD_MAX];

	(void)state;
	put_file(policy, "version: 1\nagents:\n  - {name: bot, allow: [read]}\n");
	put_calls(prefixed, 1);
	assert_int_equal(TOLD(told, sp_local_policy_unused, "--json", "policy", "unused", policy,
				 "--records", records),
		SP_CTL_OK);
	HAS(told, "\"days\":90,");
	HAS(told, "\"permissions\":1,\"permissions_unused\":0");
}

static void a_call_seen_without_its_upstream_uses_the_grant_that_names_it(void **state)
{
	static const struct past alone[] = {{1, "bot", "read", "allow", NULL, "ok"}};
	char told[TOLD_MAX];

	(void)state;
	put_file(policy, "version: 1\nagents:\n  - {name: bot, allow: [crm__read, crm__write]}\n");
	put_calls(alone, 1);
	assert_int_equal(TOLD(told, sp_local_policy_unused, "--json", "policy", "unused", policy,
				 "--records", records),
		SP_CTL_OK);
	HAS(told, "\"permissions\":2,\"permissions_unused\":1");
	HAS(told, "\"tool\":\"crm__write\"");
}

static enum sp_standing standing(const struct sp_snap *s, const char *agent, const char *tool)
{
	struct sp_snap_who who = {sp_snap_find_agent(s, sp_bytes_cstr(agent)),
		sp_snap_find_action(s, sp_bytes_cstr(tool)), sp_bytes_cstr(tool)};

	if (who.agent == SP_SNAP_NONE || who.action == SP_SNAP_NONE)
		return SP_STANDING_DENIED;
	return sp_standing_of(s, &who);
}

static uint32_t granted(const struct sp_snap *s)
{
	uint32_t n = 0;

	for (uint32_t a = 0; a < s->h->agents.n; a++)
		for (uint32_t t = 0; t < s->h->actions.n; t++) {
			struct sp_snap_who who = {a, t,
				sp_snap_str(s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, t)->name)};

			n += sp_standing_of(s, &who) != SP_STANDING_DENIED;
		}
	return n;
}

static void what_is_suggested_grants_exactly_what_succeeded(void **state)
{
	const char *path = policy;
	struct sp_local_snap snap;
	struct sp_check check;
	char told[TOLD_MAX];

	(void)state;
	put_calls(calls, SP_ARRAY_LEN(calls));
	assert_int_equal(
		TOLD(told, sp_local_policy_suggest, "policy", "suggest", "--records", records),
		SP_CTL_OK);
	HAS(told, "- \"crm__read\" # 2 calls, first 20");
	LACKS(told, "\"read\"");
	HAS(told, "audit_level: enhanced");
	put_file(policy, told);
	sp_check_init(&check);
	assert_int_equal(sp_local_snap(&path, 1, &check, &snap), 0);
	assert_int_equal(granted(&snap.snap), 2);
	assert_int_equal(standing(&snap.snap, "bot", "read"), SP_STANDING_DENIED); // any upstream's
	assert_int_equal(standing(&snap.snap, "bot", "crm__write"), SP_STANDING_ALLOWED);
	assert_int_equal(standing(&snap.snap, "bot", "crm__read"), SP_STANDING_ALLOWED);
	assert_int_equal(snap.snap.h->agents.n, 1);
	sp_local_snap_done(&snap);
	assert_int_equal(TOLD(told, sp_local_policy_suggest, "policy", "suggest", "--records",
				 records, "--days", "50", "--json"),
		SP_CTL_OK);
	HAS(told, "{\"agents\":1,\"permissions\":1,\"policy\":\"# What");
	sp_check_done(&check);
}

static void odd_names_are_quoted_and_impossible_ones_left_out(void **state)
{
	static const struct past odd[] = {{1, "yes", "no", "allow", NULL, "ok"},
		{1, "12", "a#b:[c]", "allow", NULL, "ok"}, {1, "yes", "~", "allow", NULL, "ok"},
		{1, "yes", "two words", "allow", NULL, "ok"}, {1, "*", "x", "allow", NULL, "ok"}};
	const char *path = policy;
	struct sp_local_snap snap;
	struct sp_check check;
	char told[TOLD_MAX];

	(void)state;
	sp_check_init(&check);
	put_calls(odd, SP_ARRAY_LEN(odd));
	assert_int_equal(
		TOLD(told, sp_local_policy_suggest, "policy", "suggest", "--records", records),
		SP_CTL_OK);
	put_file(policy, told);
	assert_int_equal(sp_local_snap(&path, 1, &check, &snap), 0);
	assert_int_equal(granted(&snap.snap), 3);
	assert_int_equal(standing(&snap.snap, "yes", "crm__no"), SP_STANDING_ALLOWED);
	assert_int_equal(standing(&snap.snap, "yes", "crm__~"), SP_STANDING_ALLOWED);
	assert_int_equal(standing(&snap.snap, "12", "crm__a#b:[c]"), SP_STANDING_ALLOWED);
	sp_local_snap_done(&snap);
	sp_check_done(&check);
}

static void no_successful_call_suggests_a_policy_that_grants_nothing(void **state)
{
	const char *path = policy;
	struct sp_local_snap snap;
	struct sp_check check;
	char told[TOLD_MAX];

	(void)state;
	sp_check_init(&check);
	put_calls(&calls[2], 2);
	assert_int_equal(
		TOLD(told, sp_local_policy_suggest, "policy", "suggest", "--records", records),
		SP_CTL_OK);
	put_file(policy, told);
	assert_int_equal(sp_local_snap(&path, 1, &check, &snap), 0);
	assert_int_equal(granted(&snap.snap), 0);
	sp_local_snap_done(&snap);
	assert_int_equal(TOLD(told, sp_local_policy_suggest, "policy", "suggest", policy,
				 "--records", records),
		SP_CTL_USAGE);
	assert_int_equal(TOLD(told, sp_local_policy_suggest, "policy", "suggest", "--records",
				 records, "--days", "0"),
		SP_CTL_USAGE);
	sp_check_done(&check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_and_rules_not_used_for_so_long_are_told),
		cmocka_unit_test(the_days_decide_what_counts_as_used),
		cmocka_unit_test(a_prefixed_call_uses_the_bare_grant),
		cmocka_unit_test(a_call_seen_without_its_upstream_uses_the_grant_that_names_it),
		cmocka_unit_test(what_is_suggested_grants_exactly_what_succeeded),
		cmocka_unit_test(odd_names_are_quoted_and_impossible_ones_left_out),
		cmocka_unit_test(no_successful_call_suggests_a_policy_that_grants_nothing),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
