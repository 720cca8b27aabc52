/// How long a cache line takes from one CPU to another and back: sallyport-line CPU CPU. A virtual machine's CPUs may
/// be moved between cores that share a cache and cores that do not while a bench runs, and then each call over loopback
/// costs some microseconds more: what is compared has to have had the same.
#include "common/base.h"
#include "common/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "common/banned.h"

#define TRIPS 2000u
#define ROUNDS 9u

static _Alignas(2 * SP_CACHE_LINE) _Atomic unsigned line;

static void wait_for(unsigned value)
{
	while (atomic_load_explicit(&line, memory_order_acquire) != value)
		;
}

static void *answer(void *arg)
{
	for (unsigned i = 0; i < ROUNDS * TRIPS; i++) {
		wait_for(2 * i + 1);
		atomic_store_explicit(&line, 2 * i + 2, memory_order_release);
	}
	return arg;
}

/// The least of the rounds: whatever else ran meanwhile is in the others.
static double ask(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0, r = 0; r < ROUNDS; r++) {
		uint64_t began = sp_clock_boot_ns();

		for (unsigned end = i + TRIPS; i < end; i++) {
			atomic_store_explicit(&line, 2 * i + 1, memory_order_release);
			wait_for(2 * i + 2);
		}
		least = sp_min(least, sp_clock_boot_ns() - began);
	}
	return (double)least / TRIPS;
}

static int cpu_of(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && n < CPU_SETSIZE ? (int)n : -1;
}

/// 0, or what pthreads say: two threads on one CPU would wait for each other's end of time.
static int measure(int here, int there, double *ret)
{
	pthread_attr_t attr;
	cpu_set_t set;
	pthread_t t;
	int err;

	CPU_ZERO(&set);
	CPU_SET(here, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (err)
		return err;
	CPU_ZERO(&set);
	CPU_SET(there, &set);
	pthread_attr_init(&attr);
	err = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (!err)
		err = pthread_create(&t, &attr, answer, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return err;
	*ret = ask();
	return pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	int here = argc == 3 ? cpu_of(argv[1]) : -1, there = argc == 3 ? cpu_of(argv[2]) : -1, err;
	double ns = 0;

	if (here < 0 || there < 0 || here == there) {
		fputs("usage: sallyport-line CPU CPU, two different ones\n", stderr);
		return 2;
	}
	err = measure(here, there, &ns);
	if (err) {
		fprintf(stderr, "sallyport-line: CPUs %d and %d: %s\n", here, there, strerror(err));
		return 1;
	}
	printf("{\"round_trip_ns\": %.1f}\n", ns);
	return 0;
}
