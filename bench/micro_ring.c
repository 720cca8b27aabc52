#include "bench/micro_ring.h"

#include "common/channel.h"
#include "common/clock.h"
#include <pthread.h>
#include <sched.h>
#include "common/banned.h"

#define ENTRIES 4096u
#define ARENA (2u << 20)
#define RECORD_BYTES 300u
#define RECORDS 400000u
#define ROUNDS 7u
#define BATCH 64u

static void *produce(void *arg)
{
	struct sp_channel *c = arg;
	uint8_t record[RECORD_BYTES];

	memset(record, 0x5a, sizeof(record));
	for (unsigned i = 0; i < RECORDS;) {
		uint8_t *p = sp_channel_reserve(c, RECORD_BYTES);

		if (!p) {
			sched_yield();
			continue;
		}
		memcpy(p, record, sizeof(record));
		sp_channel_commit(c, sizeof(record));
		i++;
	}
	return NULL;
}

static uint64_t consume(struct sp_channel *c)
{
	struct sp_channel_record r[BATCH];
	uint64_t bytes = 0;

	for (unsigned seen = 0; seen < RECORDS;) {
		unsigned n = sp_channel_peek(c, 0, r, BATCH);

		for (unsigned i = 0; i < n; i++)
			bytes += r[i].bytes.n + r[i].bytes.p[0];
		sp_channel_release(c, n);
		seen += n;
		if (n == 0)
			sched_yield();
	}
	return bytes;
}

static double round_ns(struct sp_channel *w, struct sp_channel *a)
{
	uint64_t start = sp_clock_boot_ns(), bytes;
	pthread_t t;

	if (pthread_create(&t, NULL, produce, w) != 0)
		return -1;
	bytes = consume(a);
	pthread_join(t, NULL);
	if (bytes != (uint64_t)RECORDS * (RECORD_BYTES + 0x5a))
		return -1;
	return (double)(sp_clock_boot_ns() - start) / RECORDS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double sp_bench_ring_ns(void)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	double ns[ROUNDS];
	int fd = -1;

	if (sp_shm_create("bench-ring", SP_REGION_CHANNEL, sp_channel_bytes(ENTRIES, ARENA, 8),
		    sizeof(struct sp_channel_region), &shm, &fd) < 0)
		return -1;
	close(fd);
	if (sp_channel_format(&shm, 0, ENTRIES, ARENA, 8) < 0 ||
		sp_channel_attach_worker(&shm, &w) < 0 || sp_channel_attach_audit(&shm, &a) < 0)
		return -1;
	for (unsigned i = 0; i < ROUNDS; i++)
		ns[i] = round_ns(&w, &a);
	sp_shm_detach(&shm);
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	return ns[0] < 0 ? -1 : ns[ROUNDS / 2];
}
