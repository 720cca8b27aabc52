/// llhttp's own test cases (../shared/vectors/llhttp or $SP_SHARED/vectors/llhttp; skipped when absent).
/// Every strict case is run: what llhttp's log calls an error is refused here too; what it accepts is
/// accepted, or refused with a text from `stricter`, which says why. Host is added where a case has none.
#include "tests/support/http_run.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "common/banned.h"

static const struct {
	const char *what, *why;
} stricter[] = {
	{"the target is not in origin-form",
		"an origin server behind a gateway is sent origin-form; absolute-form, authority-form and * "
		"give a second name for the host"},
	{"a byte that may not stand in the target", "fragments are never sent; raw blanks split lines"},
	{"only HTTP/1.1 is served", "HTTP/1.0 has no Host and no chunks: its framing is ambiguous"},
	{"empty line before the message", "nothing precedes a message; a stray CRLF hides a short body"},
	{"a line starts with white space", "obs-fold is read differently by different parsers"},
	{"control or non-ASCII byte in the head", "obs-text and controls have no meaning all agree on"},
	{"CONNECT is not served", "the gateway is no tunnel"},
	{"Upgrade is not served", "a connection stays HTTP/1.1"},
	{"malformed request line", "RTSP and ICE are not HTTP; one space separates"},
	{"malformed Host", "a name and a port, nothing else"},
	{"Transfer-Encoding is not just chunked", "other codings hide the body from what judges it"},
	{"repeated header", "a singleton said twice has no one value"},
	{"trailers are not accepted", "fields after the body come too late to be judged"},
	{"malformed chunk size", "digits, then CRLF or ;"},
	{"non-ASCII byte in a header that is read", "what is read must be printable"},
	{"status out of range", "101 was not asked for; 100 to 599 are defined"},
	{"a body where there can be none", "1xx and 204 have no body (RFC 9110 section 8.6)"},
	{"chunked coding in HTTP/1.0", "not defined there (RFC 9112 section 6.1)"},
	{"Content-Length is not one number", "empty is no number"},
	{"Invalid character in Content-Length", "tabs around a number: this llhttp refuses them itself"},
	{"Invalid method encountered", "a method this llhttp does not know is answered 501"},
	{"Expected HTTP/", "RTSP and ICE are not HTTP"},
	{"malformed chunk extension", "tokens only: parsers disagree on quoted values"},
	{"Host is missing", "the second request of a case is not given one"},
	{"bytes after the last message", "HTTP/1.0 answers never keep the connection"},
	{"line feed without carriage return", "lines end with CRLF"},
	{"carriage return without line feed", "lines end with CRLF"},
};

struct one_case {
	char title[256], type[64];
	uint8_t *in;
	size_t n;
	bool url, refuses;
};
struct tally {
	unsigned cases, accepted, refused, stricter[SP_ARRAY_LEN(stricter)];
	unsigned bad;
};

/// The escapes of llhttp's test driver: \r \n \t \f \xHH, a backslash before a line end joins, line
/// ends are CRLF, the last one is not part of the input.
static void decode(struct one_case *c, const char *p, size_t n)
{
	uint8_t *o = malloc(2 * n + 1);
	unsigned x;

	SP_BUG_IF(!o);
	c->n = 0;
	c->in = o;
	if (n && p[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++) {
		static const char from[] = "rntf", to[] = "\r\n\t\f";
		const char *e = p[i] == '\\' && i + 1 < n ? strchr(from, p[i + 1]) : NULL;

		if (p[i] == '\n') {
			o[c->n++] = '\r';
			o[c->n++] = '\n';
		} else if (e && *e) {
			o[c->n++] = (uint8_t)to[e - from];
			i++;
		} else if (p[i] == '\\' && i + 1 < n && p[i + 1] == '\n') {
			i++;
		} else if (p[i] == '\\' && i + 3 < n && sscanf(p + i + 1, "x%2x", &x) == 1) {
			o[c->n++] = (uint8_t)x;
			i += 3;
		} else {
			o[c->n++] = (uint8_t)p[i];
		}
	}
}

/// With `Host: a` after the first line, when it is a request that has none; or a URL made a request.
static struct sp_bytes prepare(const struct one_case *c, bool response, uint8_t *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap);
	const uint8_t *eol = memmem(c->in, c->n, "\r\n", 2);

	if (c->url) {
		sp_out_lit(&o, "GET ");
		sp_out_put(&o, c->in, c->n);
		sp_out_lit(&o, " HTTP/1.1\r\nHost: a\r\n\r\n");
	} else if (!response && eol && eol > c->in && !memmem(c->in, c->n, "Host:", 5) &&
		   !memmem(c->in, c->n, "HOST:", 5) && !memmem(c->in, c->n, "host:", 5)) {
		sp_out_put(&o, c->in, (size_t)(eol - c->in) + 2);
		sp_out_lit(&o, "Host: a\r\n");
		sp_out_put(&o, eol + 2, c->n - (size_t)(eol - c->in) - 2);
	} else {
		sp_out_put(&o, c->in, c->n);
	}
	SP_BUG_IF(o.overflow);
	return sp_bytes(buf, o.len);
}

/// All messages of the input, one after another; what the first refusal says, or NULL.
static const char *verdict(bool response, struct sp_bytes in)
{
	while (in.n) {
		struct http_result r = http_gather(response, in, false, NULL, NULL);
		bool close = r.state == SP_HTTP1_DONE && !r.head.keep_alive;

		http_result_done(&r);
		if (r.state == SP_HTTP1_ERROR)
			return r.error.what;
		if (r.state != SP_HTTP1_DONE)
			return NULL;
		in.p += r.used;
		in.n -= r.used;
		if (close)
			return in.n ? "bytes after the last message" : NULL;
	}
	return NULL;
}

static void run_case(struct tally *t, const char *file, const struct one_case *c)
{
	static uint8_t buf[65536];
	bool response = strncmp(c->type, "response", 8) == 0;
	const char *what = verdict(response, prepare(c, response, buf, sizeof(buf)));
	size_t i = 0;

	t->cases++;
	if (c->refuses) {
		t->refused++;
		if (!what) {
			t->bad++;
			print_message("%s: %s: llhttp refuses, we accept\n", file, c->title);
		}
		return;
	}
	if (!what) {
		t->accepted++;
		return;
	}
	while (i < SP_ARRAY_LEN(stricter) && strcmp(stricter[i].what, what) != 0)
		i++;
	if (i < SP_ARRAY_LEN(stricter)) {
		t->stricter[i]++;
		return;
	}
	t->bad++;
	print_message("%s: %s: refused without an entry in the table: %s\n", file, c->title, what);
}

static bool is_strict(const char *type)
{
	static const char *const strict[] = {
		"request", "response", "request-finish", "response-finish", "url"};

	for (size_t i = 0; i < SP_ARRAY_LEN(strict); i++)
		if (strcmp(type, strict[i]) == 0)
			return true;
	return false;
}

/// The block between the line `from` ends and the next fence; returns what follows it.
static const char *block(const char *from, const char **ret_p, size_t *ret_n)
{
	const char *p = strchr(from, '\n') + 1, *end = strstr(p, "\n```");

	SP_BUG_IF(!end);
	*ret_p = p;
	*ret_n = (size_t)(end + 1 - p);
	return end + 4;
}

static void run_file(struct tally *t, const char *path, const char *text)
{
	struct one_case c = {.url = false};
	const char *at = text;

	while (at && *at) {
		const char *eol = strchr(at, '\n'), *p, *type;
		size_t n;

		if (at[0] == '#')
			snprintf(c.title, sizeof(c.title), "%.*s", (int)(eol ? eol - at : 80), at);
		type = strncmp(at, "<!-- meta=", 10) == 0 ? strstr(at, "\"type\"") : NULL;
		if (type && eol && type < eol) {
			snprintf(c.type, sizeof(c.type), "%.60s", strchr(type + 6, '"') + 1);
			*strchrnul(c.type, '"') = 0;
		}
		if (strncmp(at, "```http", 7) == 0 || strncmp(at, "```url", 6) == 0) {
			c.url = at[3] == 'u';
			if (c.url)
				snprintf(c.type, sizeof(c.type), "url");
			eol = block(at, &p, &n);
			decode(&c, p, n);
			at = strstr(eol, "```log");
			SP_BUG_IF(!at);
			eol = block(at, &p, &n);
			c.refuses = memmem(p, n, "error code=", 11) != NULL;
			if (is_strict(c.type))
				run_case(t, path, &c);
			free(c.in);
		}
		at = eol ? eol + 1 : NULL;
	}
}

static void run_folder(struct tally *t, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		static char text[1 << 20];
		char path[1024];
		size_t n;
		FILE *f;

		if (!strstr(e->d_name, ".md"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "rb");
		assert_non_null(f);
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = 0;
		fclose(f);
		run_file(t, e->d_name, text);
	}
	if (d)
		closedir(d);
}

static void every_llhttp_case_is_judged_at_least_as_strictly(void **state)
{
	const char *shared = getenv("SP_SHARED") ? getenv("SP_SHARED") : "../shared";
	struct tally t = {.cases = 0};
	char dir[512];
	struct stat st;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/vectors/llhttp/test", shared);
	if (stat(dir, &st)) {
		print_message("no %s: skipped\n", dir);
		skip();
	}
	run_folder(&t, dir);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), "%s/vectors/llhttp/test/%s", shared, i ? "response" : "request");
		run_folder(&t, dir);
	}
	print_message("%u cases: %u accepted, %u refused as llhttp does, stricter:\n", t.cases, t.accepted,
		t.refused);
	for (size_t i = 0; i < SP_ARRAY_LEN(stricter); i++)
		if (t.stricter[i])
			print_message("  %3u %s (%s)\n", t.stricter[i], stricter[i].what, stricter[i].why);
	assert_int_equal(t.bad, 0);
	assert_true(t.cases > 200 && t.accepted > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_llhttp_case_is_judged_at_least_as_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
