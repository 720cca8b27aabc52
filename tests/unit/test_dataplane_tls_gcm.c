/// AES-GCM by intel-ipsec-mb: held against the standard's answers, against OpenSSL's, and in
/// connections of TLS.
#include "dataplane/tls/gcm.h"
#include "tests/unit/fixture_tls.h"

#include <openssl/core_names.h>
#include <openssl/provider.h>
#include "common/banned.h"

#define TEXT_MAX 20000u
#define TAG 16u

struct message {
	uint8_t key[32], nonce[12], aad[TLS_GCM_AAD_MAX], tag[TAG];
	uint8_t text[TEXT_MAX], sealed[TEXT_MAX];
	size_t key_n, aad_n, n;
};

static EVP_CIPHER *ours[2], *theirs[2];
static struct sp_tls_server *their_server;
static struct sp_tls_client *their_client;

static EVP_CIPHER_CTX *start(EVP_CIPHER *const from[2], const struct message *m, bool seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	assert_non_null(c);
	assert_int_equal(EVP_CipherInit_ex(c, from[m->key_n == 32], NULL, NULL, NULL, seal), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL), 1);
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, m->key, NULL, -1), 1);
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, NULL, m->nonce, -1), 1);
	assert_int_equal(EVP_CIPHER_CTX_get_iv_length(c), sizeof(m->nonce));
	return c;
}

static void beside(EVP_CIPHER_CTX *c, const struct message *m)
{
	int n;

	if (m->aad_n)
		assert_int_equal(EVP_CipherUpdate(c, NULL, &n, m->aad, (int)m->aad_n), 1);
}

/// As TLS does it, in place.
static void seal(EVP_CIPHER *const from[2], struct message *m)
{
	EVP_CIPHER_CTX *c = start(from, m, true);
	int n = 0, rest = 0;

	beside(c, m);
	memcpy(m->sealed, m->text, m->n);
	if (m->n)
		assert_int_equal(EVP_CipherUpdate(c, m->sealed, &n, m->sealed, (int)m->n), 1);
	assert_int_equal(EVP_CipherFinal_ex(c, m->sealed + n, &rest), 1);
	assert_int_equal((size_t)n + (size_t)rest, m->n);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, m->tag), 1);
	EVP_CIPHER_CTX_free(c);
}

/// True when the tag holds; the text is then at `to`.
static bool opened(EVP_CIPHER *const from[2], struct message *m, uint8_t *to)
{
	EVP_CIPHER_CTX *c = start(from, m, false);
	int n = 0, rest = 0, held;
	bool ok = true;

	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, m->tag), 1);
	beside(c, m);
	if (m->n)
		ok = EVP_CipherUpdate(c, to, &n, m->sealed, (int)m->n) == 1;
	held = EVP_CipherFinal_ex(c, to + n, &rest);
	EVP_CIPHER_CTX_free(c);
	assert_true(ok || !held);
	return held == 1;
}

static size_t unhex(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		to[i] = (uint8_t)v;
	}
	return n;
}

#define K "feffe9928665731c6d6a8f9467308308"
#define P60                                                                                        \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                         \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define C60_128                                                                                    \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"                         \
	"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
#define C60_256                                                                                    \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                         \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
#define ZERO16 "00000000000000000000000000000000"
#define ZERO12 "000000000000000000000000"
#define N12 "cafebabefacedbaddecaf888"

/// Of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, appendix B: those with a
/// nonce of 12 bytes.
static const struct known {
	const char *key, *nonce, *aad, *text, *sealed, *tag;
} known[] = {
	{ZERO16, ZERO12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
	{ZERO16, ZERO12, "", ZERO16, "0388dace60b6a392f328c2b971b2fe78",
		"ab6e47d42cec13bdf53a67b21257bddf"},
	{K, N12, "", P60 "1aafd255", C60_128 "473f5985", "4d5c2af327cd64a62cf35abd2ba6fab4"},
	{K, N12, "feedfacedeadbeeffeedfacedeadbeefabaddad2", P60, C60_128,
		"5bc94fbc3221a5db94fae95ae7121a47"},
	{ZERO16 ZERO16, ZERO12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{ZERO16 ZERO16, ZERO12, "", ZERO16, "cea7403d4d606b6e074ec5d3baf39d18",
		"d0d1c8a799996bf0265b98b5d48ab919"},
	{K K, N12, "", P60 "1aafd255", C60_256 "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
	{K K, N12, "feedfacedeadbeeffeedfacedeadbeefabaddad2", P60, C60_256,
		"76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void the_standards_answers_are_given(void **state)
{
	static struct message m;
	uint8_t sealed[128], tag[TAG], text[128];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(known); i++) {
		const struct known *k = &known[i];

		m.key_n = unhex(k->key, m.key);
		assert_int_equal(unhex(k->nonce, m.nonce), sizeof(m.nonce));
		m.aad_n = unhex(k->aad, m.aad);
		m.n = unhex(k->text, m.text);
		assert_int_equal(unhex(k->sealed, sealed), m.n);
		unhex(k->tag, tag);
		seal(ours, &m);
		assert_memory_equal(m.sealed, sealed, m.n);
		assert_memory_equal(m.tag, tag, TAG);
		assert_true(opened(ours, &m, text));
		assert_memory_equal(text, m.text, m.n);
	}
}

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void fill(uint8_t *p, size_t n, uint32_t *seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)draw(seed);
}

static void some_message(struct message *m, size_t key_n, size_t n, uint32_t *seed)
{
	m->key_n = key_n;
	m->aad_n = draw(seed) % (TLS_GCM_AAD_MAX + 1);
	m->n = n;
	fill(m->key, key_n, seed);
	fill(m->nonce, sizeof(m->nonce), seed);
	fill(m->aad, m->aad_n, seed);
	fill(m->text, n, seed);
}

static void messages_of_all_lengths_are_sealed_and_opened_as_openssl_does(void **state)
{
	static struct message m, other;
	static uint8_t text[TEXT_MAX];
	uint32_t seed = 1;

	(void)state;
	for (size_t n = 0; n < TEXT_MAX; n += n < 1100 ? 1 : 1 + draw(&seed) % 199) {
		some_message(&m, n % 2 ? 16 : 32, n, &seed);
		other = m;
		seal(ours, &m);
		seal(theirs, &other);
		assert_memory_equal(m.sealed, other.sealed, n);
		assert_memory_equal(m.tag, other.tag, TAG);
		assert_true(opened(ours, &other, text));
		assert_memory_equal(text, m.text, n);
		assert_true(opened(theirs, &m, text));
		assert_memory_equal(text, m.text, n);
	}
}

static void refuse(struct message *m, uint8_t *changed, size_t n)
{
	static const uint8_t nothing[TEXT_MAX];
	static uint8_t text[TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			changed[i] ^= (uint8_t)(1u << bit);
			memset(text, 0xaa, m->n);
			assert_false(opened(ours, m, text));
			assert_memory_equal(text, nothing, m->n);
			changed[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void one_bit_changed_anywhere_is_refused_and_no_text_handed_out(void **state)
{
	static const size_t lengths[] = {1, 15, 16, 17, 64, 257, 613};
	static struct message m;
	uint32_t seed = 2;

	(void)state;
	for (unsigned i = 0; i < 2 * SP_ARRAY_LEN(lengths); i++) {
		some_message(&m, i % 2 ? 16 : 32, lengths[i / 2], &seed);
		m.aad_n = 5;
		seal(ours, &m);
		refuse(&m, m.tag, TAG);
		refuse(&m, m.aad, m.aad_n);
		refuse(&m, m.nonce, sizeof(m.nonce));
		refuse(&m, m.key, m.key_n);
		refuse(&m, m.sealed, m.n);
	}
}

static void a_nonce_is_good_for_one_message_in_one_piece(void **state)
{
	static struct message m;
	EVP_CIPHER_CTX *c;
	uint32_t seed = 3;
	uint8_t to[64];
	int n;

	(void)state;
	some_message(&m, 16, 32, &seed);
	c = start(ours, &m, true);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 0);
	assert_int_equal(EVP_CipherFinal_ex(c, to, &n), 0);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, to), 0);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 0);
	assert_int_equal(EVP_CipherUpdate(c, NULL, &n, m.aad, 5), 0);
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, NULL, m.nonce, -1), 0);
	m.nonce[11] ^= 1;
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, NULL, m.nonce, -1), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 1);
	// Another key has all nonces before it.
	m.key[0] ^= 1;
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, m.key, m.nonce, -1), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 1);
	EVP_CIPHER_CTX_free(c);
}

/// What TLS 1.2 gives for a record of `n` bytes of text, with its number.
static void record12(EVP_CIPHER_CTX *c, uint8_t number, size_t n, int expected)
{
	uint8_t aad[13] = {[7] = number,
		[8] = 23,
		[9] = 3,
		[10] = 3,
		[11] = (uint8_t)(n >> 8),
		[12] = (uint8_t)n};

	assert_int_equal(
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_TLS1_AAD, sizeof(aad), aad), expected);
}

static void a_record_of_tls_1_2_has_its_number_as_nonce_once(void **state)
{
	static struct message m;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t to[8 + 100 + TAG], again[sizeof(to)];
	uint32_t seed = 6;
	int n;

	(void)state;
	some_message(&m, 16, 100, &seed);
	assert_int_equal(EVP_CipherInit_ex(c, ours[0], NULL, m.key, NULL, 1), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IV_FIXED, 3, m.nonce), 0);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IV_FIXED, 4, m.nonce), 1);
	for (uint8_t number = 0; number < 3; number++) {
		record12(c, number, 8 + 100, TAG);
		memcpy(to + 8, m.text, 100);
		assert_int_equal(EVP_CipherUpdate(c, to, &n, to, sizeof(to)), 1);
		assert_int_equal(n, sizeof(to));
		assert_memory_equal(to, ((uint8_t[8]){[7] = number}), 8);
	}
	record12(c, 2, 8 + 100, TAG);
	memcpy(again, to, sizeof(to));
	assert_int_equal(EVP_CipherUpdate(c, again, &n, again, sizeof(again)), 0);
	assert_memory_equal(again, to, sizeof(to));
	record12(c, 3, 8 + 99, TAG); // another length than comes
	assert_int_equal(EVP_CipherUpdate(c, again, &n, again, sizeof(again)), 0);
	record12(c, 3, 8 + 100, TAG); // not in place
	assert_int_equal(EVP_CipherUpdate(c, again, &n, to, sizeof(to)), 0);
	record12(c, 3, 7, 0);
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
}

static void what_tls_never_asks_for_is_refused(void **state)
{
	static struct message m;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new(), *copy = EVP_CIPHER_CTX_new();
	uint32_t seed = 4;
	uint8_t to[64];
	int n;

	(void)state;
	some_message(&m, 32, 32, &seed);
	assert_int_equal(EVP_CipherInit_ex(c, ours[1], NULL, NULL, m.nonce, 1), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 0); // no key
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, m.key, NULL, 1), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.text, 16), 0); // no nonce
	assert_int_equal(EVP_CipherFinal_ex(c, to, &n), 0);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, to), 0);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 16, NULL), 0);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, to),
		0); // one who seals makes it
	assert_int_equal(EVP_CIPHER_CTX_set_key_length(c, 16), 0);
	assert_int_equal(EVP_CIPHER_CTX_copy(copy, c), 0);
	assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_IV_GEN, 8, to) <= 0);
	assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_IV_INV, 8, to) <= 0);
	assert_true(EVP_CIPHER_CTX_get_original_iv(c, to, 12) <= 0);
	assert_true(EVP_CIPHER_CTX_get_updated_iv(c, to, 12) <= 0);
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, NULL, m.nonce, 0), 1);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.sealed, 16), 0); // no tag
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 12, to), 0);
	assert_int_equal(EVP_CipherUpdate(c, to, &n, m.sealed, 16), 0);
	assert_int_equal(EVP_CipherUpdate(c, NULL, &n, m.text, 1), 0); // over, until the next nonce
	assert_int_equal(EVP_CipherInit_ex(c, NULL, NULL, NULL, m.nonce, 0), 1);
	for (unsigned i = 0; i < TLS_GCM_AAD_MAX; i++)
		assert_int_equal(EVP_CipherUpdate(c, NULL, &n, m.text, 1), 1);
	assert_int_equal(EVP_CipherUpdate(c, NULL, &n, m.text, 1), 0);
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_CTX_free(copy);
	ERR_clear_error();
}

static const char *provider_of(const char *cipher)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
	const char *name = OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(c));

	EVP_CIPHER_free(c);
	return name;
}

static void whoever_does_not_ask_for_it_gets_openssls(void **state)
{
	(void)state;
	assert_true(sp_tls_records_fast());
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(ours[0])), "sallyport");
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(ours[1])), "sallyport");
	assert_string_equal(provider_of("AES-128-GCM"), "default");
	assert_string_equal(provider_of("AES-256-GCM"), "default");
	assert_string_equal(provider_of("AES-256-CBC"), "default");
}

static const struct suite {
	uint16_t version;
	const char *name;
} suites[] = {
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
};

/// From now on `c` speaks this alone, and has met nobody.
static void only(struct sp_tls_client *c, const struct suite *s)
{
	SSL_SESSION_free(c->session);
	c->session = NULL;
	assert_int_equal(SSL_CTX_set_min_proto_version(c->ctx, 0), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, s->version), 1);
	assert_int_equal(SSL_CTX_set_min_proto_version(c->ctx, s->version), 1);
	if (s->version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(c->ctx, s->name), 1);
	else
		assert_int_equal(SSL_CTX_set_cipher_list(c->ctx, s->name), 1);
}

static void records_of_all_lengths(struct pair *p)
{
	static uint8_t text[17000];
	uint32_t seed = 5;
	size_t sent = 0;

	fill(text, sizeof(text), &seed);
	for (size_t n = 1; n < sizeof(text); n += n < 300 ? 7 : 1 + draw(&seed) % 3001) {
		p->server.plain_n = p->client.plain_n = 0;
		assert_int_equal(sp_tls_write(p->client.tls, text, n), 0);
		assert_int_equal(sp_tls_write(p->server.tls, text + sizeof(text) - n, n), 0);
		run(p);
		assert_int_equal(p->server.plain_n, n);
		assert_int_equal(p->client.plain_n, n);
		assert_memory_equal(p->server.plain, text, n);
		assert_memory_equal(p->client.plain, text + sizeof(text) - n, n);
		sent += n;
	}
	assert_true(sent > sizeof(text));
}

static void talk(struct sp_tls_server *srv, struct sp_tls_client *cli, const struct suite *s)
{
	only(cli, s);
	for (unsigned again = 0; again < 2; again++) {
		struct pair *p = shake(srv, cli, "a.example");

		assert_true(both_established(p));
		assert_int_equal(info(p->server.tls).resumed, again);
		assert_string_equal(SSL_get_cipher(p->server.tls->ssl), s->name);
		records_of_all_lengths(p);
		if (s->version == TLS1_3_VERSION) {
			assert_int_equal(
				SSL_key_update(p->client.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
			records_of_all_lengths(p);
			assert_int_equal(
				SSL_key_update(p->server.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
			records_of_all_lengths(p);
		}
		free_pair(p);
	}
}

static void every_suite_is_spoken_in_both_roles_with_openssls_own(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(suites); i++) {
		struct sp_tls_client *cli = client_of(&ca);

		talk(srv, their_client, &suites[i]);
		talk(their_server, cli, &suites[i]);
		talk(srv, cli, &suites[i]);
		sp_tls_client_free(cli);
	}
	sp_tls_server_free(srv);
}

/// A record of `cli`'s with one bit changed: the server's connection is over.
static void send_changed(struct sp_tls_server *srv, struct sp_tls_client *cli, size_t at)
{
	struct pair *p = shake(srv, cli, "a.example");
	uint8_t text[100], wire[512];
	size_t got = 0, n;

	assert_true(both_established(p));
	p->server.raw_n = p->server.plain_n = 0;
	p->server.err = -EAGAIN; // what comes is only collected
	memset(text, 'x', sizeof(text));
	assert_int_equal(sp_tls_write(p->client.tls, text, sizeof(text)), 0);
	run(p);
	n = p->server.raw_n;
	assert_true(n > sizeof(text) && n < sizeof(wire));
	memcpy(wire, p->server.raw, n);
	wire[5 + at % (n - 5)] ^= 1;
	sp_tls_feed(p->server.tls, wire, n);
	assert_int_equal(sp_tls_read(p->server.tls, p->server.plain, PLAIN_MAX, &got), -EPROTO);
	assert_int_equal(got, 0);
	free_pair(p);
}

static void a_record_changed_anywhere_ends_the_connection(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(suites); i++) {
		only(their_client, &suites[i]);
		for (size_t at = 0; at < 130; at++)
			send_changed(srv, their_client, at);
	}
	sp_tls_server_free(srv);
}

static int begin(void **state)
{
	static const char *const names[] = {"AES-128-GCM", "AES-256-GCM"};

	make_all(state);
	their_server = server_of(new_half());
	their_client = client_of(&ca);
	assert_int_equal(sp_tls_fast_records(), 0);
	for (unsigned i = 0; i < 2; i++) {
		ours[i] = EVP_CIPHER_fetch(NULL, names[i], TLS_GCM_PROPERTIES);
		theirs[i] = EVP_CIPHER_fetch(NULL, names[i], "provider=default");
		assert_true(ours[i] && theirs[i]);
	}
	return 0;
}

static int end(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		EVP_CIPHER_free(ours[i]);
		EVP_CIPHER_free(theirs[i]);
	}
	sp_tls_server_free(their_server);
	sp_tls_client_free(their_client);
	return drop_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standards_answers_are_given),
		cmocka_unit_test(messages_of_all_lengths_are_sealed_and_opened_as_openssl_does),
		cmocka_unit_test(one_bit_changed_anywhere_is_refused_and_no_text_handed_out),
		cmocka_unit_test(a_nonce_is_good_for_one_message_in_one_piece),
		cmocka_unit_test(a_record_of_tls_1_2_has_its_number_as_nonce_once),
		cmocka_unit_test(what_tls_never_asks_for_is_refused),
		cmocka_unit_test(whoever_does_not_ask_for_it_gets_openssls),
		cmocka_unit_test(every_suite_is_spoken_in_both_roles_with_openssls_own),
		cmocka_unit_test(a_record_changed_anywhere_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
