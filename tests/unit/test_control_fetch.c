#include "controlplane/control/fetch.h"

#include "common/clock.h"
#include "tests/support/web_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define SET                                                                                        \
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":"                     \
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
#define OIDC "/t/.well-known/openid-configuration"
#define RFC8414 "/.well-known/oauth-authorization-server/t"

/// What names resolve to, one answer a question, the last one for ever.
static struct {
	const char *answer[4][3];
	unsigned asked;
} dns;

static int resolve(void *ctx, const char *host, struct sp_fetch_addrs *ret)
{
	unsigned i = sp_min(dns.asked, 3u);

	(void)ctx;
	assert_non_null(host);
	while (i && !dns.answer[i][0])
		i--;
	dns.asked++;
	memset(ret, 0, sizeof(*ret));
	for (unsigned k = 0; k < 3 && dns.answer[i][k]; k++) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->addr[ret->n];
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->addr[ret->n];

		ret->n++;
		v4->sin_family = AF_INET;
		if (inet_pton(AF_INET, dns.answer[i][k], &v4->sin_addr) == 1)
			continue;
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, dns.answer[i][k], &v6->sin6_addr), 1);
	}
	return ret->n ? 0 : -EHOSTUNREACH;
}

static struct web_server *tls, *plain;
static char issuer[128], keys_url[128], why[SP_FETCH_WHY_MAX];
static struct sp_fetch_issuer in;

static void discovery(struct web_server *s, const char *path, const char *iss, const char *uri)
{
	char body[1024];

	snprintf(body, sizeof(body),
		"{\"issuer\":\"%s\",\"authorization_endpoint\":\"https://x\",\"jwks_uri\":\"%s\"}",
		iss, uri);
	web_server_page(s, path, 200, body);
}

static int reset(void **state)
{
	(void)state;
	memset(&dns, 0, sizeof(dns));
	dns.answer[0][0] = "127.0.0.1";
	snprintf(issuer, sizeof(issuer), "https://issuer.test:%u/t", web_server_port(tls));
	snprintf(keys_url, sizeof(keys_url), "https://issuer.test:%u/keys", web_server_port(tls));
	in = (struct sp_fetch_issuer){
		.issuer = issuer,
		.ca_file = web_server_ca(tls),
		.algs = SP_JWT_ALG_BIT(SP_ALG_EDDSA),
		.allow_private = true,
		.total_ns = 10 * SP_NS_PER_SEC,
		.resolve = resolve,
	};
	discovery(tls, OIDC, issuer, keys_url);
	web_server_page(tls, RFC8414, 404, "");
	web_server_page(tls, "/keys", 200, SET);
	return 0;
}

static int fetch(void)
{
	struct sp_jwks *set = NULL;
	int err;

	memset(why, 'x', sizeof(why));
	err = sp_fetch_keys(&in, &set, why);
	assert_non_null(memchr(why, 0, sizeof(why)));
	assert_int_equal(set != NULL, err == 0);
	assert_int_equal(*why != 0, err != 0);
	if (set) {
		assert_int_equal(set->n, 1);
		assert_string_equal(set->key[0].kid, "k");
	}
	sp_jwks_free(set);
	return err;
}

static void keys_are_found_by_discovery(void **state)
{
	unsigned before = web_server_requests(tls);

	(void)state;
	assert_int_equal(fetch(), 0);
	assert_int_equal(dns.asked, 2);
	assert_int_equal(web_server_requests(tls), before + 2);
}

static void an_issuer_that_ends_in_a_slash_has_its_document_once(void **state)
{
	char with[160];

	(void)state;
	snprintf(with, sizeof(with), "%s/", issuer);
	in.issuer = with;
	discovery(tls, OIDC, with, keys_url);
	assert_int_equal(fetch(), 0);
}

static void the_other_place_is_tried_when_there_is_no_document(void **state)
{
	(void)state;
	web_server_page(tls, OIDC, 404, "");
	discovery(tls, RFC8414, issuer, keys_url);
	assert_int_equal(fetch(), 0);
	web_server_page(tls, OIDC, 403, "");
	assert_int_equal(fetch(), -EPROTO);
	web_server_page(tls, OIDC, 404, "");
	web_server_page(tls, RFC8414, 404, "");
	assert_int_equal(fetch(), -EPROTO);
}

static void a_configured_uri_needs_no_discovery(void **state)
{
	unsigned before = web_server_requests(tls);

	(void)state;
	in.jwks_uri = keys_url;
	assert_int_equal(fetch(), 0);
	assert_int_equal(web_server_requests(tls), before + 1);
}

static void a_document_of_another_issuer_is_refused(void **state)
{
	static const char *const docs[] = {"", "[]", "null", "{}", "{\"issuer\":\"%s\"}",
		"{\"issuer\":\"%s/\",\"jwks_uri\":\"%s\"}",
		"{\"issuer\":[\"%s\"],\"jwks_uri\":\"%s\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":7,\"x\":\"%s\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"%s\",\"issuer\":\"x\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"} x"};
	unsigned before;

	(void)state;
	before = web_server_requests(tls);
	for (size_t i = 0; i < SP_ARRAY_LEN(docs); i++) {
		char body[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(body, sizeof(body), docs[i], issuer, keys_url);
#pragma GCC diagnostic pop
		web_server_page(tls, OIDC, 200, body);
		assert_int_equal(fetch(), -EBADMSG);
	}
	assert_int_equal(web_server_requests(tls), before + SP_ARRAY_LEN(docs));
}

static void a_document_cannot_lead_elsewhere(void **state)
{
	static const char *const uris[] = {"http://issuer.test/keys", "file:///etc/passwd",
		"gopher://issuer.test/", "https://user@issuer.test/keys", "https://2130706433/",
		"//issuer.test/keys", "/keys", "", "https://issuer.test/keys#x"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(uris); i++) {
		discovery(tls, OIDC, issuer, uris[i]);
		assert_int_equal(fetch(), -EINVAL);
	}
}

/// allow_private is the operator's word about the issuer's host, not about one a document names.
static void another_host_of_a_document_must_be_public(void **state)
{
	char uri[128];
	unsigned before;

	(void)state;
	snprintf(uri, sizeof(uri), "https://other.test:%u/keys", web_server_port(tls));
	discovery(tls, OIDC, issuer, uri);
	before = web_server_connections(tls);
	assert_int_equal(fetch(), -EACCES);
	assert_int_equal(web_server_connections(tls), before + 1);
	in.jwks_uri = uri;
	assert_int_equal(fetch(), 0);
}

static void private_addresses_are_not_opened_unasked(void **state)
{
	static const char *const addrs[] = {
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fc00::1", "::ffff:127.0.0.1"};
	unsigned before = web_server_connections(tls);

	(void)state;
	in.allow_private = false;
	for (size_t i = 0; i < SP_ARRAY_LEN(addrs); i++) {
		dns.answer[0][0] = addrs[i];
		assert_int_equal(fetch(), -EACCES);
	}
	in.development = true; // a name that resolves to loopback is no loopback issuer
	dns.answer[0][0] = "127.0.0.1";
	assert_int_equal(fetch(), -EACCES);
	dns.answer[0][0] = "8.8.8.8";
	dns.answer[0][1] = "127.0.0.1";
	assert_int_equal(fetch(), -EACCES);
	assert_int_equal(web_server_connections(tls), before);
}

static void metadata_addresses_are_never_opened(void **state)
{
	static const char *const addrs[] = {"169.254.169.254", "fe80::1", "fd00:ec2::254",
		"0.0.0.0", "::", "224.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(addrs); i++) {
		dns.answer[0][1] = addrs[i];
		assert_int_equal(fetch(), -EACCES);
	}
}

/// The name is asked once for a document, and its second answer (rebinding) is judged anew.
static void a_name_that_changes_its_address_is_caught(void **state)
{
	unsigned before = web_server_requests(tls);

	(void)state;
	dns.answer[1][0] = "169.254.169.254";
	assert_int_equal(fetch(), -EACCES);
	assert_int_equal(dns.asked, 2);
	assert_int_equal(web_server_requests(tls), before + 1);
	memset(&dns, 0, sizeof(dns));
	assert_int_equal(fetch(), -EHOSTUNREACH);
}

static void redirects_are_not_followed(void **state)
{
	static const int codes[] = {301, 302, 303, 307, 308};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(codes); i++) {
		char raw[512];
		unsigned before = web_server_requests(tls),
			 on_plain = web_server_connections(plain);

		snprintf(raw, sizeof(raw),
			"HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%u/keys\r\n"
			"Content-Length: 0\r\n\r\n",
			codes[i], web_server_port(plain));
		web_server_raw(tls, "/keys", raw, strlen(raw));
		assert_int_equal(fetch(), -EPROTO);
		assert_int_equal(web_server_requests(tls), before + 2);
		assert_int_equal(web_server_connections(plain), on_plain);
	}
}

static void only_status_200_counts(void **state)
{
	static const int codes[] = {201, 202, 203, 206, 400, 401, 404, 410, 429, 500, 503};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(codes); i++) {
		web_server_page(tls, "/keys", codes[i], SET);
		assert_int_equal(fetch(), -EPROTO);
	}
}

static void too_much_is_cut_off(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	static const char long_head[] = "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{}";
	size_t n = 700000;
	char *raw = malloc(n);

	(void)state;
	memset(raw, ' ', n);
	memcpy(raw, head, sizeof(head) - 1);
	web_server_raw(tls, "/keys", raw, n);
	assert_int_equal(fetch(), -E2BIG);
	web_server_raw(tls, "/keys", long_head, sizeof(long_head) - 1);
	assert_int_equal(fetch(), -E2BIG);
	memcpy(raw, "HTTP/1.1 200 OK\r\nX:", 19);
	for (size_t i = 1000; i + 4 < n; i += 1000)
		memcpy(raw + i, "\r\nX:", 4);
	web_server_raw(tls, "/keys", raw, n);
	assert_int_equal(fetch(), -ECONNABORTED);
	free(raw);
}

static void a_cut_or_compressed_answer_is_no_set(void **state)
{
	static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" SET;
	static const char gzip[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
				   "Content-Length: 10\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03";
	static const char http09[] = SET;

	(void)state;
	web_server_raw(tls, "/keys", cut, sizeof(cut) - 1);
	assert_int_equal(fetch(), -ECONNABORTED);
	web_server_raw(tls, "/keys", gzip, sizeof(gzip) - 1);
	assert_int_equal(fetch(), -EBADMSG);
	web_server_raw(tls, "/keys", http09, sizeof(http09) - 1);
	assert_int_equal(fetch(), -ECONNABORTED);
	web_server_page(tls, "/keys", 200, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}");
	assert_int_equal(fetch(), -EPERM);
	assert_string_equal(why, "key 0 of the set: the set shows a private or symmetric key");
}

static void silence_ends_at_the_deadline(void **state)
{
	uint64_t start = sp_clock_boot_ns();

	(void)state;
	web_server_raw(tls, "/keys", "", 0);
	in.total_ns = 300 * SP_NS_PER_MS;
	assert_int_equal(fetch(), -ETIMEDOUT);
	assert_in_range(sp_clock_boot_ns() - start, 250 * SP_NS_PER_MS, 8 * SP_NS_PER_SEC);
}

static void a_certificate_of_another_is_refused(void **state)
{
	struct web_server *stranger = web_server_new("DNS:issuer.test");
	char url[128];

	(void)state;
	in.ca_file = web_server_ca(stranger);
	assert_int_equal(fetch(), -ECONNABORTED);
	in.ca_file = web_server_ca(tls);
	snprintf(url, sizeof(url), "https://wrong-name.test:%u/keys", web_server_port(tls));
	in.jwks_uri = url;
	assert_int_equal(fetch(), -ECONNABORTED);
	in.ca_file = "/nonexistent.pem";
	in.jwks_uri = NULL;
	assert_int_equal(fetch(), -ECONNABORTED);
	web_server_free(stranger);
}

static void plain_http_is_for_development_on_this_machine(void **state)
{
	char iss[128], uri[128];

	(void)state;
	snprintf(iss, sizeof(iss), "http://127.0.0.1:%u/t", web_server_port(plain));
	snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/keys", web_server_port(plain));
	discovery(plain, OIDC, iss, uri);
	web_server_page(plain, "/keys", 200, SET);
	in.issuer = iss;
	in.allow_private = false;
	assert_int_equal(fetch(), -EINVAL);
	in.development = true;
	assert_int_equal(fetch(), 0);
	in.resolve = NULL; // the system's resolver reads the literal
	assert_int_equal(fetch(), 0);
	in.resolve = resolve;
	in.issuer = "http://issuer.test/t";
	assert_int_equal(fetch(), -EINVAL);
	in.issuer = "http://localhost/t";
	dns.answer[0][0] = "10.0.0.1";
	assert_int_equal(fetch(), -EACCES);
	in.allow_private = true;
	assert_int_equal(fetch(), -EACCES);
}

static void the_environment_names_no_proxy(void **state)
{
	(void)state;
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
	assert_int_equal(fetch(), 0);
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
}

static void issuers_that_are_no_urls_are_refused(void **state)
{
	static const char *const v[] = {"", "issuer.test", "https://issuer.test?x",
		"http://issuer.test", "https://issuer.test/t?x=1", "https://issuer.test/#f"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		in.issuer = v[i];
		assert_int_equal(fetch(), -EINVAL);
	}
}

static void threads_bring_their_outcomes_to_one_place(void **state)
{
	bool seen[6] = {false};
	struct sp_fetcher *f;
	struct sp_fetched out;
	int fd;

	(void)state;
	assert_int_equal(sp_fetcher_new(&f, &fd), 0);
	assert_int_equal(sp_fetcher_take(f, &out), -EAGAIN);
	for (uint32_t i = 0; i < 6; i++) {
		in.jwks_uri = i % 2 ? "https://issuer.test:1/none" : keys_url;
		assert_int_equal(sp_fetcher_start(f, i, &in), 0);
	}
	for (unsigned left = 6; left;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 20000), 1);
		while (sp_fetcher_take(f, &out) == 0) {
			assert_true(out.number < 6 && !seen[out.number]);
			seen[out.number] = true;
			assert_int_equal(out.err, out.number % 2 ? -ECONNABORTED : 0);
			if (out.err == 0)
				assert_string_equal(out.keys->key[0].kid, "k");
			sp_jwks_free(out.err == 0 ? out.keys : NULL);
			left--;
		}
	}
	in.jwks_uri = keys_url;
	assert_int_equal(sp_fetcher_start(f, 9, &in), 0);
	assert_null(sp_fetcher_free(f));
}

static int start(void **state)
{
	(void)state;
	assert_int_equal(sp_fetch_global_init(), 0);
	tls = web_server_new("DNS:issuer.test,DNS:other.test");
	plain = web_server_new(NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	web_server_free(tls);
	web_server_free(plain);
	return 0;
}

#define CASE(f) cmocka_unit_test_setup(f, reset)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(keys_are_found_by_discovery),
		CASE(an_issuer_that_ends_in_a_slash_has_its_document_once),
		CASE(the_other_place_is_tried_when_there_is_no_document),
		CASE(a_configured_uri_needs_no_discovery),
		CASE(a_document_of_another_issuer_is_refused),
		CASE(a_document_cannot_lead_elsewhere),
		CASE(another_host_of_a_document_must_be_public),
		CASE(private_addresses_are_not_opened_unasked),
		CASE(metadata_addresses_are_never_opened),
		CASE(a_name_that_changes_its_address_is_caught),
		CASE(redirects_are_not_followed),
		CASE(only_status_200_counts),
		CASE(too_much_is_cut_off),
		CASE(a_cut_or_compressed_answer_is_no_set),
		CASE(silence_ends_at_the_deadline),
		CASE(a_certificate_of_another_is_refused),
		CASE(plain_http_is_for_development_on_this_machine),
		CASE(the_environment_names_no_proxy),
		CASE(issuers_that_are_no_urls_are_refused),
		CASE(threads_bring_their_outcomes_to_one_place),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
