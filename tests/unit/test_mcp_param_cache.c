#include "dataplane/mcp/param_cache.h"
#include "tests/support/head_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "common/banned.h"

#define UP 7u
#define NOW 1000u
#define PROPERTY(name, header) "\"" name "\":{\"type\":\"string\",\"x-mcp-header\":\"" header "\"}"
#define SCHEMA(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"

static struct sp_param_cache cache;
static uint64_t evicted;

static struct sp_json scan(const char *text, struct sp_json_tok *tok, uint32_t cap)
{
	struct sp_json j;

	if (sp_json_scan(sp_bytes_cstr(text), 64, tok, cap, &j, NULL))
		fail_msg("%s", text);
	return j;
}

static bool learn(uint64_t upstream, const char *name, const char *schema, uint64_t now)
{
	struct sp_json_tok tok[512];
	struct sp_json j = scan(schema, tok, SP_ARRAY_LEN(tok));

	return sp_param_cache_learn(&cache, upstream, sp_bytes_cstr(name), &j, 0, now, &evicted);
}

static int ask(uint64_t upstream, const char *name, const char *lines, const char *arguments, uint64_t now)
{
	struct sp_json_tok tok[64];
	struct sp_json j = scan(arguments, tok, SP_ARRAY_LEN(tok));
	struct head_of h;
	int r;

	head_of(&h, lines);
	r = sp_param_cache_agree(&cache, upstream, sp_bytes_cstr(name), h.head, h.buf, &j, 0, now);
	head_of_done(&h);
	return r;
}

static int fresh(void **state)
{
	(void)state;
	sp_param_cache_done(&cache);
	evicted = 0;
	return sp_param_cache_init(&cache, 16);
}

static int done(void **state)
{
	(void)state;
	sp_param_cache_done(&cache);
	return 0;
}

#define REGION SCHEMA(PROPERTY("region", "Region"))
#define EU "{\"region\":\"eu\"}"

static void a_tool_that_was_listed_is_checked_by_its_own_annotations(void **state)
{
	(void)state;
	assert_true(learn(UP, "look", REGION, NOW));
	assert_int_equal(ask(UP, "look", "Mcp-Param-Region: eu\r\n", EU, NOW), 0);
	assert_int_equal(ask(UP, "look", "Mcp-Param-Region: us\r\n", EU, NOW), SP_REASON_HEADER_MISMATCH);
	assert_int_equal(ask(UP, "look", "", EU, NOW), SP_REASON_HEADER_MISMATCH);
	assert_int_equal(ask(UP, "look", "", "{}", NOW), 0);
}

static void what_is_not_known_is_not_judged(void **state)
{
	static const char wrong[] = "Mcp-Param-Region: us\r\n";

	(void)state;
	assert_int_equal(ask(UP, "look", wrong, EU, NOW), 0);
	assert_true(learn(UP, "look", REGION, NOW));
	assert_int_equal(ask(UP, "loo", wrong, EU, NOW), 0);
	assert_int_equal(ask(UP, "look2", wrong, EU, NOW), 0);
	assert_int_equal(ask(UP + 1, "look", wrong, EU, NOW), 0);
	assert_int_equal(ask(UP, "look", wrong, EU, NOW + SP_PARAM_KEEP_NS - 1), SP_REASON_HEADER_MISMATCH);
	assert_int_equal(ask(UP, "look", wrong, EU, NOW + SP_PARAM_KEEP_NS), 0);
}

static void a_later_list_takes_the_place_of_an_earlier_one(void **state)
{
	(void)state;
	assert_true(learn(UP, "look", REGION, NOW));
	assert_true(learn(UP, "look", SCHEMA(PROPERTY("region", "Zone")), NOW));
	assert_int_equal(ask(UP, "look", "Mcp-Param-Zone: eu\r\n", EU, NOW), 0);
	assert_int_equal(ask(UP, "look", "Mcp-Param-Region: eu\r\n", EU, NOW), SP_REASON_HEADER_MISMATCH);
	assert_true(learn(UP, "look", SCHEMA("\"region\":{\"type\":\"string\"}"), NOW));
	assert_int_equal(ask(UP, "look", "Mcp-Param-Region: other\r\n", EU, NOW), 0);
	assert_int_equal(evicted, 0);
}

static void tools_that_ask_in_a_wrong_way_are_told_apart_and_forgotten(void **state)
{
	(void)state;
	assert_true(learn(UP, "look", REGION, NOW));
	assert_false(learn(UP, "look", SCHEMA(PROPERTY("region", "not a token")), NOW));
	assert_int_equal(ask(UP, "look", "Mcp-Param-Region: us\r\n", EU, NOW), 0);
	assert_true(learn(UP, "plain", "{}", NOW));
	assert_true(learn(UP, "plain", "{\"type\":\"object\"}", NOW));
}

static void annotations_too_long_to_keep_are_not_in_order(void **state)
{
	char key[SP_PARAM_ENTRY_BYTES + 1], schema[2 * SP_PARAM_ENTRY_BYTES];
	bool before = true;

	(void)state;
	for (size_t n = 800; n < sizeof(key); n += 1) {
		bool good;

		memset(key, 'k', n);
		key[n] = '\0';
		snprintf(schema, sizeof(schema),
			SCHEMA("\"%s\":{\"type\":\"string\",\"x-mcp-header\":\"K\"}"), key);
		good = learn(UP, "long", schema, NOW);
		assert_true(before || !good);
		assert_int_equal(ask(UP, "long", "Mcp-Param-K: x\r\n", "{}", NOW),
			good ? SP_REASON_HEADER_MISMATCH : 0);
		before = good;
	}
	assert_false(before);
}

static void the_tool_used_longest_ago_makes_room_and_is_counted(void **state)
{
	unsigned known = 0;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "tool%u", i);
		assert_true(learn(UP, name, REGION, NOW + i));
		assert_int_equal(ask(UP, name, "", EU, NOW + i), SP_REASON_HEADER_MISMATCH);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "tool%u", i);
		known += ask(UP, name, "", EU, NOW + 200) != 0;
	}
	assert_int_equal(known, 16);
	assert_int_equal(evicted, 200 - 16);
	assert_true(learn(UP, "later", REGION, NOW + 200 + SP_PARAM_KEEP_NS));
	assert_int_equal(evicted, 200 - 16); // those that were too old are no loss
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_tool_that_was_listed_is_checked_by_its_own_annotations, fresh),
		cmocka_unit_test_setup(what_is_not_known_is_not_judged, fresh),
		cmocka_unit_test_setup(a_later_list_takes_the_place_of_an_earlier_one, fresh),
		cmocka_unit_test_setup(tools_that_ask_in_a_wrong_way_are_told_apart_and_forgotten, fresh),
		cmocka_unit_test_setup(annotations_too_long_to_keep_are_not_in_order, fresh),
		cmocka_unit_test_setup(the_tool_used_longest_ago_makes_room_and_is_counted, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
