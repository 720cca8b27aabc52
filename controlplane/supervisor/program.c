#include "controlplane/supervisor/program.h"

#include <stdio.h>
#include "common/banned.h"

#ifndef SP_LIBEXECDIR
#define SP_LIBEXECDIR "/usr/local/libexec/sallyport"
#endif

int sp_program_dir(char *ret, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", ret, cap);
	char *slash;

	if (n < 0)
		return -errno;
	if ((size_t)n >= cap)
		return -ENAMETOOLONG;
	ret[n] = 0;
	slash = strrchr(ret, '/');
	if (!slash)
		return -ENOENT;
	*slash = 0;
	return 0;
}

int sp_program_find(const char *exec_dir, const char *role, char *ret, size_t cap)
{
	static const char *const places[] = {"", "../control/", "../audit/", "../../dataplane/"};
	char path[512];

	for (size_t i = 0; i < SP_ARRAY_LEN(places) + 1; i++) {
		int n;

		if (i < SP_ARRAY_LEN(places))
			n = snprintf(
				path, sizeof(path), "%s/%ssallyport-%s", exec_dir, places[i], role);
		else
			n = snprintf(path, sizeof(path), "%s/sallyport-%s", SP_LIBEXECDIR, role);
		if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= cap)
			return -ENAMETOOLONG;
		if (access(path, X_OK) == 0) {
			memcpy(ret, path, (size_t)n + 1);
			return 0;
		}
	}
	return -ENOENT;
}
