/// What it costs to look for names that are alike, whatever the names are: bytes that are read one by one.
#include "tests/support/json_both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint64_t bytes_read;

static int read_counted(struct sp_json_reader *r)
{
	bytes_read++;
	return sp_json_reader_next(r);
}
#define sp_json_reader_next read_counted

#include "common/json_alike.c"
#include "common/banned.h"

#define NAME_BYTES 1000u
#define NAMES_MAX 200u

/// Names that begin with `head`, are equally long, and differ by some bytes in their middle alone.
static struct sp_bytes names(const char *head, unsigned n)
{
	static char text[NAMES_MAX * (NAME_BYTES + 8)];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_out_lit(&o, "{");
	for (unsigned i = 0; i < n; i++) {
		sp_out_bytes(&o, i ? SP_LIT(",\"") : SP_LIT("\""));
		sp_out_bytes(&o, sp_bytes_cstr(head));
		for (unsigned at = 0; at < NAME_BYTES - 8; at++) {
			unsigned bit = at / 50;

			sp_out_bytes(&o, at % 50 || bit > 8 ? SP_LIT("n") : i >> bit & 1 ? SP_LIT("@") : SP_LIT("`"));
		}
		sp_out_lit(&o, "\":1");
	}
	sp_out_lit(&o, "}");
	assert_false(o.overflow);
	return sp_bytes(o.p, o.len);
}

static void each_name_is_read_once_at_most(void **state)
{
	static const char *const heads[] = {"", "Head", "\\u0041", "\u00e9"};
	static const unsigned sizes[] = {2, 3, 64, 65, NAMES_MAX};
	uint64_t room[NAMES_MAX];

	(void)state;
	for (size_t h = 0; h < SP_ARRAY_LEN(heads); h++)
		for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
			struct sp_bytes text = names(heads[h], sizes[i]);
			struct json_both b = json_both(text, 4, 2 * NAMES_MAX + 2);

			assert_int_equal(b.err, 0);
			bytes_read = 0;
			assert_false(sp_json_alike_keys(&b.j, 0, 7, room, sizeof(room)));
			assert_in_range(bytes_read, 0, text.n);
			json_both_done(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_read_once_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
