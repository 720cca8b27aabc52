/// Heads that begin like those before them: read on from what is known, they come to what they come to alone.
#include "tests/support/http_run.h"

#include "dataplane/http/http1_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define HOST "Host: gw.example\r\n"

static size_t cut_each(void *user, size_t at, size_t n)
{
	(void)user;
	return sp_min(at + 1, n);
}

#define KNOWN                                                                                      \
	"POST /mcp HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nAuthorization: Bearer abc.def\r\n"   \
	"Accept: application/json, text/event-stream\r\n"

/// As the tenth of its connection, which have learned all they can by then.
static struct http_result as_the_tenth(const char *before, const char *msg, http_cut_fn cut, void *user)
{
	struct sp_bytes nine[9];

	for (size_t i = 0; i < 9; i++)
		nine[i] = sp_bytes_cstr(before);
	return http_after(false, nine, 9, sp_bytes_cstr(msg), false, cut, user);
}

static void a_head_that_begins_like_those_before_it_reads_as_it_does_alone(void **state)
{
	static const char *const tails[] = {
		"Mcp-Name: a\r\nContent-Length: 2\r\n\r\n{}",
		"Mcp-Name: bcd\r\nContent-Length: 3\r\n\r\n{ }GET /",
		"Mcp-Param-A: 1\r\nMcp-Param-B: 2\r\nConnection: close\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"\r\n",
		" folded\r\n\r\n",
		"Host: other.example\r\n\r\n",
		"Content-Length: 1\r\nContent-Length: 1\r\n\r\n{",
		"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		"X: \x01\r\n\r\n",
		"X\r\n\r\n",
		"\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(tails); i++) {
		for (size_t k = 0; k < SP_ARRAY_LEN(tails); k++) {
			char a[512], b[512];
			struct http_result alone, known, cut;

			snprintf(a, sizeof(a), KNOWN "%s", tails[i]);
			snprintf(b, sizeof(b), KNOWN "%s", tails[k]);
			alone = http_gather(false, sp_bytes_cstr(b), false, NULL, NULL);
			known = as_the_tenth(a, b, NULL, NULL);
			cut = as_the_tenth(a, b, cut_each, NULL);
			assert_true(http_same(&alone, &known));
			assert_true(http_same(&alone, &cut));
			http_result_done(&alone);
			http_result_done(&known);
			http_result_done(&cut);
		}
	}
}

/// After two that differ in one value: all up to that value is known.
static void a_head_that_is_known_up_to_a_value_reads_as_it_does_alone(void **state)
{
	static const char *const values[] = {
		"a\r\nContent-Length: 2\r\n\r\n{}",
		" \t bc \t\r\nContent-Length: 2\r\n\r\n{}",
		"\r\nContent-Length: 2\r\n\r\n{}",
		"\r\n\r\n",
		" \r\n\r\n",
		"\r\n folded\r\n\r\n",
		"\n\r\n",
		"\x01\r\n\r\n",
		"a\r\nHost: other.example\r\n\r\n",
		"a\r\nMcp-Name: a\r\n\r\n",
		"2\r\n\r\n{}",
		"3\r\n\r\n{}",
	};
	static const char *const names[] = {
		"Mcp-Name: ", "Mcp-Name:", "X-Other: ", "Mcp-Param-X: ", "Content-Length: "};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(names) * SP_ARRAY_LEN(values); i++) {
		const char *name = names[i / SP_ARRAY_LEN(values)];
		char one[512], two[512], m[512];
		struct sp_bytes before[2];
		struct http_result alone, known, cut;

		snprintf(one, sizeof(one), KNOWN "%s1\r\n\r\n{", name);
		snprintf(two, sizeof(two), KNOWN "%s0\r\n\r\n", name);
		snprintf(m, sizeof(m), KNOWN "%s%s", name, values[i % SP_ARRAY_LEN(values)]);
		before[0] = sp_bytes_cstr(one);
		before[1] = sp_bytes_cstr(two);
		alone = http_gather(false, sp_bytes_cstr(m), false, NULL, NULL);
		known = http_after(false, before, 2, sp_bytes_cstr(m), false, NULL, NULL);
		cut = http_after(false, before, 2, sp_bytes_cstr(m), false, cut_each, NULL);
		assert_true(http_same(&alone, &known));
		assert_true(http_same(&alone, &cut));
		http_result_done(&alone);
		http_result_done(&known);
		http_result_done(&cut);
	}
}

static void what_is_known_ends_where_a_value_that_differs_begins(void **state)
{
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size());

	(void)state;
	assert_true(memo && p);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const m[] = {KNOWN "Mcp-Name: a\r\nContent-Length: 2\r\n\r\n{}",
			KNOWN "Mcp-Name: b\r\nContent-Length: 2\r\n\r\n{}",
			KNOWN "Mcp-Name: cd\r\nContent-Length: 2\r\n\r\n{}"};
		struct http_result r;

		sp_http1_init(p, false, &http_limits);
		sp_http1_remember(p, memo);
		r = http_gather_on(p, sp_bytes_cstr(m[i]), false, NULL, NULL);
		assert_int_equal(r.state, SP_HTTP1_DONE);
		assert_int_equal(p->recalled, i == 2 ? strlen(KNOWN "Mcp-Name: ") : 0);
		http_result_done(&r);
	}
	sp_http1_forget(memo);
	free(memo);
	free(p);
}

static void one_other_byte_anywhere_is_not_what_was_known(void **state)
{
	static const char m[] = KNOWN "Content-Length: 2\r\n\r\n{}";

	(void)state;
	for (size_t i = 0; i < sizeof(m) - 1; i++) {
		char other[sizeof(m)];
		struct http_result alone, known;

		memcpy(other, m, sizeof(m));
		other[i] ^= 1;
		alone = http_gather(false, sp_bytes_cstr(other), false, NULL, NULL);
		known = as_the_tenth(m, other, NULL, NULL);
		assert_true(http_same(&alone, &known));
		http_result_done(&alone);
		http_result_done(&known);
	}
}

static void the_third_head_of_a_kind_is_read_on_from_what_is_known_which_is_wiped_in_the_end(void **state)
{
	static const char m[] = KNOWN "Content-Length: 2\r\n\r\n{}";
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size());

	(void)state;
	assert_true(memo && p);
	for (unsigned i = 0; i < 3; i++) {
		struct http_result r;

		sp_http1_init(p, false, &http_limits);
		sp_http1_remember(p, memo);
		r = http_gather_on(p, SP_LIT(m), false, NULL, NULL);
		assert_int_equal(r.state, SP_HTTP1_DONE);
		assert_int_equal(p->recalled != 0, i == 2);
		http_result_done(&r);
	}
	sp_http1_forget(memo);
	for (size_t i = 0; i < sp_http1_memo_size(); i++)
		assert_int_equal(((const uint8_t *)memo)[i], 0);
	free(memo);
	free(p);
}

/// What stands for the token's bytes in `m`, read by a parser of its own; and whether it read what one alone does.
static uint64_t token_stamp(struct sp_http1_memo *memo, const char *m, bool *ret_same)
{
	struct sp_http1 *p = malloc(sp_http1_size());
	struct http_result r, alone = http_gather(false, sp_bytes_cstr(m), false, NULL, NULL);
	uint64_t stamp;

	assert_non_null(p);
	sp_http1_init(p, false, &http_limits);
	sp_http1_remember(p, memo);
	r = http_gather_on(p, sp_bytes_cstr(m), false, NULL, NULL);
	assert_int_equal(r.state, SP_HTTP1_DONE);
	stamp = sp_http1_stamp(p, sp_http1_head(p)->header[SP_HDR_AUTHORIZATION]);
	*ret_same = http_same(&r, &alone);
	http_result_done(&r);
	http_result_done(&alone);
	free(p);
	return stamp;
}

static void a_stamp_stands_for_bytes_that_were_compared_and_never_for_others(void **state)
{
#define WITH(token) "POST /mcp HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nAuthorization: Bearer " token "\r\n"
#define REST "Content-Length: 2\r\n\r\n{}"
	static const struct {
		const char *m;
		uint64_t stamp;
	} rows[] = {
		{WITH("aaaa") REST, 0}, {WITH("aaaa") REST, 0}, {WITH("aaaa") REST, 1}, {WITH("aaaa") REST, 1},
		{WITH("bbbb") REST, 0}, {WITH("bbbb") REST, 0}, {WITH("bbbb") REST, 2}, {WITH("aaaa") REST, 0},
	};
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());

	(void)state;
	assert_non_null(memo);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		bool same;

		assert_int_equal(token_stamp(memo, rows[i].m, &same), rows[i].stamp);
		assert_true(same);
	}
	sp_http1_forget(memo);
	free(memo);
#undef WITH
#undef REST
}

#define ANSWER                                                                                             \
	"HTTP/1.1 200 OK\r\nServer: one\r\nContent-Type: application/json\r\nMcp-Session-Id: s1\r\nVary: Accept\r\n"

struct answer {
	enum sp_http_verb to;
	const char *text;
};

/// As the upstream room reads the next answer of a connection, or the first one of another.
static struct http_result streamed(struct sp_http1 *p, struct sp_http1_memo *memo, const struct answer *a,
	enum sp_http1_state before, http_cut_fn cut)
{
	if (before != SP_HTTP1_DONE) {
		sp_http1_init(p, true, &http_limits);
		sp_http1_remember(p, memo);
	}
	sp_http1_next(p);
	sp_http1_expect(p, a->to);
	return http_stream_on(p, sp_bytes_cstr(a->text), false, cut, NULL);
}

/// `b` after others, `a` among them, that have but their first lines in common; *ret_known, whether it was read on
/// from those.
static struct http_result streamed_tenth(
	const struct answer *a, const struct answer *b, http_cut_fn cut, bool *ret_known)
{
	static const struct answer other = {SP_HTTP_POST, ANSWER "Age: 1\r\nContent-Length: 0\r\n\r\n"};
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size());
	struct http_result r = {.state = SP_HTTP1_ERROR};

	assert_true(memo && p);
	for (int i = 0; i < 9; i++) {
		r = streamed(p, memo, i & 1 ? &other : a, r.state, NULL);
		http_result_done(&r);
	}
	r = streamed(p, memo, b, r.state, cut);
	*ret_known = p->recalled != 0;
	sp_http1_forget(memo);
	free(memo);
	free(p);
	return r;
}

static struct http_result streamed_alone(const struct answer *a)
{
	struct sp_http1 *p = malloc(sp_http1_size());
	struct http_result r;

	assert_non_null(p);
	sp_http1_init(p, true, &http_limits);
	sp_http1_expect(p, a->to);
	r = http_stream_on(p, sp_bytes_cstr(a->text), false, NULL, NULL);
	free(p);
	return r;
}

static void an_answer_that_is_streamed_after_others_reads_as_it_does_alone(void **state)
{
	static const struct answer rows[] = {
		{SP_HTTP_POST, ANSWER "Content-Length: 2\r\n\r\n{}"},
		{SP_HTTP_POST, ANSWER "Content-Length: 3\r\nConnection: close\r\n\r\n{ }"},
		{SP_HTTP_POST, ANSWER "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nT: v\r\n\r\n"},
		{SP_HTTP_POST, ANSWER "\r\nuntil the end"},
		{SP_HTTP_HEAD, ANSWER "Content-Length: 2\r\n\r\n"},
		{SP_HTTP_HEAD, ANSWER "Transfer-Encoding: chunked\r\n\r\n"},
		{SP_HTTP_HEAD, ANSWER "Content-Length: 0\r\n\r\n"},
		{SP_HTTP_POST, ANSWER "Content-Length: 0\r\n\r\n"},
		{SP_HTTP_POST, ANSWER "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
		{SP_HTTP_POST, ANSWER "Content-Length: 2\r\n\r\n{"},
		{SP_HTTP_POST, ANSWER "X: \x01\r\n\r\n"},
	};
	unsigned known_n = 0;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < SP_ARRAY_LEN(rows); k++) {
			struct http_result alone = streamed_alone(&rows[k]), one, each;
			bool known;

			each = streamed_tenth(&rows[i], &rows[k], cut_each, &known);
			assert_false(known); // its beginning did not come in one piece
			one = streamed_tenth(&rows[i], &rows[k], NULL, &known);
			known_n += known;
			if (!http_same(&alone, &one) || !http_same(&alone, &each))
				fail_msg("answer %zu after %zu: %d %d, alone %d", k, i, one.state, each.state,
					alone.state);
			http_result_done(&alone);
			http_result_done(&one);
			http_result_done(&each);
		}
	}
	assert_int_equal(known_n, (SP_ARRAY_LEN(rows) - 2) * SP_ARRAY_LEN(rows)); // two are refused: none is learned
}

/// The first `n` bytes of `m` for one parser, then five heads of another kind for another, then the rest.
static struct http_result interrupted_at(size_t n, const char *m, const char *meanwhile, uint64_t stamp[2])
{
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size()), *other = malloc(sp_http1_size());
	struct sp_bytes all = sp_bytes_cstr(m);
	uint8_t *buf = malloc(all.n);
	struct http_result r;

	assert_true(memo && p && other && buf);
	for (int i = 0; i < 5; i++) {
		http_ready(p, memo, false, i);
		r = http_gather_on(p, all, false, NULL, NULL);
		http_result_done(&r);
	}
	http_ready(p, memo, false, true);
	memcpy(buf, all.p, all.n);
	r = (struct http_result){.state = sp_http1_parse(p, buf, n, &r.used)};
	for (int i = 0; i < 5; i++) {
		struct http_result o;

		http_ready(other, memo, false, i);
		o = http_gather_on(other, sp_bytes_cstr(meanwhile), false, NULL, NULL);
		assert_int_equal(o.state, SP_HTTP1_DONE);
		http_result_done(&o);
	}
	r.state = sp_http1_parse(p, buf, all.n, &r.used);
	http_collect(&r, p, buf);
	stamp[0] = sp_http1_stamp(p, p->head.header[SP_HDR_AUTHORIZATION]);
	stamp[1] = sp_http1_stamp(other, other->head.header[SP_HDR_AUTHORIZATION]);
	sp_http1_forget(memo);
	free(memo);
	free(buf);
	free(p);
	free(other);
	return r;
}

static void parsers_that_share_what_is_known_do_not_disturb_each_other(void **state)
{
	static const char m[] = KNOWN "Content-Length: 2\r\n\r\n{}";
	static const char meanwhile[] =
		"POST /mcp HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nAuthorization: Bearer xyz.uvw\r\n"
		"Accept: application/json, text/event-stream\r\nContent-Length: 2\r\n\r\n{}";
	struct http_result alone = http_gather(false, SP_LIT(m), false, NULL, NULL);
	unsigned known_n = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(m); n++) {
		uint64_t stamp[2];
		struct http_result r = interrupted_at(n, m, meanwhile, stamp);

		assert_true(http_same(&alone, &r));
		assert_true(stamp[1] && stamp[0] != stamp[1]);
		known_n += stamp[0] != 0;
		http_result_done(&r);
	}
	assert_int_equal(known_n, strlen("\r\n{}") + 1); // those whose lines had all come before
	http_result_done(&alone);
}

/// A head that begins as those before it: lines with two values.
struct head_form {
	bool is_answer;
	const char *before, *between, *behind;
};
struct head_text {
	char text[384];
};
static struct head_text head_of(const struct head_form *f, const char *one, const char *two)
{
	struct head_text t;

	snprintf(t.text, sizeof(t.text), "%s%s%s%s%s%s", f->is_answer ? ANSWER : KNOWN, f->before,
		one, f->between, two, f->behind);
	return t;
}

static size_t cut_once(void *user, size_t at, size_t n)
{
	const size_t *where = user;

	return at < *where ? sp_min(*where, n) : n;
}

/// After three that differ from it and from each other in both values.
static struct http_result as_the_fourth(
	const struct head_form *f, const char *one, const char *two, http_cut_fn cut, size_t *where)
{
	const struct head_text was[] = {
		head_of(f, "11", "12"), head_of(f, "21", "22"), head_of(f, "3", "4")};
	const struct head_text is = head_of(f, one, two);
	const struct sp_bytes before[] = {
		sp_bytes_cstr(was[0].text), sp_bytes_cstr(was[1].text), sp_bytes_cstr(was[2].text)};

	return http_after(f->is_answer, before, SP_ARRAY_LEN(before), sp_bytes_cstr(is.text), false,
		cut, where);
}

static void a_head_that_goes_on_as_those_before_it_reads_as_it_does_alone(void **state)
{
	static const struct head_form forms[] = {
		{false, "Mcp-Name: ", "\r\nContent-Length: ", "\r\n\r\n{}"},
		{false, "Content-Length: ", "\r\nMcp-Name: ", "\r\n\r\n{}"},
		{false, "Content-Length: ", "\r\nContent-Length: ", "\r\n\r\n{}"},
		{false, "Mcp-Name:", "\r\nX-Id:  ", "\r\n\r\n"},
		{false, "Mcp-Param-A: ", "\r\nmcp-param-b: ", "\r\nExpect: 100-continue\r\n\r\n"},
		{false, "Mcp-Param-A: ", "\r\nmcp-param-a: ", "\r\n\r\n"},
		{false, "X-Id: ", "\r\nTransfer-Encoding: ", "\r\n\r\n0\r\n\r\n"},
		{false, "Transfer-Encoding: chunked\r\nX-Id: ", "\r\nContent-Length: ",
			"\r\n\r\n0\r\n\r\n"},
		{false, "X-Id: ", "\r\nConnection: ", "\r\n\r\n"},
		{false, "Mcp-Name: ", "\r\nX-Id: ", "\r\nMcp-Name: 2\r\n\r\n"},
		{false, "Mcp-Name: ", "\r\nX-", ": y\r\n\r\n"},
		{true, "Age: ", "\r\nContent-Length: ", "\r\n\r\n{}"},
		{true, "Retry-After: ", "\r\nWWW-Authenticate: ", "\r\nConnection: close\r\n\r\n"},
	};
	static const char *const values[] = {"1", "2", "03", "0", "12", "65537",
		"18446744073709551616", "chunked", "close", "upgrade", "x y", " x", "x ", "x\t", "",
		"x\ry", "x\ny", "\x01", "\x80", "+1", "1\r\nA: b", "1\r\n b", "1\r\n\r\n"};
	const size_t n = SP_ARRAY_LEN(values);

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(forms) * n * n; i++) {
		const struct head_form *f = &forms[i / n / n];
		const char *one = values[i / n % n], *two = values[i % n];
		struct head_text t = head_of(f, one, two);
		struct http_result alone =
			http_gather(f->is_answer, sp_bytes_cstr(t.text), false, NULL, NULL);
		struct http_result known = as_the_fourth(f, one, two, NULL, NULL);

		if (!http_same(&alone, &known))
			fail_msg("read otherwise than alone: %s", t.text);
		http_result_done(&alone);
		http_result_done(&known);
	}
}

static void a_head_that_goes_on_as_those_before_it_may_come_in_two_pieces(void **state)
{
	static const struct head_form f = {
		false, "Mcp-Name: ", "\r\nContent-Length: ", "\r\n\r\n{}"};
	struct head_text t = head_of(&f, "five", "2");
	struct http_result alone = http_gather(false, sp_bytes_cstr(t.text), false, NULL, NULL);

	(void)state;
	assert_int_equal(alone.state, SP_HTTP1_DONE);
	for (size_t where = 1; where < strlen(t.text); where++) {
		struct http_result cut = as_the_fourth(&f, "five", "2", cut_once, &where);

		assert_true(http_same(&alone, &cut));
		http_result_done(&cut);
	}
	http_result_done(&alone);
}

static void limits_hold_for_a_head_that_goes_on_as_those_before_it(void **state)
{
	static const struct head_form f = {
		false, "Mcp-Name: ", "\r\nContent-Length: ", "\r\n\r\n{}"};
	struct sp_http_limits limits = {
		.max_head_bytes = (uint32_t)strlen(head_of(&f, "four", "99").text) - 2,
		.max_headers = 6,
		.max_body_bytes = 99};
	static const struct {
		const char *one, *two;
		uint16_t status;
	} rows[] = {{"a", "1", 0}, {"b", "2", 0}, {"c", "99", 0}, {"four", "99", 0},
		{"e", "100", 413}, {"fives", "99", 431}};
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size());

	(void)state;
	assert_true(memo && p);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct head_text t = head_of(&f, rows[i].one, rows[i].two);
		struct http_result r;

		sp_http1_init(p, false, &limits);
		sp_http1_remember(p, memo);
		r = http_gather_on(p, sp_bytes_cstr(t.text), false, NULL, NULL);
		assert_int_equal(r.error.status, rows[i].status);
		http_result_done(&r);
	}
	sp_http1_forget(memo);
	free(memo);
	free(p);
}

static void a_way_to_go_on_is_known_until_others_have_come_instead_of_it(void **state)
{
	static const struct head_form short_one = {false, "Mcp-Name: ", "\r\nX-Id: ", "\r\n\r\n"};
	static const struct head_form long_one = {
		false, "Mcp-Name: ", "\r\nX-Id: ", "\r\nX-Other: 1\r\n\r\n"};
	struct sp_http1_memo *memo = calloc(1, sp_http1_memo_size());
	struct sp_http1 *p = malloc(sp_http1_size());
	unsigned others = 0;

	(void)state;
	assert_true(memo && p);
	sp_http1_init(p, false, &http_limits);
	sp_http1_remember(p, memo);
	for (unsigned i = 0; i < 60; i++) {
		char id[2] = {(char)('0' + i % 10), 0};
		struct head_text t = head_of(i < 20 ? &short_one : &long_one, id, "1");
		struct http_result r = http_gather_on(p, sp_bytes_cstr(t.text), false, NULL, NULL);

		assert_int_equal(r.state, SP_HTTP1_DONE);
		if (i >= 2)
			assert_true(p->recalled && memo->tail.known);
		if (i < 20 || i >= 36)
			assert_int_equal(memo->tail.others, 0);
		others = sp_max(others, memo->tail.others);
		http_result_done(&r);
		sp_http1_next(p);
	}
	assert_int_equal(others, 15);
	sp_http1_forget(memo);
	free(memo);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_begins_like_those_before_it_reads_as_it_does_alone),
		cmocka_unit_test(a_head_that_is_known_up_to_a_value_reads_as_it_does_alone),
		cmocka_unit_test(what_is_known_ends_where_a_value_that_differs_begins),
		cmocka_unit_test(one_other_byte_anywhere_is_not_what_was_known),
		cmocka_unit_test(the_third_head_of_a_kind_is_read_on_from_what_is_known_which_is_wiped_in_the_end),
		cmocka_unit_test(a_stamp_stands_for_bytes_that_were_compared_and_never_for_others),
		cmocka_unit_test(an_answer_that_is_streamed_after_others_reads_as_it_does_alone),
		cmocka_unit_test(parsers_that_share_what_is_known_do_not_disturb_each_other),
		cmocka_unit_test(a_head_that_goes_on_as_those_before_it_reads_as_it_does_alone),
		cmocka_unit_test(a_head_that_goes_on_as_those_before_it_may_come_in_two_pieces),
		cmocka_unit_test(limits_hold_for_a_head_that_goes_on_as_those_before_it),
		cmocka_unit_test(a_way_to_go_on_is_known_until_others_have_come_instead_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
