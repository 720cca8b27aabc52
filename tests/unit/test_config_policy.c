#include "config/compile.h"
#include "config/diff.h"
#include "config/load.h"
#include "config/policy_read.h"

#include "common/clock.h"
#include "common/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cmocka.h>
#include "common/banned.h"

#define BOT                                                                                        \
	"{\"tool_id\": \"bot\", \"allowed_actions\": [\"read\", \"mail\"],\n"                      \
	" \"rate_limits\": {\"per_minute\": 100, \"per_hour\": 5000},\n"                           \
	" \"budget_limits\": {\"per_request_tokens\": 1000, \"daily_max_tokens\": 100000},\n"      \
	" \"audit_level\": \"enhanced\"}\n"

static struct sp_check check;

static void all_problems(char *buf, size_t cap)
{
	buf[0] = 0;
	for (uint32_t i = 0; i < check.n; i++) {
		size_t len = strlen(buf);

		sp_problem_text(&check.v[i], buf + len, cap - len - 1);
		snprintf(buf + strlen(buf), cap - strlen(buf), "\n");
	}
}

static struct sp_policy *good(const char *text)
{
	struct sp_policy *p = NULL;
	char all[4096];

	sp_check_init(&check);
	assert_int_equal(sp_policy_new(&p), 0);
	if (sp_policy_read(p, sp_bytes_cstr(text), "p.json", &check) != 0) {
		all_problems(all, sizeof(all));
		fail_msg("%s", all);
	}
	assert_int_equal(sp_policy_seal_in(p, &check), 0);
	sp_check_done(&check);
	return p;
}

static void bad(const char *text, const char *want)
{
	struct sp_policy *p = NULL;
	char all[8192];

	sp_check_init(&check);
	assert_int_equal(sp_policy_new(&p), 0);
	assert_int_equal(sp_policy_read(p, sp_bytes_cstr(text), "p.json", &check), -EBADMSG);
	all_problems(all, sizeof(all));
	if (!strstr(all, want))
		fail_msg("wanted: %s\ngot: %s", want, all);
	sp_check_done(&check);
	sp_policy_free(p);
}

static void one_object_or_a_list_of_them_is_read(void **state)
{
	struct sp_policy *p = good("[" BOT ", {\"tool_id\": \"abe\", \"allowed_actions\": []}]");

	(void)state;
	assert_int_equal(p->agents_n, 2);
	assert_string_equal(p->agent[0].name, "abe");
	assert_int_equal(p->agent[0].actions_n, 0);
	assert_false(p->agent[0].has_audit_level);
	assert_int_equal(p->agent[0].per_minute, 0);
	assert_string_equal(p->agent[1].name, "bot");
	assert_string_equal(p->agent[1].at.file, "p.json");
	assert_int_equal(p->agent[1].at.line, 1);
	assert_int_equal(p->agent[1].per_minute, 100);
	assert_int_equal(p->agent[1].per_hour, 5000);
	assert_int_equal(p->agent[1].per_request_tokens, 1000);
	assert_int_equal(p->agent[1].daily_tokens, 100000);
	assert_int_equal(p->agent[1].audit_level, SP_AUDIT_ENHANCED);
	assert_int_equal(p->actions_n, 2);
	assert_string_equal(p->action[0], "mail");
	sp_policy_free(p);
}

static void problems_name_the_place_and_how_to_mend(void **state)
{
	(void)state;
	bad("{\"tool_id\": \"bot\",\n \"alowed_actions\": []}",
		"p.json:2:2: unknown key 'alowed_actions' in an allow-list (did you mean 'allowed_actions'?)");
	bad("{\"tool_id\": \"bot\"}", "allowed_actions is missing");
	bad("{\"allowed_actions\": []}", "tool_id is missing: this is no allow-list");
	bad("[{\"TOOL_POLICIES\": {}}]", "tool_id is missing: this is no allow-list");
	bad("{\"tool_id\": 5, \"allowed_actions\": []}", "tool_id: '5' has to be a string");
	bad("{\"tool_id\": \"\", \"allowed_actions\": []}", "has to have 1 to 128 characters");
	bad("{\"tool_id\": \"a b\", \"allowed_actions\": []}", "visible ASCII without blanks");
	bad("{\"tool_id\": \"\\u00e9\", \"allowed_actions\": []}", "visible ASCII without blanks");
	bad("{\"tool_id\": \"a\\u0000b\", \"allowed_actions\": []}", "control character");
	bad("{\"tool_id\": \"bot\", \"allowed_actions\": [\"*\"]}", "there are no wildcards");
	bad("{\"tool_id\": \"bot\", \"allowed_actions\": [\"a\", 1]}", "has to be a string");
	bad("{\"tool_id\": \"bot\", \"allowed_actions\": \"a\"}", "has to be a list");
	bad("{\"tool_id\": \"bot\", \"allowed_actions\": [\"a\", \"b\", \"a\"]}",
		"'a' stands there twice");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"audit_level\": \"loud\"}",
		"audit_level: 'loud' is no audit level (basic, enhanced or strict)");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": {\"per_minute\": 0}}",
		"per_minute: 0 could mean nothing or everything");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": {\"per_minute\": "
	    "16777216}}",
		"is above the maximum of 16777215");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": {\"per_minute\": 1.5}}",
		"'1.5' is no whole number");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": {\"per_hour\": \"5\"}}",
		"'5' is no whole number");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": {\"per_day\": 5}}",
		"unknown key 'per_day'");
	bad("{\"tool_id\": \"b\", \"allowed_actions\": [], \"rate_limits\": 5}",
		"rate_limits has to be an object");
	bad("{\"tool_id\": \"b\", \"tool_id\": \"c\", \"allowed_actions\": []}",
		"p.json:1:19: not JSON: duplicate key (keep one of them; several conditions are a list)");
	bad("[" BOT "," BOT "]", "agent 'bot' stands at p.json:1 already");
	bad("5", "an object or a list of objects was expected");
	bad("[[]]", "an object was expected");
	bad("", "not JSON");
}

static void every_truncation_is_refused(void **state)
{
	const char *text = BOT;

	(void)state;
	for (size_t n = 0; n < strlen(text) - 1; n++) {
		struct sp_policy *p;

		sp_check_init(&check);
		assert_int_equal(sp_policy_new(&p), 0);
		assert_int_equal(
			sp_policy_read(p, sp_bytes(text, n), "p.json", &check), -EBADMSG);
		assert_true(check.n > 0);
		sp_check_done(&check);
		sp_policy_free(p);
	}
}

static char dir[64];

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sp-policy-XXXXXX");
	sp_check_init(&check);
	return mkdtemp(dir) ? 0 : -1;
}

static int folder_gone(void **state)
{
	char cmd[128];

	(void)state;
	sp_check_done(&check);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void a_folder_is_one_policy_whose_hash_names_its_files(void **state)
{
	struct sp_policy *p;
	uint8_t first[32];

	(void)state;
	put_file("b.json", BOT);
	put_file("a.json", "{\"tool_id\": \"abe\", \"allowed_actions\": [\"zip\"]}");
	put_file(".hidden.json", "nonsense");
	put_file("notes.txt", "nonsense");
	assert_int_equal(sp_load_policy(dir, &check, &p), 0);
	assert_int_equal(p->agents_n, 2);
	assert_non_null(strstr(p->agent[0].at.file, "/a.json"));
	memcpy(first, p->sha256, sizeof(first));
	sp_policy_free(p);
	assert_int_equal(sp_load_policy(dir, &check, &p), 0);
	assert_memory_equal(first, p->sha256, sizeof(first));
	sp_policy_free(p);
	put_file("b.json", BOT " ");
	assert_int_equal(sp_load_policy(dir, &check, &p), 0);
	assert_memory_not_equal(first, p->sha256, sizeof(first));
	sp_policy_free(p);
}

static void a_file_is_policy_however_its_ending_is_written(void **state)
{
	struct sp_policy *p;

	(void)state;
	put_file("a.JSON", BOT);
	put_file("b.Yml", "version: 1\nrules: [{name: no, effect: deny, tools: zip}]\n");
	assert_int_equal(sp_load_policy(dir, &check, &p), 0);
	assert_int_equal(p->agents_n, 1);
	assert_int_equal(p->rules_n, 1);
	sp_policy_free(p);
}

static void a_file_that_cannot_be_read_is_told_why(void **state)
{
	struct sp_policy *p = NULL;
	char all[4096], path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/b.yaml", dir);
	put_file("b.yaml", "");
	assert_int_equal(truncate(path, SP_POLICY_TEXT_MAX + 1), 0);
	assert_int_equal(sp_load_policy(dir, &check, &p), -EBADMSG);
	all_problems(all, sizeof(all));
	assert_non_null(strstr(all, "/a.yaml: cannot be read: it is no regular file"));
	assert_non_null(strstr(all, "/b.yaml: cannot be read: it is larger than such a file may be"));
}

static void one_wrong_file_spoils_the_folder_and_all_are_told(void **state)
{
	struct sp_policy *p = NULL;
	char all[4096], want[256];

	(void)state;
	put_file("a.json", BOT);
	put_file("b.json", "{\"tool_id\": \"x\"}");
	put_file("c.json", BOT);
	put_file("d.yaml", "a: 1");
	put_file("e.yml", "[1, 2]");
	assert_int_equal(sp_load_policy(dir, &check, &p), -EBADMSG);
	assert_null(p);
	all_problems(all, sizeof(all));
	snprintf(want, sizeof(want), "%s/c.json:1:13: agent 'bot' stands at %s/a.json:1 already",
		dir, dir);
	assert_non_null(strstr(all, want));
	assert_non_null(strstr(all, "allowed_actions is missing"));
	assert_non_null(strstr(all, "/d.yaml:1:1: unknown key 'a' in policy text"));
	assert_non_null(strstr(all, "/e.yml:1:2: an object was expected"));
	assert_int_equal(sp_load_policy("/nonexistent", &check, &p), -EBADMSG);
}

static void the_seed_loads_byte_for_byte(void **state)
{
	const char *shared = getenv("SP_SHARED");
	char path[512];
	struct sp_policy *p;
	uint8_t *text;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/fixtures/seeds/whitelist.json",
		shared ? shared : "../shared");
	if (sp_load_file(path, 1 << 20, &text, &n) < 0) {
		print_message("%s is absent: skipped\n", path);
		skip();
	}
	sp_check_init(&check);
	assert_int_equal(sp_policy_new(&p), 0);
	assert_int_equal(sp_policy_read(p, sp_bytes(text, n), path, &check), 0);
	assert_int_equal(sp_policy_seal_in(p, &check), 0);
	assert_int_equal(p->agents_n, 1);
	assert_string_equal(p->agent[0].name, "customer-support-bot");
	assert_int_equal(p->agent[0].actions_n, 3);
	assert_int_equal(p->agent[0].per_minute, 100);
	assert_int_equal(p->agent[0].daily_tokens, 100000);
	sp_policy_free(p);
	free(text);
}

#define GATEWAY                                                                                    \
	"profile: development\nlisteners: [{address: '127.0.0.1:80', tls: false}]\n"               \
	"issuers: [{issuer: 'https://id', algorithms: [ES256], jwks_file: /k, audiences: [a]}]\n"  \
	"upstreams:\n  - {name: crm, url: 'https://crm:8443/mcp', era: modern, http: 1.1}\n"       \
	"  - {name: ws, url: 'unix:/run/ws:/mcp', http: 2}\n"                                      \
	"routes:\n  - {path: /mcp, resource: 'https://gw/mcp', upstreams: [crm, ws], scopes: [a, " \
	"b]}\n"

static struct sp_gateway *gateway(const char *text)
{
	struct sp_gateway *g;

	sp_check_init(&check);
	assert_int_equal(sp_gateway_parse(sp_bytes_cstr(text), "s.yaml", &check, &g), 0);
	return g;
}

/// What a compile of GATEWAY needs besides the policy, made up.
static uint8_t *compile(const char *yaml, const char *policy, uint64_t generation, size_t *ret_n)
{
	struct sp_gateway *g = gateway(yaml);
	struct sp_policy *p = good(policy);
	struct sp_upstream_facts up[2] = {
		{.credential = SP_LIT("Bearer x"), .addrs_n = 1, .addr_len = {2}}};
	struct sp_jwks *set = calloc(1, sizeof(*set) + sizeof(struct sp_jwk));
	struct sp_issuer_keys keys[] = {{set, 99}};
	struct sp_compile_in in = {.gateway = g,
		.policy = p,
		.keys = keys,
		.upstreams = up,
		.generation = generation,
		.built_ns = 5};
	uint8_t *blob = NULL;

	assert_non_null(set);
	set->n = 1;
	set->key[0] = (struct sp_jwk){SP_ALG_ES256, 2, 4, "k1", "spki"};
	assert_int_equal(sp_compile(&in, &check, &blob, ret_n), 0);
	free(set);
	sp_policy_free(p);
	sp_gateway_free(g);
	return blob;
}

static void a_compiled_policy_answers_what_workers_ask(void **state)
{
	size_t n;
	uint8_t *blob = compile(GATEWAY, BOT, 7, &n);
	struct sp_snap s;
	const struct sp_snap_agent *bot;
	const struct sp_snap_route *r;

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_int_equal(s.h->generation, 7);
	assert_true(sp_bytes_eq(sp_snap_str(&s, s.h->profile), SP_LIT("development")));
	bot = sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("bot")));
	assert_true(sp_snap_allows(&s, bot, sp_snap_find_action(&s, SP_LIT("read"))));
	assert_false(sp_snap_allows(&s, bot, sp_snap_find_action(&s, SP_LIT("write"))));
	r = sp_snap_route(&s, sp_snap_find_route(&s, SP_LIT("/mcp")));
	assert_int_equal(r->upstreams.n, 2);
	assert_int_equal(r->prefixed, 1);
	assert_true(sp_bytes_eq(sp_snap_str(&s, r->scopes), SP_LIT("a b")));
	assert_int_equal(r->hosts.n, 2);
	assert_true(
		sp_bytes_eq(sp_snap_str(&s, sp_snap_upstream(&s, 0)->server_name), SP_LIT("crm")));
	assert_true(
		sp_bytes_eq(sp_snap_str(&s, sp_snap_upstream(&s, 0)->host), SP_LIT("crm:8443")));
	assert_int_equal(sp_snap_upstream(&s, 0)->era, SP_ERA_MODERN);
	assert_int_equal(sp_snap_upstream(&s, 0)->http, SP_UP_HTTP_1);
	assert_int_equal(sp_snap_upstream(&s, 1)->kind, SP_UP_UNIX);
	assert_int_equal(sp_snap_upstream(&s, 1)->http, SP_UP_HTTP_2);
	assert_int_equal(s.h->keys.n, 1);
	assert_int_equal(SP_SNAP_GET(&s, s.h->issuers, sp_snap_issuer, 0)->keys_valid_until_ns, 99);
	free(blob);
}

static void a_credential_becomes_one_header_line(void **state)
{
	const char *yaml =
		"profile: development\nlisteners: [{address: '127.0.0.1:80', tls: false}]\n"
		"upstreams: [{name: crm, url: 'http://crm/mcp', credential: {header: "
		"Authorization, value_file: /v}}]\n"
		"issuers: [{issuer: 'https://id', algorithms: [ES256], jwks_file: /k}]\n"
		"routes: [{path: /mcp, resource: 'https://gw/mcp', upstreams: [crm]}]\n";
	size_t n;
	uint8_t *blob = compile(yaml, BOT, 1, &n);
	struct sp_snap s;

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_true(sp_bytes_eq(sp_snap_str(&s, sp_snap_upstream(&s, 0)->credential),
		SP_LIT("Authorization: Bearer x\r\n")));
	free(blob);
}

static void limit_slots_stay_with_their_agents_over_publishes(void **state)
{
	struct sp_gateway *g = gateway(GATEWAY);
	struct sp_policy *one = good(BOT);
	struct sp_policy *two = good("[{\"tool_id\": \"abe\", \"allowed_actions\": []}," BOT "]");
	struct sp_upstream_facts up[2] = {{.addrs_n = 0}};
	struct sp_issuer_keys keys[1] = {{NULL, 0}};
	struct sp_compile_in in = {.gateway = g, .policy = one, .keys = keys, .upstreams = up};
	struct sp_shm shm;
	struct sp_snap s;
	uint32_t slot;
	uint8_t *blob;
	size_t n;
	int fd;

	(void)state;
	assert_int_equal(sp_shm_create("limits", SP_REGION_LIMITS,
				 sp_history_bytes(&(struct sp_history_sizes){16, 256, 256, 1, 100}),
				 sizeof(struct sp_limits_region), &shm, &fd),
		0);
	assert_int_equal(sp_history_format(&shm, &(struct sp_history_sizes){2, 256, 256, 1, 100}), 0);
	in.limits = &shm;
	assert_int_equal(sp_compile(&in, &check, &blob, &n), 0);
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	slot = sp_snap_agent(&s, 0)->limit_slot;
	free(blob);
	in.policy = two;
	assert_int_equal(sp_compile(&in, &check, &blob, &n), 0);
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_int_equal(
		sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("bot")))->limit_slot, slot);
	assert_int_not_equal(
		sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("abe")))->limit_slot, slot);
	free(blob);
	sp_policy_free(two);
	two = good("{\"tool_id\": \"eve\", \"allowed_actions\": []}");
	in.policy = two;
	assert_int_equal(sp_compile(&in, &check, &blob, &n), -EBADMSG);
	assert_non_null(strstr(check.v[0].what, "every limit slot is taken"));
	sp_check_done(&check);
	sp_policy_free(one);
	sp_policy_free(two);
	sp_gateway_free(g);
	sp_shm_detach(&shm);
	close(fd);
}

static void note_change(void *user, const struct sp_change *c)
{
	char *all = user;
	size_t len = strlen(all);

	sp_change_text(c, all + len, 4096 - len - 2);
	snprintf(all + strlen(all), 4096 - strlen(all), "\n");
}

static void a_diff_tells_what_each_agent_gains_and_loses(void **state)
{
	const char *next = "[{\"tool_id\": \"abe\", \"allowed_actions\": [\"zip\"]},"
			   "{\"tool_id\": \"bot\", \"allowed_actions\": [\"read\", \"zip\"],"
			   "\"rate_limits\": {\"per_minute\": 50}, \"audit_level\": \"strict\"}]";
	const char *yaml = GATEWAY "  - {path: /b, resource: 'https://gw/b', upstreams: [ws]}\n";
	size_t an, bn;
	uint8_t *ab = compile(GATEWAY, BOT, 1, &an), *bb = compile(yaml, next, 2, &bn);
	struct sp_snap a, b;
	char all[4096] = "";

	(void)state;
	assert_int_equal(sp_snap_open(ab, an, &a), 0);
	assert_int_equal(sp_snap_open(bb, bn, &b), 0);
	assert_int_equal(sp_snap_diff(&a, &a, note_change, all), 0);
	assert_int_equal(sp_snap_diff(&a, &b, note_change, all), 10);
	assert_string_equal(all, "route /b: new\n"
				 "agent abe: new\n"
				 "agent abe: may now call zip\n"
				 "agent bot: may no longer call mail\n"
				 "agent bot: may now call zip\n"
				 "agent bot: calls per minute 50, was 100\n"
				 "agent bot: calls per hour no limit, was 5000\n"
				 "agent bot: tokens per request no limit, was 1000\n"
				 "agent bot: tokens per day no limit, was 100000\n"
				 "agent bot: audit level strict, was enhanced\n");
	all[0] = 0;
	assert_int_equal(sp_snap_diff(&b, &a, note_change, all), 10);
	assert_non_null(strstr(all, "agent abe: may no longer call zip\nagent abe: gone\n"));
	assert_non_null(strstr(all, "route /b: gone\n"));
	all[0] = 0;
	assert_true(sp_snap_diff(NULL, &a, note_change, all) > 4);
	assert_non_null(strstr(all, "issuers or keys: changed\n"));
	assert_non_null(strstr(all, "upstream crm: new\n"));
	free(ab);
	free(bb);
}

static int resolve_some(void *user, const char *host, uint16_t port,
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX], uint32_t len[SP_UPSTREAM_ADDRS_MAX])
{
	(void)user;
	if (strcmp(host, "crm") != 0)
		return -5;
	memset(&addr[0], 0, sizeof(addr[0]));
	addr[0].ss_family = AF_INET;
	((struct sockaddr_in *)&addr[0])->sin_port = htons(port);
	len[0] = sizeof(struct sockaddr_in);
	return 1;
}

static void upstreams_get_addresses_trust_and_credentials(void **state)
{
	struct sp_upstream_set set;
	struct sp_gateway *g;
	char yaml[2048];
	struct sockaddr_un un;

	(void)state;
	put_file("ca.pem", "-----BEGIN CERTIFICATE-----\nx\n");
	put_file("cred", "Bearer abc\n");
	snprintf(yaml, sizeof(yaml),
		"profile: development\nlisteners: [{address: '127.0.0.1:80', tls: false}]\n"
		"issuers: [{issuer: 'https://id', algorithms: [ES256], jwks_file: /k}]\n"
		"upstreams:\n  - name: crm\n    url: https://crm:8443/\n    ca_file: %s/ca.pem\n"
		"    credential: {header: X-Key, value_file: %s/cred}\n"
		"  - {name: ws, url: 'unix:/run/ws:/mcp'}\n  - {name: gone, url: "
		"'http://gone/mcp'}\n"
		"routes: [{path: /mcp, resource: 'https://gw/mcp', upstreams: [crm]}]\n",
		dir, dir);
	g = gateway(yaml);
	assert_int_equal(sp_load_upstreams(g, resolve_some, NULL, &check, &set), 0);
	assert_int_equal(set.v[0].addrs_n, 1);
	assert_int_equal(((struct sockaddr_in *)set.v[0].addr[0])->sin_port, htons(8443));
	assert_true(sp_bytes_eq(set.v[0].credential, SP_LIT("Bearer abc")));
	assert_true(sp_bytes_starts(set.v[0].ca_pem, SP_LIT("-----BEGIN")));
	memcpy(&un, set.v[1].addr[0], sizeof(un));
	assert_string_equal(un.sun_path, "/run/ws");
	assert_int_equal(set.v[2].addrs_n, 0);
	assert_int_equal(set.v[2].resolve_err, -5);
	sp_upstream_set_done(&set);
	put_file("cred", "Bearer abc\r\nX-Evil: 1\n");
	assert_int_equal(sp_load_upstreams(g, resolve_some, NULL, &check, &set), -EBADMSG);
	assert_non_null(strstr(check.v[0].what, "has to hold one line of visible characters"));
	put_file("ca.pem", "nothing");
	assert_int_equal(sp_load_upstreams(g, resolve_some, NULL, &check, &set), -EBADMSG);
	assert_non_null(strstr(check.v[1].what, "holds no PEM certificate"));
	sp_gateway_free(g);
}

static void files_that_are_no_files_are_refused(void **state)
{
	char path[128];
	uint8_t *p;
	size_t n;

	(void)state;
	assert_int_equal(sp_load_file(dir, 100, &p, &n), -EISDIR);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(sp_load_file(path, 100, &p, &n), -EISDIR);
	put_file("long", "12345");
	snprintf(path, sizeof(path), "%s/long", dir);
	assert_int_equal(sp_load_file(path, 4, &p, &n), -E2BIG);
	assert_int_equal(sp_load_file(path, 5, &p, &n), 0);
	assert_int_equal(n, 5);
	free(p);
}

static void a_configuration_is_read_from_its_file(void **state)
{
	struct sp_gateway *g = NULL;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/s.yaml", dir);
	assert_int_equal(sp_load_gateway(path, &check, &g), -EBADMSG);
	assert_non_null(strstr(check.v[0].what, "cannot be read: No such file"));
	put_file("s.yaml", GATEWAY);
	assert_int_equal(sp_load_gateway(path, &check, &g), 0);
	assert_string_equal(g->file, path);
	sp_gateway_free(g);
}

static void literal_addresses_resolve_without_asking_anyone(void **state)
{
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX];
	uint32_t len[SP_UPSTREAM_ADDRS_MAX];

	(void)state;
	assert_int_equal(sp_resolve_system(NULL, "127.0.0.1", 80, addr, len), 1);
	assert_int_equal(addr[0].ss_family, AF_INET);
	assert_int_equal(((struct sockaddr_in *)&addr[0])->sin_port, htons(80));
	assert_int_equal(len[0], sizeof(struct sockaddr_in));
	assert_int_equal(sp_resolve_system(NULL, "::1", 443, addr, len), 1);
	assert_int_equal(addr[0].ss_family, AF_INET6);
	assert_true(sp_resolve_system(NULL, "no host at all", 1, addr, len) < 0);
}

static void plan_facts_name_real_users_only(void **state)
{
	struct sp_plan_source src;
	struct sp_gateway *g = gateway(GATEWAY);
	char path[256];

	(void)state;
	put_file("s.yaml", "x");
	snprintf(path, sizeof(path), "%s/../%s/s.yaml", dir, dir + 5);
	assert_int_equal(sp_load_plan_facts(g, path, &check, &src), 0);
	assert_true(src.facts.cpus > 0);
	assert_int_equal(src.facts.uid_worker, 0);
	assert_null(strstr(src.facts.config_path, ".."));
	sp_gateway_free(g);
	g = gateway(GATEWAY
		"users: {worker: nobody, control: nobody, audit: no-such-user, group: nogroup}\n");
	assert_int_equal(sp_load_plan_facts(g, path, &check, &src), -EBADMSG);
	assert_non_null(strstr(check.v[0].what, "there is no user 'no-such-user'"));
	sp_gateway_free(g);
	sp_check_done(&check);
	g = gateway(
		GATEWAY "users: {worker: root, control: nobody, audit: nobody, group: nogroup}\n");
	assert_int_equal(sp_load_plan_facts(g, path, &check, &src), -EBADMSG);
	sp_gateway_free(g);
}

static void ten_thousand_agents_with_a_thousand_tools_build_in_a_second(void **state)
{
	enum { AGENTS = 10000, ACTIONS = 1000 };
	struct sp_gateway *g = gateway(GATEWAY);
	struct sp_upstream_facts up[2] = {{.addrs_n = 0}};
	struct sp_issuer_keys keys[1] = {{NULL, 0}};
	uint64_t t0 = sp_clock_boot_ns(), t1, t2, t3;
	struct sp_policy *p;
	struct sp_compile_in in = {.gateway = g, .keys = keys, .upstreams = up};
	struct sp_snap s;
	uint8_t *blob;
	char name[32];
	size_t n;

	(void)state;
	assert_int_equal(sp_policy_new(&p), 0);
	for (int i = 0; i < AGENTS; i++) {
		struct sp_policy_agent *a;

		snprintf(name, sizeof(name), "agent-%05d", i);
		assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(name),
					 (struct sp_at){"big.json", 1, 1}, &a),
			0);
		a->actions = sp_arena_alloc(&p->arena, ACTIONS * sizeof(*a->actions));
		for (int k = i % 2; k < ACTIONS; k += 2) {
			snprintf(name, sizeof(name), "tool_%04d", k);
			assert_int_equal(
				sp_policy_action(p, sp_bytes_cstr(name), &a->actions[a->actions_n]),
				0);
			a->actions_n++;
		}
	}
	t1 = sp_clock_boot_ns();
	assert_int_equal(sp_policy_seal_in(p, &check), 0);
	in.policy = p;
	assert_int_equal(sp_compile(&in, &check, &blob, &n), 0);
	t2 = sp_clock_boot_ns();
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	t3 = sp_clock_boot_ns();
	for (uint32_t i = 0; i < AGENTS; i += 997)
		for (uint32_t k = 0; k < ACTIONS; k++)
			assert_int_equal(
				sp_snap_allows(&s, sp_snap_agent(&s, i), k), i % 2 == k % 2);
	print_message("named in %.0f ms, compiled in %.0f ms, opened in %.1f ms, %.1f MiB\n",
		(double)(t1 - t0) / 1e6, (double)(t2 - t1) / 1e6, (double)(t3 - t2) / 1e6,
		(double)n / (1 << 20));
	/* A second is the aim; sanitizers and busy machines get ten. */
	assert_true(t2 - t1 < 10 * SP_NS_PER_SEC);
	free(blob);
	sp_policy_free(p);
	sp_gateway_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_object_or_a_list_of_them_is_read),
		cmocka_unit_test(problems_name_the_place_and_how_to_mend),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test_setup_teardown(
			a_folder_is_one_policy_whose_hash_names_its_files, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			a_file_is_policy_however_its_ending_is_written, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			a_file_that_cannot_be_read_is_told_why, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			one_wrong_file_spoils_the_folder_and_all_are_told, folder, folder_gone),
		cmocka_unit_test(the_seed_loads_byte_for_byte),
		cmocka_unit_test(a_compiled_policy_answers_what_workers_ask),
		cmocka_unit_test(a_credential_becomes_one_header_line),
		cmocka_unit_test(limit_slots_stay_with_their_agents_over_publishes),
		cmocka_unit_test(a_diff_tells_what_each_agent_gains_and_loses),
		cmocka_unit_test_setup_teardown(
			upstreams_get_addresses_trust_and_credentials, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			files_that_are_no_files_are_refused, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			plan_facts_name_real_users_only, folder, folder_gone),
		cmocka_unit_test_setup_teardown(
			a_configuration_is_read_from_its_file, folder, folder_gone),
		cmocka_unit_test(literal_addresses_resolve_without_asking_anyone),
		cmocka_unit_test(ten_thousand_agents_with_a_thousand_tools_build_in_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
