/// The stack's checksum beside the plainest one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "common/bytes.h"

#include <cmocka.h>
#include "common/banned.h"

uint16_t sp_lwip_checksum(const void *data, int n);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_right_whatever_the_length_and_the_place),
		cmocka_unit_test(carries_of_all_ones_are_not_lost),
	};

	return cmocka_run_group_tests_name("io checksum", tests, NULL, NULL);
}
