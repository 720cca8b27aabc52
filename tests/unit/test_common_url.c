#include "common/url.h"

#include "tests/support/url_spelling.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

struct refused {
	struct sp_bytes text;
	enum sp_url_why why;
};
#define R(s, w)                                                                                    \
	{                                                                                          \
		{(const uint8_t *)(s), sizeof(s) - 1}, SP_URL_##w                                  \
	}

static enum sp_url_why parse(struct sp_bytes text, struct sp_url *ret)
{
	static uint8_t buf[SP_URL_MAX + 64];

	return sp_url_parse(text, buf, sizeof(buf), ret);
}

static void refuses(const struct refused *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sp_url u = {.port = 77};
		enum sp_url_why why = parse(r[i].text, &u);

		if (why != r[i].why)
			print_error("%.*s: %s\n", SP_FMT(r[i].text), sp_url_why_name(why));
		assert_int_equal(why, r[i].why);
		assert_int_equal(u.port, 77);
	}
}

/// `want` is "scheme|host|port|path|query".
static void reads_as(const char *text, const char *want)
{
	char got[SP_URL_MAX + 128];
	struct sp_url u;
	enum sp_url_why why = parse(sp_bytes_cstr(text), &u);

	if (why != SP_URL_OK)
		print_error("%s: %s\n", text, sp_url_why_name(why));
	assert_int_equal(why, SP_URL_OK);
	snprintf(got, sizeof(got), "%.*s|%.*s|%u|%.*s|%.*s", SP_FMT(u.scheme), SP_FMT(u.host),
		u.port, SP_FMT(u.path), SP_FMT(u.query));
	assert_string_equal(got, want);
}

static bool matches(const char *glob, const char *text)
{
	struct sp_url u;

	assert_null(sp_url_glob_wrong(sp_bytes_cstr(glob)));
	return parse(sp_bytes_cstr(text), &u) == SP_URL_OK && sp_url_match(sp_bytes_cstr(glob), &u);
}

static bool forbids(const char *glob, const char *text)
{
	struct sp_url u;

	assert_null(sp_url_glob_wrong(sp_bytes_cstr(glob)));
	assert_int_equal(parse(sp_bytes_cstr(text), &u), SP_URL_OK);
	return sp_url_match_forbidden(sp_bytes_cstr(glob), &u);
}

static void urls_are_brought_to_one_spelling(void **state)
{
	(void)state;
	reads_as("https://good.example", "https|good.example|443|/|");
	reads_as("HTTPS://Good.EXAMPLE:443/", "https|good.example|443|/|");
	reads_as("http://good.example./a?b=c#d", "http|good.example|80|/a|b=c");
	reads_as("http://good.example?q", "http|good.example|80|/|q");
	reads_as("http://good.example#/@evil.example", "http|good.example|80|/|");
	reads_as("https://good.example:8443/a/./b/../c/", "https|good.example|8443|/a/c/|");
	reads_as("https://good.example/a//b", "https|good.example|443|/a/b|");
	reads_as("https://good.example/%61%70i/%7Eme", "https|good.example|443|/api/~me|");
	reads_as("https://good.example/a%20b", "https|good.example|443|/a b|");
	reads_as("https://good.example/%E5%AE%A2/戶", "https|good.example|443|/客/戶|");
	reads_as("https://xn--fiqs8s.example/", "https|xn--fiqs8s.example|443|/|");
	reads_as("https://my_service.example/", "https|my_service.example|443|/|");
	reads_as("/api/v1/external/../../admin", "||0|/api/admin|");
	reads_as("/api/admin/..", "||0|/api/|");
	reads_as("/a/.", "||0|/a/|");
	reads_as("/", "||0|/|");
	reads_as("/a@b:c?x=/../y", "||0|/a@b:c|x=/../y");
	reads_as("https://a.example/.well-known/..x/x..y",
		"https|a.example|443|/.well-known/..x/x..y|");
}

static void tricks_with_the_authority_are_refused(void **state)
{
	static const struct refused r[] = {
		R("https://good.example@evil.example/", USERINFO),
		R("https://u:p@evil.example", USERINFO),
		R("https://@evil.example", USERINFO),
		R("https://good.example%40evil.example/", HOST),
		R("https://good.example:443@evil.example", USERINFO),
		R("https://good.example:@evil", USERINFO),
		R("https://evil.example\\@good.example/", CHARACTER),
		R("https:\\\\evil.example/", CHARACTER),
		R("https://good.example\\.evil.example", CHARACTER),
		R("/\\evil.example", CHARACTER),
		R("\\\\evil.example\\x", CHARACTER),
		R("//evil.example/x", SYNTAX),
		R("///evil.example", SYNTAX),
		R("https:/evil.example", SYNTAX),
		R("https:evil.example", SYNTAX),
		R("https:///evil.example", HOST),
		R("https:////evil.example", HOST),
		R("https://", HOST),
		R("https://?x", HOST),
		R("https://#", HOST),
		R("https://:443/", HOST),
		R("https", SYNTAX),
		R("good.example/api", SYNTAX),
		R("api/v1", SYNTAX),
		R("../admin", SYNTAX),
		R("?x", SYNTAX),
		R("#x", SYNTAX),
		R("", SYNTAX),
		R(":", SYNTAX),
		R("https://a.example:80:90/", PORT),
		R("https://[::1]x/", HOST),
		R("https://a.example[::1]/", HOST),
		R("https://good.example,evil.example/", HOST),
		R("https://good.example;evil/", HOST),
		R("https://good.example&evil/", HOST),
		R("https://*.example/", HOST),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
}

static void characters_that_readers_drop_or_turn_are_refused(void **state)
{
	static const struct refused r[] = {
		R(" https://a.example", CHARACTER),
		R("https://a.example ", CHARACTER),
		R("https://a.ex\tample", CHARACTER),
		R("ht\ntps://a.example", CHARACTER),
		R("https://a.example/a\r\nHost: b", CHARACTER),
		R("https://a.example/\0", CHARACTER),
		R("\0https://a.example/", CHARACTER),
		R("https://a.example/\x7f", CHARACTER),
		R("https://a.example/a b", CHARACTER),
		R("https://a.example/a\\..\\admin", CHARACTER),
		R("/api\\admin", CHARACTER),
		R("/a?b\\c", CHARACTER),
		R("/a\x80", CHARACTER),
		R("/\xc0\xae\xc0\xae/admin", CHARACTER),
		R("/\xc0\xaf", CHARACTER),
		R("/\xe0\x80\xaf", CHARACTER),
		R("/\xed\xa0\x80", CHARACTER),
		R("/\xf5\x80\x80\x80", CHARACTER),
		R("/．．/admin", CHARACTER),
		R("/api／admin", CHARACTER),
		R("/api/ａｄｍｉｎ", CHARACTER),
		R("/api/ⓐdmin", CHARACTER),
		R("/api/\u2025/admin", CHARACTER),
		R("/api\u2044admin", CHARACTER),
		R("/api\u2215admin", CHARACTER),
		R("/api/ad\u200bmin", CHARACTER),
		R("/api/ad\u00admin", CHARACTER),
		R("/api/\u202enimda", CHARACTER),
		R("/api/\ufeff/admin", CHARACTER),
		R("/api/cafe\u0301", CHARACTER),
		R("/api/\u2100dmin", CHARACTER),
		R("/api/\U0001d41admin", CHARACTER),
		R("/api/\U000e0061", CHARACTER),
		R("/api;x=1/admin", CHARACTER),
		R("/api/v1/external/..;/..;/admin", CHARACTER),
		R("/a<b", CHARACTER),
		R("/a|b", CHARACTER),
		R("/{id}", CHARACTER),
		R("/a[0]", CHARACTER),
		R("/a\"b", CHARACTER),
		R("/a`b", CHARACTER),
		R("/a^b", CHARACTER),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
}

static void other_schemes_are_refused(void **state)
{
	static const struct refused r[] = {
		R("ftp://a.example/", SCHEME),
		R("file:///etc/passwd", SCHEME),
		R("javascript:alert(1)", SCHEME),
		R("data:text/html,x", SCHEME),
		R("gopher://a.example/", SCHEME),
		R("a.example:80/", SYNTAX),
		R("httpss://a.example", SCHEME),
		R("hxxp://a.example", SCHEME),
		R("ws://a.example", SCHEME),
		R("1http://a.example", SYNTAX),
		R("http+unix://a/", SYNTAX),
		R("blob:https://a.example/x", SCHEME),
		R("url:https://a.example/x", SCHEME),
		R("ｈttps://a.example/", SYNTAX),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
}

static void hosts_in_unusual_spelling_are_refused(void **state)
{
	static const struct refused r[] = {
		R("http://0177.0.0.1/", HOST),
		R("http://0x7f.0.0.1/", HOST),
		R("http://0x7f000001/", HOST),
		R("http://2130706433/", HOST),
		R("http://017700000001/", HOST),
		R("http://127.1/", HOST),
		R("http://127.0.1/", HOST),
		R("http://127.0.0.1./", HOST),
		R("http://127.0.0.01/", HOST),
		R("http://127.0.0.256/", HOST),
		R("http://127.0.0.1.1/", HOST),
		R("http://0/", HOST),
		R("http://127.0.0.0x1/", HOST),
		R("http://a.example.1/", HOST),
		R("http://a.0x/", HOST),
		R("http://1.2.3.4.example.09/", HOST),
		R("http://127。0。0。1/", HOST),
		R("http://①②⑦.0.0.1/", HOST),
		R("http://[::1%25eth0]/", HOST),
		R("http://[fe80::1%eth0]/", HOST),
		R("http://[v1.x]/", HOST),
		R("http://[]/", HOST),
		R("http://[::1/", HOST),
		R("http://::1/", HOST),
		R("http://[1.2.3.4]/", HOST),
		R("http://[::ffff:1.2.3]/", HOST),
		R("http://[::ffff:01.2.3.4]/", HOST),
		R("http://[12345::]/", HOST),
		R("http://[1::2::3]/", HOST),
		R("http://[::1]]/", HOST),
		R("http://good%2eexample/", HOST),
		R("http://%67ood.example/", HOST),
		R("http://good.example%00.evil/", HOST),
		R("http://güd.example/", HOST),
		R("http://ｇood.example/", HOST),
		R("http://good．example/", HOST),
		R("http://good\u00ad.example/", HOST),
		R("http://evil.example\u2044good.example/", HOST),
		R("http://..example/", HOST),
		R("http://good..example/", HOST),
		R("http://good.example../", HOST),
		R("http://./", HOST),
		R("http://-a.example/", HOST),
		R("http://a-.example/", HOST),
		R("http://xn--/", HOST),
		R("http://xn--abc-/", HOST),
		R("http://a+b/", HOST),
		R("http://a~b/", HOST),
		R("http://a!b/", HOST),
		R("http://$a/", HOST),
	};
	char longest[400] = "http://";

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
	memset(longest + 7, 'a', 64);
	assert_int_equal(parse(sp_bytes_cstr(longest), &(struct sp_url){0}), SP_URL_HOST);
	longest[7 + 63] = 0;
	assert_int_equal(parse(sp_bytes_cstr(longest), &(struct sp_url){0}), SP_URL_OK);
	for (size_t i = 0; i < 260; i++)
		longest[7 + i] = i % 2 ? '.' : 'a';
	longest[7 + 255] = 0;
	assert_int_equal(parse(sp_bytes_cstr(longest), &(struct sp_url){0}), SP_URL_HOST);
	longest[7 + 253] = 0;
	assert_int_equal(parse(sp_bytes_cstr(longest), &(struct sp_url){0}), SP_URL_OK);
}

static void ports_are_plain_numbers(void **state)
{
	static const struct refused r[] = {
		R("http://a.example:/", PORT),
		R("http://a.example:0/", PORT),
		R("http://a.example:080/", PORT),
		R("http://a.example:65536/", PORT),
		R("http://a.example:99999999999/", PORT),
		R("http://a.example:+80/", PORT),
		R("http://a.example:8 0/", CHARACTER),
		R("http://a.example:8O/", PORT),
		R("http://a.example:-1/", PORT),
		R("http://a.example:%38%30/", PORT),
		R("http://[::1]:/", PORT),
		R("http://a.example:８０/", PORT),
		R("http://a.example:0x50/", PORT),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
	reads_as("http://a.example:65535/", "http|a.example|65535|/|");
	reads_as("http://[2606:4700::1]:1/", "http|2606:4700::1|1|/|");
}

static void encoded_dots_slashes_and_second_layers_are_refused(void **state)
{
	static const struct refused r[] = {
		R("/api/v1/external/%2e%2e/%2e%2e/admin", ENCODING),
		R("/api/%2E/admin", ENCODING),
		R("/api/.%2e/admin", ENCODING),
		R("/api%2fadmin", ENCODING),
		R("/api%5cadmin", ENCODING),
		R("/api/%252e%252e/admin", ENCODING),
		R("/api%252fadmin", ENCODING),
		R("/api/%25252e%25252e/admin", ENCODING),
		R("/api%25252fadmin", ENCODING),
		R("/api/%2525252e", ENCODING),
		R("/api/%2561dmin", ENCODING),
		R("/%25", ENCODING),
		R("/api/admin%00.html", ENCODING),
		R("/api/%09admin", ENCODING),
		R("/api/%0d%0aadmin", ENCODING),
		R("/api/%7f", ENCODING),
		R("/a%3fb", ENCODING),
		R("/a%23b", ENCODING),
		R("/a%3bb", ENCODING),
		R("/%", ENCODING),
		R("/%4", ENCODING),
		R("/%4g", ENCODING),
		R("/%g4", ENCODING),
		R("/%%41", ENCODING),
		R("/%u002e%u002e/admin", ENCODING),
		R("/%c0%ae%c0%ae/admin", ENCODING),
		R("/%c0%af", ENCODING),
		R("/%e0%80%af", ENCODING),
		R("/%f0%80%80%af", ENCODING),
		R("/%c0%80", ENCODING),
		R("/%ff", ENCODING),
		R("/%ed%a0%80", ENCODING),
		R("/%ef%bc%8e%ef%bc%8e/admin", ENCODING),
		R("/%ef%bc%8fadmin", ENCODING),
		R("/ad%e2%80%8bmin", ENCODING),
		R("/ad%c2%admin", ENCODING),
		R("/ad%c2%85min", ENCODING),
		R("/a\xe5%AE%A2", CHARACTER),
		R("/%+41", ENCODING),
		R("/%0x41", ENCODING),
		R("/% 41", CHARACTER),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
}

static void paths_that_climb_or_that_servers_trim_are_refused(void **state)
{
	static const struct refused r[] = {
		R("/..", ABOVE_ROOT),
		R("/../admin", ABOVE_ROOT),
		R("/a/../../admin", ABOVE_ROOT),
		R("https://a.example/..", ABOVE_ROOT),
		R("/./..", ABOVE_ROOT),
		R("/a//../admin", SYNTAX),
		R("/a/b//../../admin", SYNTAX),
		R("/api/admin./x", SYNTAX),
		R("/api/admin%20/x", SYNTAX),
		R("/api/%20admin/x", SYNTAX),
		R("/.../x", SYNTAX),
		R("/..../x", SYNTAX),
		R("/..%20/admin", SYNTAX),
		R("/. ./admin", CHARACTER),
		R("/api/v1/external/.../admin", SYNTAX),
	};

	(void)state;
	refuses(r, SP_ARRAY_LEN(r));
}

static void lengths_are_bounded(void **state)
{
	static uint8_t text[SP_URL_MAX + 1];
	uint8_t buf[SP_URL_MAX], small[16];
	struct sp_url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(sp_url_parse(sp_bytes(text, SP_URL_MAX), buf, sizeof(buf), &u), SP_URL_OK);
	assert_int_equal(u.path.n, SP_URL_MAX);
	assert_int_equal(sp_url_parse(sp_bytes(text, SP_URL_MAX + 1), buf, sizeof(buf), &u),
		SP_URL_TOO_LONG);
	assert_int_equal(
		sp_url_parse(SP_LIT("http://long.example/x"), small, 8, &u), SP_URL_TOO_LONG);
	assert_int_equal(
		sp_url_parse(SP_LIT("http://a.example/x/y/z?q"), small, 12, &u), SP_URL_TOO_LONG);
	assert_int_equal(
		sp_url_parse(SP_LIT("http://a.example/x/y/z?q"), small, 16, &u), SP_URL_OK);
}

static void addresses_that_lead_inside_are_marked(void **state)
{
	static const char *const inside[] = {"127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1",
		"172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255",
		"240.1.1.1", "168.63.129.16", "203.0.113.1", "[::1]", "[::]", "[fe80::1]",
		"[fd00:ec2::254]", "[fc00::1]", "[ff02::1]", "[::ffff:8.8.8.8]", "[::ffff:7f00:1]",
		"[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:1::]",
		"[2001:db8::1]", "localhost", "LOCALHOST.", "a.localhost",
		"metadata.google.internal", "metadata", "printer.local", "db.corp"};
	static const char *const outside[] = {"8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1",
		"169.253.1.1", "11.0.0.1", "223.255.255.255", "[2606:4700::1111]",
		"[2001:4860:4860::8888]", "good.example", "notlocalhost.example", "local.example",
		"internal.example"};
	char text[128];
	struct sp_url u;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(inside); i++) {
		snprintf(text, sizeof(text), "http://%s/", inside[i]);
		assert_int_equal(parse(sp_bytes_cstr(text), &u), SP_URL_OK);
		if (!u.is_private)
			print_error("%s\n", text);
		assert_true(u.is_private);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(outside); i++) {
		snprintf(text, sizeof(text), "http://%s/", outside[i]);
		assert_int_equal(parse(sp_bytes_cstr(text), &u), SP_URL_OK);
		assert_false(u.is_private);
		assert_int_equal(u.is_ip,
			outside[i][0] == '[' || (outside[i][0] >= '0' && outside[i][0] <= '9'));
	}
}

static void one_address_has_one_text(void **state)
{
	(void)state;
	reads_as("http://[0:0:0:0:0:0:0:1]/", "http|::1|80|/|");
	reads_as("http://[::FFFF:7F00:1]/", "http|127.0.0.1|80|/|");
	reads_as("http://[::ffff:127.0.0.1]/", "http|127.0.0.1|80|/|");
	reads_as("http://[2001:DB8:0:0:1::]/", "http|2001:db8:0:0:1::|80|/|");
	reads_as("http://[2606:4700:0000:0000:0000:0000:0000:0001]/", "http|2606:4700::1|80|/|");
}

static void the_seeds_endpoints_are_kept_apart(void **state)
{
	static const char *const no[] = {"/api/v1/external", "/api/v1/externalx",
		"/api/v1/external/../../admin/users", "/api/v1/external/../internal/x",
		"/api/v1/external%2f..%2fadmin", "/api/v1/internal/x", "/API/v1/external/x",
		"https://evil.example/api/v1/external/x", "//evil.example/api/v1/external/x",
		"/api/v1/external;/x", "/x/api/v1/external/y"};
	static const char *const admin[] = {"/api/admin/users", "/api/admin/", "/api/admin",
		"/api//admin/users", "/api/v1/external/../../admin/users", "/API/Admin/users",
		"/api/%61dmin/x", "https://a.example/api/admin/x", "/api/./admin/x"};

	(void)state;
	assert_true(matches("/api/v1/external/*", "/api/v1/external/orders"));
	assert_true(matches("/api/v1/external/*", "/api/v1/external/orders/7?x=/api/admin/"));
	assert_true(matches("/api/v1/external/*", "/api/v1/external/"));
	assert_true(matches("/api/v1/external/*", "/api/x/../v1/./external/%6frders"));
	for (size_t i = 0; i < SP_ARRAY_LEN(no); i++)
		assert_false(matches("/api/v1/external/*", no[i]));
	for (size_t i = 0; i < SP_ARRAY_LEN(admin); i++)
		assert_true(forbids("/api/admin/*", admin[i]));
	assert_false(forbids("/api/admin/*", "/api/administer/x"));
	assert_false(forbids("/api/admin/*", "/api/v1/external/orders"));
}

static void host_globs_compare_whole_labels(void **state)
{
	(void)state;
	assert_true(matches("*.good.example/*", "https://a.good.example/x"));
	assert_true(matches("*.good.example/*", "https://a.b.GOOD.example./x/y"));
	assert_false(matches("*.good.example/*", "https://good.example/x"));
	assert_false(matches("*.good.example/*", "https://evilgood.example/x"));
	assert_false(matches("*.good.example/*", "https://a.good.example.evil.example/x"));
	assert_false(matches("good.example/*", "https://good.example.evil.example/x"));
	assert_false(matches("good.example/*", "https://good.example@evil.example/x"));
	assert_false(matches("good.example/*", "/good.example/x"));
	assert_true(matches("https://good.example/*", "https://good.example"));
	assert_false(matches("https://good.example/*", "http://good.example"));
	assert_false(matches("good.example/*", "https://good.example:8443/x"));
	assert_true(matches("good.example:8443/*", "https://good.example:8443/x"));
	assert_true(matches("https://*/v1/*", "https://any.example/v1/x"));
	assert_false(matches("https://*/v1/*", "https://169.254.169.254/v1/x"));
	assert_true(matches("[2606:4700::1]:8080/*", "http://[2606:4700:0::0001]:8080/x"));
	assert_true(forbids("169.254.169.254/*", "http://169.254.169.254:8080/latest"));
	assert_true(forbids("169.254.169.254/*", "http://[::ffff:a9fe:a9fe]/latest"));
	assert_true(forbids("https://*/v1/*", "https://169.254.169.254/v1/x"));
	assert_true(forbids("evil.example/*", "http://EVIL.example.:1234/"));
	assert_false(forbids("evil.example/*", "http://good.example/evil.example/"));
}

static void path_globs_stop_at_slashes_but_at_their_end(void **state)
{
	(void)state;
	assert_true(matches("/users/*/name", "/users/7/name"));
	assert_false(matches("/users/*/name", "/users/7/8/name"));
	assert_true(matches("/users/**/name", "/users/7/8/name"));
	assert_true(matches("/files/*.json", "/files/a.json"));
	assert_false(matches("/files/*.json", "/files/a/b.json"));
	assert_false(matches("/files/*.json", "/files/a.json/b"));
	assert_true(matches("/files/x*", "/files/xy/z"));
	assert_false(matches("/files/x*", "/files/y"));
	assert_true(matches("/my docs/*", "/my%20docs/a"));
	assert_true(matches("/客戶/*", "/%E5%AE%A2%E6%88%B6/7"));
	assert_true(matches("/a", "/a"));
	assert_false(matches("/a", "/a/"));
}

static void globs_that_could_never_match_are_named(void **state)
{
	static const char *const wrong[] = {"", "good.example", "https://good.example",
		"ftp://a.example/*", "https:///x", "/a/../b", "/a//b", "/a/./b", "/a%20b", "/a?b",
		"/a#b", "/a;b", "/a\\b", "//a", "Good.example/*", "good.example./*", "a*.example/*",
		"*example/*", "*./x", "good.*.example/*", "127.1/*", "0x7f.0.0.1/*", "[::0]/*",
		"::1/*", "1::2:80/*", "[::1:80/*", "[::1]x/*", "good.example:0/*",
		"good.example:x/*", "good.example:70000/*", "u@good.example/*", "güd.example/*",
		"/．．/*", "[::ffff:1.2.3.4]/*", "/a\tb", "/a./*", "*.1/*"};
	static const char *const right[] = {"/", "/*", "/**", "/a/*/b", "good.example/*",
		"*.good.example/*", "*/*", "https://*/*", "http://127.0.0.1:8080/*", "[::1]/*",
		"https://[2606:4700::1]:8443/x", "/my docs/*", "/{id}", "xn--fiqs8s.example/*",
		"localhost:3000/*"};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++) {
		if (!sp_url_glob_wrong(sp_bytes_cstr(wrong[i])))
			print_error("%s\n", wrong[i]);
		assert_non_null(sp_url_glob_wrong(sp_bytes_cstr(wrong[i])));
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(right); i++) {
		if (sp_url_glob_wrong(sp_bytes_cstr(right[i])))
			print_error(
				"%s %s\n", right[i], sp_url_glob_wrong(sp_bytes_cstr(right[i])));
		assert_null(sp_url_glob_wrong(sp_bytes_cstr(right[i])));
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	assert_non_null(sp_url_glob_wrong(sp_bytes(longest, 256)));
	assert_null(sp_url_glob_wrong(sp_bytes(longest, 255)));
}

static void every_truncation_and_changed_byte_is_refused_or_in_normal_form(void **state)
{
	static const char text[] = "https://[::ffff:1.2.3.4]:8443/a/%41/../b%20c/客?q=1#f";
	uint8_t copy[sizeof(text)];
	size_t accepted = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		accepted += url_check_normal(sp_bytes(text, n));
	assert_true(accepted > 10);
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		for (unsigned b = 0; b < 256; b++) {
			memcpy(copy, text, sizeof(text));
			copy[i] = (uint8_t)b;
			url_check_normal(sp_bytes(copy, sizeof(text) - 1));
		}
	}
}

static void reasons_have_names(void **state)
{
	(void)state;
	assert_string_equal(sp_url_why_name(SP_URL_HOST), "url_host");
	assert_string_equal(sp_url_why_name(SP_URL_ABOVE_ROOT), "url_above_root");
	assert_string_equal(sp_url_why_name((enum sp_url_why)99), "url_syntax");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_brought_to_one_spelling),
		cmocka_unit_test(tricks_with_the_authority_are_refused),
		cmocka_unit_test(characters_that_readers_drop_or_turn_are_refused),
		cmocka_unit_test(other_schemes_are_refused),
		cmocka_unit_test(hosts_in_unusual_spelling_are_refused),
		cmocka_unit_test(ports_are_plain_numbers),
		cmocka_unit_test(encoded_dots_slashes_and_second_layers_are_refused),
		cmocka_unit_test(paths_that_climb_or_that_servers_trim_are_refused),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(addresses_that_lead_inside_are_marked),
		cmocka_unit_test(one_address_has_one_text),
		cmocka_unit_test(the_seeds_endpoints_are_kept_apart),
		cmocka_unit_test(host_globs_compare_whole_labels),
		cmocka_unit_test(path_globs_stop_at_slashes_but_at_their_end),
		cmocka_unit_test(globs_that_could_never_match_are_named),
		cmocka_unit_test(every_truncation_and_changed_byte_is_refused_or_in_normal_form),
		cmocka_unit_test(reasons_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
