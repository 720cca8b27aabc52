#include "tools/sallyctl/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define WHEN "\"time\":\"2026-01-31T08:00:00.000000001Z\""
#define CALL                                                                                       \
	"{\"seq\":7,\"type\":\"decision\"," WHEN ",\"call\":\"0a\",\"agent\":\"bot\","              \
	"\"session\":\"ff\",\"method\":\"tools/call\",\"tool\":\"re\\u0061d\",\"arguments_bytes\":9," \
	"\"decision\":\"allow\",\"reason\":\"none\",\"risk\":12,\"arguments\":\"{\\\"a\\\":1}\"}"
#define OUTCOME                                                                                    \
	"{\"seq\":8,\"type\":\"outcome\"," WHEN ",\"call\":\"0a\",\"outcome\":\"ok\"}"

static int read_one(struct sp_records *r, const char *line, struct sp_check *check)
{
	return sp_records_line(r, sp_bytes_cstr(line), (struct sp_at){"f", 3, 0}, check);
}

static void a_decision_is_read_with_its_outcome(void **state)
{
	struct sp_records r;
	struct sp_check check;
	const struct sp_recorded_call *c;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_records_init(&r), 0);
	assert_int_equal(read_one(&r, OUTCOME, &check), 0);
	assert_int_equal(read_one(&r, CALL, &check), 0);
	assert_int_equal(read_one(&r, CALL, &check), 0);
	assert_int_equal(read_one(&r, "{\"type\":\"admin\"}", &check), 0);
	assert_int_equal(read_one(&r, "[]", &check), 0);
	sp_records_join(&r);
	assert_int_equal(r.calls_n, 1);
	assert_int_equal(r.repeated, 1);
	assert_int_equal(r.others, 1);
	c = &r.call[0];
	assert_true(sp_bytes_eq(c->call, SP_LIT("0a")));
	assert_int_equal(c->seq, 7);
	assert_true(sp_bytes_eq(c->tool, SP_LIT("read")));
	assert_true(sp_bytes_eq(c->arguments, SP_LIT("{\"a\":1}")));
	assert_true(sp_bytes_eq(c->outcome, SP_LIT("ok")));
	assert_true(c->time_ns == 1769846400000000001ull);
	assert_int_equal(c->decision, SP_RECORDED_ALLOW);
	assert_true(c->has_risk && c->risk == 12 && !sp_recorded_arguments_lost(c));
	sp_records_done(&r);
	sp_check_done(&check);
}

static void an_object_of_two_bytes_is_known_without_its_record(void **state)
{
#define SIZED(n)                                                                                   \
	"{\"type\":\"decision\"," WHEN ",\"agent\":\"a\",\"method\":\"tools/call\",\"tool\":\"t\","    \
	"\"decision\":\"allow\",\"reason\":\"none\",\"arguments_bytes\":" n "}"
	struct sp_records r;
	struct sp_check check;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_records_init(&r), 0);
	assert_int_equal(read_one(&r, SIZED("2"), &check), 0);
	assert_int_equal(read_one(&r, SIZED("3"), &check), 0);
	assert_int_equal(read_one(&r, SIZED("0"), &check), 0);
	assert_true(sp_bytes_eq(r.call[0].arguments, SP_LIT("{}")));
	assert_false(sp_recorded_arguments_lost(&r.call[0]));
	assert_true(sp_recorded_arguments_lost(&r.call[1]));
	assert_false(sp_recorded_arguments_lost(&r.call[2]));
	sp_records_done(&r);
	sp_check_done(&check);
}

static void every_truncation_of_a_record_is_refused_with_its_place(void **state)
{
	static const char call[] = CALL;
	struct sp_records r;
	struct sp_check check;

	(void)state;
	assert_int_equal(sp_records_init(&r), 0);
	for (size_t n = 0; n < sizeof(call) - 1; n++) {
		sp_check_init(&check);
		assert_int_equal(sp_records_line(&r, sp_bytes(call, n),
					 (struct sp_at){"f", 3, 0}, &check),
			-EBADMSG);
		assert_int_equal(check.n, 1);
		assert_int_equal(check.v[0].line, 3);
		sp_check_done(&check);
	}
	assert_int_equal(r.calls_n, 0);
	sp_records_done(&r);
}

static void what_no_gateway_prints_is_refused(void **state)
{
#define ABOUT "{\"type\":\"decision\",\"method\":\"tools/call\",\"agent\":\"a\",\"tool\":\"t\","
	static const char *const bad[] = {
		"{}", "[1]", "7", "\"x\"", "nonsense", "{\"seq\":1}",
		ABOUT "\"decision\":\"allow\",\"reason\":\"none\"}",
		ABOUT WHEN ",\"decision\":\"maybe\",\"reason\":\"none\"}",
		ABOUT WHEN ",\"decision\":\"deny\",\"reason\":\"none\"}",
		ABOUT WHEN ",\"decision\":\"allow\",\"reason\":\"tool_denied\"}",
		ABOUT WHEN ",\"decision\":\"deny\",\"reason\":\"because\"}",
		ABOUT WHEN ",\"decision\":\"deny\",\"reason\":7}",
		ABOUT WHEN ",\"decision\":\"allow\",\"reason\":\"none\",\"rule\":7}",
		ABOUT WHEN ",\"decision\":\"allow\",\"reason\":\"none\",\"seq\":-1}",
		ABOUT WHEN ",\"decision\":\"allow\",\"reason\":\"none\",\"tokens\":1.5}",
		ABOUT "\"time\":\"2026-13-31T08:00:00.000000001Z\",\"decision\":\"allow\","
		      "\"reason\":\"none\"}",
		ABOUT "\"time\":\"2026-01-31T08:00:00Z\",\"decision\":\"allow\",\"reason\":\"none\"}",
	};
	struct sp_records r;
	struct sp_check check;

	(void)state;
	assert_int_equal(sp_records_init(&r), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		sp_check_init(&check);
		assert_int_equal(read_one(&r, bad[i], &check), -EBADMSG);
		assert_int_equal(check.n, 1);
		sp_check_done(&check);
	}
	assert_int_equal(r.calls_n, 0);
	sp_records_done(&r);
}

static void a_file_is_read_in_the_order_of_time(void **state)
{
#define AT(time, id)                                                                               \
	ABOUT "\"call\":\"" id "\",\"time\":\"" time "\",\"decision\":\"deny\","                   \
	      "\"reason\":\"tool_denied\"}\n"
	char name[] = "/tmp/records-XXXXXX";
	SP_AUTO_FD fd = mkstemp(name);
	static const char text_lines[] = AT("2026-01-31T08:00:00.000000002Z", "b") "\r\n"
		AT("2026-01-31T08:00:00.000000001Z", "c") AT("2026-01-31T07:00:00.000000000Z", "a");
	struct sp_records r;
	struct sp_check check;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(write(fd, text_lines, sizeof(text_lines) - 1), sizeof(text_lines) - 1);
	assert_int_equal(sp_records_load(&r, name, &check), 0);
	assert_int_equal(r.calls_n, 3);
	assert_true(sp_bytes_eq(r.call[0].call, SP_LIT("a")));
	assert_true(sp_bytes_eq(r.call[1].call, SP_LIT("c")));
	assert_true(sp_bytes_eq(r.call[2].call, SP_LIT("b")));
	sp_records_done(&r);
	assert_int_equal(write(fd, "{\"a\":\n", 6), 6);
	assert_int_equal(sp_records_load(&r, name, &check), -EBADMSG);
	assert_int_equal(check.v[0].line, 5);
	sp_records_done(&r);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(sp_records_load(&r, name, &check), -ENOENT);
	sp_records_done(&r);
	sp_check_done(&check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decision_is_read_with_its_outcome),
		cmocka_unit_test(an_object_of_two_bytes_is_known_without_its_record),
		cmocka_unit_test(every_truncation_of_a_record_is_refused_with_its_place),
		cmocka_unit_test(what_no_gateway_prints_is_refused),
		cmocka_unit_test(a_file_is_read_in_the_order_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
