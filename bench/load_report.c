#include "bench/load_report.h"

#include <stdio.h>
#include <time.h>
#include "common/banned.h"

int load_cpu_parse(struct load_cpu *c, const char *list)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");
		uint64_t pid;

		if (c->n == PIDS_MAX || sp_bytes_u64(sp_bytes(p, n), &pid) < 0 || pid > INT32_MAX)
			return -EINVAL;
		c->pid[c->n++] = (int)pid;
		p += n + (p[n] == ',');
	}
	return c->n ? 0 : -EINVAL;
}

/// The `n`th field (from 1) of a line of fields parted by blanks, as a number; 0 when it is none.
static uint64_t field(const char *line, unsigned n)
{
	uint64_t v = 0;

	for (; *line == ' '; line++)
		if (--n == 0)
			break;
		else
			line += strcspn(line + 1, " ");
	if (n || sp_bytes_u64(sp_bytes(line + 1, strcspn(line + 1, " \n")), &v) < 0)
		return 0;
	return v;
}

static uint64_t one_us(int pid)
{
	char path[64], line[1024];
	const char *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	// The name in parentheses may hold anything; state is the first field behind it, utime the 12th.
	after = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (!after)
		return 0;
	return (field(after + 1, 12) + field(after + 1, 13)) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t own_us(void)
{
	struct timespec t;

	SP_BUG_IF(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void load_cpu_begin(struct load_cpu *c)
{
	c->own_begun_us = own_us();
	for (unsigned i = 0; i < c->n; i++)
		c->begun_us[i] = one_us(c->pid[i]);
}

void load_cpu_end(struct load_cpu *c)
{
	c->own_us = own_us() - c->own_begun_us;
	for (unsigned i = 0; i < c->n; i++) {
		uint64_t now_us = one_us(c->pid[i]);

		c->used_us[i] = now_us - sp_min(c->begun_us[i], now_us);
	}
}

static void print_cpu(const struct load_cpu *cpu, uint64_t calls)
{
	uint64_t sum_us = 0;

	printf("\"own_cpu_us_per_call\":%.3f,", calls ? (double)cpu->own_us / (double)calls : 0.0);
	if (!cpu->n)
		return;
	printf("\"cpu_us_of\":{");
	for (unsigned i = 0; i < cpu->n; i++) {
		printf("%s\"%d\":%llu", i ? "," : "", cpu->pid[i], (unsigned long long)cpu->used_us[i]);
		sum_us += cpu->used_us[i];
	}
	printf("},\"cpu_us\":%llu,\"cpu_us_per_call\":%.3f,", (unsigned long long)sum_us,
		calls ? (double)sum_us / (double)calls : 0.0);
}

static double us(uint64_t ns)
{
	return (double)ns / 1000.0;
}

void load_report_print(const struct load_report *r)
{
	const struct load_counts *c = &r->counts;
	double seconds = (double)r->window_ns / 1e9;

	printf("{\"era\":\"%s\",\"connections\":%u,\"agents\":%u,\"rate\":%.0f,", r->era, r->connections,
		r->agents, r->rate);
	printf("\"calls\":%llu,\"ok\":%llu,\"denied\":%llu,\"limited\":%llu,", (unsigned long long)c->answered,
		(unsigned long long)c->ok, (unsigned long long)c->denied, (unsigned long long)c->limited);
	printf("\"errors\":%llu,\"unexpected\":%llu,\"broken\":%llu,\"unanswered\":%llu,\"redials\":%llu,",
		(unsigned long long)c->errors, (unsigned long long)c->unexpected,
		(unsigned long long)c->broken, (unsigned long long)c->unanswered,
		(unsigned long long)c->redials);
	printf("\"first_fault\":%s%s%s,", c->first_fault ? "\"" : "", c->first_fault ? c->first_fault : "null",
		c->first_fault ? "\"" : "");
	printf("\"window_calls\":%llu,", (unsigned long long)r->window_calls);
	printf("\"seconds\":%.3f,\"calls_per_s\":%.1f,", seconds,
		seconds > 0 ? (double)r->window_calls / seconds : 0.0);
	printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p99_9_us\":%.1f,\"max_us\":%.1f,"
	       "\"mean_us\":%.1f,",
		us(hist_at(&r->latency, 0.5)), us(hist_at(&r->latency, 0.9)), us(hist_at(&r->latency, 0.99)),
		us(hist_at(&r->latency, 0.999)), us(r->latency.max),
		r->latency.n ? us(r->latency.sum) / (double)r->latency.n : 0.0);
	print_cpu(r->cpu, r->window_calls);
	printf("\"bytes_sent\":%llu,\"bytes_received\":%llu}\n", (unsigned long long)r->sent_bytes,
		(unsigned long long)r->received_bytes);
}
