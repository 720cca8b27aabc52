/// A local command run over files made for it; its standard output.
#pragma once

#include "tools/sallyctl/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define TOLD_MAX 65536u

static inline void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/// Exit code; `ret` gets what went to standard output. Messages are not what is looked at.
static inline int told_by(char **argv, int (*run)(const struct sp_line *l), char ret[TOLD_MAX])
{
	int out = fileno(tmpfile()), none = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int kept = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO), argc = 0, code;
	struct sp_line line;
	ssize_t n;

	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(none, STDERR_FILENO);
	code = sp_line_read(argc, argv, &line) < 0 ? SP_CTL_USAGE : run(&line);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	dup2(kept_err, STDERR_FILENO);
	close(kept);
	close(kept_err);
	close(none);
	n = pread(out, ret, TOLD_MAX - 1, 0);
	assert_true(n >= 0);
	ret[n] = 0;
	close(out);
	return code;
}
#define TOLD(ret, run, ...) told_by((char *[]){"sallyctl", __VA_ARGS__, NULL}, run, ret)
