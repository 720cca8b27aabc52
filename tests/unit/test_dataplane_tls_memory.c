/// Connections over the memory that the worker gives OpenSSL.
#include "tests/unit/fixture_tls.h"
#include "common/banned.h"

#define PAIRS 80u ///< more than there are records kept

static int begin(void **state)
{
	assert_int_equal(sp_tls_memory(), 0);
	return make_all(state);
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

/// It was a list's when it went out, and is none's when it comes back.
static void a_block_that_was_resized_is_not_kept(void **state)
{
	size_t kept;
	void *p;

	(void)state;
	OPENSSL_free(OPENSSL_malloc(17000));
	p = OPENSSL_malloc(17000);
	kept = sp_tls_memory_kept();
	p = OPENSSL_realloc(p, 100000);
	assert_non_null(p);
	OPENSSL_free(p);
	assert_int_equal(sp_tls_memory_kept(), kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_leave_what_they_took_for_the_next),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(a_block_that_was_resized_is_not_kept),
	};

	return cmocka_run_group_tests(tests, begin, drop_all);
}
