#include "common/history.h"
#include "config/limit_slots.h"
#include "config/snapshot_build.h"
#include "tests/support/snap_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static const struct sp_bytes actions[] = {
	{(const uint8_t *)"read", 4}, {(const uint8_t *)"write", 5}, {(const uint8_t *)"mail", 4}};
static const uint32_t bot_actions[] = {0, 2, 2}, route_upstreams[] = {0};
static const struct sp_bytes audiences[] = {{(const uint8_t *)"aud-1", 5}};
static const struct sp_bytes hosts[] = {{(const uint8_t *)"gw:8443", 7}};
static struct sp_snap_in_key keys[2];
static struct sp_snap_in_issuer issuers[2];
static struct sp_snap_in_upstream upstreams[1];
static struct sp_snap_in_route routes[1];
static struct sp_snap_in_agent agents[2];

static struct sp_snap_in sample(void)
{
	keys[0] = (struct sp_snap_in_key){SP_LIT("k1"), SP_LIT("spki-one"), SP_ALG_ES256};
	keys[1] = (struct sp_snap_in_key){SP_LIT("k2"), SP_LIT("spki-two"), SP_ALG_EDDSA};
	issuers[0] = (struct sp_snap_in_issuer){.iss = SP_LIT("https://a"), .agent_claim = SP_LIT("sub"),
		.audiences = {audiences, 1}, .keys = keys, .keys_n = 1,
		.algs = SP_JWT_ALG_BIT(SP_ALG_ES256)};
	issuers[1] = (struct sp_snap_in_issuer){.iss = SP_LIT("https://b"), .agent_claim = SP_LIT("azp"),
		.keys = keys + 1, .keys_n = 1, .algs = SP_JWT_ALG_BIT(SP_ALG_EDDSA)};
	upstreams[0] = (struct sp_snap_in_upstream){.name = SP_LIT("crm"), .host = SP_LIT("crm:80"),
		.path = SP_LIT("/mcp"), .addrs_n = 1, .addr_len = {16}, .addr = {{2, 0, 1}}};
	routes[0] = (struct sp_snap_in_route){.path = SP_LIT("/mcp"),
		.resource = SP_LIT("https://gw:8443/mcp"), .scopes = SP_LIT("mcp:call mcp:list"),
		.hosts = {hosts, 1}, .upstreams = route_upstreams, .upstreams_n = 1,
		.methods = 1u << SP_METHOD_TOOLS_CALL, .legacy = true, .modern = true};
	agents[0] = (struct sp_snap_in_agent){.name = SP_LIT("bot"), .source = SP_LIT("a.json"),
		.limit_slot = 4, .audit_level = SP_AUDIT_STRICT, .per_minute = 5, .per_hour = 50,
		.per_request_tokens = 7, .daily_tokens = 70, .actions = bot_actions, .actions_n = 3};
	agents[1] = (struct sp_snap_in_agent){.name = SP_LIT("idle"), .source = SP_LIT("a.json")};
	return (struct sp_snap_in){.generation = 3, .built_ns = 9, .profile = SP_LIT("development"),
		.default_audit_level = SP_AUDIT_ENHANCED, .issuers = issuers, .issuers_n = 2,
		.upstreams = upstreams, .upstreams_n = 1, .routes = routes, .routes_n = 1,
		.agents = agents, .agents_n = 2, .actions = {actions, 3}};
}

static uint8_t *build(const struct sp_snap_in *in, size_t *ret_n)
{
	uint8_t *blob = NULL;

	assert_int_equal(sp_snap_build(in, &blob, ret_n), 0);
	return blob;
}

static void assert_str(const struct sp_snap *s, struct sp_snap_str v, const char *want)
{
	assert_true(sp_bytes_eq(sp_snap_str(s, v), sp_bytes_cstr(want)));
}

static void what_was_built_is_what_is_read(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s;
	const struct sp_snap_agent *bot;
	const struct sp_snap_issuer *b;
	const struct sp_snap_key *k;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	bot = sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("bot")));
	assert_int_equal(bot->per_minute, 5);
	assert_int_equal(bot->limit_slot, 4);
	assert_int_equal(bot->audit_level, SP_AUDIT_STRICT);
	assert_str(&s, bot->source, "a.json");
	b = SP_SNAP_GET(&s, s.h->issuers, sp_snap_issuer,
		sp_snap_find_issuer(&s, SP_LIT("https://b")));
	assert_str(&s, b->agent_claim, "azp");
	assert_int_equal(b->keys.n, 1);
	k = SP_SNAP_GET(&s, b->keys, sp_snap_key, 0);
	assert_str(&s, k->kid, "k2");
	assert_str(&s, k->spki, "spki-two");
	assert_int_equal(k->issuer, 1);
	assert_int_equal(s.h->keys.n, 2);
	assert_str(&s, sp_snap_upstream(&s, 0)->path, "/mcp");
	assert_int_equal(sp_snap_find_route(&s, SP_LIT("/mcp")), 0);
	assert_int_equal(sp_snap_find_route(&s, SP_LIT("/mc")), SP_SNAP_NONE);
	assert_str(&s, s.h->profile, "development");
	free(blob);
}

static void only_named_agents_may_call_only_named_actions(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s;
	const struct sp_snap_agent *bot, *idle;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	bot = sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("bot")));
	idle = sp_snap_agent(&s, sp_snap_find_agent(&s, SP_LIT("idle")));
	assert_true(sp_snap_allows(&s, bot, sp_snap_find_action(&s, SP_LIT("read"))));
	assert_false(sp_snap_allows(&s, bot, sp_snap_find_action(&s, SP_LIT("write"))));
	assert_true(sp_snap_allows(&s, bot, sp_snap_find_action(&s, SP_LIT("mail"))));
	assert_false(sp_snap_allows(&s, bot, SP_SNAP_NONE));
	assert_false(sp_snap_allows(&s, bot, 3));
	for (uint32_t a = 0; a < 4; a++)
		assert_false(sp_snap_allows(&s, idle, a));
	assert_int_equal(sp_snap_find_agent(&s, SP_LIT("Bot")), SP_SNAP_NONE);
	assert_int_equal(sp_snap_find_agent(&s, SP_NOBYTES), SP_SNAP_NONE);
	assert_int_equal(sp_snap_find_action(&s, SP_LIT("")), SP_SNAP_NONE);
	assert_int_equal(SP_SNAP_GET(&s, s.h->actions, sp_snap_action, 2)->agents, 1);
	assert_int_equal(SP_SNAP_GET(&s, s.h->actions, sp_snap_action, 1)->agents, 0);
	free(blob);
}

static void metadata_names_resource_servers_and_scopes(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_str(&s, sp_snap_route(&s, 0)->metadata,
		"{\"resource\":\"https://gw:8443/mcp\",\"authorization_servers\":[\"https://a\","
		"\"https://b\"],\"scopes_supported\":[\"mcp:call\",\"mcp:list\"],"
		"\"bearer_methods_supported\":[\"header\"]}");
	assert_str(&s, sp_snap_route(&s, 0)->metadata_url,
		"https://gw:8443/.well-known/oauth-protected-resource/mcp");
	free(blob);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
	struct sp_snap_in in = sample();
	size_t n1, n2;
	uint8_t *one = build(&in, &n1), *two = build(&in, &n2);

	(void)state;
	assert_int_equal(n1, n2);
	assert_memory_equal(one, two, n1);
	free(one);
	free(two);
}

static void an_upstreams_identity_changes_with_what_it_is_made_of(void **state)
{
	struct sp_snap_in in = sample();
	uint64_t first;
	struct sp_snap s;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	first = sp_snap_upstream(&s, 0)->identity;
	free(blob);
	upstreams[0].credential = SP_LIT("X-Key: a\r\n");
	blob = build(&in, &n);
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_true(sp_snap_upstream(&s, 0)->identity != first);
	free(blob);
}

static void the_auth_epoch_moves_with_keys_and_only_with_them(void **state)
{
	struct sp_snap_in in = sample();
	uint64_t first = sp_snap_auth_epoch(issuers, 2);

	(void)state;
	in = sample();
	issuers[0].keys_valid_until_ns = 5;
	assert_true(sp_snap_auth_epoch(issuers, 2) == first);
	keys[1].spki = SP_LIT("spki-2wo");
	assert_true(sp_snap_auth_epoch(issuers, 2) != first);
	in = sample();
	issuers[0].audiences.n = 0;
	assert_true(sp_snap_auth_epoch(issuers, 2) != first);
	assert_int_equal(in.issuers_n, 2);
}

static void every_truncation_is_refused(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s = {0};
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);

		memcpy(part, blob, cut);
		assert_true(sp_snap_open(part, cut, &s) < 0);
		free(part);
	}
	assert_null(s.base);
	free(blob);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	for (size_t bit = 0; bit < n * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_true(sp_snap_open(blob, n, &s) < 0);
		blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	free(blob);
}

/// With the checksum made right again, only the offset checks stand between a word and a wild read.
static void no_word_of_the_header_reaches_outside(void **state)
{
	static const uint32_t wild[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
	struct sp_snap_in in = sample();
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	for (size_t off = 12; off < sizeof(struct sp_snap_header); off += 4) {
		for (size_t i = 0; i < SP_ARRAY_LEN(wild); i++) {
			uint8_t *bad = malloc(n);
			struct sp_snap s;

			memcpy(bad, blob, n);
			memcpy(bad + off, &wild[i], 4);
			snap_stamp(bad, n, 3, 9);
			if (sp_snap_open(bad, n, &s) == 0) {
				for (uint32_t a = 0; a < s.h->agents.n; a++)
					sp_snap_allows(&s, sp_snap_agent(&s, a), 0);
				sp_snap_find_agent(&s, SP_LIT("bot"));
				sp_snap_find_action(&s, SP_LIT("mail"));
			}
			free(bad);
		}
	}
	free(blob);
}

static void a_blob_in_a_longer_slot_opens(void **state)
{
	struct sp_snap_in in = sample();
	struct sp_snap s;
	size_t n;
	uint8_t *blob = build(&in, &n), *slot = calloc(1, n + 4096);

	(void)state;
	memcpy(slot, blob, n);
	assert_int_equal(sp_snap_open(slot, n + 4096, &s), 0);
	assert_int_equal(s.h->bytes, n);
	free(blob);
	free(slot);
}

static void what_cannot_be_is_refused_when_it_is_built(void **state)
{
	static const uint32_t beyond[] = {3};
	struct sp_snap_in in;
	uint8_t *blob = NULL;
	size_t n;

	(void)state;
	in = sample();
	agents[1].name = SP_LIT("bot");
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	agents[0].actions = beyond;
	agents[0].actions_n = 1;
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	routes[0].upstreams = beyond;
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	routes[0].resource = SP_LIT("gw/mcp");
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	routes[0].auth_none = true;
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	upstreams[0].addrs_n = SP_UPSTREAM_ADDRS_MAX + 1;
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	in = sample();
	keys[0].alg = (enum sp_jwt_alg)9;
	assert_int_equal(sp_snap_build(&in, &blob, &n), -EINVAL);
	assert_null(blob);
}

static void an_empty_policy_allows_nobody(void **state)
{
	struct sp_snap_in in = {.profile = SP_LIT("production")};
	struct sp_snap s;
	size_t n;
	uint8_t *blob = build(&in, &n);

	(void)state;
	assert_int_equal(sp_snap_open(blob, n, &s), 0);
	assert_int_equal(sp_snap_find_agent(&s, SP_LIT("bot")), SP_SNAP_NONE);
	assert_int_equal(sp_snap_find_action(&s, SP_LIT("read")), SP_SNAP_NONE);
	assert_int_equal(sp_snap_find_route(&s, SP_LIT("/")), SP_SNAP_NONE);
	free(blob);
}

static void hashes_of_near_names_differ_in_every_length(void **state)
{
	uint8_t buf[80] = {0};
	uint64_t seen[80];

	(void)state;
	for (size_t n = 0; n < sizeof(buf); n++) {
		seen[n] = sp_snap_hash(sp_bytes(buf, n));
		for (size_t k = 0; k < n; k++)
			assert_true(seen[n] != seen[k]);
		for (size_t k = 0; k < n * 8; k++) {
			buf[k / 8] ^= (uint8_t)(1u << (k % 8));
			assert_true(sp_snap_hash(sp_bytes(buf, n)) != seen[n]);
			buf[k / 8] ^= (uint8_t)(1u << (k % 8));
		}
	}
}

static void an_agent_keeps_its_limit_slot_until_there_are_none(void **state)
{
	const struct sp_history_sizes sizes = {50, 256, 256, 1, 100};
	struct sp_shm shm;
	uint32_t at, again;
	char name[16];
	int fd;

	(void)state;
	assert_int_equal(sp_shm_create("limits", SP_REGION_LIMITS, sp_history_bytes(&sizes),
				 sizeof(struct sp_limits_region), &shm, &fd), 0);
	assert_int_equal(sp_history_format(&shm, &sizes), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "agent-%d", i);
		assert_int_equal(sp_limit_slot_assign(&shm, sp_bytes_cstr(name), &at), 0);
		assert_int_equal(sp_history_slot(&shm, at)->denied, 0);
		atomic_store(&sp_history_slot(&shm, at)->denied, 1);
		assert_int_equal(sp_limit_slot_assign(&shm, sp_bytes_cstr(name), &again), 0);
		assert_int_equal(at, again);
	}
	assert_int_equal(sp_limit_slot_assign(&shm, SP_LIT("one more"), &at), -ENOSPC);
	assert_int_equal(((struct sp_limits_region *)shm.base)->used, 50);
	sp_shm_detach(&shm);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_built_is_what_is_read),
		cmocka_unit_test(only_named_agents_may_call_only_named_actions),
		cmocka_unit_test(metadata_names_resource_servers_and_scopes),
		cmocka_unit_test(the_same_input_gives_the_same_bytes),
		cmocka_unit_test(an_upstreams_identity_changes_with_what_it_is_made_of),
		cmocka_unit_test(the_auth_epoch_moves_with_keys_and_only_with_them),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(no_word_of_the_header_reaches_outside),
		cmocka_unit_test(a_blob_in_a_longer_slot_opens),
		cmocka_unit_test(what_cannot_be_is_refused_when_it_is_built),
		cmocka_unit_test(an_empty_policy_allows_nobody),
		cmocka_unit_test(hashes_of_near_names_differ_in_every_length),
		cmocka_unit_test(an_agent_keeps_its_limit_slot_until_there_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
