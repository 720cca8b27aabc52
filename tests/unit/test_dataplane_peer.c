/// What a record calls the other end of a connection: as inet_ntop() and printf would write it.
#include "common/clock.h"
#include "dataplane/conn_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static const struct sp_plan plan = {.max_connections_per_address = 4, .idle_ns = SP_NS_PER_SEC,
	.head_ns = SP_NS_PER_SEC, .max_head_bytes = 4096, .max_headers = 16, .max_body_bytes = 4096};
static struct sp_worker w;

static int begin(void **state)
{
	struct sp_io_conf conf = {.max_streams = 4, .blocks = 4, .recv_buffers = 4};

	(void)state;
	memset(&w, 0, sizeof(w));
	w.plan = &plan;
	w.now_ns = sp_clock_boot_ns();
	sp_wheel_init(&w.wheel, w.now_ns);
	return sp_io_mem_new(&conf, &w.io) < 0 || sp_bufpool_init(&w.small, 4, 4096) < 0 ||
	       sp_bufpool_init(&w.large, 4, 4096) < 0 || sp_conn_pool_init(&w, 4) < 0;
}

static int end(void **state)
{
	(void)state;
	w.io = sp_io_free(w.io);
	sp_conn_pool_done(&w);
	sp_bufpool_done(&w.small);
	sp_bufpool_done(&w.large);
	return 0;
}

static void nothing_read(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	(void)s;
	(void)user;
	(void)data;
	(void)n;
}

static void nothing(struct sp_stream *s, void *user)
{
	(void)s;
	(void)user;
}

static void closed(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)user;
	(void)err;
}

/// Come from `peer` and leave.
static void assert_called(const struct sockaddr_storage *peer, const char *name)
{
	static const struct sp_stream_ops ops = {.on_data = nothing_read, .on_eof = nothing, .on_closed = closed};
	struct sp_stream *ours, *theirs;

	assert_int_equal(sp_io_mem_pair(w.io, &ops, NULL, &ops, NULL, &ours, &theirs), 0);
	assert_int_equal(sp_conn_accept_plain(ours, &w, peer), 0);
	assert_string_equal(sp_conn_nth(&w, 0)->peer_text, name);
	sp_conn_abort(sp_conn_nth(&w, 0));
	sp_stream_abort(theirs);
	while (sp_io_turn(w.io, w.now_ns, 0))
		;
	assert_int_equal(w.conns.open, 0);
}

static void assert_called_as_usual(int family, const void *addr, uint16_t port)
{
	struct sockaddr_storage peer = {.ss_family = (sa_family_t)family};
	char ip[INET6_ADDRSTRLEN], name[sizeof(ip) + 8];

	if (family == AF_INET) {
		memcpy(&((struct sockaddr_in *)&peer)->sin_addr, addr, 4);
		((struct sockaddr_in *)&peer)->sin_port = htons(port);
	} else {
		memcpy(&((struct sockaddr_in6 *)&peer)->sin6_addr, addr, 16);
		((struct sockaddr_in6 *)&peer)->sin6_port = htons(port);
	}
	assert_non_null(inet_ntop(family, addr, ip, sizeof(ip)));
	snprintf(name, sizeof(name), "%s:%u", ip, port);
	assert_called(&peer, name);
}

static void addresses_are_written_as_inet_ntop_writes_them(void **state)
{
	static const uint16_t ports[] = {0, 9, 10, 99, 100, 8443, 9999, 10000, 65535};
	uint8_t addr[16];

	(void)state;
	for (unsigned i = 0; i < 256; i++) { // each number in each place, beside another
		for (unsigned k = 0; k < 16; k++)
			addr[k] = (uint8_t)(i + k * 85);
		assert_called_as_usual(AF_INET, addr, ports[i % SP_ARRAY_LEN(ports)]);
		assert_called_as_usual(AF_INET6, addr, ports[i % SP_ARRAY_LEN(ports)]);
	}
	memset(addr, 255, sizeof(addr));
	assert_called_as_usual(AF_INET, addr, 65535);
	assert_called_as_usual(AF_INET6, addr, 65535);
	memset(addr, 0, sizeof(addr));
	assert_called_as_usual(AF_INET, addr, 0);
	assert_called_as_usual(AF_INET6, addr, 0);
	addr[15] = 1;
	assert_called_as_usual(AF_INET6, addr, 1);
	memcpy(addr + 10, "\xff\xff\x7f\x00\x00\x01", 6);
	assert_called_as_usual(AF_INET6, addr, 443);
}

static void a_peer_without_an_address_is_called_unix(void **state)
{
	(void)state;
	assert_called(&(struct sockaddr_storage){.ss_family = AF_UNIX}, "unix:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_written_as_inet_ntop_writes_them),
		cmocka_unit_test(a_peer_without_an_address_is_called_unix),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
