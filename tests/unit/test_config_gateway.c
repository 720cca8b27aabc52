#include "config/gateway.h"
#include "config/plan_build.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/un.h>
#include <cmocka.h>
#include "common/banned.h"

#define HEAD "profile: development\nlisteners:\n  - address: 127.0.0.1:8080\n    tls: false\n"
#define ISSUER                                                                                     \
	"issuers:\n  - issuer: https://id.example\n    algorithms: [ES256, EdDSA]\n"               \
	"    jwks_file: /k.json\n"
#define UPSTREAM "upstreams:\n  - name: crm\n    url: http://127.0.0.1:9000/mcp\n"
#define ROUTE                                                                                      \
	"routes:\n  - path: /mcp\n    resource: https://gw.example/mcp\n    upstreams: [crm]\n"
#define GOOD HEAD ISSUER UPSTREAM ROUTE

static struct sp_check check;

static struct sp_gateway *good(const char *text)
{
	struct sp_gateway *g = NULL;
	int err;

	sp_check_init(&check);
	err = sp_gateway_parse(sp_bytes_cstr(text), "s.yaml", &check, &g);
	for (uint32_t i = 0; i < check.n; i++) {
		char line[600];

		sp_problem_text(&check.v[i], line, sizeof(line));
		print_message("%s\n", line);
	}
	assert_int_equal(err, 0);
	sp_check_done(&check);
	return g;
}

/// The text is refused, and `want` is among the problems' lines.
static void bad(const char *text, const char *want)
{
	struct sp_gateway *g = NULL;
	char all[8192] = "";

	sp_check_init(&check);
	assert_int_equal(sp_gateway_parse(sp_bytes_cstr(text), "s.yaml", &check, &g), -EBADMSG);
	assert_null(g);
	for (uint32_t i = 0; i < check.n; i++) {
		size_t len = strlen(all);

		sp_problem_text(&check.v[i], all + len, sizeof(all) - len - 1);
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "\n");
	}
	if (!strstr(all, want))
		fail_msg("wanted: %s\ngot: %s", want, all);
	sp_check_done(&check);
}

static void a_small_file_gets_every_other_value_by_default(void **state)
{
	struct sp_gateway *g = good(GOOD);
	const struct sp_gw_upstream *u = sp_gw_upstream(g, 0);
	const struct sp_gw_route *r = sp_gw_route(g, 0);

	(void)state;
	assert_int_equal(g->profile, SP_PROFILE_DEVELOPMENT);
	assert_int_equal(g->timeouts.idle_ns, 60 * SP_NS_PER_SEC);
	assert_int_equal(g->policy.default_audit_level, SP_AUDIT_BASIC);
	assert_string_equal(g->state_dir.s, "/var/lib/sallyport");
	assert_string_equal(u->host, "127.0.0.1:9000");
	assert_string_equal(u->address, "127.0.0.1");
	assert_string_equal(u->path, "/mcp");
	assert_int_equal(u->port, 9000);
	assert_int_equal(u->breaker.failures, 5);
	assert_int_equal(r->upstream_no[0], 0);
	assert_true(r->legacy && r->modern && !r->prefix && !r->auth_none);
	assert_int_equal(r->host_names_n, 2);
	assert_string_equal(r->host_names[0], "gw.example");
	assert_string_equal(r->host_names[1], "gw.example:443");
	assert_true(r->method_bits & 1u << SP_METHOD_TOOLS_CALL);
	assert_false(r->method_bits & 1u << SP_METHOD_SAMPLING);
	assert_int_equal(sp_gw_issuer(g, 0)->algs,
		SP_JWT_ALG_BIT(SP_ALG_ES256) | SP_JWT_ALG_BIT(SP_ALG_EDDSA));
	sp_gateway_free(g);
}

static void values_in_the_file_win_over_every_default(void **state)
{
	struct sp_gateway *g = good(GOOD "timeouts:\n  idle: 10ms\n  drain: 2m\n"
					 "limits:\n  max_body: 64KiB\n  audit_ring_entries: 1024\n"
					 "workers:\n  count: 3\n  pin: 2\n  mode: busy\n"
					 "policy:\n  default_audit_level: strict\n");

	(void)state;
	assert_int_equal(g->timeouts.idle_ns, 10 * SP_NS_PER_MS);
	assert_int_equal(g->timeouts.drain_ns, 120 * SP_NS_PER_SEC);
	assert_int_equal(g->limits.max_body_bytes, 65536);
	assert_int_equal(g->workers.count, 3);
	assert_int_equal(g->workers.first_cpu, 2);
	assert_int_equal(g->policy.default_audit_level, SP_AUDIT_STRICT);
	sp_gateway_free(g);
}

static void each_profile_brings_its_own_defaults(void **state)
{
	struct sp_gateway *g = good(
		"profile: compliance\nusers: {worker: w, control: c, audit: a, group: g}\n"
		"listeners: [{address: 'unix:/run/s.sock', tls: false}]\n" ISSUER UPSTREAM ROUTE);

	(void)state;
	assert_int_equal(g->policy.default_audit_level, SP_AUDIT_STRICT);
	assert_true(sp_gw_issuer(g, 0)->require_at_jwt);
	assert_int_equal(g->audit.retention_days, 2190);
	sp_gateway_free(g);
	g = good("listeners: [{address: 'unix:/run/s.sock', tls: false}]\n" ISSUER UPSTREAM ROUTE);
	assert_int_equal(g->profile, SP_PROFILE_PRODUCTION);
	assert_int_equal(g->policy.default_audit_level, SP_AUDIT_ENHANCED);
	sp_gateway_free(g);
}

static void messages_name_place_range_and_default(void **state)
{
	(void)state;
	bad(GOOD "timeouts:\n  idle: 5ms\n",
		"s.yaml:17:9: idle: '5ms' is below the minimum of 10ms (default 60s)");
	bad(GOOD "timeouts:\n  idle: 5\n", "s.yaml:17:9: idle: '5' is not a value with unit (a "
					   "duration is a number with a unit");
	bad(GOOD "timeouts:\n  idel: 5s\n",
		"s.yaml:17:3: unknown key 'idel' in timeouts (did you mean 'idle'?)");
	bad(GOOD "limits:\n  max_body: 1GiB\n",
		"max_body: '1GiB' is above the maximum of 64MiB (default 1MiB)");
	bad(GOOD "limits:\n  audit_ring_entries: 1000\n", "'1000' has to be a power of two");
	bad(GOOD "limits:\n  max_headers: 99999999999999999999\n", "above the maximum of 1024");
	bad(GOOD "workers: {mode: lazy}\n",
		"mode: 'lazy' is not known here (one of adaptive busy)");
	bad(GOOD "workers: {count: many}\n", "'many' is not a number or 'auto'");
	bad(GOOD "workers: [1]\n", "workers: a group of settings was expected, this is a list");
	bad(GOOD "state_dir: {a: b}\n", "state_dir: a single value was expected");
	bad(GOOD "state_dir: var\n", "state_dir: 'var' has to be an absolute path");
	bad(GOOD "run_dir: ''\n", "run_dir: '' may not be empty");
	bad(GOOD "profile: production\n", "s.yaml:16:1: profile stands here a second time");
	bad(GOOD "nonsense: 1\n", "s.yaml:16:1: unknown key 'nonsense' in the configuration");
	bad(GOOD "timeouts: {idle: \"a\\u0007b\"}\n", "control character");
}

static void what_is_missing_is_named_with_its_meaning(void **state)
{
	(void)state;
	bad("profile: development\n", "listeners is missing (where agents connect)");
	bad(HEAD ISSUER UPSTREAM "routes:\n  - path: /mcp\n    upstreams: [crm]\n",
		"s.yaml:13:5: resource is missing");
	bad(HEAD UPSTREAM ROUTE,
		"route /mcp needs an issuer whose tokens it accepts (add issuers:)");
	bad(HEAD "issuers:\n  - issuer: https://a\n    algorithms: [ES256]\n" UPSTREAM ROUTE,
		"issuer https://a has no source of keys");
	bad(HEAD "issuers:\n  - issuer: https://a\n    algorithms: []\n    jwks_file: /k\n" UPSTREAM
			ROUTE,
		"algorithms: 0 entries; 1 to 5 are possible");
	bad("", "s.yaml:1:1: the file is empty");
	bad("- a\n", "the file has to be a group of settings");
}

static void all_problems_are_told_at_once(void **state)
{
	struct sp_gateway *g;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(
		sp_gateway_parse(SP_LIT(GOOD "timeouts: {idle: 1, head: 2, body: 3}\nx: 1\ny: 2\n"),
			"s.yaml", &check, &g),
		-EBADMSG);
	assert_int_equal(check.n, 5);
	sp_check_done(&check);
}

static void the_list_of_problems_is_bounded(void **state)
{
	char text[4096] = GOOD;
	struct sp_gateway *g;

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%d: 1\n", i);
	sp_check_init(&check);
	assert_int_equal(sp_gateway_parse(sp_bytes_cstr(text), "s.yaml", &check, &g), -EBADMSG);
	assert_int_equal(check.n, SP_CHECK_MAX);
	assert_int_equal(check.dropped, 100 - SP_CHECK_MAX);
	sp_check_done(&check);
}

static void parts_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	bad("listeners: [{address: '0.0.0.0:80', tls: false}]\n" ISSUER UPSTREAM ROUTE,
		"'0.0.0.0:80' is reachable from outside and has no TLS");
	bad("listeners: [{address: '[::]:443'}]\n" ISSUER UPSTREAM ROUTE,
		"the listener at [::]:443 needs a certificate (add tls: certificates:)");
	bad("listeners: [{address: 'localhost:443'}]\n" ISSUER UPSTREAM ROUTE,
		"'localhost:443' is no numeric address with port");
	bad(HEAD ISSUER UPSTREAM "routes:\n  - path: /mcp\n    resource: https://gw/mcp\n"
				 "    upstreams: [crn]\n",
		"s.yaml:15:17: upstreams: there is no 'crn' (upstreams are crm)");
	bad(GOOD "  - path: /mcp\n    resource: https://gw/b\n    upstreams: [crm]\n",
		"route /mcp stands in line 13 already");
	bad(HEAD ISSUER UPSTREAM "  - name: crm\n    url: http://b/\n" ROUTE,
		"upstream 'crm' stands in line 10 already");
	bad(GOOD "  - path: /b\n    resource: https://gw.example/mcp\n    upstreams: [crm]\n",
		"resource: https://gw.example/mcp stands in line 14 already");
	bad(HEAD ISSUER "    jwks_uri: https://a/k\n" UPSTREAM ROUTE,
		"more than one source of keys");
	bad(GOOD "    methods: [tools/frob]\n", "'tools/frob' is no MCP method an agent may send");
	bad(GOOD "    methods: [sampling/createMessage]\n", "is no MCP method an agent may send");
	bad(GOOD "users: {worker: a}\n", "users: all four or none");
	bad(GOOD "run_dir: /var/lib/sallyport\n", "are the same folder");
	bad(GOOD "workers: {restart_min: 5s, restart_max: 1s}\n",
		"restart_max is below restart_min");
	bad("profile: compliance\n" ISSUER UPSTREAM ROUTE
	    "listeners: [{address: 'unix:/s', tls: false}]\n",
		"needs a user of its own for each process");
	bad(HEAD "upstreams:\n  - name: crm\n    url: ftp://a/b\n" ISSUER ROUTE,
		"url: 'ftp://a/b' has to be http(s)");
	bad(HEAD "upstreams:\n  - name: crm\n    url: https://a/b?key=k\n" ISSUER ROUTE, "url: '...' has a query");
	bad(HEAD "upstreams:\n  - name: crm\n    url: https://a/b#c\n" ISSUER ROUTE, "has a fragment");
	bad(HEAD "upstreams:\n  - name: crm\n    url: https://u:p@a/b\n" ISSUER ROUTE, "url: '...' has a user");
	bad(HEAD "upstreams:\n  - name: a__b\n    url: http://a/b\n" ISSUER ROUTE,
		"'a__b' may not hold __");
	bad(HEAD ISSUER "upstreams:\n  - name: crm\n    url: http://a/b\n"
			"    credential: {header: Host, value_file: /v}\n" ROUTE,
		"'Host' is a header the gateway writes itself");
	bad(HEAD ISSUER UPSTREAM "    ca_file: /ca\n" ROUTE, "is not reached over TLS");
}

static void texts_that_could_mean_harm_or_nothing_are_refused(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{"routes: [{path: 'mcp', resource: 'https://g', upstreams: [crm]}]",
			"has to begin with /"},
		{"routes: [{path: '/a b', resource: 'https://g', upstreams: [crm]}]",
			"no query, escapes"},
		{"routes: [{path: '/a//b', resource: 'https://g', upstreams: [crm]}]",
			"dotted segment"},
		{"routes: [{path: '/a/../b', resource: 'https://g', upstreams: [crm]}]",
			"dotted segment"},
		{"routes: [{path: '/.well-known/x', resource: 'https://g', upstreams: [crm]}]",
			"which the gateway answers itself"},
		{"routes: [{path: /, resource: 'https://g?x', upstreams: [crm]}]", "without query"},
		{"routes: [{path: /, resource: 'https://u@g', upstreams: [crm]}]", "and user"},
		{"routes: [{path: /, resource: 'https://', upstreams: [crm]}]", "http(s) URI"},
		{"routes: [{path: /, resource: 'https://g', upstreams: [crm, crm]}]",
			"'crm' twice"},
		{"routes: [{path: /, resource: 'https://g', upstreams: [crm], scopes: ['a b']}]",
			"is no scope"},
		{"routes: [{path: /, resource: 'https://g', upstreams: [crm], hosts: ['a/b']}]",
			"as in a Host header"},
		{"routes: [{path: /, resource: 'https://g', upstreams: [crm], origins: "
		 "['https://a/']}]",
			"as in an Origin header"},
		{"routes: [{path: /, resource: 'https://g', upstreams: [crm], eras: [old]}]",
			"neither legacy nor modern"},
		{"tls: {certificates: [{chain: /c, key: /k, names: ['a_b']}]}",
			"server name or *.name"},
		{"issuers: [{issuer: 'https://i', algorithms: [HS256], discovery: true}]",
			"'HS256' is not an accepted algorithm"},
		{"upstreams: [{name: crm, url: 'http://h:0/'}]", "has no valid port"},
		{"upstreams: [{name: crm, url: 'http://h:99999/'}]", "has no valid port"},
		{"upstreams: [{name: crm, url: 'http://[::1/'}]", "closing bracket"},
		{"upstreams: [{name: crm, url: 'http://a:b:80/'}]", "has no valid host"},
		{"upstreams: [{name: crm, url: 'unix:x'}]", "unix:/path/to/socket:/path"},
		{"upstreams: [{name: crm, url: 'unix:/x:y'}]", "does not begin with /"},
		{"upstreams: [{name: '1a', url: 'http://h/'}]", "a letter first"},
		{"listeners: [{address: '127.0.0.1', tls: false}]", "no numeric address with port"},
		{"listeners: [{address: '[::1:80', tls: false}]", "no numeric address with port"},
		{"listeners: [{address: '[::g]:80', tls: false}]", "no numeric address with port"},
		{"listeners: [{address: ':80', tls: false}]", "no numeric address with port"},
		{"listeners: [{address: 'unix:x', tls: false}]", "no numeric address with port"},
		{"control: {roles: {admin: ['@']}}", "is no user, @group or uid"},
		{"users: {worker: '-x', control: c, audit: a, group: g}", "is no user name"},
		{"state_dir: \"/a\\nb\"", "one line without control characters"},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		static const char *const sections[] = {"profile: development\n",
			"listeners: [{address: '127.0.0.1:80', tls: false}]\n", ISSUER, UPSTREAM,
			ROUTE};
		size_t key = strcspn(cases[i].line, ":");
		char text[2048];

		snprintf(text, sizeof(text), "%s\n", cases[i].line);
		for (size_t k = 0; k < SP_ARRAY_LEN(sections); k++)
			if (strncmp(sections[k], cases[i].line, key) != 0)
				snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
					sections[k]);
		bad(text, cases[i].want);
	}
}

static void a_route_without_tokens_stays_on_ones_own_desk(void **state)
{
	struct sp_gateway *g = good(HEAD UPSTREAM ROUTE "    anonymous_agent: demo\n");

	(void)state;
	assert_true(sp_gw_route(g, 0)->auth_none);
	sp_gateway_free(g);
	bad(HEAD UPSTREAM ROUTE "    anonymous_agent: 'a b'\n", "visible ASCII without blanks");
	bad("profile: production\nlisteners: [{address: 'unix:/s', tls: false}]\n" UPSTREAM ROUTE
	    "    anonymous_agent: demo\n",
		"anonymous_agent is possible in the development profile only");
	bad("profile: development\nlisteners: [{address: '0.0.0.0:443'}]\n" UPSTREAM ROUTE
	    "    anonymous_agent: demo\ntls: {certificates: [{chain: /c, key: /k}]}\n",
		"anonymous_agent needs every listener on a loopback address; 0.0.0.0:443 is not");
}

static void upstreams_may_be_http_https_or_unix(void **state)
{
	struct sp_gateway *g = good(HEAD ISSUER ROUTE
		"upstreams:\n  - {name: crm, url: 'https://crm.example/a/b', ca_file: /ca.pem}\n"
		"  - {name: six, url: 'http://[::1]:81'}\n"
		"  - {name: sock, url: 'unix:/run/x.sock:/mcp'}\n");
	const struct sp_gw_upstream *u = sp_gw_upstream(g, 0);

	(void)state;
	assert_int_equal(u[0].kind, SP_UP_TLS);
	assert_int_equal(u[0].port, 443);
	assert_string_equal(u[0].host, "crm.example");
	assert_string_equal(u[0].path, "/a/b");
	assert_int_equal(u[1].kind, SP_UP_TCP);
	assert_string_equal(u[1].address, "::1");
	assert_string_equal(u[1].host, "[::1]:81");
	assert_string_equal(u[1].path, "/");
	assert_int_equal(u[2].kind, SP_UP_UNIX);
	assert_string_equal(u[2].address, "/run/x.sock");
	assert_string_equal(u[2].path, "/mcp");
	sp_gateway_free(g);
}

static void yaml_that_means_two_things_is_refused(void **state)
{
	(void)state;
	bad("a: &x 1\n", "anchors are not accepted");
	bad("a: *x\n", "aliases are not accepted");
	bad("a: !!str 1\n", "tags are not accepted");
	bad("<<: {a: 1}\n", "merge keys are not accepted");
	bad("a: 1\n---\nb: 2\n", "a second document begins here");
	bad("? [a]\n: 1\n", "a key must be a plain name");
	bad("a: [1\n", "not YAML");
	bad("a: \xff\n", "not readable as YAML text");
	bad("\tx: 1\n", "not YAML");
	bad("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply");
}

static void every_truncation_is_told_or_good_but_never_more(void **state)
{
	const char *text = GOOD;

	(void)state;
	for (size_t n = 0; n <= strlen(text); n++) {
		struct sp_gateway *g = NULL;
		int err;

		sp_check_init(&check);
		err = sp_gateway_parse(sp_bytes(text, n), "s.yaml", &check, &g);
		assert_int_equal(err == 0, check.n == 0);
		assert_int_equal(err == 0, g != NULL);
		sp_gateway_free(g);
		sp_check_done(&check);
	}
}

static void the_plan_says_what_the_configuration_says(void **state)
{
	struct sp_gateway *g =
		good(GOOD "workers: {count: auto, pin: 4, mode: busy}\n"
			  "limits: {max_calls: 77, secrets: 4MiB}\naudit: {flush_interval: 3ms}\n"
			  "tls: {records: openssl}\n");
	struct sp_plan_facts facts = {.cpus = 6, .config_path = "/etc/s.yaml", .uid_worker = 9};
	struct sp_plan plan = {.print = {.size = 4711}};

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_plan_build(g, &facts, &check, &plan), 0);
	assert_int_equal(plan.workers, 6);
	assert_int_equal(plan.first_cpu, 4);
	assert_int_equal(plan.mode, SP_MODE_BUSY);
	assert_int_equal(plan.tls_records, SP_TLS_RECORDS_OPENSSL);
	assert_int_equal(plan.max_calls, 77);
	assert_int_equal(plan.secrets_bytes, 4 << 20);
	assert_int_equal(plan.flush_ns, 3 * SP_NS_PER_MS);
	assert_int_equal(plan.idle_ns, 60 * SP_NS_PER_SEC);
	assert_int_equal(plan.listeners_n, 1);
	assert_int_equal(plan.listener[0].addr.ss_family, AF_INET);
	assert_int_equal(plan.uid_worker, 9);
	assert_string_equal(plan.config_path, "/etc/s.yaml");
	assert_int_equal(plan.print.size, 4711);
	facts.cpus = 500;
	assert_int_equal(sp_plan_build(g, &facts, &check, &plan), 0);
	assert_int_equal(plan.workers, SP_WORKERS_MAX);
	facts.config_path = "s.yaml";
	assert_int_equal(sp_plan_build(g, &facts, &check, &plan), -EINVAL);
	assert_int_equal(check.n, 1);
	sp_check_done(&check);
	sp_gateway_free(g);
}

static void a_reload_tells_what_waits_for_the_next_start(void **state)
{
	struct sp_gateway *a = good(GOOD), *b;
	char text[256];
	struct sp_out out = sp_out_init(text, sizeof(text));

	(void)state;
	b = good(GOOD);
	assert_int_equal(sp_gateway_needs_restart(a, b, &out), 0);
	sp_gateway_free(b);
	b = good(GOOD "policy: {directory: /p}\ntls: {ticket_rotation: 2h}\n");
	assert_int_equal(sp_gateway_needs_restart(a, b, &out), 0);
	sp_gateway_free(b);
	b = good("profile: development\nlisteners: [{address: '127.0.0.1:81', tls: false}]\n" ISSUER
			UPSTREAM ROUTE "timeouts: {idle: 1s}\nworkers: {mode: busy}\n");
	assert_int_equal(sp_gateway_needs_restart(a, b, &out), 3);
	assert_true(sp_bytes_eq(
		sp_bytes(text, out.len), SP_LIT("workers.mode, listeners.address, timeouts.idle")));
	sp_gateway_free(b);
	b = good("profile: development\nlisteners: [{address: '127.0.0.1:8080', tls: false},"
		 "{address: 'unix:/s', tls: false}]\n" ISSUER UPSTREAM ROUTE);
	out = sp_out_init(text, sizeof(text));
	assert_int_equal(sp_gateway_needs_restart(a, b, &out), 1);
	assert_true(sp_bytes_eq(sp_bytes(text, out.len), SP_LIT("listeners")));
	sp_gateway_free(b);
	sp_gateway_free(a);
}

static size_t read_whole(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return 0;
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

/// SP_UPDATE=1 in the environment writes it anew.
static void the_example_in_the_tree_is_current_and_good(void **state)
{
	static char want[65536], have[65536];
	struct sp_out out = sp_out_init(want, sizeof(want) - 1);
	const char *path = "config/sallyport.example.yaml";
	FILE *f;

	(void)state;
	sp_gateway_example(&out);
	assert_false(out.overflow);
	if (getenv("SP_UPDATE") && (f = fopen(path, "wb"))) {
		fwrite(want, 1, out.len, f);
		fclose(f);
	}
	sp_gateway_free(good(want));
	read_whole(path, have, sizeof(have) - 1);
	assert_string_equal(have, want);
}

/// Shown, read back and shown again: the same, and nothing differs.
static void shows_as_it_is(const char *text)
{
	static char shown[65536], again[65536];
	struct sp_gateway *g = good(text), *back;
	struct sp_out out = sp_out_init(shown, sizeof(shown) - 1);
	uint8_t names[512];
	struct sp_out later = sp_out_init(names, sizeof(names));

	sp_gateway_show(g, &out);
	assert_false(out.overflow);
	shown[out.len] = 0;
	back = good(shown);
	out = sp_out_init(again, sizeof(again) - 1);
	sp_gateway_show(back, &out);
	again[out.len] = 0;
	assert_string_equal(shown, again);
	assert_int_equal(sp_gateway_needs_restart(g, back, &later), 0);
	sp_gateway_free(g);
	sp_gateway_free(back);
}

static void what_is_shown_reads_back_to_the_same(void **state)
{
	static char text[65536];

	(void)state;
	shows_as_it_is(GOOD);
	shows_as_it_is(GOOD "timeouts:\n  idle: 10ms\n  drain: 2m\nworkers: {count: auto, pin: 4, mode: busy}\n"
			    "control: {roles: {viewer: [ann, '@ops'], admin: ['1000']}}\n");
	shows_as_it_is(HEAD ISSUER UPSTREAM "    credential: {header: X-Key, value_file: '/a \"b\\c'}\n"
					    "    breaker: {failures: 7}\n" ROUTE
					    "    scopes: ['tools:call', \"x\"]\n    methods: ['tools/*']\n");
	for (unsigned i = 0; i < 3; i++) {
		char path[64];
		size_t n;

		snprintf(path, sizeof(path), "config/profiles/%s.yaml", sp_profile_name((enum sp_profile)i));
		n = read_whole(path, text, sizeof(text) - 1);
		text[n] = 0;
		shows_as_it_is(text);
	}
}

static void defaults_are_shown_and_absent_parts_are_not(void **state)
{
	static char shown[65536];
	struct sp_gateway *g = good(GOOD);
	struct sp_out out = sp_out_init(shown, sizeof(shown) - 1);

	(void)state;
	sp_gateway_show(g, &out);
	shown[out.len] = 0;
	assert_non_null(strstr(shown, "\nlisteners:\n  - address: \"127.0.0.1:8080\"\n    tls: false\n"));
	assert_non_null(strstr(shown, "\n  max_body: 1MiB\n"));
	assert_non_null(strstr(shown, "\n  idle: 1m\n"));
	assert_null(strstr(shown, "credential"));
	assert_null(strstr(shown, "users"));
	out = sp_out_init(shown, 10);
	sp_gateway_show(g, &out);
	assert_true(out.overflow);
	sp_gateway_free(g);
}

static void the_profiles_in_the_tree_are_good(void **state)
{
	static const char *const names[] = {"development", "production", "compliance"};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(names); i++) {
		static char text[65536];
		struct sp_gateway *g;
		char path[64];
		size_t n;

		snprintf(path, sizeof(path), "config/profiles/%s.yaml", names[i]);
		n = read_whole(path, text, sizeof(text) - 1);
		assert_true(n > 0);
		text[n] = 0;
		g = good(text);
		assert_string_equal(sp_profile_name((enum sp_profile)g->profile), names[i]);
		sp_gateway_free(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_gets_every_other_value_by_default),
		cmocka_unit_test(values_in_the_file_win_over_every_default),
		cmocka_unit_test(each_profile_brings_its_own_defaults),
		cmocka_unit_test(messages_name_place_range_and_default),
		cmocka_unit_test(what_is_missing_is_named_with_its_meaning),
		cmocka_unit_test(all_problems_are_told_at_once),
		cmocka_unit_test(the_list_of_problems_is_bounded),
		cmocka_unit_test(parts_that_do_not_fit_are_refused),
		cmocka_unit_test(texts_that_could_mean_harm_or_nothing_are_refused),
		cmocka_unit_test(a_route_without_tokens_stays_on_ones_own_desk),
		cmocka_unit_test(upstreams_may_be_http_https_or_unix),
		cmocka_unit_test(yaml_that_means_two_things_is_refused),
		cmocka_unit_test(every_truncation_is_told_or_good_but_never_more),
		cmocka_unit_test(the_plan_says_what_the_configuration_says),
		cmocka_unit_test(a_reload_tells_what_waits_for_the_next_start),
		cmocka_unit_test(the_example_in_the_tree_is_current_and_good),
		cmocka_unit_test(the_profiles_in_the_tree_are_good),
		cmocka_unit_test(what_is_shown_reads_back_to_the_same),
		cmocka_unit_test(defaults_are_shown_and_absent_parts_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
