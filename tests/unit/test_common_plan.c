#include "common/plan.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <sys/un.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

/// Every ranged number at its least value that keeps the rules, one TLS listener on every address.
static struct sp_plan sample(void)
{
	struct sp_plan p = {.first_cpu = -1};
	struct sockaddr_in *in = (struct sockaddr_in *)&p.listener[0].addr;

	for (size_t off = 0; off < sizeof(p); off += 4) {
		const struct sp_plan_range *r = sp_plan_range(off);

		if (r && r->size == 4)
			memcpy((char *)&p + off, &(uint32_t){(uint32_t)r->min}, 4);
		else if (r)
			memcpy((char *)&p + off, &r->min, 8);
	}
	in->sin_family = AF_INET;
	p.listener[0].addr_len = sizeof(*in);
	p.listener[0].tls = 1;
	p.listener[0].backlog = 1;
	snprintf(p.config_path, sizeof(p.config_path), "/etc/c.yaml");
	snprintf(p.state_dir, sizeof(p.state_dir), "/var/lib/s");
	snprintf(p.run_dir, sizeof(p.run_dir), "/run/s");
	return p;
}

static void assert_refused(const struct sp_plan *p, const char *field)
{
	const char *got = "";

	assert_int_equal(sp_plan_check(p, &got), -EINVAL);
	assert_string_equal(got, field);
}

static void the_least_of_every_range_is_accepted(void **state)
{
	struct sp_plan p = sample();
	const char *field = "untouched";

	(void)state;
	assert_int_equal(sp_plan_check(&p, &field), 0);
	assert_string_equal(field, "untouched");
}

static void a_number_outside_its_range_is_named(void **state)
{
	unsigned ranges = 0;

	(void)state;
	for (size_t off = 0; off < sizeof(struct sp_plan); off += 4) {
		const struct sp_plan_range *r = sp_plan_range(off);
		struct sp_plan p = sample();
		uint64_t over;

		if (!r)
			continue;
		ranges++;
		over = r->max + 1;
		memcpy((char *)&p + off, &over, r->size);
		assert_refused(&p, r->field);
		if (r->min == 0)
			continue;
		over = r->min - 1;
		memcpy((char *)&p + off, &over, r->size);
		assert_refused(&p, r->field);
	}
	assert_true(ranges > 30);
}

static void sizes_that_break_a_rule_are_named(void **state)
{
	struct sp_plan p = sample();

	(void)state;
	p.audit_ring_entries = 96;
	assert_refused(&p, "audit_ring_entries");
	p = sample();
	p.audit_arena_bytes += 8;
	assert_refused(&p, "audit_arena_bytes");
	p = sample();
	p.segment_bytes += 512;
	assert_refused(&p, "segment_bytes");
	p = sample();
	p.restart_min_ns = p.restart_max_ns + 1;
	assert_refused(&p, "restart_max_ns");
	p = sample();
	p.first_cpu = -2;
	assert_refused(&p, "first_cpu");
}

static void plain_listeners_stay_on_this_host(void **state)
{
	struct sp_plan p = sample();
	struct sockaddr_in *in = (struct sockaddr_in *)&p.listener[0].addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&p.listener[0].addr;
	const char *field;

	(void)state;
	p.listener[0].tls = 0;
	assert_refused(&p, "listener.tls");
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 7);
	assert_int_equal(sp_plan_check(&p, &field), 0);
	memset(in6, 0, sizeof(*in6));
	in6->sin6_family = AF_INET6;
	p.listener[0].addr_len = sizeof(*in6);
	assert_refused(&p, "listener.tls");
	in6->sin6_addr = in6addr_loopback;
	assert_int_equal(sp_plan_check(&p, &field), 0);
}

static void listeners_that_are_no_address_are_refused(void **state)
{
	struct sp_plan p = sample();
	struct sockaddr_un *un = (struct sockaddr_un *)&p.listener[0].addr;
	const char *field;

	(void)state;
	p.listener[0].addr_len = 3;
	assert_refused(&p, "listener.addr");
	p = sample();
	p.listener[0].addr.ss_family = AF_NETLINK;
	assert_refused(&p, "listener.addr");
	p = sample();
	p.listener[0].backlog = 0;
	assert_refused(&p, "listener.backlog");
	p = sample();
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "/run/s.sock");
	p.listener[0].addr_len = sizeof(*un);
	p.listener[0].tls = 0;
	assert_int_equal(sp_plan_check(&p, &field), 0);
	memset(un->sun_path, 'x', sizeof(un->sun_path));
	assert_refused(&p, "listener.addr");
	un->sun_path[0] = '/';
	assert_refused(&p, "listener.addr");
}

static void paths_without_end_or_root_are_refused(void **state)
{
	struct sp_plan p = sample();

	(void)state;
	memset(p.state_dir, '/', sizeof(p.state_dir));
	assert_refused(&p, "state_dir");
	p = sample();
	p.run_dir[0] = 'r';
	assert_refused(&p, "run_dir");
	p = sample();
	p.config_path[0] = 0;
	assert_refused(&p, "config_path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_of_every_range_is_accepted),
		cmocka_unit_test(a_number_outside_its_range_is_named),
		cmocka_unit_test(sizes_that_break_a_rule_are_named),
		cmocka_unit_test(plain_listeners_stay_on_this_host),
		cmocka_unit_test(listeners_that_are_no_address_are_refused),
		cmocka_unit_test(paths_without_end_or_root_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
