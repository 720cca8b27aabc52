#include "dataplane/mcp/elements.h"

#include "common/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "common/banned.h"

static const char *const arrays[] = {
	"[]",
	"[ ]",
	"[1]",
	"[ 1 , 2\t,\n-3.5e7,null,true ]",
	"[{}]",
	"[{\"a\":[1,2,{\"b\":\"]},[\"}]},\"x\\\"],[\\\\\",[[],[[]]],\"\"]",
	"[\"\\\\\",\"\\\"\",\"\\u005d\",{\"k\":\"\\\\\\\"}\"}]",
	"[ {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} ,{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]",
};

static void elements_are_those_the_scanner_sees(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(arrays); i++) {
		struct sp_bytes text = sp_bytes_cstr(arrays[i]), got;
		struct sp_json_tok tok[64];
		struct sp_json j;
		size_t at = 0;

		assert_int_equal(sp_json_scan(text, 16, tok, SP_ARRAY_LEN(tok), &j, NULL), 0);
		for (uint32_t e = 1; e < tok[0].next; e = tok[e].next) {
			assert_true(sp_elements_next(text, &at, &got));
			if (!sp_bytes_eq(got, sp_json_raw(&j, e)))
				fail_msg("%s: %.*s", arrays[i], SP_FMT(got));
		}
		assert_false(sp_elements_next(text, &at, &got));
		assert_false(sp_elements_next(text, &at, &got));
	}
}

static void text_cut_anywhere_stays_within_its_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(arrays); i++) {
		for (size_t n = 0; n < strlen(arrays[i]); n++) {
			uint8_t *copy = malloc(n + 1); // of its own, for the sanitizer to see what is read
			struct sp_bytes got;
			size_t at = 0, seen = 0;

			memcpy(copy, arrays[i], n);
			while (sp_elements_next(sp_bytes(copy, n), &at, &got) && ++seen < 100)
				assert_true(got.p >= copy && got.p + got.n <= copy + n);
			assert_true(seen < 100);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_those_the_scanner_sees),
		cmocka_unit_test(text_cut_anywhere_stays_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
