/// Recorded calls judged again: `policy simulate`.
#include "tests/unit/fixture_records.h"
#include "common/banned.h"

#define V1 "version: 1\n"
#define BOT V1 "agents:\n  - {name: bot, audit_level: basic, allow: [read, write, send]}\n"
/// A decision at second `t`, tied to the outcome by its number.
#define CALL(n, t, agent, tool, decision, reason, more)                                            \
	"{\"type\":\"decision\",\"time\":\"2026-01-31T08:00:" t ".000000000Z\",\"boot_ns\":9" t         \
	"000000000,\"call\":\"" n "\",\"agent\":\"" agent                                          \
	"\",\"session\":\"5e\",\"method\":\"tools/call\",\"tool\":\"" tool                         \
	"\",\"decision\":\"" decision "\",\"reason\":\"" reason "\"" more "}\n"
#define FAILS(n)                                                                                   \
	"{\"type\":\"outcome\",\"time\":\"2026-01-31T08:00:59.000000000Z\",\"call\":\"" n               \
	"\",\"outcome\":\"failed\"}\n"
#define OK(n, t, tool) CALL(n, t, "bot", tool, "allow", "none", "")
#define COUNTS(replayed, same, changed, undecidable, passed)                                       \
	"{\"replayed\":" #replayed ",\"same\":" #same ",\"changed\":" #changed ",\"undecidable\":" \
	#undecidable ",\"passed_over\":" #passed ","

static char *simulated(const char *with, const char *calls)
{
	static char told[TOLD_MAX];

	put_file(policy, with);
	put_file(records, calls);
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "--json", "policy", "simulate",
				 policy, "--records", records),
		SP_CTL_OK);
	return told;
}
#define STARTS(told, with) assert_int_equal(strncmp((told), with, sizeof(with) - 1), 0)
#define HAS(told, text) assert_non_null(strstr((told), text))

static void the_policy_of_that_time_changes_nothing(void **state)
{
	const char *told = simulated(BOT,
		OK("a", "01", "read") OK("b", "02", "write")
			CALL("c", "03", "bot", "drop", "deny", "tool_denied", "")
				CALL("d", "04", "who", "read", "deny", "agent_unknown", ""));

	(void)state;
	STARTS(told, COUNTS(4, 4, 0, 0, 0) "\"changes\":[],\"undecided\":[]}");
}

static void a_grant_taken_away_or_given_is_a_change(void **state)
{
	const char *told = simulated(V1 "agents:\n  - {name: bot, allow: [read, drop]}\n",
		OK("a", "01", "read") OK("b", "02", "write") OK("c", "03", "write")
			CALL("d", "04", "bot", "drop", "deny", "tool_denied", "")
				CALL("e", "05", "who", "read", "allow", "none", ""));

	(void)state;
	STARTS(told, COUNTS(5, 1, 4, 0, 0));
	HAS(told, "\"tool\":\"write\",\"was\":\"allow\",\"would_be\":\"deny\",\"reason\":\"tool_denied\","
		  "\"rule\":\"\",\"calls\":2,\"example\":\"b\"");
	HAS(told, "\"tool\":\"drop\",\"was\":\"deny\",\"would_be\":\"allow\"");
	HAS(told, "\"agent\":\"who\",\"tool\":\"read\",\"was\":\"allow\",\"would_be\":\"deny\","
		  "\"reason\":\"agent_unknown\"");
}

static void limits_are_counted_in_the_order_of_time(void **state)
{
	const char *told = simulated(
		BOT "limits:\n  - {name: few, calls: 2, per: second}\n",
		OK("d", "02", "read") OK("c", "01", "read") OK("b", "01", "write")
			OK("a", "01", "read") OK("e", "03", "read"));

	(void)state;
	STARTS(told, COUNTS(5, 4, 1, 0, 0));
	HAS(told, "\"reason\":\"rate_second\"");
	// what is refused for something else takes nothing
	told = simulated(
		BOT "limits:\n  - {name: few, calls: 1, per: hour, tools: [write]}\n"
		    "sequences:\n  - {name: looked, kind: require-before, first: [read],"
		    " then: [write]}\n",
		CALL("a", "01", "bot", "write", "deny", "sequence_denied", "")
			OK("b", "02", "read") OK("c", "03", "write"));
	STARTS(told, COUNTS(3, 3, 0, 0, 0));
	// another life of the host: its windows are new
	told = simulated(BOT "limits:\n  - {name: few, calls: 1, per: hour}\n",
		CALL("a", "01", "bot", "read", "allow", "none", "") "{\"type\":\"decision\","
		"\"time\":\"2026-01-31T08:05:00.000000000Z\",\"boot_ns\":5,\"call\":\"b\","
		"\"agent\":\"bot\",\"method\":\"tools/call\",\"tool\":\"read\","
		"\"decision\":\"allow\",\"reason\":\"none\"}\n");
	STARTS(told, COUNTS(2, 2, 0, 0, 0));
}

#define PAY(n, more) CALL(n, "01", "bot", "send", "allow", "none", ",\"arguments_bytes\":14" more)
#define SUM(n, sum) PAY(n, ",\"arguments\":\"{\\\"sum\\\":" sum "}\"")

static void unrecorded_arguments_leave_open_only_what_hangs_on_them(void **state)
{
	const char *told = simulated(
		BOT "rules:\n  - {name: big, effect: deny, agents: bot, tools: send,"
		    " when: request.sum > 100}\n",
		SUM("a", "50") SUM("b", "500") PAY("c", "") OK("d", "01", "read"));

	(void)state;
	STARTS(told, COUNTS(4, 2, 1, 1, 0));
	HAS(told, "\"reason\":\"rule_denied\",\"rule\":\"big\",\"calls\":1,\"example\":\"b\"");
	HAS(told, "\"lacks\":\"the arguments\",\"calls\":1,\"example\":\"c\"");
	told = simulated(BOT "rules:\n"
			     "  - {name: big, effect: deny, agents: bot, tools: send, when: request.sum > 1}\n"
			     "  - {name: all, effect: deny, agents: bot, tools: write}\n",
		OK("a", "01", "write") PAY("b", ""));
	STARTS(told, COUNTS(2, 0, 1, 1, 0));
	told = simulated(BOT "tools:\n  - {name: send, max_arguments: 13B}\n", PAY("c", ""));
	STARTS(told, COUNTS(1, 0, 1, 0, 0));
	HAS(told, "\"reason\":\"argument_size\"");
}

static void what_hangs_on_the_token_is_undecided(void **state)
{
	const char *told = simulated(V1
		"agents:\n  - name: bot\nrules:\n"
		"  - {name: vip, effect: allow, agents: bot, tools: read, when: jwt.vip == true}\n",
		OK("a", "01", "read") OK("b", "02", "write"));

	(void)state;
	STARTS(told, COUNTS(2, 0, 1, 1, 0));
	HAS(told, "\"lacks\":\"the token's claims\",\"calls\":1,\"example\":\"a\"");
	told = simulated(BOT "tools:\n  - {name: read, require_human_initiated: true}\n",
		OK("a", "01", "read"));
	STARTS(told, COUNTS(1, 0, 0, 1, 0));
}

static void order_rules_and_taint_are_replayed_over_a_session(void **state)
{
	const char *told = simulated(
		BOT "sequences:\n  - {name: looked, kind: require-before, first: [read],"
		    " then: [write]}\n",
		OK("a", "01", "write") OK("b", "02", "read") OK("c", "03", "write")
			OK("d", "04", "write"));

	(void)state;
	STARTS(told, COUNTS(4, 2, 2, 0, 0));
	HAS(told, "\"reason\":\"sequence_denied\"");
	HAS(told, "\"calls\":2,\"example\":\"a\"");
	// what it needs is used up by the call that goes out, also when that fails
	told = simulated(
		BOT "sequences:\n  - {name: looked, kind: require-before, first: [read],"
		    " then: [write]}\n",
		OK("a", "01", "read") OK("b", "02", "write") FAILS("b") OK("c", "03", "write"));
	STARTS(told, COUNTS(3, 2, 1, 0, 0));
	HAS(told, "\"reason\":\"sequence_denied\",\"rule\":\"\",\"calls\":1,\"example\":\"c\"");
	told = simulated(
		BOT "sequences:\n  - {name: looked, kind: require-before, first: [read],"
		    " then: [write]}\n",
		OK("a", "01", "read") FAILS("a") OK("b", "02", "write"));
	STARTS(told, COUNTS(2, 1, 1, 0, 0));
	told = simulated(
		BOT "tools:\n  - {name: read, taints: true}\nsequences:\n"
		    "  - {name: out, kind: forbid-after-taint, then: [send]}\n",
		OK("a", "01", "send") OK("b", "02", "read") OK("c", "03", "send"));
	STARTS(told, COUNTS(3, 2, 1, 0, 0));
	HAS(told, "\"example\":\"c\"");
}

static void a_session_is_the_same_after_hours_without_a_call(void **state)
{
	static const char calls[] =
		OK("a", "01", "read") "{\"type\":\"decision\",\"time\":\"2026-01-31T17:00:00.000000000Z\","
				      "\"boot_ns\":33300000000000,\"call\":\"b\",\"agent\":\"bot\","
				      "\"session\":\"5e\",\"method\":\"tools/call\",\"tool\":\"write\","
				      "\"decision\":\"allow\",\"reason\":\"none\"}\n";

	(void)state;
	STARTS(simulated(BOT "sequences:\n  - {name: looked, kind: require-before, first: [read],"
			     " then: [write]}\n",
		       calls),
		COUNTS(2, 2, 0, 0, 0));
	STARTS(simulated(BOT "tools:\n  - {name: read, taints: true}\nsequences:\n"
			     "  - {name: out, kind: forbid-after-taint, then: [write]}\n",
		       calls),
		COUNTS(2, 1, 1, 0, 0));
	STARTS(simulated(BOT "limits:\n  - {name: few, calls: 1, per: session}\n", calls),
		COUNTS(2, 1, 1, 0, 0));
}

static void the_recorded_history_makes_the_score(void **state)
{
#define RISK BOT "risk:\n  mode: automatic\n  automatic: {review_at: 30, block_at: 40}\n" \
		 "  weights: {history: 40}\n"
	const char *told = simulated(RISK,
		CALL("a", "01", "bot", "read", "allow", "none", ",\"risk\":1,\"history\":\"denied=10 calls=99\"")
			CALL("b", "02", "bot", "read", "allow", "none", ",\"risk\":1,\"history\":\"calls=99\"")
				CALL("c", "03", "bot", "read", "deny", "tool_denied", ""));

	(void)state;
	STARTS(told, COUNTS(3, 1, 1, 1, 0));
	HAS(told, "\"reason\":\"risk_blocked\",\"rule\":\"\",\"calls\":1,\"example\":\"a\"");
	HAS(told, "\"lacks\":\"the agent's history\",\"calls\":1,\"example\":\"c\"");
}

static void what_policy_did_not_refuse_is_passed_over(void **state)
{
	const char *told = simulated(BOT,
		CALL("a", "01", "bot", "read", "deny", "overload", "")
			CALL("b", "02", "bot", "read", "deny", "agent_revoked", "")
				CALL("c", "03", "bot", "read", "deny", "method_denied", "")
					CALL("d", "04", "bot", "read", "deny", "insufficient_scope", ""));

	(void)state;
	STARTS(told, COUNTS(0, 0, 0, 0, 4));
}

static void a_tool_is_judged_by_its_upstreams_name_too(void **state)
{
	static const char calls[] = CALL("a", "01", "bot", "read", "allow", "none", ",\"upstream\":\"crm\"")
		CALL("b", "02", "bot", "crm__read", "allow", "none", ",\"upstream\":\"crm\"");

	(void)state;
	STARTS(simulated(V1 "agents:\n  - {name: bot, allow: [crm__read]}\n", calls), COUNTS(2, 2, 0, 0, 0));
	STARTS(simulated(BOT "rules:\n  - {name: no, effect: deny, tools: \"crm__*\", reason: closed}\n", calls),
		COUNTS(2, 0, 2, 0, 0));
	STARTS(simulated(BOT "rules:\n  - {name: no, effect: deny, tools: \"erp__*\", reason: closed}\n", calls),
		COUNTS(2, 2, 0, 0, 0));
}

static void a_change_fails_the_command_only_when_it_is_asked_to(void **state)
{
	char told[TOLD_MAX];

	(void)state;
	put_file(policy, BOT);
	put_file(records, OK("a", "01", "read"));
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records", records, "--fail-on-change"),
		SP_CTL_OK);
	put_file(records, OK("a", "01", "drop"));
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records", records, "--fail-on-change", "--json"),
		SP_CTL_REFUSED);
	STARTS(told, COUNTS(1, 0, 1, 0, 0));
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records", records, "--json"),
		SP_CTL_OK);
	STARTS(told, COUNTS(1, 0, 1, 0, 0));
}

static void no_replayed_call_is_no_proof_that_nothing_changes(void **state)
{
	static const char *const nothing[] = {
		"", "[]\n", CALL("a", "01", "bot", "read", "deny", "overload", "")};
	char told[TOLD_MAX];

	(void)state;
	put_file(policy, BOT);
	for (size_t i = 0; i < SP_ARRAY_LEN(nothing); i++) {
		put_file(records, nothing[i]);
		assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
					 "--records", records, "--fail-on-change"),
			SP_CTL_REFUSED);
		assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
					 "--records", records),
			SP_CTL_OK);
	}
}

static void a_wrong_line_or_policy_is_refused(void **state)
{
	char told[TOLD_MAX];

	(void)state;
	put_file(policy, "version: 1\nagent: x\n");
	put_file(records, "");
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records", records),
		SP_CTL_REFUSED);
	put_file(policy, BOT);
	put_file(records, "{\n");
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records", records),
		SP_CTL_REFUSED);
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy),
		SP_CTL_USAGE);
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", "--records",
				 records),
		SP_CTL_USAGE);
	assert_int_equal(TOLD(told, sp_local_policy_simulate, "policy", "simulate", policy,
				 "--records"),
		SP_CTL_USAGE);
	assert_string_equal(told, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policy_of_that_time_changes_nothing),
		cmocka_unit_test(a_grant_taken_away_or_given_is_a_change),
		cmocka_unit_test(limits_are_counted_in_the_order_of_time),
		cmocka_unit_test(unrecorded_arguments_leave_open_only_what_hangs_on_them),
		cmocka_unit_test(what_hangs_on_the_token_is_undecided),
		cmocka_unit_test(order_rules_and_taint_are_replayed_over_a_session),
		cmocka_unit_test(a_session_is_the_same_after_hours_without_a_call),
		cmocka_unit_test(the_recorded_history_makes_the_score),
		cmocka_unit_test(what_policy_did_not_refuse_is_passed_over),
		cmocka_unit_test(a_tool_is_judged_by_its_upstreams_name_too),
		cmocka_unit_test(a_change_fails_the_command_only_when_it_is_asked_to),
		cmocka_unit_test(no_replayed_call_is_no_proof_that_nothing_changes),
		cmocka_unit_test(a_wrong_line_or_policy_is_refused),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
