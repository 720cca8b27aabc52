/// Runs a fuzzer's entry point over every file of the folders named: seeds and past findings.
#include "common/base.h"

#include <dirent.h>
#include <stdio.h>
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir, const char *name)
{
	char path[4096];
	static uint8_t data[1 << 20];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f)
		return -errno;
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
	unsigned ran = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (!d) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		while ((e = readdir(d)))
			if (e->d_name[0] != '.' && replay(argv[i], e->d_name) == 0)
				ran++;
		closedir(d);
	}
	printf("%u inputs replayed\n", ran);
	return ran == 0;
}
