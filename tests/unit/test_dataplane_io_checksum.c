/// The stack's checksum beside the plainest one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "dataplane/io/lwip/checksum.h"

#include <cmocka.h>
#include "common/banned.h"


static uint16_t plain(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)p[i] << (i % 2 ? 8 : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/// 0 and 0xffff are both zero in one's complement.
static uint16_t same(uint16_t v)
{
	return v == 0xffff ? 0 : v;
}

static void of_every_length_at_every_place(uint8_t *data, size_t most)
{
	for (size_t at = 0; at < 33; at++)
		for (size_t n = 0; n <= most; n++)
			assert_int_equal(same(sp_lwip_checksum(data + at, (int)n)), same(plain(data + at, n)));
}

static void a_copy_is_whole_and_its_sum_right(const uint8_t *data, size_t most)
{
	static uint8_t to[1024];

	for (size_t n = 0; n <= most; n++) {
		const uint8_t *from = data + n % 7;

		memset(to, 0xa5, sizeof(to));
		assert_int_equal(same(sp_lwip_fold(sp_lwip_copy(to + 1, from, n))), same(plain(from, n)));
		assert_memory_equal(to + 1, from, n);
		assert_true(to[0] == 0xa5 && to[1 + n] == 0xa5);
	}
}

static void a_sum_is_right_whatever_the_length_and_the_place(void **state)
{
	static uint8_t data[1024];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
	of_every_length_at_every_place(data, 700);
	a_copy_is_whole_and_its_sum_right(data, 700);
}

static void carries_of_all_ones_are_not_lost(void **state)
{
	static uint8_t data[65535 + 33];

	(void)state;
	memset(data, 0xff, sizeof(data));
	of_every_length_at_every_place(data, 300);
	data[7] = 0x12;
	assert_int_equal(same(sp_lwip_checksum(data, 65535)), same(plain(data, 65535)));
}

enum { TAG = 4, ETH = 14, IP4 = 20, IP6 = 40, TCP = 20, DATA = 300, MOST = ETH + TAG + IP6 + TCP + DATA };

static size_t make_frame(uint8_t *f, bool v6, bool tagged)
{
	size_t at = ETH + (tagged ? TAG : 0), n = TCP + DATA;

	for (size_t i = 0; i < MOST; i++)
		f[i] = (uint8_t)(i * 7 + 3);
	if (tagged)
		memcpy(f + 12, "\x81\0\0\5", 4);
	memcpy(f + at - 2, v6 ? "\x86\xdd" : "\x08\0", 2);
	if (v6) {
		memcpy(f + at, (const uint8_t[8]){0x60, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 6, 64}, 8);
		memset(f + at + IP6 + 16, 0, 2);
		return at + IP6 + n;
	}
	n += IP4;
	memcpy(f + at, (const uint8_t[12]){0x45, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 1, 0x40, 0, 64, 6}, 12);
	memset(f + at + IP4 + 16, 0, 2);
	return at + n;
}

/// Filled in with the data in a piece of its own, as the stack has it.
static size_t make_summed(uint8_t *f, bool v6, bool tagged)
{
	size_t n = make_frame(f, v6, tagged), head = n - DATA;

	lwip_sums_fill(f, n, f, head, sp_lwip_sum(f + head, DATA));
	return n;
}

/// Of a first piece that ends within IP's header nothing is known, however long the frame is.
static void nothing_is_read_behind_the_first_piece(void **state)
{
	uint8_t f[MOST], was[MOST];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v6 = kind & 1, tagged = kind & 2;
		size_t n = make_frame(f, v6, tagged), ip = ETH + (tagged ? TAG : 0);

		memcpy(was, f, n);
		for (size_t k = 0; k < ip + (v6 ? IP6 : IP4); k++) {
			uint8_t *head = malloc(k + 1);

			memcpy(head + 1, f, k);
			lwip_sums_fill(f, n, head + 1, k, 0);
			assert_memory_equal(f, was, n);
			free(head);
		}
	}
}

static bool tcp_sum_is_right(const uint8_t *f, size_t n, bool v6, size_t ip)
{
	size_t addresses = v6 ? 32 : 8, at = ip + (v6 ? IP6 : IP4);
	uint8_t pseudo[36 + TCP + DATA] = {0};

	memcpy(pseudo, f + at - addresses, addresses);
	pseudo[addresses + 1] = 6;
	pseudo[addresses + 2] = (uint8_t)((n - at) >> 8);
	pseudo[addresses + 3] = (uint8_t)(n - at);
	memcpy(pseudo + addresses + 4, f + at, n - at);
	return plain(pseudo, addresses + 4 + n - at) == 0xffff;
}

static void the_sums_of_a_frame_are_filled_in_and_found_right(void **state)
{
	uint8_t f[MOST];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v6 = kind & 1, tagged = kind & 2;
		size_t n = make_summed(f, v6, tagged), ip = ETH + (tagged ? TAG : 0);

		assert_true(lwip_sums_right(f, n));
		assert_true(tcp_sum_is_right(f, n, v6, ip));
		assert_true(v6 || plain(f + ip, IP4) == 0xffff);
	}
}

/// A byte of the Ethernet header is in no sum, nor is what IPv6 may be asked to do with a packet on its way.
static void a_frame_that_was_changed_or_cut_is_not_found_right(void **state)
{
	uint8_t f[MOST];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t n = make_summed(f, v6, false);

		for (size_t i = ETH + (v6 ? 8 : 0); i < n; i++) {
			f[i] ^= 0x10;
			assert_false(lwip_sums_right(f, n));
			f[i] ^= 0x10;
		}
		for (size_t k = 0; k < n; k++) {
			uint8_t *cut = malloc(k + 1);

			memcpy(cut + 1, f, k);
			assert_false(lwip_sums_right(cut + 1, k));
			free(cut);
		}
		assert_true(lwip_sums_right(f, n));
	}
}

static void of_a_frame_that_is_not_plain_tcp_nothing_is_said(void **state)
{
	static const struct {
		uint8_t at, v;
	} change[] = {{12, 0x09}, {ETH, 0x46}, {ETH + 6, 0x20}, {ETH + 7, 1}, {ETH + 9, 17}};
	uint8_t f[MOST];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(change); i++) {
		size_t n = make_frame(f, false, false);

		f[change[i].at] = change[i].v;
		lwip_sums_fill(f, n, f, n, 0);
		assert_false(lwip_sums_right(f, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_right_whatever_the_length_and_the_place),
		cmocka_unit_test(carries_of_all_ones_are_not_lost),
		cmocka_unit_test(nothing_is_read_behind_the_first_piece),
		cmocka_unit_test(the_sums_of_a_frame_are_filled_in_and_found_right),
		cmocka_unit_test(a_frame_that_was_changed_or_cut_is_not_found_right),
		cmocka_unit_test(of_a_frame_that_is_not_plain_tcp_nothing_is_said),
	};

	return cmocka_run_group_tests_name("io checksum", tests, NULL, NULL);
}
