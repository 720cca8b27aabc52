/// What the stack must withstand: lost and turned frames, guesses of sequence numbers, floods of handshakes.
#include "tests/unit/fixture_io.h"

#include <arpa/inet.h>
#include "common/banned.h"

#define OURS 0x0a090001u
#define TCP_AT 34u // behind Ethernet and an IPv4 header without options
#define SEQ_AT (TCP_AT + 4)
#define FLAGS_AT (TCP_AT + 13)
#define SYN 2u
#define ACK 16u

struct seen {
	uint32_t seq[4096];
	unsigned n;
	uint8_t flags;
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void spy(void *user, const uint8_t *data, uint32_t n)
{
	struct seen *s = user;

	if (n < TCP_AT + 20 || data[12] != 8 || data[13] != 0 || data[23] != 6 || data[FLAGS_AT] != s->flags)
		return;
	if (s->n < SP_ARRAY_LEN(s->seq))
		s->seq[s->n++] = get32(data + SEQ_AT);
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

static uint32_t add16(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/// A SYN from a made-up station of the network.
static void make_syn(uint8_t f[54], uint32_t from, uint16_t from_port, uint32_t seq)
{
	uint32_t address[2] = {htonl(from), htonl(OURS)}, sequence = htonl(seq);

	memset(f, 0, 54);
	memcpy(f, (const uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 1, 2, 3, 8, 0}, 14);
	f[14] = 0x45;
	put16(f + 16, 40);
	f[22] = 64;
	f[23] = 6;
	memcpy(f + 26, address, 8);
	put16(f + 24, fold(add16(f + 14, 20)));
	put16(f + TCP_AT, from_port);
	put16(f + TCP_AT + 2, 80);
	memcpy(f + SEQ_AT, &sequence, 4);
	f[TCP_AT + 12] = 5 << 4;
	f[FLAGS_AT] = SYN;
	put16(f + TCP_AT + 14, 64240);
	put16(f + TCP_AT + 16, fold(add16(f + TCP_AT, 20) + add16(f + 26, 8) + 6 + 20));
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void lost_and_turned_frames_only_delay(enum transport t)
{
	struct fixture *f = start(t, usual);
	size_t bytes = 1 << 20;
	struct end c = {.to_send = bytes};

	f->model.to_send = bytes;
	f->wire->lose_every = 211;
	f->wire->swap_every = 17;
	assert_int_equal(dial(f, &c), 0);
	for (unsigned i = 0; i < 6 && (c.got < bytes || f->server[0].got < bytes); i++) {
		uint64_t until = sp_clock_boot_ns() + 10 * SP_NS_PER_SEC;

		while ((c.got < bytes || f->server[0].got < bytes) && sp_clock_boot_ns() < until)
			turn(f);
	}
	assert_int_equal(c.got, bytes);
	assert_int_equal(f->server[0].got, bytes);
	assert_false(c.bad || f->server[0].bad);
	stop(f);
}
EACH(lost_and_turned_frames_only_delay)

static void sequence_numbers_tell_nothing_of_the_next(enum transport t)
{
	struct fixture *f = start(t, (struct sp_io_conf){.max_streams = 1024, .blocks = 64, .recv_buffers = 16});
	static struct seen seen;
	static struct end c[200];
	uint32_t near = 0;

	seen = (struct seen){.flags = SYN};
	memset(c, 0, sizeof(c));
	f->wire->spy = spy;
	f->wire->spy_user = &seen;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(dial(f, &c[i]), 0);
		TURN_UNTIL(f, c[i].connected);
	}
	assert_true(seen.n >= 200);
	// A counter, whatever its step, would lie within a thousandth of all numbers behind the last one.
	for (unsigned i = 1; i < seen.n; i++)
		near += seen.seq[i] - seen.seq[i - 1] < UINT32_MAX / 1000;
	assert_true(near < 10);
	qsort(seen.seq, seen.n, sizeof(seen.seq[0]), by_value);
	for (unsigned i = 1; i < seen.n; i++)
		assert_true(seen.seq[i] != seen.seq[i - 1]);
	stop(f);
}
EACH(sequence_numbers_tell_nothing_of_the_next)

static void one_peer_finds_its_sequence_numbers_rising(enum transport t)
{
	struct fixture *f = start(t, usual);
	static struct seen seen;
	uint8_t frame[54];
	uint32_t first;

	seen = (struct seen){.flags = SYN | ACK};
	f->wire->spy = spy;
	f->wire->spy_user = &seen;
	make_syn(frame, OURS + 1, 4000, 1000);
	// The answer needs the peer's address; the stack asks itself, so nobody tells. What it would answer to
	// its own address it sends at once.
	make_syn(frame, OURS, 4000, 1000);
	assert_true(loop_inject(f->wire, frame, sizeof(frame)));
	TURN_UNTIL(f, seen.n >= 1);
	first = seen.seq[0];
	turns(f, 50);
	seen.n = 0;
	make_syn(frame, OURS, 4000, 900000); // the same four addresses again, after a reset
	assert_true(loop_inject(f->wire, frame, sizeof(frame)));
	TURN_UNTIL(f, seen.n >= 1);
	assert_true(seen.seq[0] - first < UINT32_MAX / 2);
	stop(f);
}
EACH(one_peer_finds_its_sequence_numbers_rising)

static void a_flood_of_handshakes_is_bounded_and_good_clients_are_served(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct sp_io_lwip_stats s;
	struct end c = {.to_send = 1000};
	uint8_t frame[54];

	for (uint32_t i = 0; i < 20000; i++) {
		make_syn(frame, 0x0a090002u + i % 200, (uint16_t)(1024 + i / 200), i * 7919);
		assert_true(loop_inject(f->wire, frame, sizeof(frame)));
		if (i % 50 == 0)
			turn(f);
	}
	turns(f, 2);
	sp_io_lwip_stats(f->io, &s);
	assert_true(s.half_open <= 64);
	assert_true(s.half_open_dropped > 10000);
	assert_int_equal(f->accepted, 0);
	f->model.echo = true;
	assert_int_equal(dial(f, &c), 0);
	for (uint32_t i = 0; i < 20000 && c.got < 1000; i++) { // the flood goes on meanwhile
		make_syn(frame, 0x0a090002u + i % 200, (uint16_t)(2048 + i / 200), i * 104729);
		(void)loop_inject(f->wire, frame, sizeof(frame));
		if (i % 10 == 0)
			turn(f);
	}
	TURN_UNTIL(f, c.got == 1000);
	assert_false(c.bad);
	stop(f);
}
EACH(a_flood_of_handshakes_is_bounded_and_good_clients_are_served)

static void thousands_of_connections_are_told_apart(enum transport t)
{
	struct sp_io_conf conf = {.max_streams = 4096, .blocks = 8192, .recv_buffers = 64};
	struct fixture *f = start(t, conf);
	static struct end c[2000];

	memset(c, 0, sizeof(c));
	f->model.echo = true;
	for (unsigned i = 0; i < 2000; i++) {
		c[i].to_send = 100 + i;
		assert_int_equal(dial(f, &c[i]), 0);
		if (i % 50 == 49)
			TURN_UNTIL(f, c[i].connected);
	}
	for (unsigned i = 0; i < 2000; i++)
		TURN_UNTIL(f, c[i].got == 100 + i);
	for (unsigned i = 0; i < 2000; i++)
		assert_false(c[i].bad || c[i].closed);
	stop(f);
}
EACH(thousands_of_connections_are_told_apart)

#define HOLE 0xee

/// What makes a hole in front of all that follows.
static bool begins_a_hole(const uint8_t *data, uint32_t n)
{
	uint32_t head = n >= TCP_AT + 20 ? TCP_AT + (uint32_t)(data[TCP_AT + 12] >> 4) * 4 : n;

	return head < n && data[12] == 8 && data[23] == 6 && data[head] == HOLE;
}

static void frames_kept_for_holes_leave_the_port_to_good_clients(enum transport t)
{
	struct fixture *f = start(t, (struct sp_io_conf){.max_streams = 512, .blocks = 1024, .recv_buffers = 64});
	static struct end c[200];
	struct end good = {.to_send = 1000};
	struct sp_io_lwip_stats s;

	memset(c, 0, sizeof(c));
	f->wire->drop = begins_a_hole;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(dial(f, &c[i]), 0);
		TURN_UNTIL(f, c[i].connected);
	}
	// Each byte is a frame of its own, which its receiver has to keep.
	for (unsigned byte = 0; byte < 60; byte++) {
		uint8_t b = byte ? 1 : HOLE;

		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(sp_stream_send(c[i].s, &b, 1), 0);
		turns(f, 8);
	}
	sp_io_lwip_stats(f->io, &s);
	assert_true(s.unordered_refused > 0);
	assert_true(f->wire->out < LOOP_FRAMES / 8 * 7);
	f->model.echo = true;
	assert_int_equal(dial(f, &good), 0);
	TURN_UNTIL(f, good.got == 1000);
	assert_false(good.bad);
	stop(f);
}
EACH(frames_kept_for_holes_leave_the_port_to_good_clients)

static void who_holds_most_pays_for_it_and_not_who_pauses_for_a_moment(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end hog = {0}, other = {0};
	struct sp_io_lwip_stats s;

	f->model.pause_at = 1;
	assert_int_equal(dial(f, &hog), 0);
	TURN_UNTIL(f, hog.connected && f->accepted == 1);
	for (unsigned i = 0; i <= LOOP_FRAMES / 2; i++) {
		uint8_t b = pattern(i);

		assert_int_equal(sp_stream_send(hog.s, &b, 1), 0);
		turn(f);
	}
	turns(f, 4);
	sp_io_lwip_stats(f->io, &s);
	assert_int_equal(s.held, LOOP_FRAMES / 2);
	assert_false(f->server[0].closed);
	assert_int_equal(dial(f, &other), 0);
	TURN_UNTIL(f, other.connected && f->accepted == 2);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t b = pattern(i);

		assert_int_equal(sp_stream_send(other.s, &b, 1), 0);
		turn(f);
	}
	TURN_UNTIL(f, f->server[0].closed);
	assert_int_equal(f->server[0].err, -ENOBUFS);
	f->server[1].pause_at = 0;
	f->server[1].must_not_get = false;
	sp_stream_resume(f->server[1].s);
	TURN_UNTIL(f, f->server[1].got == 3);
	assert_false(f->server[1].closed || f->server[1].bad);
	stop(f);
}
EACH(who_holds_most_pays_for_it_and_not_who_pauses_for_a_moment)

static void connections_of_ours_end_with_who_knew_of_them_and_those_to_us_stay(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.to_send = 1000}, again = {.to_send = 1000};

	f->model.echo = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.got == 1000);
	f->wire->deaf = true; // who went away gets nothing
	f->wire->wire.lost++;
	TURN_UNTIL(f, c.closed);
	assert_int_equal(c.err, -ECONNRESET);
	turns(f, 50);
	assert_false(f->server[0].closed);
	assert_int_equal(dial(f, &again), 0);
	f->wire->deaf = false;
	TURN_UNTIL(f, again.got == 1000);
	stop(f);
}
EACH(connections_of_ours_end_with_who_knew_of_them_and_those_to_us_stay)

#define VLAN 7u
#define TAG_BYTES 4u

struct tags {
	unsigned frames, wrong, arp, synack;
};

/// Whatever leaves the port is in its VLAN, and of no priority.
static void look_at_tag(void *user, const uint8_t *data, uint32_t n)
{
	struct tags *t = user;

	t->frames++;
	if (n < 18 || data[12] != 0x81 || data[13] != 0 || data[14] != 0 || data[15] != VLAN) {
		t->wrong++;
		return;
	}
	t->arp += data[16] == 8 && data[17] == 6;
	t->synack += n >= TAG_BYTES + TCP_AT + 20 && data[16] == 8 && data[17] == 0 &&
		     data[TAG_BYTES + FLAGS_AT] == (SYN | ACK);
}

/// A SYN from the stack's own address, so that it knows where to answer; `tag` 0 = none.
static void inject_syn(struct fixture *f, uint16_t from_port, uint16_t tag)
{
	uint8_t plain[54], frame[58];

	make_syn(plain, OURS, from_port, 1000);
	memcpy(frame, plain, 12);
	put16(frame + 12, 0x8100);
	put16(frame + 14, tag);
	memcpy(frame + 16, plain + 12, sizeof(plain) - 12);
	assert_true(tag ? loop_inject(f->wire, frame, sizeof(frame)) : loop_inject(f->wire, plain, sizeof(plain)));
	turns(f, 4);
}

static void a_port_in_a_vlan_tags_all_it_sends_and_hears_no_other(enum transport t)
{
	struct end c = {.to_send = 5000};
	struct tags tags = {0};
	struct fixture *f;

	port_vlan = VLAN;
	f = start(t, usual);
	port_vlan = 0;
	f->wire->spy = look_at_tag;
	f->wire->spy_user = &tags;
	f->model.echo = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.got == 5000);
	assert_false(c.bad);
	assert_true(tags.arp > 0 && tags.synack == 1); // the connection's own
	inject_syn(f, 4000, 0);
	inject_syn(f, 4001, VLAN + 1);
	inject_syn(f, 4002, 0x0800 | VLAN); // the highest bit of the number
	assert_int_equal(tags.synack, 1);
	inject_syn(f, 4003, VLAN);
	assert_int_equal(tags.synack, 2);
	inject_syn(f, 4004, 0xa000 | VLAN); // with a priority
	assert_int_equal(tags.synack, 3);
	assert_int_equal(tags.wrong, 0);
	stop(f);
}
EACH(a_port_in_a_vlan_tags_all_it_sends_and_hears_no_other)

static void a_port_in_no_vlan_hears_none(enum transport t)
{
	static struct seen seen;
	struct fixture *f = start(t, usual);

	seen = (struct seen){.flags = SYN | ACK};
	f->wire->spy = spy;
	f->wire->spy_user = &seen;
	inject_syn(f, 4000, 0);
	TURN_UNTIL(f, seen.n == 1);
	inject_syn(f, 4001, VLAN);
	assert_int_equal(seen.n, 1);
	inject_syn(f, 4002, 0xe000); // a priority, in no VLAN
	assert_int_equal(seen.n, 2);
	stop(f);
}
EACH(a_port_in_no_vlan_hears_none)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(lost_and_turned_frames_only_delay),
		ON_EACH(sequence_numbers_tell_nothing_of_the_next),
		ON_EACH(one_peer_finds_its_sequence_numbers_rising),
		ON_EACH(a_flood_of_handshakes_is_bounded_and_good_clients_are_served),
		ON_EACH(thousands_of_connections_are_told_apart),
		ON_EACH(frames_kept_for_holes_leave_the_port_to_good_clients),
		ON_EACH(who_holds_most_pays_for_it_and_not_who_pauses_for_a_moment),
		ON_EACH(connections_of_ours_end_with_who_knew_of_them_and_those_to_us_stay),
		ON_EACH(a_port_in_a_vlan_tags_all_it_sends_and_hears_no_other),
		ON_EACH(a_port_in_no_vlan_hears_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
