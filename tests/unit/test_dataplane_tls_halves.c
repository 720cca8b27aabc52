/// Handshake messages that come in two records (RFC 8446 5.1), and what is written in between.
#include "tests/unit/fixture_tls.h"

#include <openssl/hmac.h>
#include "common/banned.h"

#define TAG 16u

/// A peer whose records are made here: OpenSSL's never part such short messages.
struct hand {
	uint8_t secret[32], key[16], iv[12];
	uint64_t seq;
};

struct meeting {
	struct sp_tls_server *srv;
	struct sp_tls_client *cli;
	struct pair *p;
	struct side *ours, *peer;
	struct hand hand;
};

static struct hand of_client, of_server; ///< of the last handshake

static void on_secret(const SSL *ssl, const char *line)
{
	static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ",
			  server[] = "SERVER_TRAFFIC_SECRET_0 ";
	struct hand *h = strncmp(line, client, sizeof(client) - 1) == 0   ? &of_client
			 : strncmp(line, server, sizeof(server) - 1) == 0 ? &of_server
									  : NULL;
	const char *hex = strrchr(line, ' ') + 1;

	(void)ssl;
	if (!h)
		return;
	assert_int_equal(strlen(hex), 2 * sizeof(h->secret));
	for (size_t i = 0; i < sizeof(h->secret); i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &h->secret[i]), 1);
}

/// HKDF-Expand-Label (RFC 8446 7.1) of one block and no context.
static void expand(const uint8_t *secret, const char *label, uint8_t *to, size_t n)
{
	uint8_t info[64], out[32];
	int len = snprintf((char *)info + 3, sizeof(info) - 3, "tls13 %s", label);

	assert_true(n <= sizeof(out));
	info[0] = 0;
	info[1] = (uint8_t)n;
	info[2] = (uint8_t)len;
	info[3 + len] = 0;
	info[4 + len] = 1;
	assert_non_null(HMAC(EVP_sha256(), secret, 32, info, (size_t)len + 5, out, NULL));
	memcpy(to, out, n);
}

static void take_keys(struct hand *h)
{
	expand(h->secret, "key", h->key, sizeof(h->key));
	expand(h->secret, "iv", h->iv, sizeof(h->iv));
	h->seq = 0;
}

static void renew_keys(struct hand *h)
{
	expand(h->secret, "traffic upd", h->secret, sizeof(h->secret));
	take_keys(h);
}

/// One record of the peer's with `n` bytes of `type`.
static void say(struct meeting *m, uint8_t type, const uint8_t *p, size_t n)
{
	EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-128-GCM", "provider=default");
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t record[5 + 512 + 1 + TAG] = {23, 3, 3, 0, (uint8_t)(n + 1 + TAG)}, nonce[12];
	int got;

	assert_true(aes && c && n + 1 + TAG < 256);
	memcpy(record + 5, p, n);
	record[5 + n] = type;
	memcpy(nonce, m->hand.iv, sizeof(nonce));
	for (unsigned i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(m->hand.seq >> 8 * i);
	m->hand.seq++;
	assert_int_equal(EVP_EncryptInit_ex2(c, aes, m->hand.key, nonce, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(c, NULL, &got, record, 5), 1);
	assert_int_equal(EVP_EncryptUpdate(c, record + 5, &got, record + 5, (int)n + 1), 1);
	assert_int_equal(EVP_EncryptFinal_ex(c, record + 5 + got, &got), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, record + 6 + n), 1);
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(aes);
	assert_int_equal(sp_stream_send(m->peer->stream, record, 6 + n + TAG), 0);
}

#define HANDSHAKE 22u
#define DATA 23u

static void meet(struct meeting *m, bool we_serve)
{
	union half *u = new_half();

	// Without tickets no record of the server's comes before those made here.
	memset(u->h.ticket, 0, sizeof(u->h.ticket));
	*m = (struct meeting){.srv = server_of(u), .cli = client_of(&ca)};
	SSL_CTX_set_keylog_callback(m->cli->ctx, on_secret);
	m->p = shake(m->srv, m->cli, "a.example");
	assert_true(both_established(m->p));
	m->ours = we_serve ? &m->p->server : &m->p->client;
	m->peer = we_serve ? &m->p->client : &m->p->server;
	m->hand = we_serve ? of_client : of_server;
	take_keys(&m->hand);
}

static void part(struct meeting *m)
{
	free_pair(m->p);
	sp_tls_client_free(m->cli);
	sp_tls_server_free(m->srv);
}

static int tell(struct meeting *m, const char *text)
{
	return sp_tls_write(m->ours->tls, (const uint8_t *)text, strlen(text));
}

/// All that came to the peer so far.
static void assert_told(const struct meeting *m, const char *text)
{
	assert_int_equal(m->peer->plain_n, strlen(text));
	assert_memory_equal(m->peer->plain, text, strlen(text));
}

static const uint8_t key_update[] = {24, 0, 0, 1, 0};
static const struct message {
	bool we_serve;
	uint8_t bytes[21];
	size_t n;
} messages[] = {
	{true, {24, 0, 0, 1, 0}, 5},
	{true, {24, 0, 0, 1, 1}, 5},
	{false, {24, 0, 0, 1, 0}, 5},
	{false, {24, 0, 0, 1, 1}, 5},
	// A ticket: an hour, its age's mask, nonce, the ticket, no extensions.
	{false, {4, 0, 0, 17, 0, 0, 14, 16, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'k', 0, 0}, 21},
};

static void what_is_written_between_two_halves_of_a_message_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(messages); i++) {
		const struct message *a = &messages[i];

		for (size_t cut = 1; cut < a->n; cut++) {
			struct meeting m;

			meet(&m, a->we_serve);
			say(&m, HANDSHAKE, a->bytes, cut);
			run(m.p);
			assert_int_equal(tell(&m, "one, "), 0);
			assert_int_equal(tell(&m, "two, "), 0);
			run(m.p);
			say(&m, HANDSHAKE, a->bytes + cut, a->n - cut);
			run(m.p);
			assert_told(&m, "one, two, ");
			if (a->bytes[0] == key_update[0])
				renew_keys(&m.hand);
			say(&m, DATA, (const uint8_t *)"heard", 5);
			run(m.p);
			assert_int_equal(m.ours->plain_n, 5);
			assert_int_equal(tell(&m, ""), 0);
			assert_int_equal(tell(&m, "three"), 0);
			run(m.p);
			assert_told(&m, "one, two, three");
			assert_int_equal(m.ours->err, 0);
			part(&m);
		}
	}
}

static void interrupt(struct meeting *m)
{
	meet(m, true);
	say(m, HANDSHAKE, key_update, 4);
	run(m->p);
}

static void resume(struct meeting *m)
{
	say(m, HANDSHAKE, key_update + 4, 1);
	renew_keys(&m->hand);
}

/// Writes of the data that came with the rest of the message, before all of it was read, and once
/// the other direction is over.
static void what_is_held_goes_first(void **state)
{
	static const uint8_t close_notify[] = {1, 0};
	struct meeting m;
	size_t from, n;

	(void)state;
	interrupt(&m);
	from = m.ours->raw_n;
	assert_int_equal(tell(&m, "one, "), 0);
	resume(&m);
	say(&m, DATA, (const uint8_t *)"heard", 5);
	m.ours->err = -EAGAIN; // what comes is not read by the fixture
	run(m.p);
	sp_tls_feed(m.ours->tls, m.ours->raw + from, m.ours->raw_n - from);
	assert_int_equal(tell(&m, "two, "), 0);
	assert_int_equal(sp_tls_read(m.ours->tls, m.ours->plain, PLAIN_MAX, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(tell(&m, "three"), 0);
	run(m.p);
	assert_told(&m, "one, two, three");
	part(&m);

	interrupt(&m);
	assert_int_equal(tell(&m, "one, "), 0);
	resume(&m);
	say(&m, 21, close_notify, sizeof(close_notify));
	run(m.p);
	assert_int_equal(m.ours->err, -EPIPE);
	assert_int_equal(tell(&m, "two"), 0);
	run(m.p);
	assert_told(&m, "one, two");
	part(&m);
}

static void use_all_room(struct meeting *m)
{
	size_t room;

	while (sp_stream_reserve(m->ours->stream, 1, &room))
		sp_stream_commit(m->ours->stream, room);
}

static void what_is_held_and_finds_no_room_ends_the_connection(void **state)
{
	struct meeting m;
	size_t from, n = 77;

	(void)state;
	interrupt(&m);
	from = m.ours->raw_n;
	assert_int_equal(tell(&m, "one"), 0);
	resume(&m);
	say(&m, DATA, (const uint8_t *)"heard", 5);
	m.ours->err = -EAGAIN; // what comes is not read by the fixture
	run(m.p);
	use_all_room(&m);
	sp_tls_feed(m.ours->tls, m.ours->raw + from, m.ours->raw_n - from);
	assert_int_equal(sp_tls_read(m.ours->tls, m.ours->plain, PLAIN_MAX, &n), -ENOBUFS);
	assert_int_equal(n, 77);
	assert_int_equal(sp_tls_read(m.ours->tls, m.ours->plain, PLAIN_MAX, &n), -ENOBUFS);
	assert_int_equal(tell(&m, "two"), -ENOBUFS);
	part(&m);
}

static void data_between_two_halves_of_a_message_ends_the_connection(void **state)
{
	struct meeting m;

	(void)state;
	interrupt(&m);
	assert_int_equal(tell(&m, "one"), 0);
	say(&m, DATA, (const uint8_t *)"x", 1);
	run(m.p);
	assert_int_equal(m.ours->err, -EPROTO);
	assert_int_equal(tell(&m, "two"), -EPROTO);
	run(m.p);
	assert_told(&m, "");
	part(&m);
}

static void a_connection_that_ends_meanwhile_loses_what_is_held(void **state)
{
	struct meeting m;

	(void)state;
	interrupt(&m);
	assert_int_equal(tell(&m, "one"), 0);
	sp_tls_shutdown(m.ours->tls);
	run(m.p);
	assert_told(&m, "");
	assert_int_equal(m.peer->err, 0); // nor is it told that all has come
	part(&m);
}

static void what_is_over_the_bound_ends_the_connection(void **state)
{
	static uint8_t text[TLS_HELD_MAX];
	struct meeting m;

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		interrupt(&m);
		assert_int_equal(sp_tls_write(m.ours->tls, text, sizeof(text)), 0);
		assert_int_equal(sp_tls_write(m.ours->tls, text, over), over ? -ENOBUFS : 0);
		assert_int_equal(sp_tls_write(m.ours->tls, text, 0), over ? -ENOBUFS : 0);
		resume(&m);
		run(m.p);
		assert_int_equal(m.ours->err, over ? -ENOBUFS : 0);
		assert_int_equal(m.peer->plain_n, over ? 0 : sizeof(text));
		part(&m);
	}
}

static void few_connections_at_a_time_hold_anything(void **state)
{
	static struct meeting m[TLS_HOLDING_MAX + 1];
	struct meeting *last = &m[TLS_HOLDING_MAX];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(m); i++) {
		interrupt(&m[i]);
		assert_int_equal(tell(&m[i], "one"), &m[i] == last ? -ENOBUFS : 0);
	}
	part(last);
	resume(&m[0]);
	run(m[0].p);
	assert_told(&m[0], "one");
	interrupt(last);
	assert_int_equal(tell(last, "one"), 0); // in the first one's place
	part(last);
	interrupt(last);
	assert_int_equal(tell(last, "one"), 0); // in its own
	for (size_t i = 0; i < SP_ARRAY_LEN(m); i++)
		part(&m[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_between_two_halves_of_a_message_arrives),
		cmocka_unit_test(what_is_held_goes_first),
		cmocka_unit_test(what_is_held_and_finds_no_room_ends_the_connection),
		cmocka_unit_test(data_between_two_halves_of_a_message_ends_the_connection),
		cmocka_unit_test(a_connection_that_ends_meanwhile_loses_what_is_held),
		cmocka_unit_test(what_is_over_the_bound_ends_the_connection),
		cmocka_unit_test(few_connections_at_a_time_hold_anything),
	};

	return RUN_WITH_BOTH_CIPHERS(tests);
}
