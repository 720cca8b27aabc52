#include "common/base.h"

#include <stdio.h>
#include "common/banned.h"

void sp_bug(const char *file, int line, const char *cond)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "BUG %s:%d: %s\n", file, line, cond);

	if (n > 0 && write(STDERR_FILENO, text, (size_t)sp_min(n, (int)sizeof(text) - 1)) < 0)
		_exit(134);
	abort();
}
