#include "dataplane/http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

struct log {
	char text[1024];
	size_t n;
	int stop_after;
};

static int note(void *user, const struct sp_sse_event *e)
{
	struct log *l = user;

	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "[%.*s|%.*s|%.*s|%d|%lld]",
		SP_FMT(e->type), SP_FMT(e->id), SP_FMT(e->data), e->has_data, (long long)e->retry_ms);
	return l->stop_after && --l->stop_after == 0 ? -ECANCELED : 0;
}

static const struct {
	const char *in, *want;
} rows[] = {
	{"data: a\n\n", "[||a|1|-1]"},
	{"data:a\n\n", "[||a|1|-1]"},
	{"data:  a \n\n", "[|| a |1|-1]"},
	{"data: a\ndata: b\n\n", "[||a\nb|1|-1]"},
	{"data: a\r\rdata: b\r\n\r\ndata: c\n\r\n", "[||a|1|-1][||b|1|-1][||c|1|-1]"},
	{"\xef\xbb\xbf" "data: a\n\n", "[||a|1|-1]"},
	{"data: \xef\xbb\xbf" "a\n\n", "[||\xef\xbb\xbf" "a|1|-1]"},
	{"\xef\xbb\xbf:comment\ndata: a\n\n", "[||a|1|-1]"},
	{":comment\n\n: data: x\n\n", ""},
	{"id: 7\ndata:\n\n", "[|7||1|-1]"},
	{"id: 7\n\n", "[|7||0|-1]"},
	{"id: 1\nevent: t\ndata: x\nid: 22\nevent: longer\ndata: y\n\n", "[longer|22|x\ny|1|-1]"},
	{"event: t\nid: 1\ndata: x\ndata: y\nevent: u\n\n", "[u|1|x\ny|1|-1]"},
	{"event: ping\n\n", ""},
	{"id\ndata: x\n\n", "[||x|1|-1]"},
	{"retry: 250\n\n", "[|||0|250]"},
	{"retry: 2s\ndata: x\n\n", "[||x|1|-1]"},
	{"data\n\n", "[|||1|-1]"},
	{"data\ndata\n\n", "[||\n|1|-1]"},
	{"Data: x\nfoo: y\n\n", ""},
	{"data: unfinished\n", ""},
	{"data: x\n\ndata: y", "[||x|1|-1]"},
	{"\n\n\n", ""},
	{"data: a:b\n\n", "[||a:b|1|-1]"},
};

static void run(struct log *l, struct sp_bytes in, size_t cut, size_t cap)
{
	uint8_t buf[256];
	struct sp_sse s;

	sp_sse_init(&s, buf, sp_min(cap, sizeof(buf)));
	*l = (struct log){.n = 0};
	assert_int_equal(sp_sse_feed(&s, in.p, cut, note, l), 0);
	assert_int_equal(sp_sse_feed(&s, in.p + cut, in.n - cut, note, l), 0);
}

static void events_are_read_as_the_standard_says_wherever_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_bytes in = sp_bytes_cstr(rows[i].in);

		for (size_t cut = 0; cut <= in.n; cut++) {
			struct log l;

			run(&l, in, cut, 256);
			if (strcmp(l.text, rows[i].want) != 0)
				fail_msg("row %zu cut at %zu: %s", i, cut, l.text);
		}
	}
}

static void an_id_with_nul_is_ignored(void **state)
{
	struct log l;

	(void)state;
	run(&l, SP_LIT("id: a\0b\ndata: x\n\n"), 4, 256);
	assert_string_equal(l.text, "[||x|1|-1]");
}

static void an_event_over_the_buffer_is_refused_and_a_comment_is_not(void **state)
{
	static char comment[4096];
	uint8_t buf[16];
	struct sp_sse s;
	struct log l = {.n = 0};

	(void)state;
	memset(comment, 'x', sizeof(comment));
	comment[0] = ':';
	comment[sizeof(comment) - 1] = '\n';
	sp_sse_init(&s, buf, sizeof(buf));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sp_sse_feed(&s, (const uint8_t *)comment, 100, note, &l), 0);
		assert_int_equal(sp_sse_feed(&s, (const uint8_t *)comment + 100,
					 sizeof(comment) - 100, note, &l),
			0);
	}
	assert_int_equal(sp_sse_feed(&s, (const uint8_t *)"data: 0123456789\n\n", 18, note, &l), 0);
	assert_string_equal(l.text, "[||0123456789|1|-1]");
	assert_int_equal(
		sp_sse_feed(&s, (const uint8_t *)"data: 0123456789a\n\n", 19, note, &l), -EMSGSIZE);
}

static void the_reader_may_stop(void **state)
{
	uint8_t buf[64];
	struct sp_sse s;
	struct log l = {.stop_after = 1};

	(void)state;
	sp_sse_init(&s, buf, sizeof(buf));
	assert_int_equal(sp_sse_feed(&s, (const uint8_t *)"data: a\n\ndata: b\n\n", 18, note, &l),
		-ECANCELED);
	assert_string_equal(l.text, "[||a|1|-1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_read_as_the_standard_says_wherever_they_are_cut),
		cmocka_unit_test(an_id_with_nul_is_ignored),
		cmocka_unit_test(an_event_over_the_buffer_is_refused_and_a_comment_is_not),
		cmocka_unit_test(the_reader_may_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
