#include "common/ctl_table.h"
#include "common/ctlmsg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static void request_of(struct sp_cv_out *o)
{
	sp_cv_out_init(o);
	sp_ctl_request_begin(o, 7, SP_LIT("revoke agent"));
	sp_cv_put_map(o);
	sp_cv_put_str(o, "id");
	sp_cv_put_str(o, "agent-1");
	sp_cv_put_str(o, "limit");
	sp_cv_put_u64(o, 300);
	sp_cv_put_str(o, "no-follow");
	sp_cv_put_bool(o, true);
	sp_cv_put_end(o);
	assert_int_equal(sp_ctl_frame_end(o, SP_CTL_REQUEST_MAX), 0);
}

static void request_comes_back_as_it_was_written(void **state)
{
	struct sp_cv_out o;
	struct sp_bytes body, text;
	struct sp_ctl_request r;
	uint64_t id = 0, limit = 0;

	(void)state;
	request_of(&o);
	assert_true(sp_ctl_frame(sp_cv_out_bytes(&o), SP_CTL_REQUEST_MAX, &body) > 0);
	assert_int_equal(sp_ctl_request_read(body, &r, &id), 0);
	assert_int_equal(r.id, 7);
	assert_true(sp_bytes_eq(r.command, SP_LIT("revoke agent")));
	assert_int_equal(sp_ctl_arg_str(&r, "id", &text), 0);
	assert_true(sp_bytes_eq(text, SP_LIT("agent-1")));
	assert_int_equal(sp_ctl_arg_u64(&r, "limit", &limit), 0);
	assert_int_equal(limit, 300);
	assert_true(sp_ctl_arg_flag(&r, "no-follow"));
	assert_false(sp_ctl_arg_flag(&r, "other"));
	assert_int_equal(sp_ctl_arg_str(&r, "limit", &text), -EINVAL);
	assert_int_equal(sp_ctl_arg_str(&r, "absent", &text), -ENOENT);
	sp_cv_out_done(&o);
}

static void every_truncation_of_a_request_is_refused(void **state)
{
	struct sp_cv_out o;
	struct sp_bytes body;
	struct sp_ctl_request r;
	uint64_t id;

	(void)state;
	request_of(&o);
	assert_true(sp_ctl_frame(sp_cv_out_bytes(&o), SP_CTL_REQUEST_MAX, &body) > 0);
	for (size_t n = 0; n < body.n; n++)
		assert_int_equal(sp_ctl_request_read(sp_bytes(body.p, n), &r, &id), -EBADMSG);
	for (size_t n = 0; n < o.buf.size; n++) {
		struct sp_bytes part = sp_bytes(o.buf.data, n);

		assert_int_equal(sp_ctl_frame(part, SP_CTL_REQUEST_MAX, &body), 0);
	}
	sp_cv_out_done(&o);
}

static void tampering_never_leads_outside_the_message(void **state)
{
	struct sp_cv_out o;
	uint8_t *copy;
	size_t n;

	(void)state;
	request_of(&o);
	n = o.buf.size - SP_CTL_HEAD_BYTES;
	copy = malloc(n); // of its own, so that a sanitizer sees a read behind the end
	assert_non_null(copy);
	for (size_t at = 0; at < n; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct sp_ctl_request r = {0};
			struct sp_bytes text;
			uint64_t id;

			memcpy(copy, o.buf.data + SP_CTL_HEAD_BYTES, n);
			copy[at] = (uint8_t)v;
			if (sp_ctl_request_read(sp_bytes(copy, n), &r, &id) < 0)
				continue;
			assert_true(r.command.p >= copy && r.command.p + r.command.n <= copy + n);
			if (sp_ctl_arg_str(&r, "id", &text) == 0)
				assert_true(text.p >= copy && text.p + text.n <= copy + n);
		}
	}
	free(copy);
	sp_cv_out_done(&o);
}

static void frames_over_the_limit_or_empty_are_refused(void **state)
{
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x80}, empty[] = {0, 0, 0, 0};
	struct sp_bytes body;

	(void)state;
	assert_int_equal(sp_ctl_frame(sp_bytes(huge, 5), SP_CTL_REQUEST_MAX, &body), -EMSGSIZE);
	assert_int_equal(sp_ctl_frame(sp_bytes(empty, 4), SP_CTL_REQUEST_MAX, &body), -EMSGSIZE);
}

static void another_version_is_refused_with_the_id_to_answer_to(void **state)
{
	// {v: 2, id: 9}
	const uint8_t body[] = {0x82, 0xa1, 'v', 2, 0xa2, 'i', 'd', 9};
	struct sp_ctl_request r;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(
		sp_ctl_request_read(sp_bytes(body, sizeof(body)), &r, &id), -EPROTONOSUPPORT);
	assert_int_equal(id, 9);
}

static void a_name_given_twice_is_refused(void **state)
{
	const uint8_t body[] = {0x83, 0xa1, 'v', 1, 0xa1, 'v', 1, 0xa2, 'i', 'd', 9};
	struct sp_ctl_request r;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(sp_ctl_request_read(sp_bytes(body, sizeof(body)), &r, &id), -EBADMSG);
}

static void claims_of_many_elements_and_deep_nesting_are_refused_early(void **state)
{
	const uint8_t many[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2};
	uint8_t deep[64];

	(void)state;
	memset(deep, 0x91, sizeof(deep));
	deep[sizeof(deep) - 1] = 1;
	assert_int_equal(sp_cv_check(sp_bytes(many, sizeof(many))), -EBADMSG);
	assert_int_equal(sp_cv_check(sp_bytes(deep, sizeof(deep))), -E2BIG);
	assert_int_equal(sp_cv_check(sp_bytes(deep + sizeof(deep) - 17, 17)), 0);
}

static void strings_must_be_utf8_without_nul(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int verdict;
	} cases[] = {
		{"\xa2\xc3\xa4", 3, 0},
		{"\xa3\xe2\x82\xac", 4, 0},
		{"\xa4\xf0\x9f\x98\x80", 5, 0},
		{"\xa1\x00", 2, -EILSEQ},
		{"\xa2\xc0\xaf", 3, -EILSEQ}, // overlong
		{"\xa3\xed\xa0\x80", 4, -EILSEQ}, // surrogate
		{"\xa4\xf4\x90\x80\x80", 5, -EILSEQ}, // beyond U+10FFFF
		{"\xa1\xc3", 2, -EILSEQ},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		assert_int_equal(
			sp_cv_check(sp_bytes(cases[i].bytes, cases[i].n)), cases[i].verdict);
}

static void every_kind_of_value_becomes_its_json(void **state)
{
	struct sp_cv_out o;
	uint8_t text[512];
	struct sp_out out = sp_out_init(text, sizeof(text));

	(void)state;
	sp_cv_out_init(&o);
	sp_cv_put_map(&o);
	sp_cv_put_str(&o, "a");
	sp_cv_put_array(&o);
	sp_cv_put_nil(&o);
	sp_cv_put_bool(&o, false);
	sp_cv_put_u64(&o, UINT64_MAX);
	sp_cv_put_fmt(&o, "q\"%d\n", 5);
	sp_cv_put_end(&o);
	sp_cv_put_str(&o, "m");
	sp_cv_put_map(&o);
	sp_cv_put_end(&o);
	sp_cv_put_end(&o);
	assert_false(o.failed);
	assert_int_equal(sp_cv_check(sp_cv_out_bytes(&o)), 0);
	sp_cv_json(sp_cv_out_bytes(&o), &out);
	assert_false(out.overflow);
	text[out.len] = 0;
	assert_string_equal((char *)text, "{\"a\":[null,false,18446744073709551615,\"q\\\"5\\u000a\"],\"m\":{}}");
	sp_cv_out_done(&o);
	out = sp_out_init(text, sizeof(text));
	sp_cv_json(SP_LIT("\xd3\x80\0\0\0\0\0\0\0"), &out); // nothing of ours writes one that is negative
	assert_true(sp_bytes_eq(sp_bytes(text, out.len), SP_LIT("-9223372036854775808")));
}

static void an_error_reaches_the_peer_without_bytes_a_terminal_obeys(void **state)
{
	struct sp_cv_out o;
	struct sp_bytes body;
	struct sp_ctl_answer a;

	(void)state;
	sp_cv_out_init(&o);
	assert_int_equal(sp_ctl_answer_error(&o, 3, SP_CTL_REFUSED, "bad \x1b[31m\xff\nfile"), 0);
	assert_true(sp_ctl_frame(sp_cv_out_bytes(&o), SP_CTL_ANSWER_MAX, &body) > 0);
	assert_int_equal(sp_ctl_answer_read(body, &a), 0);
	assert_int_equal(a.id, 3);
	assert_int_equal(a.code, SP_CTL_REFUSED);
	assert_false(a.more);
	assert_true(sp_bytes_eq(a.error, SP_LIT("bad ?[31m?\nfile")));
	sp_cv_out_done(&o);
}

static void frames_stand_one_behind_the_other_in_a_writer(void **state)
{
	struct sp_cv_out o;
	struct sp_bytes rest, body;
	struct sp_ctl_answer a;

	(void)state;
	sp_cv_out_init(&o);
	for (uint64_t i = 1; i <= 3; i++) {
		sp_ctl_answer_begin(&o, i, i < 3, SP_CTL_OK);
		sp_cv_put_u64(&o, 10 * i);
		assert_int_equal(sp_ctl_frame_end(&o, SP_CTL_ANSWER_MAX), 0);
	}
	rest = sp_cv_out_bytes(&o);
	for (uint64_t i = 1; i <= 3; i++) {
		int n = sp_ctl_frame(rest, SP_CTL_ANSWER_MAX, &body);
		struct sp_cv_value v;

		assert_true(n > 0);
		assert_int_equal(sp_ctl_answer_read(body, &a), 0);
		assert_int_equal(a.id, i);
		assert_true(a.more == (i < 3));
		assert_int_equal(sp_cv_next(&a.data, &v), 0);
		assert_int_equal(v.u, 10 * i);
		rest = sp_bytes(
			rest.p + SP_CTL_HEAD_BYTES + n, rest.n - SP_CTL_HEAD_BYTES - (size_t)n);
	}
	assert_int_equal(rest.n, 0);
	sp_cv_out_done(&o);
}

static bool is_lower_words(const char *s)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || *s == ' ' || *s == '-'))
			return false;
	return true;
}

static void every_command_is_complete_and_named_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		const struct sp_ctl_command *c = sp_ctl_command(i);

		assert_int_equal(c->id, i);
		assert_non_null(c->words);
		assert_true(is_lower_words(c->words));
		assert_ptr_equal(sp_ctl_command_find(sp_bytes_cstr(c->words)), c);
		assert_true(c->help && c->help[0] && c->more && c->more[0]);
		assert_true(c->server == SP_CTL_LOCAL || c->access > SP_ACCESS_NONE);
		for (unsigned a = 0; a < c->args_n; a++) {
			assert_true(c->args[a].help && c->args[a].help[0]);
			assert_true(c->args[a].kind == SP_OPT_FLAG || c->args[a].meta);
			assert_true(a == 0 || sp_ctl_arg_is_option(&c->args[a]) ||
				    !sp_ctl_arg_is_option(&c->args[a - 1]));
			for (unsigned b = 0; b < a; b++)
				assert_string_not_equal(c->args[a].name, c->args[b].name);
		}
	}
	assert_null(sp_ctl_command_find(SP_LIT("policy")));
}

static void roles_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(sp_ctl_access_name(SP_ACCESS_ADMIN), "admin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_comes_back_as_it_was_written),
		cmocka_unit_test(every_truncation_of_a_request_is_refused),
		cmocka_unit_test(tampering_never_leads_outside_the_message),
		cmocka_unit_test(frames_over_the_limit_or_empty_are_refused),
		cmocka_unit_test(another_version_is_refused_with_the_id_to_answer_to),
		cmocka_unit_test(a_name_given_twice_is_refused),
		cmocka_unit_test(claims_of_many_elements_and_deep_nesting_are_refused_early),
		cmocka_unit_test(strings_must_be_utf8_without_nul),
		cmocka_unit_test(every_kind_of_value_becomes_its_json),
		cmocka_unit_test(an_error_reaches_the_peer_without_bytes_a_terminal_obeys),
		cmocka_unit_test(frames_stand_one_behind_the_other_in_a_writer),
		cmocka_unit_test(every_command_is_complete_and_named_once),
		cmocka_unit_test(roles_have_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
