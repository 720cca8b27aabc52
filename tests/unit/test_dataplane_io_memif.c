/// Two processes, a stack each, over a memif pair: what they send arrives, and either may die.
#include "common/clock.h"
#include "dataplane/io/dpdk.h"
#include "dataplane/io/dpdk_wire.h"

#include <netinet/in.h>
#include <rte_interrupts.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "common/banned.h"

#define SERVER 0x0a090001u
#define CLIENT 0x0a090002u
#define STREAMS 64u
#define BYTES 200000u
#define HELD_MOST 300u ///< more than a port has callbacks

static char folder[64], socket_path[96];

struct end {
	struct sp_stream *s;
	size_t sent, got;
	bool connected, bad, closed;
	int err;
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13);
}

static struct sp_io *make(const char *role, uint32_t address)
{
	static const struct sp_io_conf conf = {.max_streams = 256, .blocks = 4096, .recv_buffers = 64};
	char device[SP_PORT_DEVICE_MAX];
	struct sp_port port;
	struct sp_io *io = NULL;

	snprintf(device, sizeof(device), "net_memif0,role=%s,socket=%s,socket-abstract=no,id=0,rsize=10", role,
		socket_path);
	sp_port_usual(&port, device);
	port.addr4.s_addr = htonl(address);
	port.prefix4 = 24;
	port.mac[0] = 2;
	port.mac[5] = (uint8_t)address;
	return sp_io_dpdk_new(&conf, &port, &io) == 0 ? io : NULL;
}

// the server: what comes goes back

static void echo(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	(void)user;
	if (sp_stream_send(s, data, n) < 0)
		sp_stream_abort(s);
}

static void server_eof(struct sp_stream *s, void *user)
{
	(void)user;
	sp_stream_close(s);
}

static void server_closed(struct sp_stream *s, void *user, int err)
{
	(void)s, (void)user, (void)err;
}

static int server_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	static const struct sp_stream_ops ops = {
		.on_data = echo, .on_eof = server_eof, .on_closed = server_closed};

	(void)peer;
	sp_stream_set_ops(s, &ops, user);
	return 0;
}

static struct sockaddr_in server_address(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(SERVER)};
}

static int serve(void)
{
	struct sockaddr_in at = server_address();
	struct sp_io *io = make("client", SERVER);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!io || sp_io_listen_addr(io, (struct sockaddr *)&at, sizeof(at), server_accept, NULL) < 0)
		return 1;
	while (getppid() != 1)
		if (sp_io_turn(io, sp_clock_boot_ns(), SP_NS_PER_MS) < 0)
			return 1;
	return 0;
}

/// A program of its own: EAL begins once in a process and does not survive a fork.
static pid_t start_server(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execl("/proc/self/exe", "server", socket_path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

// the client

static void push(struct end *e)
{
	uint8_t chunk[1000];

	while (e->s && e->sent < BYTES && sp_stream_queued(e->s) < 65536) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = pattern(e->sent + i);
		if (sp_stream_send(e->s, chunk, sizeof(chunk)) < 0)
			return;
		e->sent += sizeof(chunk);
	}
}

static void client_connected(struct sp_stream *s, void *user, int err)
{
	struct end *e = user;

	(void)s;
	e->connected = err == 0;
	e->err = err;
	if (!err)
		push(e);
}

static void client_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct end *e = user;

	(void)s;
	for (size_t i = 0; i < n; i++)
		e->bad |= data[i] != pattern(e->got + i);
	e->got += n;
	push(e);
}

static void client_eof(struct sp_stream *s, void *user)
{
	(void)s, (void)user;
}

static void client_closed(struct sp_stream *s, void *user, int err)
{
	struct end *e = user;

	(void)s;
	e->closed = true;
	e->err = err;
	e->s = NULL;
}

static const struct sp_stream_ops client_ops = {
	.on_connected = client_connected,
	.on_data = client_data,
	.on_eof = client_eof,
	.on_closed = client_closed,
};

static bool turn_until(struct sp_io *io, bool (*done)(const struct end *e), const struct end *e)
{
	uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;

	while (!done(e) && sp_clock_boot_ns() < until)
		assert_true(sp_io_turn(io, sp_clock_boot_ns(), SP_NS_PER_MS) >= 0);
	return done(e);
}

static bool all_back(const struct end *e)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (e[i].got < BYTES)
			return false;
	return true;
}

static bool all_closed(const struct end *e)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (!e[i].closed)
			return false;
	return true;
}

/// What was connected to who is gone.
static bool none_stands(const struct end *e)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (e[i].connected && !e[i].closed)
			return false;
	return true;
}

static void dial(struct sp_io *io, struct end *e)
{
	struct sockaddr_in at = server_address();

	memset(e, 0, STREAMS * sizeof(*e));
	for (unsigned i = 0; i < STREAMS; i++)
		assert_int_equal(
			sp_io_connect(io, (struct sockaddr *)&at, sizeof(at), &client_ops, &e[i], &e[i].s), 0);
}

static bool settled(const struct end *e)
{
	return e->connected || e->closed;
}

static bool one_closed(const struct end *e)
{
	return e->closed;
}

/// A new server's port comes up before it listens: until then it refuses.
static void find_server(struct sp_io *io)
{
	uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;
	struct sockaddr_in at = server_address();
	struct end e;

	while (sp_clock_boot_ns() < until) {
		e = (struct end){.sent = BYTES}; // says nothing
		assert_int_equal(
			sp_io_connect(io, (struct sockaddr *)&at, sizeof(at), &client_ops, &e, &e.s), 0);
		assert_true(turn_until(io, settled, &e));
		if (!e.connected)
			continue;
		sp_stream_close(e.s);
		assert_true(turn_until(io, one_closed, &e));
		return;
	}
	fail_msg("the server never listened");
}

static void the_echo_is_whole(struct sp_io *io, struct end *e)
{
	assert_true(turn_until(io, all_back, e));
	for (unsigned i = 0; i < STREAMS; i++) {
		assert_false(e[i].bad || e[i].closed);
		sp_stream_close(e[i].s);
	}
	assert_true(turn_until(io, all_closed, e));
}

static void part(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/// A server that was found, and by which all that was sent came back.
static pid_t meet(struct sp_io *io, struct end *e)
{
	pid_t server = start_server();

	find_server(io);
	dial(io, e);
	the_echo_is_whole(io, e);
	return server;
}

static bool is_let_in(int fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path, socket_path, sizeof(socket_path));
	return connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0; // few may wait at the door
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

/// Away again before the driver greets it, which is not called during a burst. True if it was let in.
static bool one_comes_and_goes(void)
{
	int fd = open_socket();
	bool in;

	(void)sp_dpdk_burst_begin();
	in = is_let_in(fd);
	close(fd);
	sp_dpdk_burst_end();
	return in;
}

/// Comes and says nothing. False: the port hung up instead of greeting it.
static bool one_comes_and_is_greeted(struct sp_io *io, int fd)
{
	uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;
	bool in = false;
	uint8_t hello[256];
	ssize_t n = -1;

	while (n < 0 && sp_clock_boot_ns() < until) {
		in = in || is_let_in(fd);
		assert_true(sp_io_turn(io, sp_clock_boot_ns(), 0) >= 0);
		n = in ? recv(fd, hello, sizeof(hello), 0) : -1;
		assert_true(n >= 0 || !in || errno == EAGAIN);
	}
	assert_true(n >= 0);
	return n > 0;
}

static void peers_that_leave_before_they_are_greeted_cost_the_next_one_nothing(void **state)
{
	static struct end e[STREAMS];
	struct sp_io *io = *state;

	for (unsigned n = 0; n < 50; n += one_comes_and_goes())
		assert_true(sp_io_turn(io, sp_clock_boot_ns(), 0) >= 0);
	part(meet(io, e));
}

static void connections_that_are_held_are_bounded_and_cost_who_is_served_nothing(void **state)
{
	static struct end e[STREAMS];
	struct sp_io *io = *state;
	pid_t server = meet(io, e);
	int held[HELD_MOST];
	unsigned n = 0;

	do {
		assert_true(n < HELD_MOST);
		held[n] = open_socket();
	} while (one_comes_and_is_greeted(io, held[n++]));
	dial(io, e);
	the_echo_is_whole(io, e);
	while (n)
		close(held[--n]);
	part(server);
	part(meet(io, e));
}

static void what_is_sent_over_memif_arrives_and_a_peer_may_die_and_come_back(void **state)
{
	static struct end e[STREAMS];
	struct sp_io *io = *state;
	pid_t server = meet(io, e);

	for (unsigned round = 0; round < 3; round++) {
		dial(io, e);
		for (unsigned i = 0; i < 200 * (round + 1); i++)
			assert_true(sp_io_turn(io, sp_clock_boot_ns(), 0) >= 0);
		part(server);
		assert_true(turn_until(io, none_stands, e));
		for (unsigned i = 0; i < STREAMS; i++)
			if (e[i].s)
				sp_stream_abort(e[i].s);
		assert_true(turn_until(io, all_closed, e));
		server = meet(io, e);
	}
	part(server);
}

// a driver's callback

struct source {
	struct rte_intr_handle *h;
	_Atomic unsigned called, ended;
};

static void on_event(void *arg)
{
	struct source *s = arg;
	uint64_t n;

	(void)!read(rte_intr_fd_get(s->h), &n, sizeof(n));
	atomic_fetch_add(&s->called, 1);
}

static void on_end(struct rte_intr_handle *h, void *arg)
{
	struct source *s = arg;

	(void)h;
	atomic_fetch_add(&s->ended, 1);
}

static void open_source(struct source *s)
{
	*s = (struct source){.h = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE)};
	assert_non_null(s->h);
	assert_int_equal(rte_intr_fd_set(s->h, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), 0);
	assert_int_equal(rte_intr_type_set(s->h, RTE_INTR_HANDLE_EXT), 0);
	assert_int_equal(rte_intr_callback_register(s->h, on_event, s), 0);
}

static void close_source(struct source *s)
{
	close(rte_intr_fd_get(s->h));
	rte_intr_instance_free(s->h);
}

static void ring(const struct source *s)
{
	assert_int_equal(write(rte_intr_fd_get(s->h), &(uint64_t){1}, sizeof(uint64_t)), sizeof(uint64_t));
}

static bool comes(const _Atomic unsigned *what)
{
	uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;

	while (!atomic_load(what) && sp_clock_boot_ns() < until)
		sched_yield();
	return atomic_load(what);
}

static void a_callback_whose_end_was_waited_for_is_registered_no_more(void **state)
{
	struct source s;

	(void)state;
	open_source(&s);
	ring(&s);
	assert_true(comes(&s.called));
	assert_int_equal(rte_intr_callback_unregister_sync(s.h, on_event, &s), 1);
	assert_int_equal(rte_intr_callback_unregister_sync(s.h, on_event, &s), -ENOENT);
	close_source(&s);
}

static void a_callback_that_is_given_up_while_it_waits_for_a_burst_is_not_called(void **state)
{
	struct source s;

	(void)state;
	open_source(&s);
	assert_true(sp_dpdk_burst_begin());
	ring(&s);
	while (sp_dpdk_burst_begin())
		sched_yield();
	assert_int_equal(rte_intr_callback_unregister(s.h, on_event, &s), -EAGAIN);
	assert_int_equal(rte_intr_callback_unregister_pending(s.h, on_event, &s, on_end), 1);
	sp_dpdk_burst_end();
	assert_true(comes(&s.ended));
	assert_int_equal(atomic_load(&s.called), 0);
	close_source(&s);
}

/// As when a driver found it running, and it has returned since.
static void a_callback_that_is_to_end_when_it_is_not_running_ends_at_once(void **state)
{
	struct source s;

	(void)state;
	open_source(&s);
	assert_int_equal(rte_intr_callback_unregister_pending(s.h, on_event, &s, on_end), 1);
	assert_int_equal(atomic_load(&s.ended), 1);
	assert_int_equal(rte_intr_callback_unregister(s.h, on_event, &s), -ENOENT);
	close_source(&s);
}

/// The server of memif's: who stays is met again by who comes. EAL starts once in a process's life.
static int open_port(void **state)
{
	*state = make("server", CLIENT);
	return *state ? 0 : -1;
}

static int close_port(void **state)
{
	sp_io_free(*state);
	unlink(socket_path);
	return rmdir(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_callback_whose_end_was_waited_for_is_registered_no_more),
		cmocka_unit_test(a_callback_that_is_given_up_while_it_waits_for_a_burst_is_not_called),
		cmocka_unit_test(a_callback_that_is_to_end_when_it_is_not_running_ends_at_once),
		cmocka_unit_test(peers_that_leave_before_they_are_greeted_cost_the_next_one_nothing),
		cmocka_unit_test(connections_that_are_held_are_bounded_and_cost_who_is_served_nothing),
		cmocka_unit_test(what_is_sent_over_memif_arrives_and_a_peer_may_die_and_come_back),
	};
	const char *tmp = getenv("TMPDIR");

	signal(SIGPIPE, SIG_IGN); // as in a worker
	if (argc == 2) {
		snprintf(socket_path, sizeof(socket_path), "%s", argv[1]);
		return serve();
	}
	snprintf(folder, sizeof(folder), "%.40s/sp-memif-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/memif", folder);
	return cmocka_run_group_tests(tests, open_port, close_port);
}
