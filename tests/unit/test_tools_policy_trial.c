/// `sallyctl policy explain` and `policy test` over inline policies and the seeds: what they print, and that records
/// come to the same verdict again.
#include "tools/sallyctl/cases.h"
#include "tools/sallyctl/local.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/local_trial.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define TIME "2026-01-05T12:00:00Z"

static const char policy[] =
	"version: 1\n"
	"agents:\n"
	"  - {name: bot, roles: [support]}\n"
	"tools:\n"
	"  - {name: fetch, taints: true}\n"
	"  - name: query\n"
	"    sql: {dialect: postgres, styles: [select]}\n"
	"rules:\n"
	"  - {name: small, effect: allow, agents: [bot], tools: [pay], when: [request.sum < 100]}\n"
	"  - {name: never, effect: deny, tools: [pay], when: [\"has(request.to) && request.to == 'x'\"]}\n"
	"  - {name: rest, effect: allow, agents: [bot], tools: [read_*, fetch, query, verify, delete_row, mail]}\n"
	"  - {name: mine, effect: allow, agents: [bot], tools: [own], when: [\"jwt.sub == 'u'\"]}\n"
	"limits:\n"
	"  - {name: per minute, calls: 10, per: minute}\n"
	"sequences:\n"
	"  - {name: look first, kind: require-before, first: [query], between: [verify], then: [delete_row]}\n"
	"  - {name: no leak, kind: forbid-after-taint, then: [mail]}\n"
	"risk: {mode: mixed}\n";

struct place {
	char dir[32], policy[64], records[64], cases[64];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void place_init(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/sp-trial-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->policy, sizeof(p->policy), "%s/policy.yaml", p->dir);
	snprintf(p->records, sizeof(p->records), "%s/records", p->dir);
	snprintf(p->cases, sizeof(p->cases), "%s/cases.yaml", p->dir);
	write_file(p->policy, policy);
}

static void place_done(const struct place *p)
{
	unlink(p->policy);
	unlink(p->records);
	unlink(p->cases);
	rmdir(p->dir);
}

/// Exit code of a local command; *ret is what it prints on standard output, and on standard error behind it.
static int run(char **argv, char **ret)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), argc = 0, code = SP_CTL_USAGE;
	FILE *f = tmpfile();
	struct sp_line l;
	long n;

	while (argv[argc])
		argc++;
	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	dup2(fileno(f), STDERR_FILENO);
	if (sp_line_read(argc, argv, &l) == 0)
		code = l.command->id == SP_CMD_POLICY_TEST ? sp_local_policy_test(&l)
							   : sp_local_policy_explain(&l);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	*ret = calloc((size_t)n + 1, 1);
	assert_int_equal(fread(*ret, 1, (size_t)n, f), n);
	fclose(f);
	return code;
}
#define EXPLAIN(ret, ...) run((char *[]){"sallyctl", "policy", "explain", __VA_ARGS__, NULL}, ret)

static void assert_tells(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

#define assert_explains(code, what, ...)                                                           \
	do {                                                                                       \
		char *told;                                                                        \
		assert_int_equal(EXPLAIN(&told, __VA_ARGS__), code);                               \
		assert_tells(told, what);                                                          \
		free(told);                                                                        \
	} while (0)

static void a_call_that_is_made_up_is_told_with_every_rule_condition_limit_and_term(void **state)
{
	struct place p;
	char *text;

	(void)state;
	place_init(&p);
	assert_int_equal(EXPLAIN(&text, p.policy, "--agent", "bot", "--tool", "pay", "--arguments",
				 "{\"sum\":5}", "--time", TIME),
		SP_CTL_OK);
	assert_tells(text, "agent bot, tool pay, at 2026-01-05T12:00:00.000000000Z\n");
	assert_tells(text, "+ condition request.sum < 100 [policy.yaml:9]: true\n");
	assert_tells(text, "* rule small [policy.yaml:9]: allow: applies\n");
	assert_tells(text, "rule never [policy.yaml:10]: deny: does not apply\n");
	assert_tells(text, "limit per minute: at most 10 calls a minute");
	for (unsigned t = 0; t < SP_TERM__COUNT; t++)
		assert_tells(text, sp_risk_term_name(t));
	assert_tells(text, "+ verdict none: allow; score ");
	free(text);
	assert_explains(SP_CTL_OK, "- verdict rule_denied: deny", p.dir, "--agent=bot", "--tool=pay",
		"--arguments={\"sum\":5,\"to\":\"x\"}");
	assert_explains(SP_CTL_OK, "- verdict agent_unknown", p.dir, "--agent=eve", "--tool=pay");
	place_done(&p);
}

static void claims_history_and_what_came_before_are_part_of_the_call(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	assert_explains(SP_CTL_OK, "verdict none: allow", p.dir, "--agent=bot", "--tool=own",
		"--claims={\"sub\":\"u\"}");
	assert_explains(SP_CTL_OK, "verdict tool_denied", p.dir, "--agent=bot", "--tool=own");
	assert_explains(SP_CTL_OK, "+ term taint 25", p.dir, "--agent=bot", "--tool=read_a",
		"--history", "tainted=1");
	assert_explains(SP_CTL_OK, "verdict sequence_denied", p.dir, "--agent=bot", "--tool=mail",
		"--after", "fetch");
	assert_explains(SP_CTL_OK, "verdict none", p.dir, "--agent=bot", "--tool=mail", "--after",
		"read_a");
	assert_explains(SP_CTL_OK, "verdict sequence_denied", p.dir, "--agent=bot",
		"--tool=delete_row", "--after", "query");
	assert_explains(SP_CTL_OK, "verdict sequence_denied", p.dir, "--agent=bot",
		"--tool=delete_row", "--after", "query verify delete_row");
	assert_explains(SP_CTL_OK, "+ sequence look first", p.dir, "--agent=bot",
		"--tool=delete_row", "--after", "query,verify");
	place_done(&p);
}

static void a_tool_is_judged_by_its_upstreams_name_too(void **state)
{
	static const char *const tools[] = {"read", "crm__read"};
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.policy,
		"version: 1\nagents: [{name: bot}]\nrules:\n"
		"  - {name: may, effect: allow, tools: crm__read, agents: bot, when: \"mcp.tool.name != ''\"}\n"
		"sequences:\n  - {name: once, kind: forbid-after, first: crm__look, then: crm__read}\n");
	for (size_t i = 0; i < SP_ARRAY_LEN(tools); i++) {
		assert_explains(SP_CTL_OK, "verdict none: allow", p.policy, "--agent=bot", "--upstream=crm", "--tool",
			(char *)(uintptr_t)tools[i]);
		assert_explains(SP_CTL_OK, "verdict sequence_denied: deny", p.policy, "--agent=bot", "--upstream=crm",
			"--after=look", "--tool", (char *)(uintptr_t)tools[i]);
	}
	assert_explains(SP_CTL_OK, "verdict tool_denied: deny", p.policy, "--agent=bot", "--upstream=erp",
		"--tool=read");
	assert_explains(SP_CTL_OK, "verdict tool_denied: deny", p.policy, "--agent=bot", "--tool=read");
	write_file(p.records,
		"{\"seq\":1,\"type\":\"decision\",\"time\":\"2026-01-05T12:00:00.000000000Z\","
		"\"call\":\"0a\",\"agent\":\"bot\",\"method\":\"tools/call\",\"tool\":\"read\","
		"\"upstream\":\"crm\",\"arguments_bytes\":2,\"decision\":\"allow\",\"reason\":\"none\"}\n");
	assert_explains(SP_CTL_OK, "allow none: the same", p.policy, "--record", p.records);
	place_done(&p);
}

static void what_cannot_be_used_is_refused_with_what_is_wrong(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	assert_explains(SP_CTL_USAGE, "--agent and --tool", p.dir, "--agent=bot");
	assert_explains(SP_CTL_USAGE, "policy file or folder", "--agent=bot", "--tool=pay");
	assert_explains(SP_CTL_USAGE, "unknown option", p.dir, "--agnt=bot");
	assert_explains(SP_CTL_USAGE, "given twice", p.dir, "--agent=a", "--agent=b");
	assert_explains(SP_CTL_USAGE, "a value must follow", p.dir, "--agent");
	assert_explains(SP_CTL_USAGE, "--time takes", p.dir, "--agent=a", "--tool=b", "--time=noon");
	assert_explains(SP_CTL_USAGE, "--peer takes an address", p.dir, "--agent=a", "--tool=b", "--peer=10.0.0.1:80");
	assert_explains(SP_CTL_USAGE, "--peer takes an address", p.dir, "--agent=a", "--tool=b", "--peer=office");
	assert_explains(SP_CTL_OK, "verdict", p.dir, "--agent=bot", "--tool=pay", "--peer=2001:db8::7");
	assert_explains(SP_CTL_USAGE, "the record's", p.dir, "--agent=a", "--record=x");
	assert_explains(SP_CTL_REFUSED, "the arguments are no JSON object", p.dir, "--agent=bot",
		"--tool=pay", "--arguments={},\"x\":1");
	assert_explains(SP_CTL_REFUSED, "the claims are no JSON object", p.dir, "--agent=bot",
		"--tool=pay", "--claims=[]");
	assert_explains(SP_CTL_REFUSED, "the history is not", p.dir, "--agent=bot", "--tool=pay",
		"--history=denied=1 denied=2");
	assert_explains(SP_CTL_REFUSED, "/nonexistent", "/nonexistent", "--agent=bot", "--tool=pay");
	write_file(p.policy, "version: 1\nrules: [{name: a}]\n");
	assert_explains(SP_CTL_REFUSED, "policy.yaml:2:", p.dir, "--agent=bot", "--tool=pay");
	place_done(&p);
}

static void the_same_call_is_told_the_same_byte_for_byte(void **state)
{
	struct place p;
	char *first, *again;

	(void)state;
	place_init(&p);
	for (int json = 0; json < 2; json++) {
		char *option = json ? "--json" : "--no-color";

		assert_int_equal(EXPLAIN(&first, p.dir, option, "--agent=bot", "--tool=pay",
					 "--arguments={\"sum\":5}", "--time=" TIME, "--history=calls=3"),
			SP_CTL_OK);
		assert_int_equal(EXPLAIN(&again, p.policy, option, "--agent=bot", "--tool=pay",
					 "--arguments={\"sum\":5}", "--time=" TIME, "--history=calls=3"),
			SP_CTL_OK);
		assert_string_equal(first, again);
		free(first);
		free(again);
	}
	place_done(&p);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/// A decision as the gateway records it; `score` is what it would have to be.
static int record(const struct sp_snap *snap, uint64_t seed, int more_score, char *buf, size_t cap)
{
	static const char *const tools[] = {"pay", "read_a", "query", "mail", "delete_row", "own", "none"};
	static const char *const arguments[] = {"{\"sum\":5}", "{\"sum\":500}", "{\"sum\":5,\"to\":\"x\"}",
		"{\"sql\":\"select 1\"}", "{\"sql\":\"drop table t\"}", "{\"cmd\":\"; rm -rf / | sh\"}"};
	uint64_t s = seed * 2654435761u + 88172645463325252u;
	const char *tool = tools[next_random(&s) % SP_ARRAY_LEN(tools)];
	const char *args = arguments[next_random(&s) % SP_ARRAY_LEN(arguments)];
	struct sp_trial_in in = {.agent = SP_LIT("bot"), .tool = sp_bytes_cstr(tool),
		.arguments = sp_bytes_cstr(args), .wall_ns = 1767614400000000000ull,
		.order_known = true};
	uint8_t terms[512], escaped[256];
	struct sp_out t = sp_out_init(terms, sizeof(terms)), e = sp_out_init(escaped, sizeof(escaped));
	struct sp_judge_verdict v;
	struct sp_trial *trial;
	const char *wrong;
	char history[128];
	int n;

	snprintf(history, sizeof(history), "denied=%d failed=%d minute=%d usual=4 calls=%d new=%d tainted=%d",
		(int)(next_random(&s) % 12), (int)(next_random(&s) % 12), (int)(next_random(&s) % 16),
		(int)(next_random(&s) % 12), (int)(next_random(&s) % 2), (int)(next_random(&s) % 2));
	in.history = sp_bytes_cstr(history);
	assert_int_equal(sp_trial_new(snap, &trial), 0);
	assert_int_equal(sp_trial_set(trial, &in, &wrong), 0);
	sp_trial_judge(trial, NULL, &v);
	sp_trial_free(trial);
	sp_local_terms(&v, &t);
	sp_out_json_escaped(&e, in.arguments);
	n = snprintf(buf, cap,
		"{\"seq\":%" PRIu64 ",\"type\":\"decision\",\"time\":\"2026-01-05T12:00:00.000000000Z\","
		"\"agent\":\"bot\",\"peer\":\"[::1]:4711\",\"method\":\"tools/call\",\"tool\":\"%s\","
		"\"arguments_bytes\":%zu,\"decision\":\"%s\",\"reason\":\"%s\",\"detail\":\"%s\",\"risk\":%u,"
		"\"arguments\":\"%.*s\",\"terms\":\"%.*s\",\"history\":\"%s\",\"hash\":\"00\"}\n",
		seed, tool, strlen(args), sp_trial_decision(&v), sp_reason_info(v.reason)->name,
		v.reason == SP_REASON_SEQUENCE_DENIED ? v.detail : "", v.score + (unsigned)more_score,
		(int)e.len, (const char *)escaped, (int)t.len, (const char *)terms, history);
	assert_true(n > 0 && (size_t)n < cap);
	return n;
}

static void a_recorded_decision_comes_to_the_same_verdict_reason_and_score(void **state)
{
	const char *path;
	struct sp_snap snap;
	struct place p;
	uint8_t *blob;
	static char text[300 * 1024];
	size_t n = 0;

	(void)state;
	place_init(&p);
	path = p.policy;
	assert_int_equal(sp_local_snapshot(&path, 1, &blob, &snap), 0);
	for (uint64_t seed = 1; seed <= 300; seed++)
		n += (size_t)record(&snap, seed, 0, text + n, sizeof(text) - n);
	write_file(p.records, text);
	assert_explains(SP_CTL_OK, "\n300 decisions judged, 0 different, 0 not decidable, 0 other records\n", p.policy,
		"--record", p.records);
	n += (size_t)record(&snap, 301, 1, text + n, sizeof(text) - n);
	write_file(p.records, text);
	assert_explains(SP_CTL_REFUSED, "\n301 decisions judged, 1 different, 0 not decidable, 0 other records\n",
		p.policy, "--record", p.records);
	assert_explains(SP_CTL_REFUSED, "\"equal\":false", p.policy, "--json", "--record", p.records);
	free(blob);
	place_done(&p);
}

#define HEAD                                                                                       \
	"{\"seq\":7,\"type\":\"decision\",\"time\":\"2026-01-05T12:00:00.500000000Z\",\"agent\":\"bot\","  \
	"\"method\":\"tools/call\","

static void what_was_not_recorded_is_told_with_the_rules_it_leaves_open(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.records, HEAD "\"tool\":\"pay\",\"arguments_bytes\":9,\"decision\":\"allow\","
			      "\"reason\":\"none\",\"risk\":30}");
	assert_explains(SP_CTL_UNDECIDED, "? rule small: could not be decided", p.policy, "--record", p.records);
	assert_explains(SP_CTL_UNDECIDED, "\"undecided\":[{\"rule\":\"small\"},{\"rule\":\"never\"}]", p.policy,
		"--json", "--record", p.records);
	assert_explains(SP_CTL_OK, ": the same", p.policy, "--record", p.records, "--arguments",
		"{\"sum\":5}");
	place_done(&p);
}

static void what_hangs_on_claims_is_told_as_undecided(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.policy, "version: 1\nagents: [{name: bot, allow: [read_a]}]\n"
			     "tools: [{name: read_a, require_human_initiated: true}]\n"
			     "intent: {require_authorization_details: true}\n");
	write_file(p.records, HEAD "\"tool\":\"read_a\",\"decision\":\"allow\",\"reason\":\"none\"}");
	assert_explains(SP_CTL_UNDECIDED,
		": not decidable: needs claims\n1 decisions judged, 0 different, 1 not decidable", p.policy,
		"--record", p.records);
	assert_explains(SP_CTL_REFUSED, ": DIFFERENT", p.policy, "--record", p.records,
		"--claims={\"initiated_by\":\"agent\"}");
	assert_explains(SP_CTL_UNDECIDED, "? tool read_a: could not", p.policy, "--record", p.records);
	assert_explains(SP_CTL_UNDECIDED, "? authorization_details: could not", p.policy, "--record", p.records);
	assert_explains(SP_CTL_UNDECIDED, "\"undecided\":[{\"tool\":\"read_a\"},\"authorization_details\"]",
		p.policy, "--json", "--record", p.records);
	assert_explains(SP_CTL_OK, "allow none: the same", p.policy, "--record", p.records,
		"--claims={\"initiated_by\":\"human\",\"authorization_details\":"
		"[{\"type\":\"mcp_tool_call\",\"actions\":[\"read_*\"]}]}");
	place_done(&p);
}

static void the_score_of_arguments_that_are_gone_is_taken_from_the_record(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.records, HEAD "\"tool\":\"read_a\",\"arguments_bytes\":9,\"decision\":\"allow\","
				   "\"reason\":\"none\",\"risk\":17,\"terms\":\"class=5 arguments=12\","
				   "\"history\":\"calls=20\"}\n[]\n");
	assert_explains(SP_CTL_OK, "score 17: the same\n1 decisions judged, 0 different", p.policy, "--record",
		p.records);
	place_done(&p);
}

static void a_refusal_by_a_limit_is_not_held_against_policy_files(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.records, HEAD "\"tool\":\"read_a\",\"decision\":\"deny\",\"reason\":\"rate_minute\"}\n"
				   "{\"seq\":8,\"type\":\"lifecycle\"}\n");
	assert_explains(SP_CTL_OK, "not comparable", p.policy, "--record", p.records);
	assert_explains(SP_CTL_OK, "\"equal\":null", p.policy, "--json", "--record", p.records);
	assert_explains(SP_CTL_OK, "1 decisions judged, 0 different, 0 not decidable, 1 other records", p.policy,
		"--record", p.records);
	place_done(&p);
}

static void a_record_that_is_cut_short_or_none_fails(void **state)
{
	static const char whole[] = HEAD "\"tool\":\"read_a\",\"decision\":\"allow\",\"reason\":\"none\"}";
	struct place p;
	char cut[sizeof(whole)];

	(void)state;
	place_init(&p);
	write_file(p.records, whole);
	assert_explains(SP_CTL_OK, ": the same", p.policy, "--record", p.records);
	for (size_t n = 0; n < sizeof(whole) - 1; n += 3) {
		char *text;

		memcpy(cut, whole, n);
		cut[n] = 0;
		write_file(p.records, cut);
		assert_int_equal(EXPLAIN(&text, p.policy, "--record", p.records), SP_CTL_REFUSED);
		free(text);
	}
	assert_explains(SP_CTL_REFUSED, "/nonexistent", p.policy, "--record", "/nonexistent");
	write_file(p.records, "{\"type\":\"outcome\"}\n");
	assert_explains(SP_CTL_REFUSED, "no decision", p.policy, "--record", p.records);
	place_done(&p);
}

#define assert_tests(code, what, ...)                                                              \
	do {                                                                                       \
		char *told;                                                                        \
		int is = run((char *[]){"sallyctl", "policy", "test", __VA_ARGS__, NULL}, &told);  \
		assert_tells(told, what);                                                          \
		assert_int_equal(is, code);                                                        \
		free(told);                                                                        \
	} while (0)

static const char good_cases[] =
	"cases:\n"
	"  - {name: a small sum, agent: bot, tool: pay, arguments: {sum: 5}, expect: allow}\n"
	"  - name: a large sum\n"
	"    agent: bot\n"
	"    tool: pay\n"
	"    arguments: '{\"sum\": 500}'\n"
	"    expect: {decision: deny, reason: tool_denied}\n"
	"  - name: to x\n"
	"    agent: bot\n"
	"    tool: pay\n"
	"    arguments: {sum: 5, to: x}\n"
	"    expect: {decision: deny, reason: rule_denied, rule: never}\n"
	"  - {name: own, agent: bot, tool: own, claims: {sub: u}, expect: {rule: mine, score: 20}}\n"
	"  - name: after taint\n"
	"    agent: bot\n"
	"    tool: mail\n"
	"    after: [fetch]\n"
	"    expect: {reason: sequence_denied}\n"
	"  - name: history counts\n"
	"    agent: bot\n"
	"    tool: read_a\n"
	"    history: {calls: 0, new: 1}\n"
	"    time: 2026-01-05T12:00:00Z\n"
	"    expect: {decision: allow, rule: rest, score: {min: 18, max: 18}}\n"
	"  - {name: later, agent: bot, tool: x, skip: not built yet, expect: deny}\n";

static void cases_that_hold_pass_and_the_rules_they_reach_are_counted(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.cases, good_cases);
	assert_tests(SP_CTL_OK, "4 of 4 rules decided a case: 100 %\n6 passed, 0 failed, 1 skipped\n", p.cases,
		"--policy", p.policy, "--require-coverage=100");
	assert_tests(SP_CTL_OK, "skipped later [", p.cases, "--policy", p.policy);
	assert_tests(SP_CTL_OK, "{\"passed\":6,\"failed\":0,\"skipped\":1}\n", p.cases, "--json", "--policy",
		p.policy);
	assert_tests(SP_CTL_OK, "12 passed, 0 failed, 2 skipped\n", p.cases, p.cases, "--policy", p.policy);
	place_done(&p);
}

static void a_case_that_does_not_hold_tells_what_differed(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.cases, "cases:\n"
			    "  - {name: one, agent: bot, tool: read_a, expect: {decision: deny, reason: tool_denied,\n"
			    "     rule: small, score: {min: 90}}}\n"
			    "  - {name: two, agent: bot, tool: pay, history: many, expect: allow}\n");
	assert_tests(SP_CTL_REFUSED, "cases.yaml:2]: decision is allow, not deny; reason is none, not "
				     "tool_denied; rule is rest, not small; score is 5, not from 90 to 100\n",
		p.cases, "--policy", p.policy);
	assert_tests(SP_CTL_REFUSED, "FAILED  two [", p.cases, "--policy", p.policy);
	assert_tests(SP_CTL_REFUSED, "  never decided: small [policy.yaml:9]\n", p.cases, "--policy", p.policy);
	assert_tests(SP_CTL_REFUSED, "\n0 passed, 2 failed, 0 skipped\n", p.cases, "--policy", p.policy);
	assert_tests(SP_CTL_REFUSED, "\"never\":[{\"name\":\"small\"", p.cases, "--json", "--policy", p.policy);
	place_done(&p);
}

static void too_few_rules_reached_fail_the_test(void **state)
{
	struct place p;

	(void)state;
	place_init(&p);
	write_file(p.cases, "cases: [{name: n, agent: bot, tool: read_a, expect: allow}]\n");
	assert_tests(SP_CTL_OK, "1 of 4 rules decided a case: 25 %", p.cases, "--policy", p.policy,
		"--require-coverage", "25");
	assert_tests(SP_CTL_REFUSED, "coverage is 25 %, below 26 %", p.cases, "--policy", p.policy,
		"--require-coverage", "26");
	place_done(&p);
}

static void cases_that_cannot_be_read_are_told_with_their_places(void **state)
{
	static const char *const wrong[][2] = {
		{"", "cases.yaml"},
		{"cases: []\n", "cases.yaml:1:8: cases is no list of cases"},
		{"[]", "a file of cases is no mapping"},
		{"case: 1\n", "a file of cases has no setting 'case'"},
		{"cases:\n- {agent: a, tool: t, expect: allow}\n", ":2:3: a case needs name"},
		{"cases:\n- {name: n, tool: t, expect: allow}\n", "a case needs agent"},
		{"cases:\n- {name: n, agent: a, tool: t}\n", "a case needs expect"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: {}}\n", "expect says nothing"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: maybe}\n", "is none of allow, deny"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: {reason: no}}\n", "is no reason"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: {reason: rate_minute}}\n", "policy alone"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: {score: 101}}\n", "from 0 to 100"},
		{"cases:\n- {name: n, agent: a, tool: t, expect: {score: {min: 5, max: 4}}}\n", "min over"},
		{"cases:\n- {name: n, name: m, agent: a, tool: t, expect: allow}\n", "name is given twice"},
		{"cases:\n- {name: n, agent: a, tool: t, time: 5m, expect: allow}\n", "time is no time"},
		{"cases:\n- {name: n, agent: a, tool: t, peer: 10.0.0, expect: allow}\n", "peer is no address"},
		{"cases:\n- {name: n, agent: a, tool: t, after: x, expect: allow}\n", "after is no list"},
		{"cases:\n- {name: n, agent: a, tool: t, arguments: [1], expect: allow}\n", "is no mapping"},
		{"cases:\n- {name: n, agent: a, tool: t, colour: red, expect: allow}\n", "setting 'colour'"},
	};
	struct place p;

	(void)state;
	place_init(&p);
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++) {
		write_file(p.cases, wrong[i][0]);
		assert_tests(SP_CTL_REFUSED, wrong[i][1], p.cases, "--policy", p.policy);
	}
	assert_tests(SP_CTL_REFUSED, "/nonexistent", "/nonexistent", "--policy", p.policy);
	assert_tests(SP_CTL_REFUSED, "/nonexistent", p.cases, "--policy", "/nonexistent");
	assert_tests(SP_CTL_USAGE, "--policy", p.cases);
	assert_tests(SP_CTL_USAGE, "a file of cases", "--policy", p.policy);
	assert_tests(SP_CTL_USAGE, "percentage", p.cases, "--policy", p.policy, "--require-coverage=101");
	place_done(&p);
}

/// Only whole cases are read: a file that is cut may hold fewer, but none that is not what it was.
static void every_truncation_of_cases_is_read_or_refused(void **state)
{
	struct sp_check check;
	struct sp_cases c;

	(void)state;
	for (size_t n = 0; n < sizeof(good_cases); n++) {
		sp_check_init(&check);
		if (sp_cases_read(sp_bytes(good_cases, n), "cut.yaml", &check, &c) == 0) {
			for (uint32_t i = 0; i < c.n; i++)
				assert_true(c.v[i].name && c.v[i].in.agent.n && c.v[i].in.tool.n);
			sp_cases_done(&c);
		} else {
			assert_false(sp_check_ok(&check));
		}
		sp_check_done(&check);
	}
}

static void values_become_json_as_they_look(void **state)
{
	static const char text[] =
		"cases:\n- name: n\n  agent: a\n  tool: t\n  expect: allow\n  arguments: {a: 1, "
		"b: -2.5e3, c: '1', d: true, e: null, f: x y, g: [1, {h: ~}], 'q\"': 01, k: \"l\\n\"}\n";
	struct sp_check check;
	struct sp_cases c;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_cases_read(sp_bytes_cstr(text), "v.yaml", &check, &c), 0);
	assert_int_equal(c.n, 1);
	if (!sp_bytes_eq(c.v[0].in.arguments,
		    SP_LIT("{\"a\":1,\"b\":-2.5e3,\"c\":\"1\",\"d\":true,\"e\":null,\"f\":\"x y\","
			   "\"g\":[1,{\"h\":null}],\"q\\\"\":\"01\",\"k\":\"l\\u000a\"}")))
		fail_msg("%.*s", SP_FMT(c.v[0].in.arguments));
	sp_cases_done(&c);
	sp_check_done(&check);
}

static void the_cases_of_the_manual_hold(void **state)
{
	static char text[16384];
	FILE *f = fopen("docs/testing-policy.md", "r");
	char *from, *to;
	struct place p;

	(void)state;
	place_init(&p);
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	from = strstr(text, "```yaml\n");
	to = from ? strstr(from + 8, "```") : NULL;
	assert_non_null(to);
	*to = 0;
	write_file(p.cases, from + 8);
	write_file(p.policy, "version: 1\nagents: [{name: support-bot}]\nrules: [{name: small, effect: allow, "
			     "agents: [support-bot], tools: [refund], when: [request.amount < 100]}]\n");
	assert_tests(SP_CTL_OK, "\n2 passed, 0 failed, 0 skipped\n", p.cases, "--policy", p.policy,
		"--require-coverage", "90");
	place_done(&p);
}

static void the_seeds_hold_what_their_texts_say(void **state)
{
	const char *shared = getenv("SP_SHARED");
	char seeds[512];

	(void)state;
	snprintf(seeds, sizeof(seeds), "%s/fixtures/seeds", shared ? shared : "../shared");
	if (access(seeds, R_OK) < 0) {
		print_message("%s is absent: skipped\n", seeds);
		skip();
	}
	assert_tests(SP_CTL_OK, "\n10 passed, 0 failed, 0 skipped\n", "tests/policy/seed-cases.yaml", "--policy",
		seeds, "--require-coverage", "100");
}

static void a_history_is_read_as_decisions_record_it(void **state)
{
	static const char *const wrong[] = {"denied", "denied=", "denied=x", "denied=-1", "new=2",
		"minute=4294967296", "=1", "other=1", "calls=1 calls=1", "denied=1,failed=2"};
	struct sp_judge_history h;

	(void)state;
	assert_int_equal(sp_trial_history(SP_LIT("denied=1 failed=2 minute=12 usual=3 calls=9 new=1 tainted=1"),
				 &h),
		0);
	assert_int_equal(h.agent_denied, 1);
	assert_int_equal(h.agent_failed, 2);
	assert_int_equal(h.agent_calls_minute, 12);
	assert_int_equal(h.agent_usual_minute, 3);
	assert_int_equal(h.tool_calls, 9);
	assert_true(h.session_new && h.session_tainted);
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++)
		if (sp_trial_history(sp_bytes_cstr(wrong[i]), &h) != -EINVAL)
			fail_msg("\"%s\" is taken", wrong[i]);
	assert_int_equal(sp_trial_history(SP_NOBYTES, &h), 0);
	assert_int_equal(h.tool_calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_is_made_up_is_told_with_every_rule_condition_limit_and_term),
		cmocka_unit_test(claims_history_and_what_came_before_are_part_of_the_call),
		cmocka_unit_test(a_tool_is_judged_by_its_upstreams_name_too),
		cmocka_unit_test(what_cannot_be_used_is_refused_with_what_is_wrong),
		cmocka_unit_test(the_same_call_is_told_the_same_byte_for_byte),
		cmocka_unit_test(a_recorded_decision_comes_to_the_same_verdict_reason_and_score),
		cmocka_unit_test(what_was_not_recorded_is_told_with_the_rules_it_leaves_open),
		cmocka_unit_test(what_hangs_on_claims_is_told_as_undecided),
		cmocka_unit_test(the_score_of_arguments_that_are_gone_is_taken_from_the_record),
		cmocka_unit_test(a_refusal_by_a_limit_is_not_held_against_policy_files),
		cmocka_unit_test(a_record_that_is_cut_short_or_none_fails),
		cmocka_unit_test(cases_that_hold_pass_and_the_rules_they_reach_are_counted),
		cmocka_unit_test(a_case_that_does_not_hold_tells_what_differed),
		cmocka_unit_test(too_few_rules_reached_fail_the_test),
		cmocka_unit_test(cases_that_cannot_be_read_are_told_with_their_places),
		cmocka_unit_test(every_truncation_of_cases_is_read_or_refused),
		cmocka_unit_test(values_become_json_as_they_look),
		cmocka_unit_test(the_cases_of_the_manual_hold),
		cmocka_unit_test(the_seeds_hold_what_their_texts_say),
		cmocka_unit_test(a_history_is_read_as_decisions_record_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
