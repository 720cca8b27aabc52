/// File paths. The kernel is the oracle of the last test: openat2(RESOLVE_BENEATH) opens what was
/// allowed.
#include "common/url.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include "common/banned.h"

static enum sp_url_why normalize(const char *text, struct sp_bytes *ret)
{
	static uint8_t buf[SP_URL_MAX + 8];

	return sp_path_normalize(sp_bytes_cstr(text), buf, sizeof(buf), ret);
}

static bool below(const char *text, const char *root)
{
	struct sp_bytes normal;

	assert_null(sp_path_root_wrong(sp_bytes_cstr(root)));
	return normalize(text, &normal) == SP_URL_OK && sp_path_below(normal, sp_bytes_cstr(root));
}

static void paths_are_brought_to_one_spelling(void **state)
{
	static const char *const both[][2] = {{"/srv/data/a", "/srv/data/a"},
		{"/srv//data/./b/../a/", "/srv/data/a"}, {"a/b", "a/b"}, {"./a", "a"}, {".", "."},
		{"a/..", "."}, {"/", "/"}, {"/a/..", "/"}, {"a b/c", "a b/c"}, {"a\\b", "a/b"},
		{"a\\.\\b", "a/b"}, {"客戶/資料", "客戶/資料"},
		{"..a/b..c", "..a/b..c"}, {"a:b", NULL},
		{"2026-01-01T10:00.log", "2026-01-01T10:00.log"}, {"a;b?c#d", "a;b?c#d"},
		{"my file.txt", "my file.txt"}, {".hidden", ".hidden"}};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(both); i++) {
		struct sp_bytes got;
		enum sp_url_why why = normalize(both[i][0], &got);

		if (!both[i][1]) {
			assert_int_not_equal(why, SP_URL_OK);
			continue;
		}
		if (why != SP_URL_OK || !sp_bytes_eq(got, sp_bytes_cstr(both[i][1])))
			print_error("%s: %s\n", both[i][0], sp_url_why_name(why));
		assert_int_equal(why, SP_URL_OK);
		assert_true(sp_bytes_eq(got, sp_bytes_cstr(both[i][1])));
	}
}

static void what_two_systems_read_differently_is_refused(void **state)
{
	static const char *const no[] = {"", "..", "../a", "a/../../b", "/..", "/a/../../b",
		"./../a", "\\a", "\\\\host\\x", "a\\..\\b", "..\\a", "a\\b/c", "a/b\\c", "C:\\x",
		"C:x", "c:/x", "//host/share", "~/.ssh/id", "~root", "./~root/x", "a/../file:/x",
		"$HOME/x", "${HOME}/x", "file:///etc/passwd", "file:/etc/passwd", "FILE:x",
		"php://filter/x", "zip:a", "%66ile:/etc/passwd", "%7e/.ssh", "%2e%2e/a", "..%2fa",
		"a%2f..%2f..", "a%5c..", "%252e%252e/a", "%25252e/a", "a%00b", "a%0ab", "a\nb",
		"a\tb", "a%", "a%4", "100%", "a%zz", "%u002e%u002e/x", "%c0%ae%c0%ae/x",
		"\xc0\xae\xc0\xae/x", "．．/x", "a／b", "\u2025/x", "a\u2215b", "a\u200b/x",
		".../x", "a./x", "a /x", " /etc/passwd", " a", "a ", "..\x20/x",
		"/srv/d%61ta/x", "d%61ta/x", "a%20b/c", "%E5%AE%A2/x", "/srv/data/a%20b", "\x7f", "a\xed\xa0\x80"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(no); i++) {
		struct sp_bytes got = SP_LIT("kept");
		enum sp_url_why why = normalize(no[i], &got);

		if (why == SP_URL_OK)
			print_error("%s\n", no[i]);
		assert_int_not_equal(why, SP_URL_OK);
		assert_true(sp_bytes_eq(got, SP_LIT("kept")));
	}
}

static void roots_are_whole_folders(void **state)
{
	(void)state;
	assert_true(below("/srv/data/a", "/srv/data"));
	assert_true(below("/srv/data", "/srv/data"));
	assert_true(below("/srv/data/../data/a", "/srv/data/"));
	assert_false(below("a/b", "/srv/data"));
	assert_false(below("a/b", "/"));
	assert_false(below(".", "/srv/data"));
	assert_true(below("/etc/x", "/"));
	assert_true(below("data/x", "data"));
	assert_true(below("x", "."));
	assert_false(below("/srv/database", "/srv/data"));
	assert_false(below("/srv/data/../etc", "/srv/data"));
	assert_false(below("/srv", "/srv/data"));
	assert_false(below("/", "/srv/data"));
	assert_false(below("/SRV/data/x", "/srv/data"));
	assert_false(below("other/x", "data"));
	assert_false(below("/data/x", "data"));
	assert_false(below("/x", "."));
	assert_false(sp_path_below(SP_NOBYTES, SP_LIT("/")));
	assert_false(sp_path_below(SP_LIT("/x"), SP_NOBYTES));
}

static void roots_that_no_path_has_are_named(void **state)
{
	static const char *const wrong[] = {
		"", "..", "/a/../b", "/a//b", "~/x", "C:/x", "/a%20b", "/a/./b", "//a"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++)
		assert_non_null(sp_path_root_wrong(sp_bytes_cstr(wrong[i])));
	assert_null(sp_path_root_wrong(SP_LIT("/srv/my data/")));
	assert_null(sp_path_root_wrong(SP_LIT("/")));
}

static void lengths_are_bounded(void **state)
{
	static uint8_t text[SP_URL_MAX + 1], buf[SP_URL_MAX + 8];
	struct sp_bytes got;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(sp_path_normalize(sp_bytes(text, sizeof(text)), buf, sizeof(buf), &got),
		SP_URL_TOO_LONG);
	assert_int_equal(
		sp_path_normalize(sp_bytes(text, SP_URL_MAX), buf, sizeof(buf), &got), SP_URL_OK);
	assert_int_equal(got.n, SP_URL_MAX);
	assert_int_equal(sp_path_normalize(SP_LIT("abcdef"), buf, 4, &got), SP_URL_TOO_LONG);
	assert_int_equal(sp_path_normalize(SP_LIT("."), buf, 1, &got), SP_URL_TOO_LONG);
}

/// As a tool opens it: from the root's folder, as it came.
static int open_beneath(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

static void decode(char *s)
{
	char *w = s;
	unsigned v;

	for (char *r = s; *r; r++, w++) {
		char hex[3] = {r[0] == '%' ? r[1] : 0, r[0] == '%' && r[1] ? r[2] : 0, 0};

		*w = *r;
		if (strspn(hex, "0123456789abcdefABCDEF") == 2 && sscanf(hex, "%x", &v) == 1 && v) {
			*w = (char)v;
			r += 2;
		}
	}
	*w = 0;
}

/// Traversal texts: `up` in some spelling, repeated, around names that exist.
static void payload(unsigned n, char *ret, size_t cap)
{
	static const char *const up[] = {"../", "..\\", "%2e%2e/", "..%2f", "%2e%2e%2f",
		"%252e%252e%252f", "..%5c", "..;/", "....//", "..././", ".%2e/", "%2e./", "..%00/",
		"..%c0%af", "..//", "./../", "a/../", "a/./../", "a/../../"};
	static const char *const front[] = {
		"", "a/", "a/b/", "./", "/", "a%2fb/", "a\\b/", "a%5cb/", "//"};
	static const char *const back[] = {"", "a", "b", "etc/passwd", "a/b/.."};
	const char *u = up[n % SP_ARRAY_LEN(up)];

	n /= SP_ARRAY_LEN(up);
	snprintf(ret, cap, "%s", front[n % SP_ARRAY_LEN(front)]);
	n /= SP_ARRAY_LEN(front);
	for (unsigned i = 0; i <= n % 6; i++)
		snprintf(ret + strlen(ret), cap - strlen(ret), "%s", u);
	n /= 6;
	snprintf(ret + strlen(ret), cap - strlen(ret), "%s", back[n % SP_ARRAY_LEN(back)]);
}

static void what_is_allowed_below_a_root_the_kernel_opens_below_it(void **state)
{
	char folder[] = "/tmp/sp-path-XXXXXX", text[256];
	unsigned allowed = 0, opened = 0;
	int root;

	(void)state;
	assert_non_null(mkdtemp(folder));
	root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "a", 0700), 0);
	assert_int_equal(mkdirat(root, "a/b", 0700), 0);
	assert_int_equal(mkdirat(root, "a\\b", 0700), 0);
	assert_int_equal(mkdirat(root, "a%2fb", 0700), 0);
	assert_int_equal(mkdirat(root, "a%5cb", 0700), 0);
	if (open_beneath(root, "a") == -ENOSYS)
		skip();
	assert_int_equal(open_beneath(root, "a/../.."), -EXDEV);
	for (unsigned n = 0; n < 19 * 9 * 6 * 5; n++) {
		struct sp_bytes normal;

		payload(n, text, sizeof(text));
		if (normalize(text, &normal) != SP_URL_OK || normal.p[0] == '/')
			continue;
		allowed++;
		for (unsigned layer = 0; layer < 4; layer++, decode(text)) {
			int r = open_beneath(root, text);

			if (r == -EXDEV)
				print_error("%s\n", text);
			assert_int_not_equal(r, -EXDEV);
			opened += r == 0;
		}
	}
	assert_true(allowed > 50 && opened > 50);
	unlinkat(root, "a/b", AT_REMOVEDIR);
	unlinkat(root, "a", AT_REMOVEDIR);
	unlinkat(root, "a\\b", AT_REMOVEDIR);
	unlinkat(root, "a%2fb", AT_REMOVEDIR);
	unlinkat(root, "a%5cb", AT_REMOVEDIR);
	close(root);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_brought_to_one_spelling),
		cmocka_unit_test(what_two_systems_read_differently_is_refused),
		cmocka_unit_test(roots_are_whole_folders),
		cmocka_unit_test(roots_that_no_path_has_are_named),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(what_is_allowed_below_a_root_the_kernel_opens_below_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
