#include "controlplane/control/fetch_addr.h"
#include "controlplane/control/fetch_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static void a_good_url_comes_apart(void **state)
{
	static const struct {
		const char *text, *host, *path;
		uint16_t port;
		bool tls, literal, loopback;
	} v[] = {
		{"https://a.example", "a.example", "", 443, true, false, false},
		{"https://a.example/", "a.example", "/", 443, true, false, false},
		{"https://a.example:8443/x/y?z=1&b=%20", "a.example", "/x/y?z=1&b=%20", 8443, true,
			false, false},
		{"http://localhost:1/p", "localhost", "/p", 1, false, false, true},
		{"https://127.0.0.1/p", "127.0.0.1", "/p", 443, true, true, true},
		{"https://10.0.0.1:65535", "10.0.0.1", "", 65535, true, true, false},
		{"https://[::1]:44/p", "::1", "/p", 44, true, true, true},
		{"https://[2001:db8::1]/", "2001:db8::1", "/", 443, true, true, false},
		{"https://x-1.y2.z", "x-1.y2.z", "", 443, true, false, false},
		{"https://a.example/.well-known/..x/.y/...", "a.example", "/.well-known/..x/.y/...",
			443, true, false, false},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		struct sp_fetch_url u;

		assert_int_equal(sp_fetch_url_parse(sp_bytes_cstr(v[i].text), &u), 0);
		assert_string_equal(u.host, v[i].host);
		assert_string_equal(u.path, v[i].path);
		assert_string_equal(u.text, v[i].text);
		assert_int_equal(u.port, v[i].port);
		assert_int_equal(u.tls, v[i].tls);
		assert_int_equal(u.literal, v[i].literal);
		assert_int_equal(sp_fetch_url_loopback(&u), v[i].loopback);
	}
}

static const char *const ambiguous[] = {
	"",
	"a.example",
	"//a.example",
	"ftp://a.example",
	"file:///etc/passwd",
	"HTTPS://a.example",
	"https:/a.example",
	"https:a.example",
	"https://",
	"https:///path",
	"https://user@a.example/",
	"https://user:pw@a.example",
	"https://a.example@b.example/",
	"https://a.example#f",
	"https://a.example/#f",
	"https://a.example/x#@b.example",
	"https://a.example\\@b.example/",
	"https://a.example\\/x",
	"https://a.example/\\x",
	"https://a.example?x",
	"https://A.example/",
	"https://a_b.example/",
	"https://a..example/",
	"https://.a.example/",
	"https://a.example./",
	"https://-a.example/",
	"https://a-.example/",
	"https://a.example:/",
	"https://a.example:0/",
	"https://a.example:080/",
	"https://a.example:65536/",
	"https://a.example:99999999/",
	"https://a.example:1x/",
	"https://a.example:+1/",
	"https://a.example: 1/",
	"https://2130706433/",
	"https://0x7f000001/",
	"https://0x7f.1/",
	"https://127.1/",
	"https://127.0.0.01/",
	"https://0177.0.0.1/",
	"https://127.0.0.1.5/",
	"https://1.2.3/",
	"https://[::1",
	"https://::1/",
	"https://[::1]x/",
	"https://[1.2.3.4]/",
	"https://[fe80::1%25eth0]/",
	"https://[fe80::1%eth0]/",
	"https://[]/",
	"https://a b.example/",
	"https://a.example/ ",
	" https://a.example/",
	"https://a.example/\n",
	"https://a.example\r\nX: y/",
	"https://a.example/\x01",
	"https://a.example/\x7f",
	"https://\xc3\xa9.example/",
	"https://a.example/\xc3\xa9",
	"https://a.example/a/../b",
	"https://a.example/./b",
	"https://a.example/..",
	"https://a.example/.",
	"https://a.example/x/..?q",
	"https://a.example/\"x\"",
	"https://a.example/<x>",
	"https://a%2eexample/",
	"https://a.example/{x}",
	"https://a.example/a|b",
	"https://a.example,b.example/",
	"https://a.example;b/",
	("https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaa.example/"),
};

static void a_url_two_parsers_could_read_differently_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(ambiguous); i++) {
		struct sp_fetch_url u;

		if (sp_fetch_url_parse(sp_bytes_cstr(ambiguous[i]), &u) != -EINVAL)
			fail_msg("accepted: %s", ambiguous[i]);
	}
}

static void lengths_are_bounded_and_zero_bytes_refused(void **state)
{
	static char text[4096];
	struct sp_fetch_url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h.example/", 18);
	assert_int_equal(sp_fetch_url_parse(sp_bytes(text, SP_FETCH_URL_MAX), &u), 0);
	assert_int_equal(sp_fetch_url_parse(sp_bytes(text, SP_FETCH_URL_MAX + 1), &u), -E2BIG);
	assert_int_equal(sp_fetch_url_parse(SP_LIT("https://a.example/\0x"), &u), -EINVAL);
	assert_int_equal(sp_fetch_url_parse(SP_LIT("https://a.example\0.b/"), &u), -EINVAL);
}

static enum sp_fetch_addr_class class_of(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return sp_fetch_addr_class((const struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return sp_fetch_addr_class((const struct sockaddr *)&v6);
}

static void addresses_fall_into_their_class(void **state)
{
	static const char *const public[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
		"2a00:1450::8a", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"};
	static const char *const private[] = {"10.0.0.0", "10.255.255.255", "100.64.0.0",
		"100.127.255.255", "127.0.0.1", "127.255.255.255", "172.16.0.0", "172.31.255.255",
		"192.168.0.0", "192.168.255.255", "::1", "fc00::", "fdff::1", "::ffff:127.0.0.1",
		"::ffff:10.1.2.3", "64:ff9b::192.168.1.1"};
	static const char *const never[] = {"0.0.0.0", "0.255.255.255", "169.254.169.254",
		"169.254.0.0", "169.254.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
		"192.0.2.1", "192.88.99.1", "198.18.0.0", "198.19.255.255", "198.51.100.7",
		"203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::2", "fe80::1", "febf::1", "fec0::1", "ff02::1", "fd00:ec2::254", "2001::1",
		"2001:db8::1", "2002:7f00:1::", "3fff::1", "64:ff9b:1::1", "100::1", "4000::1",
		"::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::169.254.169.254",
		"::127.0.0.1", "::ffff:0:127.0.0.1"};
	struct sockaddr un = {.sa_family = AF_UNIX};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(public); i++)
		if (class_of(public[i]) != SP_ADDR_PUBLIC)
			fail_msg("%s", public[i]);
	for (size_t i = 0; i < SP_ARRAY_LEN(private); i++)
		if (class_of(private[i]) != SP_ADDR_PRIVATE)
			fail_msg("%s", private[i]);
	for (size_t i = 0; i < SP_ARRAY_LEN(never); i++)
		if (class_of(never[i]) != SP_ADDR_NEVER)
			fail_msg("%s", never[i]);
	assert_int_equal(sp_fetch_addr_class(&un), SP_ADDR_NEVER);
	assert_false(sp_fetch_addr_loopback(&un));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_url_comes_apart),
		cmocka_unit_test(a_url_two_parsers_could_read_differently_is_refused),
		cmocka_unit_test(lengths_are_bounded_and_zero_bytes_refused),
		cmocka_unit_test(addresses_fall_into_their_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
