/// Connections over the memory that the worker gives OpenSSL.
#include "tests/unit/fixture_tls.h"

#include <sys/resource.h>
#ifdef TLS_SANITIZED
#include <sanitizer/asan_interface.h>
#endif
#include "common/banned.h"

#define PAIRS 80u ///< more than there are records kept

/// What the kernel counts against what it may promise.
static size_t writable(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0;

	assert_non_null(f);
	while (!kib && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmData: %zu kB", &kib) != 1)
			kib = 0;
	fclose(f);
	assert_true(kib > 0);
	return kib * 1024;
}

static size_t taken; ///< by sp_tls_memory()

static int begin(void **state)
{
	size_t before = writable();

	assert_int_equal(sp_tls_memory(), 0);
	taken = writable() - before;
	return make_all(state);
}

static void addresses_alone_are_no_memory(void **state)
{
	(void)state;
	assert_true(taken < SP_TLS_MEMORY_MAX / 16);
}

static void records_leave_what_they_took_for_the_next(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "a.example");
	size_t kept;

	(void)state;
	exchange(p);
	kept = sp_tls_memory_kept();
	assert_true(kept >= 2 * 16384 && kept <= SP_TLS_MEMORY_MAX);
	for (unsigned i = 0; i < 20; i++) {
		p->server.plain_n = p->client.plain_n = 0;
		exchange(p);
		assert_int_equal(sp_tls_memory_kept(), kept);
	}
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void what_is_kept_is_bounded(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p[PAIRS];

	(void)state;
	for (unsigned i = 0; i < PAIRS; i++) {
		p[i] = new_pair(64);
		assert_int_equal(sp_tls_accept(srv, p[i]->server.stream, &p[i]->server.tls), 0);
		assert_int_equal(sp_tls_connect(cli, "a.example", p[i]->client.stream, &p[i]->client.tls), 0);
		// a head and no body: its reader keeps a record's memory
		assert_int_equal(sp_stream_send(p[i]->client.stream, "\x16\x03\x01\x02\x00", 5), 0);
		run(p[i]);
	}
	for (unsigned i = 0; i < PAIRS; i++)
		free_pair(p[i]);
	assert_true(sp_tls_memory_kept() <= SP_TLS_MEMORY_MAX);
	assert_true(sp_tls_memory_kept() >= 64 * 20480);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void a_block_that_grows_leaves_its_place_to_the_next(void **state)
{
	uint8_t *p, *grown, *in_place;
	size_t kept;

	(void)state;
	OPENSSL_free(OPENSSL_malloc(40));
	OPENSSL_free(OPENSSL_malloc(600));
	kept = sp_tls_memory_kept();
	p = OPENSSL_malloc(33);
	memset(p, 7, 33);
	assert_int_equal(sp_tls_memory_kept(), kept - 48);
	in_place = OPENSSL_realloc(p, 48);
	assert_ptr_equal(in_place, p);
	grown = OPENSSL_realloc(p, 600);
	assert_ptr_not_equal(grown, p);
	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(grown[i], 7);
	assert_int_equal(sp_tls_memory_kept(), kept - 640);
	grown = OPENSSL_realloc(grown, 100000);
	assert_int_equal(grown[32], 7);
	assert_int_equal(sp_tls_memory_kept(), kept);
	OPENSSL_free(grown);
	assert_int_equal(sp_tls_memory_kept(), kept);
}

/// More than the addresses hold, so the allocator gives some: each is its owner's alone, and goes back
/// to where it is from.
static void what_finds_no_place_is_the_allocators(void **state)
{
	size_t all = SP_TLS_MEMORY_MAX / 8192 + 100, kept = 0;
	uint8_t **p = calloc(all, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < all; i++) {
			p[i] = OPENSSL_malloc(8000);
			assert_non_null(p[i]);
			memcpy(p[i], &i, sizeof(i));
			memcpy(p[i] + 8000 - sizeof(i), &i, sizeof(i));
		}
		for (size_t i = 0; i < all; i++) {
			assert_memory_equal(p[i], &i, sizeof(i));
			assert_memory_equal(p[i] + 8000 - sizeof(i), &i, sizeof(i));
			OPENSSL_free(p[i]);
		}
		if (round == 0)
			kept = sp_tls_memory_kept();
	}
	assert_int_equal(sp_tls_memory_kept(), kept);
	assert_true(kept <= SP_TLS_MEMORY_MAX && kept > SP_TLS_MEMORY_MAX / 2);
	p[0] = OPENSSL_malloc(100); // of a size that may have no chunk yet, and gets none any more
	assert_non_null(p[0]);
	OPENSSL_free(p[0]);
	free(p);
}

#ifndef TLS_SANITIZED // whose own memory the limit would hold for
static void where_there_is_no_memory_nothing_is_handed_out(void **state)
{
	enum { N = SP_TLS_MEMORY_MAX / 8192 / 2 };
	uint8_t **p = calloc(N, sizeof(*p));
	struct rlimit was, now;
	size_t got = 0;

	(void)state;
	assert_non_null(p);
	assert_int_equal(getrlimit(RLIMIT_DATA, &was), 0);
	now = (struct rlimit){writable() + SP_TLS_MEMORY_MAX / 8, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_DATA, &now), 0);
	while (got < N && (p[got] = OPENSSL_malloc(8000)) != NULL)
		memset(p[got++], 1, 8000);
	assert_int_equal(setrlimit(RLIMIT_DATA, &was), 0);
	assert_true(got > SP_TLS_MEMORY_MAX / 8192 / 16 && got < N);
	p[got] = OPENSSL_malloc(8000);
	assert_non_null(p[got]);
	for (size_t i = 0; i <= got; i++)
		OPENSSL_free(p[i]);
	free(p);
}
#endif

static void a_record_that_was_resized_leaves_its_place(void **state)
{
	size_t kept;
	void *p;

	(void)state;
	OPENSSL_free(OPENSSL_malloc(17000));
	kept = sp_tls_memory_kept();
	p = OPENSSL_realloc(OPENSSL_malloc(17000), 100000);
	assert_non_null(p);
	assert_int_equal(sp_tls_memory_kept(), kept);
	OPENSSL_free(p);
	assert_int_equal(sp_tls_memory_kept(), kept);
}

#ifdef TLS_SANITIZED
static void a_sanitizer_tells_who_touches_what_was_not_asked_for_or_given_back(void **state)
{
	static const size_t sizes[] = {1, 8, 33, 48, 8000, 17000};
	uint8_t *p;

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < SP_ARRAY_LEN(sizes); i++) {
			p = OPENSSL_malloc(sizes[i]);
			assert_null(__asan_region_is_poisoned(p, sizes[i]));
			assert_true(sizes[i] == 48 || __asan_address_is_poisoned(p + sizes[i]));
			OPENSSL_free(p);
			assert_true(__asan_address_is_poisoned(p));
		}
	p = OPENSSL_realloc(OPENSSL_malloc(600), 630);
	assert_null(__asan_region_is_poisoned(p, 630));
	assert_true(__asan_address_is_poisoned(p + 630));
	OPENSSL_free(p);
}
#endif

#define SECRETS_MAX 16u
static uint8_t secret[SECRETS_MAX][48];
static size_t secret_n[SECRETS_MAX];
static unsigned secrets;

/// "LABEL CLIENT_RANDOM SECRET", the last two in hexadecimal.
static void on_keylog(const SSL *ssl, const char *line)
{
	const char *hex = strrchr(line, ' ') + 1;
	size_t n = strlen(hex) / 2;

	(void)ssl;
	assert_true(secrets < SECRETS_MAX && n <= sizeof(secret[0]));
	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		secret[secrets][i] = (uint8_t)byte;
	}
	secret_n[secrets++] = n;
}

static bool holds(const uint8_t *p, size_t n, const void *what, size_t what_n)
{
	return memmem(p, n, what, what_n) != NULL;
}

/// Everything that waits, asked for again: of each size as much as may have been given back.
static void nothing_told(const char *text)
{
	static const size_t most = 4000;
	void **all = calloc(most, sizeof(*all));

	assert_non_null(all);
	for (size_t size = 16; size <= 17000; size = size < 256 ? size + 16 : size == 256 ? 17000 : 17001) {
		size_t n = size > 256 ? 64 : most;

		for (size_t i = 0; i < n; i++) {
			all[i] = OPENSSL_malloc(size);
			assert_non_null(all[i]);
			assert_false(holds(all[i], size, text, strlen(text)));
			for (unsigned k = 0; k < secrets; k++)
				assert_false(holds(all[i], size, secret[k], sp_min(secret_n[k], size)));
		}
		for (size_t i = 0; i < n; i++)
			OPENSSL_free(all[i]);
	}
	free(all);
}

static void what_is_given_back_tells_nothing(void **state)
{
	static const char text[] = "authorization: bearer of what nobody else may read";
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	(void)state;
	SSL_CTX_set_keylog_callback(srv->ctx[0], on_keylog);
	p = shake(srv, cli, "a.example");
	assert_true(secrets >= 4);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)text, strlen(text)), 0);
		run(p);
	}
	assert_int_equal(p->server.plain_n, 8 * strlen(text));
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
	nothing_told(text);
}

static void blocks_of_all_sizes_keep_what_is_put_into_them(void **state)
{
	static const size_t sizes[] = {1, 15, 16, 17, 48, 255, 256, 257, 4096, 16384, 16385, 20480, 20481, 100000};
	uint8_t *p[SP_ARRAY_LEN(sizes)][100];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < 100; k++) {
			p[i][k] = OPENSSL_malloc(sizes[i]);
			assert_non_null(p[i][k]);
			assert_int_equal((uintptr_t)p[i][k] % 16, 0);
			memset(p[i][k], (int)(i * 100 + k), sizes[i]);
		}
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < 100; k++) {
			size_t next = sizes[(i + k) % SP_ARRAY_LEN(sizes)];

			p[i][k] = OPENSSL_realloc(p[i][k], next);
			assert_non_null(p[i][k]);
			for (size_t at = 0; at < sp_min(sizes[i], next); at++)
				assert_int_equal(p[i][k][at], (uint8_t)(i * 100 + k));
		}
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < 100; k++)
			OPENSSL_free(p[i][k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_alone_are_no_memory),
#ifndef TLS_SANITIZED
		// before others leave the allocator something that no limit holds for
		cmocka_unit_test(where_there_is_no_memory_nothing_is_handed_out),
#endif
		cmocka_unit_test(records_leave_what_they_took_for_the_next),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(a_block_that_grows_leaves_its_place_to_the_next),
		cmocka_unit_test(a_record_that_was_resized_leaves_its_place),
#ifdef TLS_SANITIZED
		cmocka_unit_test(a_sanitizer_tells_who_touches_what_was_not_asked_for_or_given_back),
#endif
		cmocka_unit_test(what_is_given_back_tells_nothing),
		cmocka_unit_test(blocks_of_all_sizes_keep_what_is_put_into_them),
		cmocka_unit_test(what_finds_no_place_is_the_allocators),
	};

	return cmocka_run_group_tests(tests, begin, drop_all);
}
