#include "bench/micro_identity.h"

#include "common/clock.h"
#include "tests/support/jwt_fixture.h"

#include <openssl/evp.h>
#include "common/banned.h"

enum { ROUNDS = 11, VERIFIES = 200, TOKENS = 4096, HITS = 200000 };

/// Of this thread: another program on the processor does not count.
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static bool verify_us(const struct jwt_fixture *f, enum sp_jwt_alg alg, double *ret)
{
	char *token = jwt_fixture_token(f, alg);
	double us[ROUNDS];
	bool ok = true;

	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t start = cpu_ns();

		for (unsigned i = 0; i < VERIFIES; i++)
			ok &= jwt_fixture_verify(f, token, NULL, NULL) == 0;
		us[r] = (double)(cpu_ns() - start) / VERIFIES / 1000;
	}
	free(token);
	*ret = median(us);
	return ok;
}

/// The key of the cache, as the worker makes it.
static void key_of(EVP_MD_CTX *ctx, const EVP_MD *md, const char *token, size_t n, uint8_t ret[32])
{
	EVP_DigestInit_ex2(ctx, md, NULL);
	EVP_DigestUpdate(ctx, JWT_RESOURCE, sizeof(JWT_RESOURCE) - 1);
	EVP_DigestUpdate(ctx, token, n);
	EVP_DigestFinal_ex(ctx, ret, NULL);
}

static double hash_ns(const struct jwt_fixture *f, uint8_t (*keys)[32])
{
	char *token = jwt_fixture_token(f, SP_ALG_ES256);
	size_t n = strlen(token);
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	double ns[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t start = cpu_ns();

		for (unsigned i = 0; i < TOKENS; i++) {
			memcpy(token, &i, sizeof(i));
			key_of(ctx, md, token, n, keys[i]);
		}
		ns[r] = (double)(cpu_ns() - start) / TOKENS;
	}
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	free(token);
	return median(ns);
}

/// Hits in an order the processor cannot foresee, in a cache four fifths full.
static bool hit_ns(uint8_t (*keys)[32], double *ret)
{
	struct sp_principal p = {.auth_epoch = 1, .expires_ns = UINT64_MAX};
	struct sp_token_cache *c;
	unsigned found = 0, seed = 1;
	double ns[ROUNDS];

	if (sp_token_cache_new(TOKENS * 5 / 4, &c) < 0)
		return false;
	for (unsigned i = 0; i < TOKENS; i++)
		sp_token_cache_put(c, keys[i], &p);
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t start = cpu_ns();

		for (unsigned i = 0; i < HITS; i++) {
			seed = seed * 1664525 + 1013904223;
			found += sp_token_cache_get(c, keys[(seed >> 8) % TOKENS], 1, 0) != NULL;
		}
		ns[r] = (double)(cpu_ns() - start) / HITS;
	}
	sp_token_cache_free(c);
	*ret = median(ns);
	return found > ROUNDS * (HITS - HITS / 20);
}

bool sp_bench_identity(struct sp_bench_identity *ret)
{
	static uint8_t keys[TOKENS][32];
	struct sp_bench_identity made = {0};
	struct jwt_fixture f;
	bool ok = true;

	jwt_fixture_init(&f);
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++)
		ok &= verify_us(&f, (enum sp_jwt_alg)a, &made.verify_us[a]);
	made.cache_hash_ns = hash_ns(&f, keys);
	ok &= hit_ns(keys, &made.cache_hit_ns);
	jwt_fixture_done(&f);
	*ret = made;
	return ok;
}
