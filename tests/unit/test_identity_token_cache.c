#include "dataplane/identity/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

struct hash {
	uint8_t b[32];
};

/// Distinct hashes; those of one `set` share the bytes that choose a set.
static struct hash hash_of(uint32_t set, uint32_t n)
{
	struct hash h = {0};

	memcpy(h.b, &set, sizeof(set));
	memcpy(h.b + 8, &n, sizeof(n));
	return h;
}

static struct sp_principal principal(uint32_t n, uint64_t epoch, uint64_t expires_ns)
{
	struct sp_principal p = {.auth_epoch = epoch, .expires_ns = expires_ns, .issuer = n};

	p.agent_len = (uint8_t)snprintf(p.text, sizeof(p.text), "agent-%u", n);
	return p;
}

static void a_byte_that_moves_from_the_resource_to_the_token_makes_another_key(void **state)
{
	struct hash a, b;

	(void)state;
	sp_token_cache_key(SP_LIT("https://gw/mcp"), SP_LIT("e.y.z"), a.b);
	sp_token_cache_key(SP_LIT("https://gw/mcp"), SP_LIT("e.y.z"), b.b);
	assert_memory_equal(a.b, b.b, sizeof(a.b));
	sp_token_cache_key(SP_LIT("https://gw/mc"), SP_LIT("pe.y.z"), b.b);
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
	sp_token_cache_key(SP_LIT(""), SP_LIT("https://gw/mcpe.y.z"), b.b);
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
}

static void what_was_put_is_found_until_it_expires(void **state)
{
	struct sp_token_cache *c;
	struct sp_principal p = principal(1, 7, 1000);
	struct hash h = hash_of(3, 1);
	const struct sp_principal *got;

	(void)state;
	assert_int_equal(sp_token_cache_new(100, &c), 0);
	assert_null(sp_token_cache_get(c, h.b, 7, 0));
	got = sp_token_cache_put(c, h.b, &p);
	assert_memory_equal(got, &p, sizeof(p));
	assert_memory_equal(sp_token_cache_get(c, h.b, 7, 999), &p, sizeof(p));
	assert_null(sp_token_cache_get(c, h.b, 7, 1000));
	assert_null(sp_token_cache_get(c, h.b, 7, 0));
	p = (struct sp_principal){0};
	assert_memory_equal(got, &p, sizeof(p)); // wiped where it lay
	sp_token_cache_free(c);
}

static void another_epoch_finds_nothing(void **state)
{
	struct sp_token_cache *c;
	struct sp_principal p = principal(1, 7, 1000);
	struct hash h = hash_of(3, 1);

	(void)state;
	assert_int_equal(sp_token_cache_new(8, &c), 0);
	sp_token_cache_put(c, h.b, &p);
	assert_null(sp_token_cache_get(c, h.b, 8, 0));
	assert_null(sp_token_cache_get(c, h.b, 7, 0));
	sp_token_cache_free(c);
}

static void every_byte_of_the_hash_counts(void **state)
{
	struct sp_token_cache *c;
	struct sp_principal p = principal(1, 7, 1000);
	struct hash h = hash_of(3, 1);

	(void)state;
	assert_int_equal(sp_token_cache_new(64, &c), 0);
	sp_token_cache_put(c, h.b, &p);
	for (unsigned i = 0; i < sizeof(h.b); i++) {
		h.b[i] ^= 0x40;
		assert_null(sp_token_cache_get(c, h.b, 7, 0));
		h.b[i] ^= 0x40;
	}
	assert_non_null(sp_token_cache_get(c, h.b, 7, 0));
	sp_token_cache_free(c);
}

static void the_least_recently_used_goes(void **state)
{
	struct sp_token_cache *c;

	(void)state;
	assert_int_equal(sp_token_cache_new(1024, &c), 0);
	for (uint32_t i = 0; i < 8; i++) {
		struct sp_principal p = principal(i, 1, 1000);

		sp_token_cache_put(c, hash_of(5, i).b, &p);
	}
	assert_non_null(sp_token_cache_get(c, hash_of(5, 0).b, 1, 0));
	for (uint32_t i = 8; i < 10; i++) {
		struct sp_principal p = principal(i, 1, 1000);

		sp_token_cache_put(c, hash_of(5, i).b, &p);
	}
	for (uint32_t i = 0; i < 10; i++) {
		const struct sp_principal *p = sp_token_cache_get(c, hash_of(5, i).b, 1, 0);

		assert_int_equal(p != NULL, i != 1 && i != 2);
		if (p)
			assert_int_equal(p->issuer, i);
	}
	sp_token_cache_free(c);
}

static void a_second_put_replaces_the_first(void **state)
{
	struct sp_token_cache *c;
	struct sp_principal p = principal(1, 1, 1000), q = principal(2, 2, 2000);
	struct hash h = hash_of(0, 1);
	const struct sp_principal *kept;

	(void)state;
	assert_int_equal(sp_token_cache_new(1, &c), 0);
	sp_token_cache_put(c, h.b, &p);
	kept = sp_token_cache_put(c, h.b, &q);
	assert_null(sp_token_cache_get(c, h.b, 1, 0));
	kept = sp_token_cache_put(c, h.b, &q);
	for (uint32_t i = 2; i < 20; i++)
		kept = sp_token_cache_put(c, hash_of(0, i).b, kept);
	assert_memory_equal(kept, &q, sizeof(q));
	sp_token_cache_free(c);
}

/// Against a model: what the cache returns is what was put last under that hash, never another's.
static void it_never_returns_anothers_principal(void **state)
{
	enum { TOKENS = 300 };
	struct sp_token_cache *c;
	uint32_t put[TOKENS] = {0}, seed = 1, hits = 0;

	(void)state;
	assert_int_equal(sp_token_cache_new(64, &c), 0);
	for (uint32_t i = 1; i < 200000; i++) {
		uint32_t t;
		struct hash h;

		seed = seed * 1664525 + 1013904223;
		t = (seed >> 8) % TOKENS;
		h = hash_of(t * 7919, t);
		if (seed >> 31) {
			struct sp_principal p = principal(i, 1, UINT64_MAX);

			sp_token_cache_put(c, h.b, &p);
			put[t] = i;
		} else {
			const struct sp_principal *p = sp_token_cache_get(c, h.b, 1, 0);

			if (p)
				assert_int_equal(p->issuer, put[t]);
			hits += p != NULL;
		}
	}
	assert_true(hits > 1000);
	sp_token_cache_free(c);
}

static void sizes_are_checked(void **state)
{
	struct sp_token_cache *c = NULL;

	(void)state;
	assert_int_equal(sp_token_cache_new(0, &c), -EINVAL);
	assert_int_equal(sp_token_cache_new(UINT32_MAX, &c), -EINVAL);
	assert_null(c);
	assert_null(sp_token_cache_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_that_moves_from_the_resource_to_the_token_makes_another_key),
		cmocka_unit_test(what_was_put_is_found_until_it_expires),
		cmocka_unit_test(another_epoch_finds_nothing),
		cmocka_unit_test(every_byte_of_the_hash_counts),
		cmocka_unit_test(the_least_recently_used_goes),
		cmocka_unit_test(a_second_put_replaces_the_first),
		cmocka_unit_test(it_never_returns_anothers_principal),
		cmocka_unit_test(sizes_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
