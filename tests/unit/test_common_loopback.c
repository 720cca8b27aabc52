/// Congestion control of sockets between processes of one host: what was another before is the plain one after.
#include "common/loopback.h"
#include "tests/support/congestion.h"

#include <unistd.h>
#include "common/banned.h"

static socklen_t loopback(int family, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
	if (family == AF_INET6) {
		((struct sockaddr_in6 *)ret)->sin6_addr = in6addr_loopback;
		return sizeof(struct sockaddr_in6);
	}
	((struct sockaddr_in *)ret)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(struct sockaddr_in);
}

/// What a tuned listening socket accepts.
static int accepted(int family)
{
	struct sockaddr_storage addr;
	socklen_t n = loopback(family, &addr);
	int l = socket(family, SOCK_STREAM, 0), c = socket(family, SOCK_STREAM, 0), fd;

	assert_true(congestion_another(l));
	sp_loopback_tune(l, (const struct sockaddr *)&addr);
	assert_int_equal(bind(l, (const struct sockaddr *)&addr, n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&addr, &n), 0);
	assert_int_equal(connect(c, (const struct sockaddr *)&addr, n), 0);
	fd = accept(l, NULL, NULL);
	assert_true(fd >= 0);
	close(l);
	close(c);
	return fd;
}

static void accepts_plain(int family)
{
	struct sockaddr_storage addr;
	socklen_t n = loopback(family, &addr);
	int probe = socket(family, SOCK_STREAM, 0), fd;
	bool there = probe >= 0 && bind(probe, (const struct sockaddr *)&addr, n) == 0 && congestion_another(probe);

	if (probe >= 0)
		close(probe);
	if (!there) {
		print_message("skipped: no other congestion control, or no such family\n");
		skip();
	}
	fd = accepted(family);
	assert_true(congestion_plain(fd));
	close(fd);
}

static void what_a_listener_on_loopback_accepts_is_plain_from_the_start(void **state)
{
	(void)state;
	accepts_plain(AF_INET);
}

static void what_a_listener_on_ipv6_loopback_accepts_is_plain_from_the_start(void **state)
{
	(void)state;
	accepts_plain(AF_INET6);
}

static void a_socket_for_elsewhere_stays_as_it_is(void **state)
{
	struct sockaddr_in lan = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct sockaddr local = {.sa_family = AF_UNIX};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	if (!congestion_another(fd)) {
		print_message("skipped: no other congestion control\n");
		skip();
	}
	sp_loopback_tune(fd, (const struct sockaddr *)&lan);
	sp_loopback_tune(fd, (const struct sockaddr *)&any);
	sp_loopback_tune(fd, &local);
	assert_false(congestion_plain(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_listener_on_loopback_accepts_is_plain_from_the_start),
		cmocka_unit_test(what_a_listener_on_ipv6_loopback_accepts_is_plain_from_the_start),
		cmocka_unit_test(a_socket_for_elsewhere_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
