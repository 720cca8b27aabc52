/// What a request over HTTP/2 says, field by field, and what is too much to say.
#include "tests/support/h2_calls.h"
#include "common/banned.h"

static void a_request_says_all_that_http1_says(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(a.status, 200);
	assert_string_equal(lab.peer[0].fields,
		":method: POST\n:scheme: http\n:authority: one.example\n:path: /mcp\n"
		"authorization: Bearer up\ncontent-length: 8\ncontent-type: application/json\n");
	lab_end(&k);
}

static void lines_of_any_name_and_order_are_fields_and_secrets_stay_out_of_tables(void **state)
{
	struct sp_exchange_req req = {.snap = &k.snap,
		.verb = SP_HTTP_DELETE,
		.headers = SP_LIT("Mcp-Name: one\r\nX-Own: two\r\nAccept: */*\r\nMcp-Session-Id: three\r\n"
				  "Mcp-Param-City: four\r\nAccept-Language: de\r\nmcp-session-id: five\r\n"),
		.ops = &ops,
		.user = &a};

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	for (int i = 0; i < 2; i++) {
		a = (struct call){0};
		assert_int_equal(sp_upstream_start(k.u, &req, &a.x), 0);
		expect_ok(&k, &a, "fine");
		assert_string_equal(lab.peer[0].fields,
			":method: DELETE\n:scheme: http\n:authority: one.example\n:path: /mcp\n"
			"authorization: Bearer up\nmcp-name: one\nx-own: two\naccept: */*\n"
			"mcp-session-id: three\nmcp-param-city: four\naccept-language: de\n"
			"mcp-session-id: five\n");
		assert_string_equal(
			lab.peer[0].hidden, " authorization mcp-session-id mcp-param-city mcp-session-id");
	}
	lab_end(&k);
}

static void a_request_of_too_many_fields_fails_at_once_and_costs_no_connection(void **state)
{
	static char headers[8192];
	struct sp_exchange_req req = {.snap = &k.snap, .verb = SP_HTTP_POST, .body = REQ, .ops = &ops, .user = &a};
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 65; i++)
		n += (size_t)snprintf(headers + n, sizeof(headers) - n, "X-Field-%d: value %d\r\n", i, i);
	req.headers = sp_bytes(headers, n);
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	turns(&k, 30);
	assert_int_equal(sp_upstream_start(k.u, &req, &a.x), SP_REASON_PARAMS_INVALID);
	turns(&k, 30);
	assert_int_equal(lab.n, 1);
	start_many(1, false);
	all_fine(1);
	assert_int_equal(lab.peer[0].requests, 2);
	lab_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_says_all_that_http1_says),
		cmocka_unit_test(lines_of_any_name_and_order_are_fields_and_secrets_stay_out_of_tables),
		cmocka_unit_test(a_request_of_too_many_fields_fails_at_once_and_costs_no_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
