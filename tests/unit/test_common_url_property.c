/// URLs made at random from small alphabets, spelled in ways that mean the same or try to.
#include "common/url.h"

#include "tests/support/url_spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include "common/banned.h"

#define ROUNDS 20000

static uint64_t seed;

/// xorshift64*: the same series in every run.
static unsigned pick(unsigned n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void put_segment(struct sp_out *o, struct sp_bytes s, bool evil)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned layers = pick(6) == 0 ? 1 + (evil ? pick(3) : 0) : 0;

		if (layers == 0) {
			sp_out_put(o, &s.p[i], 1);
			continue;
		}
		sp_out_lit(o, "%");
		while (--layers)
			sp_out_lit(o, "25");
		sp_out_hex(o, sp_bytes(&s.p[i], 1));
	}
}

/// What stands between two segments: a slash, or a detour that comes to one.
static void put_slash(struct sp_out *o, bool evil)
{
	static const char *const same[] = {"/", "/./", "/x/../", "/x/y/../../", "//", "/x/./../"};
	static const char *const tricks[] = {"\\", "%2f", "%5c", "%252f", "/%2e/", "/x/%2e%2e/",
		"/x/%252e%252e/", "/x/..;/", ";a=b/", "/\t/", "/．/", "%c0%af", "/%00/", "/../",
		"/..%2f", "%25%32%66"};
	unsigned i = pick(24);

	if (evil && pick(3) == 0)
		sp_out_bytes(o, sp_bytes_cstr(tricks[pick(SP_ARRAY_LEN(tricks))]));
	else
		sp_out_bytes(o, sp_bytes_cstr(i < SP_ARRAY_LEN(same) ? same[i] : "/"));
}

static void put_host(struct sp_out *o, const char *host)
{
	for (const char *p = host; *p; p++) {
		char c = *p >= 'a' && *p <= 'z' && pick(3) == 0 ? (char)(*p ^ 0x20) : *p;

		sp_out_put(o, &c, 1);
	}
	if (pick(4) == 0)
		sp_out_lit(o, ".");
}

struct meant {
	const char *host; ///< NULL for a path alone
	const char *segment[5];
	unsigned n;
};

static struct meant mean(void)
{
	static const char *const word[] = {"api", "v1", "external", "admin", "a", "internal"};
	static const char *const host[] = {NULL, "good.example", "a.good.example", "evil.example"};
	struct meant m = {.host = host[pick(4)], .n = 1 + pick(5)};

	if (pick(3) == 0) {
		m.n = 4;
		m.segment[0] = "api";
		m.segment[1] = pick(2) ? "v1" : "admin";
		m.segment[2] = "external";
		m.segment[3] = "admin";
		return m;
	}
	for (unsigned i = 0; i < m.n; i++)
		m.segment[i] = word[pick(SP_ARRAY_LEN(word))];
	return m;
}

static struct sp_bytes spell(const struct meant *m, bool plain, bool evil, uint8_t *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap);

	if (m->host) {
		sp_out_bytes(&o, sp_bytes_cstr(plain || pick(2) ? "https://" : "HttpS://"));
		if (evil && pick(6) == 0)
			sp_out_lit(&o, "good.example@");
		if (plain)
			sp_out_bytes(&o, sp_bytes_cstr(m->host));
		else
			put_host(&o, m->host);
		if (!plain && pick(3) == 0)
			sp_out_lit(&o, ":443");
	}
	for (unsigned i = 0; i < m->n; i++) {
		if (plain || (i == 0 && !m->host)) // "//x" at the start would be a host
			sp_out_lit(&o, "/");
		else
			put_slash(&o, evil);
		if (plain)
			sp_out_bytes(&o, sp_bytes_cstr(m->segment[i]));
		else
			put_segment(&o, sp_bytes_cstr(m->segment[i]), evil);
	}
	SP_BUG_IF(o.overflow);
	return sp_bytes(buf, o.len);
}

static const char *const glob[] = {"/api/v1/external/*", "/api/admin/*", "/api/**",
	"/api/*/external", "https://good.example/api/v1/*", "*.good.example/*",
	"good.example/**/admin", "evil.example/*"};

static void an_equal_spelling_is_refused_or_reads_and_matches_the_same(void **state)
{
	uint8_t text[4096], plain_text[4096], buf[4200], plain_buf[4200];
	unsigned accepted = 0;

	(void)state;
	seed = 42;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct meant m = mean();
		struct sp_bytes other = spell(&m, false, false, text, sizeof(text));
		struct sp_url a, b;

		assert_int_equal(
			sp_url_parse(spell(&m, true, false, plain_text, sizeof(plain_text)),
				plain_buf, sizeof(plain_buf), &a),
			SP_URL_OK);
		if (sp_url_parse(other, buf, sizeof(buf), &b) != SP_URL_OK)
			continue;
		accepted++;
		if (!url_same(&a, &b))
			print_error("%.*s\n", SP_FMT(other));
		assert_true(url_same(&a, &b));
		for (size_t g = 0; g < SP_ARRAY_LEN(glob); g++) {
			struct sp_bytes what = sp_bytes_cstr(glob[g]);

			assert_int_equal(sp_url_match(what, &a), sp_url_match(what, &b));
			assert_int_equal(
				sp_url_match_forbidden(what, &a), sp_url_match_forbidden(what, &b));
		}
	}
	assert_true(accepted > ROUNDS * 3 / 4);
}

/// What a server does that decodes until nothing changes, takes backslashes for slashes, drops
/// parameters and controls, and clamps at the root: the most generous reader.
static size_t read_generously(struct sp_bytes text, char *ret)
{
	size_t n = 0, len = 0;
	bool changed = true;

	memcpy(ret, text.p, text.n);
	n = text.n;
	while (changed) {
		size_t w = 0;

		changed = false;
		for (size_t i = 0; i < n; i++, w++) {
			unsigned v;
			char hex[3] = {0};

			ret[w] = ret[i];
			if (ret[i] != '%' || i + 2 >= n)
				continue;
			memcpy(hex, ret + i + 1, 2);
			if (strspn(hex, "0123456789abcdefABCDEF") == 2 &&
				sscanf(hex, "%x", &v) == 1) {
				ret[w] = (char)v;
				i += 2;
				changed = true;
			}
		}
		n = w;
	}
	for (size_t i = 0; i < n;) {
		size_t from = i, end;

		while (i < n && ret[i] != '/' && ret[i] != '\\')
			i++;
		end = from;
		while (end < i && ret[end] != ';')
			end++;
		i++;
		if (end == from || (end - from == 1 && ret[from] == '.'))
			continue;
		if (end - from == 2 && ret[from] == '.' && ret[from + 1] == '.') {
			while (len > 0 && ret[--len] != '/')
				;
			continue;
		}
		memmove(ret + len + 1, ret + from, end - from);
		ret[len] = '/';
		len += 1 + (end - from);
	}
	return len;
}

static void no_trick_makes_an_allowed_path_of_what_a_generous_reader_takes_elsewhere(void **state)
{
	uint8_t text[4096], buf[4200];
	char generous[4097];
	unsigned allowed = 0, refused = 0;

	(void)state;
	seed = 7;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct meant m = mean();
		struct sp_bytes s;
		struct sp_url u;
		size_t n;

		m.host = NULL;
		s = spell(&m, false, true, text, sizeof(text));
		if (sp_url_parse(s, buf, sizeof(buf), &u) != SP_URL_OK) {
			refused++;
			continue;
		}
		if (!sp_url_match(SP_LIT("/api/v1/external/*"), &u))
			continue;
		allowed++;
		assert_false(sp_url_match_forbidden(SP_LIT("/api/admin/*"), &u));
		n = read_generously(s, generous);
		if (n < 17 || memcmp(generous, "/api/v1/external/", 17) != 0)
			print_error("%.*s -> %.*s\n", SP_FMT(s), (int)n, generous);
		assert_true(n >= 17 && memcmp(generous, "/api/v1/external/", 17) == 0);
	}
	assert_true(allowed > 100 && refused > 1000);
}

static void normalising_twice_is_normalising_once(void **state)
{
	uint8_t text[4096];
	unsigned accepted = 0;

	(void)state;
	seed = 99;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct meant m = mean();

		accepted += url_check_normal(spell(&m, false, pick(2), text, sizeof(text)));
	}
	assert_true(accepted > ROUNDS / 3);
}

static void what_is_allowed_by_a_glob_is_forbidden_by_the_same_glob(void **state)
{
	uint8_t text[4096], buf[4200];
	unsigned both = 0;

	(void)state;
	seed = 3;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct meant m = mean();
		struct sp_url u;

		if (sp_url_parse(spell(&m, false, true, text, sizeof(text)), buf, sizeof(buf),
			    &u) != SP_URL_OK)
			continue;
		for (size_t g = 0; g < SP_ARRAY_LEN(glob); g++) {
			struct sp_bytes what = sp_bytes_cstr(glob[g]);

			if (!sp_url_match(what, &u))
				continue;
			both++;
			assert_true(sp_url_match_forbidden(what, &u));
		}
	}
	assert_true(both > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_equal_spelling_is_refused_or_reads_and_matches_the_same),
		cmocka_unit_test(
			no_trick_makes_an_allowed_path_of_what_a_generous_reader_takes_elsewhere),
		cmocka_unit_test(normalising_twice_is_normalising_once),
		cmocka_unit_test(what_is_allowed_by_a_glob_is_forbidden_by_the_same_glob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
