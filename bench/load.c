#include "bench/load_conn.h"
#include "bench/load_report.h"
#include "common/clock.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "common/banned.h"

#define REDIAL_NS (20 * SP_NS_PER_MS)
#define START_NS (30 * SP_NS_PER_SEC)  ///< all connections must be up by then
#define FINISH_NS (20 * SP_NS_PER_SEC) ///< for the answers that are out when the run ends

struct options {
	const char *url, *connect_to, *ca, *agents, *mix, *log;
	uint64_t connections, calls, seconds, warmup_s, rate;
	bool ride_out; ///< broken connections are part of the test: dial again, do not fail
};

struct run {
	struct options opt;
	struct load_plan plan;
	struct load_target target;
	struct load_client client;
	struct load_conn *conn;
	struct load_conn *idle_first, *idle_last; ///< open loop: waiting for their next call
	struct load_cpu cpu;
	struct load_report report;
	FILE *log;
	uint64_t began_ns, window_ns, ends_ns; ///< boot time; window_ns 0 = not yet measured
	uint64_t started, out;                 ///< calls sent; calls without an answer yet
	unsigned ready;
	bool running, measuring, gave_up;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void log_call(struct run *r, const struct load_conn *c, const char *verdict, const char *reason)
{
	if (r->log)
		fprintf(r->log, "%s-%08llu\t%s\t%s\t%s%s%s\n", r->plan.ref ? r->plan.ref : "",
			(unsigned long long)c->ref, c->agent->name, c->item->tool, verdict,
			reason[0] ? ":" : "", reason);
}

static void idle_push(struct run *r, struct load_conn *c)
{
	c->next_idle = NULL;
	if (r->idle_last)
		r->idle_last->next_idle = c;
	else
		r->idle_first = c;
	r->idle_last = c;
}

static struct load_conn *idle_pop(struct run *r)
{
	struct load_conn *c = r->idle_first;

	if (c) {
		r->idle_first = c->next_idle;
		if (!r->idle_first)
			r->idle_last = NULL;
	}
	return c;
}

static bool may_start(const struct run *r, uint64_t now_ns)
{
	return r->running && !interrupted && (!r->opt.calls || r->started < r->opt.calls) &&
		(!r->ends_ns || now_ns < r->ends_ns);
}

static void on_broken(struct run *r, struct load_conn *c, uint64_t now_ns)
{
	if (c->item) {
		log_call(r, c, "broken", "");
		r->report.counts.broken++;
		r->out--;
		if (!r->report.counts.first_fault)
			r->report.counts.first_fault = "a connection closed before the answer";
	} else if (!r->running && r->ready) {
		r->ready--;
	}
	c->item = NULL;
	c->redial_ns = now_ns + REDIAL_NS;
	r->report.counts.redials++;
}

static void start_call(struct run *r, struct load_conn *c, uint64_t now_ns, uint64_t start_ns)
{
	r->out++;
	if (load_conn_call(&r->client, c, r->started++, start_ns) == EVENT_BROKEN)
		on_broken(r, c, now_ns);
}

static void on_idle(struct run *r, struct load_conn *c, uint64_t now_ns)
{
	if (!r->running)
		r->ready++;
	if (r->opt.rate || !r->running)
		idle_push(r, c);
	else if (may_start(r, now_ns))
		start_call(r, c, now_ns, now_ns);
}

static void on_answered(struct run *r, struct load_conn *c, uint64_t now_ns)
{
	static const char *const names[] = {"ok", "denied", "limited", "error"};
	struct load_counts *n = &r->report.counts;
	const char *why = NULL;
	enum load_verdict v = load_answer_judge(&c->answer, c->id, &why);

	n->answered++;
	n->ok += v == ANSWER_OK;
	n->denied += v == ANSWER_DENIED;
	n->limited += v == ANSWER_LIMITED;
	n->errors += v == ANSWER_ERROR;
	if (v == ANSWER_ERROR ? true : c->item->expect != EXPECT_ANY && (int)v != (int)c->item->expect) {
		n->unexpected++;
		if (!n->first_fault)
			n->first_fault = v == ANSWER_ERROR ? why : "another verdict than the mix expects";
		if (n->unexpected <= 3)
			fprintf(stderr, "sallyport-load: %s %s: HTTP %u: %.*s\n", c->agent->name, c->item->tool,
				c->answer.status, (int)sp_min(c->answer.body.len, (size_t)400),
				c->answer.body.p ? (const char *)c->answer.body.p : "");
	}
	hist_add(&r->report.latency, now_ns - c->start_ns);
	log_call(r, c, names[v], v == ANSWER_ERROR ? c->answer.reason : "");
	r->out--;
	c->item = NULL;
	if (c->answer.closes) {
		load_conn_done(c);
		c->redial_ns = now_ns;
		return;
	}
	on_idle(r, c, now_ns);
}

static void on_event(struct run *r, struct load_conn *c, enum load_event e, uint64_t now_ns)
{
	switch (e) {
	case EVENT_READY:
		on_idle(r, c, now_ns);
		break;
	case EVENT_ANSWERED:
		on_answered(r, c, now_ns);
		break;
	case EVENT_BROKEN:
		on_broken(r, c, now_ns);
		break;
	case EVENT_NONE:
		break;
	}
}

static void redial(struct run *r, uint64_t now_ns)
{
	for (uint64_t i = 0; i < r->opt.connections; i++) {
		struct load_conn *c = &r->conn[i];

		if (c->state == CONN_DOWN && now_ns >= c->redial_ns)
			on_event(r, c, load_conn_dial(&r->client, c), now_ns);
	}
}

/// Open loop: every call whose time has come and for which a connection is free.
static void start_due(struct run *r, uint64_t now_ns)
{
	for (;;) {
		uint64_t due_ns = r->began_ns + (uint64_t)((double)r->started * 1e9 / (double)r->opt.rate);
		struct load_conn *c;

		if (due_ns > now_ns || !may_start(r, due_ns))
			return;
		do
			c = idle_pop(r);
		while (c && c->state != CONN_IDLE);
		if (!c)
			return;
		start_call(r, c, now_ns, due_ns);
	}
}

/// Warm-up is over: what was counted so far does not count.
static void begin_window(struct run *r, uint64_t now_ns)
{
	r->measuring = true;
	r->window_ns = now_ns;
	r->report.counts = (struct load_counts){.first_fault = r->report.counts.first_fault,
		.unexpected = r->report.counts.unexpected, .broken = r->report.counts.broken};
	memset(&r->report.latency, 0, sizeof(r->report.latency));
	r->cpu.begun_us = load_cpu_us(&r->cpu);
}

static void begin(struct run *r, uint64_t now_ns)
{
	struct load_conn *c, *waiting = r->idle_first;

	r->running = true;
	r->began_ns = now_ns;
	if (!r->opt.warmup_s)
		begin_window(r, now_ns);
	if (r->opt.seconds)
		r->ends_ns = now_ns + (r->opt.warmup_s + r->opt.seconds) * SP_NS_PER_SEC;
	if (r->opt.rate)
		return;
	r->idle_first = r->idle_last = NULL;
	while ((c = waiting)) {
		waiting = c->next_idle;
		if (c->state == CONN_IDLE && may_start(r, now_ns))
			start_call(r, c, now_ns, now_ns);
	}
}

static void end_window(struct run *r, uint64_t now_ns)
{
	if (!r->measuring || r->report.window_ns)
		return;
	r->report.window_ns = now_ns - r->window_ns;
	r->report.cpu_us = load_cpu_us(&r->cpu) - r->cpu.begun_us;
}

static void wait_for_events(struct run *r, uint64_t now_ns)
{
	struct epoll_event events[256];
	uint64_t wait_ns = 5 * SP_NS_PER_MS;
	struct timespec t;
	int n;

	if (r->running && r->opt.rate && r->idle_first && may_start(r, now_ns)) {
		uint64_t due_ns = r->began_ns + (uint64_t)((double)r->started * 1e9 / (double)r->opt.rate);

		wait_ns = due_ns > now_ns ? sp_min(wait_ns, due_ns - now_ns) : 0;
	}
	t = (struct timespec){.tv_nsec = (long)wait_ns};
	n = epoll_pwait2(r->client.epoll_fd, events, SP_ARRAY_LEN(events), &t, NULL);
	now_ns = sp_clock_boot_ns();
	for (int i = 0; i < n; i++) {
		struct load_conn *c = events[i].data.ptr;

		on_event(r, c, load_conn_on(&r->client, c, events[i].events), now_ns);
		if (!r->opt.rate)
			now_ns = sp_clock_boot_ns();
	}
}

/// True when the run is over.
static bool control(struct run *r, uint64_t now_ns, uint64_t launched_ns)
{
	if (!r->running) {
		if (r->ready == r->opt.connections)
			begin(r, now_ns);
		else if (interrupted || now_ns - launched_ns > START_NS)
			r->gave_up = true;
		return r->gave_up;
	}
	if (!r->measuring && now_ns - r->began_ns >= r->opt.warmup_s * SP_NS_PER_SEC)
		begin_window(r, now_ns);
	if (r->opt.rate)
		start_due(r, now_ns);
	if (may_start(r, now_ns))
		return false;
	if (!r->ends_ns || r->ends_ns > now_ns)
		r->ends_ns = now_ns;
	if (!r->opt.calls)
		end_window(r, now_ns);
	return !r->out || now_ns - r->ends_ns > FINISH_NS;
}

static void loop(struct run *r)
{
	uint64_t launched_ns = sp_clock_boot_ns(), now_ns = launched_ns, redialed_ns = 0;

	while (!control(r, now_ns, launched_ns)) {
		if (now_ns - redialed_ns > REDIAL_NS / 2 || !redialed_ns) {
			redial(r, now_ns);
			redialed_ns = now_ns;
		}
		wait_for_events(r, now_ns);
		now_ns = sp_clock_boot_ns();
	}
	end_window(r, now_ns);
	r->report.counts.unanswered = r->out;
}

static int number(const char *text, uint64_t *ret)
{
	int r = sp_bytes_u64(sp_bytes_cstr(text), ret);

	if (r)
		fprintf(stderr, "sallyport-load: '%s' is no number\n", text);
	return r;
}

static int mix_option(struct run *r, char *text)
{
	char *eq = strchr(text, '=');

	if (!eq) {
		r->opt.mix = text;
		return 0;
	}
	*eq = 0;
	return load_plan_mix_file(&r->plan, text, eq + 1);
}

static int one_option(struct run *r, int opt, char *value)
{
	switch (opt) {
	case 'u':
		r->opt.url = value;
		return 0;
	case 't':
		r->opt.connect_to = value;
		return 0;
	case 'C':
		r->opt.ca = value;
		return 0;
	case 'a':
		r->opt.agents = value;
		return 0;
	case 'm':
		return mix_option(r, value);
	case 'c':
		return number(value, &r->opt.connections);
	case 'n':
		return number(value, &r->opt.calls);
	case 's':
		return number(value, &r->opt.seconds);
	case 'w':
		return number(value, &r->opt.warmup_s);
	case 'r':
		return number(value, &r->opt.rate);
	case 'R':
		r->plan.ref = value;
		return 0;
	case 'l':
		r->opt.log = value;
		return 0;
	case 'o':
		r->opt.ride_out = true;
		return 0;
	case 'p':
		return load_cpu_parse(&r->cpu, value);
	case 'e':
		r->plan.era = strcmp(value, "legacy") == 0 ? ERA_LEGACY : ERA_MODERN;
		return strcmp(value, "legacy") == 0 || strcmp(value, "modern") == 0 ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static const char usage[] =
	"usage: sallyport-load --url URL [--connect ADDR:PORT|unix:PATH] [--ca FILE]\n"
	"  [--era modern|legacy] [--connections N] [--calls N | --seconds S [--warmup S]] [--rate PER_S]\n"
	"  [--agents FILE] [--mix NAME | --mix NAME=FILE]... [--ref PREFIX] [--log FILE] [--cpu-of PID,...]\n"
	"  [--ride-out]\n"
	"Prints one JSON object. Without --rate every connection calls as soon as it was answered; with it\n"
	"calls start at fixed times and latency counts from those, sent or not.\n"
	"Agents: lines `name token [mix]`. Mixes: bench support analyst risk echo, or lines\n"
	"`weight ok|denied|limited|any tool {arguments}` from a file.\n"
	"--ref adds call_ref PREFIX-nnnnnnnn to the arguments; --log writes `ref agent tool verdict[:reason]` a call.\n";

static int parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},
		{"connect", required_argument, NULL, 't'},
		{"ca", required_argument, NULL, 'C'},
		{"agents", required_argument, NULL, 'a'},
		{"mix", required_argument, NULL, 'm'},
		{"connections", required_argument, NULL, 'c'},
		{"calls", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"warmup", required_argument, NULL, 'w'},
		{"rate", required_argument, NULL, 'r'},
		{"ref", required_argument, NULL, 'R'},
		{"log", required_argument, NULL, 'l'},
		{"ride-out", no_argument, NULL, 'o'},
		{"cpu-of", required_argument, NULL, 'p'},
		{"era", required_argument, NULL, 'e'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		SP_TRY(one_option(r, opt, optarg));
	if (!r->opt.url || !r->opt.connections || r->opt.connections > 100000)
		return -EINVAL;
	if (!r->opt.calls && !r->opt.seconds)
		r->opt.seconds = 10;
	SP_TRY(load_target_init(&r->target, r->opt.url, r->opt.connect_to, r->opt.ca));
	r->plan.host = r->target.host;
	r->plan.path = r->target.path;
	SP_TRY(r->opt.agents ? load_plan_agents_file(&r->plan, r->opt.agents, r->opt.mix)
			     : load_plan_anonymous(&r->plan, r->opt.mix));
	load_plan_render(&r->plan);
	return 0;
}

static int prepare(struct run *r)
{
	r->client = (struct load_client){&r->target, &r->plan, epoll_create1(EPOLL_CLOEXEC)};
	r->conn = calloc(r->opt.connections, sizeof(*r->conn));
	if (r->client.epoll_fd < 0 || !r->conn)
		return -ENOMEM;
	for (uint64_t i = 0; i < r->opt.connections; i++)
		load_conn_init(&r->conn[i], &r->plan.agent[i % r->plan.agents_n], (unsigned)(i * 7));
	if (r->opt.log && !(r->log = fopen(r->opt.log, "we"))) {
		fprintf(stderr, "sallyport-load: %s: %s\n", r->opt.log, strerror(errno));
		return -errno;
	}
	return 0;
}

static int finish(struct run *r)
{
	struct load_report *report = &r->report;
	const struct load_counts *n = &report->counts;
	bool good = n->answered && !n->unexpected && !n->unanswered && (r->opt.ride_out || !n->broken);

	for (uint64_t i = 0; i < r->opt.connections; i++) {
		report->sent_bytes += r->conn[i].sent_bytes;
		report->received_bytes += r->conn[i].received_bytes;
		load_conn_done(&r->conn[i]);
	}
	report->connections = (unsigned)r->opt.connections;
	report->agents = r->plan.agents_n;
	report->rate = (double)r->opt.rate;
	report->era = r->plan.era == ERA_LEGACY ? "legacy" : "modern";
	report->has_cpu = r->cpu.n;
	if (r->gave_up)
		fprintf(stderr, "sallyport-load: only %u of %u connections came up\n", r->ready,
			report->connections);
	load_report_print(report);
	if (r->log && fclose(r->log) != 0)
		good = false;
	load_plan_done(&r->plan);
	load_target_done(&r->target);
	free(r->conn);
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct run r = {.opt = {.mix = "bench", .connections = 1}};

	load_plan_init(&r.plan);
	if (parse(&r, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	if (prepare(&r) < 0)
		return 1;
	loop(&r);
	return finish(&r);
}
