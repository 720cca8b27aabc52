/// Handshakes, data, and sessions resumed by another worker.
#include "tests/unit/fixture_tls.h"
#include "common/banned.h"

static void both_versions_shake_hands_and_carry_data(void **state)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sp_tls_client *cli = client_of(&ca);
		struct pair *p;

		SSL_CTX_set_max_proto_version(cli->ctx, versions[i]);
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_int_equal(info(p->server.tls).version, versions[i]);
		assert_string_equal(info(p->server.tls).sni, "a.example");
		assert_false(info(p->server.tls).resumed || info(p->server.tls).has_client_cert);
		exchange(p);
		free_pair(p);
		sp_tls_client_free(cli);
	}
	sp_tls_server_free(srv);
}

static void a_byte_at_a_time_makes_no_difference(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(256);

	(void)state;
	sp_io_mem_chunk(p->io, 1);
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	run(p);
	assert_true(both_established(p));
	assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)"hello", 5), 0);
	run(p);
	assert_memory_equal(p->server.plain, "hello", 5);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void resume_between(union half *first, union half *second, uint16_t version, bool expected)
{
	struct sp_tls_server *one = server_of(first), *two = server_of(second);
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	SSL_CTX_set_max_proto_version(cli->ctx, version);
	p = shake(one, cli, "a.example");
	assert_true(both_established(p));
	free_pair(p);
	p = shake(two, cli, "a.example");
	assert_true(both_established(p));
	assert_int_equal(info(p->server.tls).resumed, expected);
	assert_int_equal(info(p->client.tls).resumed, expected);
	exchange(p);
	free_pair(p);
	// The replacement ticket of an old key is under the new one.
	p = shake(two, cli, "a.example");
	assert_true(info(p->server.tls).resumed);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(one);
	sp_tls_server_free(two);
}

static void another_worker_resumes_what_one_began(void **state)
{
	(void)state;
	resume_between(new_half(), new_half(), TLS1_2_VERSION, true);
	resume_between(new_half(), new_half(), TLS1_3_VERSION, true);
}

static void rotated_keys_still_open_old_tickets_and_gone_keys_do_not(void **state)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		union half *rotated = new_half(), *gone = new_half();

		set_ticket_key(rotated, 0, 2);
		set_ticket_key(rotated, 1, 1);
		resume_between(new_half(), rotated, versions[i], true);
		set_ticket_key(gone, 0, 3);
		set_ticket_key(gone, 1, 2);
		resume_between(new_half(), gone, versions[i], false);
	}
}

static void another_certificate_ends_old_sessions(void **state)
{
	union half *u = new_half();
	struct sp_secret_cert *c = &u->h.cert[0];
	struct identity renewed;

	(void)state;
	make(&renewed, "a", "DNS:a.example", &ca, 7200);
	put(u, renewed.pem, renewed.pem_n, &c->chain_off, &c->chain_len);
	put(u, renewed.key_pem, renewed.key_n, &c->key_off, &c->key_len);
	resume_between(new_half(), u, TLS1_3_VERSION, false);
	drop(&renewed);
}

static void unset_ticket_keys_issue_nothing(void **state)
{
	union half *u = new_half();
	struct sp_tls_server *srv;
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	(void)state;
	memset(u->h.ticket, 0, sizeof(u->h.ticket));
	srv = server_of(u);
	for (unsigned i = 0; i < 2; i++) {
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_false(info(p->server.tls).resumed);
		free_pair(p);
	}
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void sessions_outlive_the_server_they_were_accepted_by(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(256);

	(void)state;
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	sp_tls_server_free(srv);
	sp_tls_client_free(cli);
	run(p);
	assert_true(both_established(p));
	exchange(p);
	free_pair(p);
}

static void memory_in_use_is_not_taken_over(void **state)
{
	(void)state;
	assert_int_equal(sp_tls_memory(), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_shake_hands_and_carry_data),
		cmocka_unit_test(a_byte_at_a_time_makes_no_difference),
		cmocka_unit_test(another_worker_resumes_what_one_began),
		cmocka_unit_test(rotated_keys_still_open_old_tickets_and_gone_keys_do_not),
		cmocka_unit_test(another_certificate_ends_old_sessions),
		cmocka_unit_test(unset_ticket_keys_issue_nothing),
		cmocka_unit_test(sessions_outlive_the_server_they_were_accepted_by),
		cmocka_unit_test(memory_in_use_is_not_taken_over),
	};

	return RUN_WITH_BOTH_CIPHERS(tests);
}
