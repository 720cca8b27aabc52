#include "bench/load_answer.h"
#include "bench/load_hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static struct hist h;

static void percentiles_are_kept_to_a_thousandth(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(hist_at(&h, 0.5), 0);
	for (uint64_t v = 1; v <= 1000000; v++)
		hist_add(&h, v * 37);
	for (unsigned share = 1; share <= 1000; share++) {
		uint64_t want = 37ull * share * 1000, got = hist_at(&h, share / 1000.0);

		assert_true(got >= want && got - want <= want / 1000);
	}
	assert_int_equal(hist_at(&h, 1.0), 37000000);
	hist_add(&h, UINT64_MAX);
	assert_true(hist_at(&h, 1.0) == UINT64_MAX);
}

static void feed(struct load_answer *a, const char *text, size_t n)
{
	demo_put(&a->in, text, n);
}

static const char chunked[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nMcp-Session-Id: s1\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n"
			      "8\r\ndata: 1\n\r\n1\r\n\n\r\n"
			      "41\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1000001,\"result\":{\"content\":[]}}\n\n"
			      "   \r\n0\r\n\r\n";

static void an_event_stream_is_judged_by_its_last_event(void **state)
{
	struct load_answer a = {0};
	const char *why;

	(void)state;
	for (size_t cut = 1; cut < sizeof(chunked) - 1; cut++) {
		load_answer_begin(&a);
		a.in.len = a.at = 0;
		feed(&a, chunked, cut);
		assert_int_equal(load_answer_feed(&a), 0);
		feed(&a, chunked + cut, sizeof(chunked) - 1 - cut);
		assert_int_equal(load_answer_feed(&a), 1);
		assert_string_equal(a.session, "s1");
		assert_int_equal(load_answer_judge(&a, 1000001, &why), ANSWER_OK);
		assert_int_equal(load_answer_judge(&a, 1000002, &why), ANSWER_ERROR);
	}
	load_answer_done(&a);
}

static enum load_verdict judge(const char *body, unsigned status)
{
	struct load_answer a = {.status = status};
	const char *why;
	enum load_verdict v;

	demo_put_bytes(&a.body, sp_bytes_cstr(body));
	v = load_answer_judge(&a, 7, &why);
	load_answer_done(&a);
	return v;
}

static bool is(const struct load_known *k, const char *body, uint64_t id, unsigned status)
{
	struct load_answer a = {.status = status};
	bool r;

	demo_put_bytes(&a.body, sp_bytes_cstr(body));
	r = load_answer_is(&a, k, id);
	load_answer_done(&a);
	return r;
}

static void an_answer_like_one_judged_before_is_good_only_with_its_own_id(void **state)
{
	struct load_answer a = {.status = 200};
	struct load_known k = {0};
	const char *why;

	(void)state;
	demo_put_bytes(&a.body, SP_LIT("{\"id\":1000007,\"result\":{\"content\":[1]}}"));
	assert_false(load_answer_is(&a, &k, 1000007));
	assert_int_equal(load_answer_judge(&a, 1000007, &why), ANSWER_OK);
	load_answer_learn(&a, &k);
	load_answer_done(&a);
	assert_true(is(&k, "{\"id\":1000007,\"result\":{\"content\":[1]}}", 1000007, 200));
	assert_true(is(&k, "{\"id\":9999999,\"result\":{\"content\":[1]}}", 9999999, 200));
	assert_false(is(&k, "{\"id\":9999999,\"result\":{\"content\":[1]}}", 9999999, 500));
	assert_false(is(&k, "{\"id\":1000007,\"result\":{\"content\":[1]}}", 1000008, 200));
	assert_false(is(&k, "{\"id\":1000007,\"result\":{\"content\":[1]}}", 11000007, 200));
	assert_false(is(&k, "{\"id\":1000007,\"result\":{\"content\":[2]}}", 1000007, 200));
	assert_false(is(&k, "{\"it\":1000007,\"result\":{\"content\":[1]}}", 1000007, 200));
	assert_false(is(&k, "{\"id\":1000007,\"result\":{\"content\":[1]}} ", 1000007, 200));
	assert_false(is(&k, "", 1000007, 200));
	free(k.body);
}

static void verdicts_follow_the_error_code(void **state)
{
	(void)state;
	assert_int_equal(judge("{\"id\":7,\"result\":{\"content\":[]}}", 200), ANSWER_OK);
	assert_int_equal(judge("{\"id\":7,\"result\":{\"content\":[],\"isError\":true}}", 200), ANSWER_ERROR);
	assert_int_equal(judge("{\"id\":7,\"result\":{\"content\":[]}}", 500), ANSWER_ERROR);
	assert_int_equal(judge("{\"id\":7,\"error\":{\"code\":403}}", 200), ANSWER_DENIED);
	assert_int_equal(judge("{\"id\":7,\"error\":{\"code\":-32602}}", 200), ANSWER_DENIED);
	assert_int_equal(judge("{\"id\":7,\"error\":{\"code\":429}}", 200), ANSWER_LIMITED);
	assert_int_equal(judge("{\"id\":7,\"error\":{\"code\":503}}", 503), ANSWER_ERROR);
	assert_int_equal(judge("{\"id\":7,\"error\":{\"code\":403},\"result\":{}}", 200), ANSWER_ERROR);
	assert_int_equal(judge("{\"id\":7}", 200), ANSWER_ERROR);
	assert_int_equal(judge("{\"id\":7,\"id\":7,\"result\":{\"content\":[]}}", 200), ANSWER_ERROR);
	assert_int_equal(judge("", 200), ANSWER_ERROR);
}

static void an_error_keeps_the_reason_it_gives(void **state)
{
	static const char *const text[] = {
		"{\"id\":null,\"error\":{\"code\":503,\"data\":{\"reason\":\"overload\"}}}",
		"{\"id\":7,\"error\":{\"code\":503,\"data\":{\"reason\":7}}}",
		"{\"id\":7,\"error\":{\"code\":503}}",
		"{\"id\":7,\"error\":{\"code\":503,\"data\":{"
		"\"reason\":\"0123456789012345678901234567890123456789\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(text); i++) {
		struct load_answer a = {.status = 503};
		const char *why;

		demo_put_bytes(&a.body, sp_bytes_cstr(text[i]));
		assert_int_equal(load_answer_judge(&a, 7, &why), ANSWER_ERROR);
		assert_string_equal(a.reason, i == 0 ? "overload" : "");
		load_answer_done(&a);
	}
}

static void what_is_no_http_is_refused(void **state)
{
	static const char *const bad[] = {"220 hello\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		struct load_answer a = {0};

		feed(&a, bad[i], strlen(bad[i]));
		assert_true(load_answer_feed(&a) < 0);
		load_answer_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_kept_to_a_thousandth),
		cmocka_unit_test(an_event_stream_is_judged_by_its_last_event),
		cmocka_unit_test(an_answer_like_one_judged_before_is_good_only_with_its_own_id),
		cmocka_unit_test(verdicts_follow_the_error_code),
		cmocka_unit_test(an_error_keeps_the_reason_it_gives),
		cmocka_unit_test(what_is_no_http_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
