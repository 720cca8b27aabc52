/// Ports of workers in the configuration: what they say, and what is refused.
#include "config/gateway.h"
#include "config/plan_build.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define FIRST                                                                                      \
	"profile: development\nlisteners:\n  - address: 127.0.0.1:8080\n    tls: false\n"         \
	"upstreams:\n  - name: crm\n    url: http://127.0.0.1:9000/mcp\n"                           \
	"routes:\n  - path: /mcp\n    resource: https://gw.example/mcp\n    upstreams: [crm]\n"   \
	"    anonymous_agent: a\n"
#define PORT "ports:\n  - device: net_tap0\n    addresses: [192.0.2.10/24]\n"

static struct sp_check check;

static int parse(const char *text, struct sp_gateway **ret)
{
	sp_check_init(&check);
	return sp_gateway_parse(sp_bytes_cstr(text), "s.yaml", &check, ret);
}

static void bad(const char *ports, const char *want)
{
	struct sp_gateway *g = NULL;
	char text[2048], all[4096] = "";

	snprintf(text, sizeof(text), "%s%s", FIRST, ports);
	assert_int_equal(parse(text, &g), -EBADMSG);
	for (uint32_t i = 0; i < check.n; i++)
		sp_problem_text(&check.v[i], all + strlen(all), sizeof(all) - strlen(all));
	if (!strstr(all, want))
		fail_msg("wanted: %s\ngot: %s", want, all);
	sp_check_done(&check);
}

static void a_port_says_what_stands_there(void **state)
{
	static const char text[] = FIRST
		"ports:\n  - device: \"0000:3b:02.1\"\n    addresses: [192.0.2.10/24, \"2001:db8::10/64\"]\n"
		"    gateways: [192.0.2.1, \"2001:db8::1\"]\n    mac: 02:00:5e:10:00:01\n    mtu: 9000\n"
		"    vlan: 7\n    frames: 4096\n    half_open: 64\n  - device: net_tap1\n"
		"    addresses: [192.0.2.11/24]\n";
	static const struct sp_plan_facts facts = {.config_path = "/etc/s.yaml", .cpus = 4};
	struct sp_plan plan = {0};
	struct sp_gateway *g = NULL;
	char shown[64];

	(void)state;
	assert_int_equal(parse(text, &g), 0);
	assert_int_equal(sp_plan_build(g, &facts, &check, &plan), 0);
	assert_int_equal(plan.workers, 2); // as many as ports, not as CPUs
	assert_int_equal(plan.ports_n, 2);
	assert_string_equal(plan.port[0].device, "0000:3b:02.1");
	assert_string_equal(inet_ntop(AF_INET, &plan.port[0].addr4, shown, sizeof(shown)), "192.0.2.10");
	assert_string_equal(inet_ntop(AF_INET6, &plan.port[0].addr6[0], shown, sizeof(shown)), "2001:db8::10");
	assert_string_equal(inet_ntop(AF_INET, &plan.port[0].gateway4, shown, sizeof(shown)), "192.0.2.1");
	assert_int_equal(plan.port[0].prefix4, 24);
	assert_int_equal(plan.port[0].addrs6, 1);
	assert_memory_equal(plan.port[0].mac, "\x02\0\x5e\x10\0\x01", 6);
	assert_int_equal(plan.port[0].mtu, 9000);
	assert_int_equal(plan.port[0].vlan, 7);
	assert_int_equal(plan.port[1].mtu, 1500);
	assert_int_equal(plan.port[1].vlan, 0);
	sp_gateway_free(g);
	sp_check_done(&check);
}

static void what_no_port_could_be_is_refused(void **state)
{
	(void)state;
	bad("ports:\n  - device: net_tap0\n", "addresses");
	bad("ports:\n  - device: net_tap0\n    addresses: [192.0.2.10]\n", "is no address with a prefix");
	bad("ports:\n  - device: net_tap0\n    addresses: [127.0.0.1/8]\n", "no address a host could have");
	bad("ports:\n  - device: net_tap0\n    addresses: [192.0.2.1/24, 192.0.2.2/24]\n", "has one");
	bad("ports:\n  - device: net_tap0\n    addresses: [\"2001:db8::1/48\"]\n", "needs the prefix 64");
	bad("ports:\n  - device: net_tap0\n    addresses: [192.0.2.0/24]\n", "no address a host could have");
	bad("ports:\n  - device: net_tap0\n    addresses: [192.0.2.255/24]\n", "no address a host could have");
	bad("ports:\n  - device: net_tap0\n    addresses: [\"2001:db8::1/64\", \"2001:db8:0::1/64\"]\n",
		"stands there twice");
	bad(PORT "    gateways: [192.0.2.10]\n", "is the port's own address");
	bad(PORT "    gateways: [192.0.2.255]\n", "no address a host could have");
	bad("ports:\n  - device: net_tap0\n    addresses: [\"2001:db8::1/64\"]\n    gateways: [\"::\"]\n",
		"no address a host could have");
	bad("ports:\n  - device: net_tap0\n    addresses: [\"2001:db8::1/64\"]\n    gateways: [\"ff02::1\"]\n",
		"no address a host could have");
	bad(PORT "    mac: 00:00:00:00:00:00\n", "no MAC address of one station");
	bad(PORT "    gateways: [198.51.100.1]\n", "is not in the network");
	bad(PORT "    gateways: [\"2001:db8::1\"]\n", "of which the port has no address");
	bad(PORT "    mac: 01:00:5e:00:00:01\n", "no MAC address of one station");
	bad(PORT "    mac: 02:00:5e:00:00\n", "no MAC address of one station");
	bad(PORT "    vlan: 4095\n", "vlan");
	bad(PORT "  - device: net_tap0\n    addresses: [192.0.2.11/24]\n", "is another worker's");
	bad("ports:\n  - device: \"0000:3b:02.1\"\n    addresses: [192.0.2.10/24]\n"
	    "  - device: \"0000:3b:02.1,rx_burst=32\"\n    addresses: [192.0.2.11/24]\n",
		"is another worker's");
	bad("ports:\n  - device: \"0000:3b:02.1\"\n    addresses: [192.0.2.10/24]\n"
	    "  - device: \"3B:02.1\"\n    addresses: [192.0.2.11/24]\n",
		"is another worker's");
	bad("workers:\n  count: 2\n" PORT, "one is needed for each worker");
}

static void a_memif_port_is_reached_by_a_path(void **state)
{
	static const char *const devices[] = {
		"net_memif0",
		"net_memif0,secret=hush,role=server,socket=/run/p/memif",
		"net_memif0,role=server,socket=memif,socket-abstract=no",
		"net_memif0,role=client,socket-abstract=no",
		"net_memif0,role=server,socket=/run/p/memif,socket-abstract=yes",
		"net_memif0,role=server,socket=/run/p/memif,socket-abstract=no,socket-abstract=yes",
		"net_memif0,role=server,socket=/run/p/memif,socket-abstract=no,socket=memif",
		"net_memif0,role=server,socket=/run/p/memif,socket-abstract=noyes",
	};
	static const char good[] = "net_memif0,role=server,socket=/run/p/memif,socket-abstract=no,id=0";
	struct sp_gateway *g = NULL;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(devices); i++) {
		snprintf(text, sizeof(text), "ports:\n  - device: \"%s\"\n    addresses: [192.0.2.10/24]\n",
			devices[i]);
		bad(text, "'net_memif0' names no socket by its path"); // and no secret of it is shown
	}
	snprintf(text, sizeof(text), FIRST "ports:\n  - device: \"%s\"\n    addresses: [192.0.2.10/24]\n", good);
	assert_int_equal(parse(text, &g), 0);
	sp_gateway_free(g);
	sp_check_done(&check);
}

static void a_network_of_two_or_one_has_only_hosts(void **state)
{
	static const char *const addresses[] = {"192.0.2.0/31", "192.0.2.1/31", "192.0.2.0/32", "192.0.2.255/32"};
	struct sp_gateway *g = NULL;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(addresses); i++) {
		snprintf(text, sizeof(text), "%sports:\n  - device: net_tap0\n    addresses: [%s]\n", FIRST,
			addresses[i]);
		assert_int_equal(parse(text, &g), 0);
		g = sp_gateway_free(g);
		sp_check_done(&check);
	}
}

static const char listener[] = "profile: development\nlisteners:\n  - address: \"%s\"\n    port: true\n    tls: %s\n"
	"upstreams:\n  - name: crm\n    url: http://127.0.0.1:9000/mcp\n"
	"routes:\n  - path: /mcp\n    resource: https://gw.example/mcp\n    upstreams: [crm]\n"
	"issuers:\n  - issuer: https://id.example\n    algorithms: [ES256]\n    jwks_file: /k.json\n"
	"tls:\n  certificates:\n    - chain: /c.pem\n      key: /k.pem\n%s";

static void a_listener_at_a_port_needs_one_and_an_address_that_is_no_loopback(void **state)
{
	struct sp_gateway *g = NULL;
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), listener, "0.0.0.0:443", "true", PORT);
	assert_int_equal(parse(text, &g), 0);
	assert_true(sp_gw_listener(g, 0)->port);
	g = sp_gateway_free(g);
	sp_check_done(&check);
	snprintf(text, sizeof(text), listener, "0.0.0.0:443", "true", "");
	assert_int_equal(parse(text, &g), -EBADMSG);
	sp_check_done(&check);
	snprintf(text, sizeof(text), listener, "127.0.0.1:443", "true", PORT);
	assert_int_equal(parse(text, &g), -EBADMSG);
	sp_check_done(&check);
	snprintf(text, sizeof(text), listener, "0.0.0.0:443", "false", PORT);
	assert_int_equal(parse(text, &g), -EBADMSG);
	sp_check_done(&check);
}

static void a_listener_at_a_port_has_an_address_of_one(void **state)
{
	static const char two[] = PORT "  - device: net_tap1\n    addresses: [192.0.2.11/24, \"2001:db8::11/64\"]\n";
	static const struct {
		const char *address, *ports;
		int want;
	} cases[] = {
		{"192.0.2.10:443", PORT, 0},
		{"192.0.2.11:443", two, 0},
		{"[2001:db8::11]:443", two, 0},
		{"[::]:443", two, 0},
		{"192.0.2.12:443", two, -EBADMSG},
		{"[2001:db8::12]:443", two, -EBADMSG},
		{"[::]:443", PORT, -EBADMSG},
		{"0.0.0.0:443", "ports:\n  - device: net_tap0\n    addresses: [\"2001:db8::1/64\"]\n", -EBADMSG},
	};
	char text[2048], said[512];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_gateway *g = NULL;

		snprintf(text, sizeof(text), listener, cases[i].address, "true", cases[i].ports);
		assert_int_equal(parse(text, &g), cases[i].want);
		if (cases[i].want) {
			assert_int_equal(check.n, 1);
			sp_problem_text(&check.v[0], said, sizeof(said));
			assert_non_null(strstr(said, "s.yaml:3:"));
			assert_non_null(strstr(said, "is no port's"));
		}
		sp_gateway_free(g);
		sp_check_done(&check);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_says_what_stands_there),
		cmocka_unit_test(what_no_port_could_be_is_refused),
		cmocka_unit_test(a_memif_port_is_reached_by_a_path),
		cmocka_unit_test(a_network_of_two_or_one_has_only_hosts),
		cmocka_unit_test(a_listener_at_a_port_needs_one_and_an_address_that_is_no_loopback),
		cmocka_unit_test(a_listener_at_a_port_has_an_address_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
