#include "bench/load_run.h"

#include "common/clock.h"

#include <signal.h>
#include "common/banned.h"

#define REDIAL_NS (20 * SP_NS_PER_MS)
#define START_NS (30 * SP_NS_PER_SEC)  ///< all connections must be up by then,
#define START_EACH_NS (10 * SP_NS_PER_MS) ///< and this for each of them
#define FINISH_NS (20 * SP_NS_PER_SEC) ///< for the answers that are out when the run ends

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

void load_run_until_interrupted(void)
{
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
}

static void log_call(struct load_run *r, const struct load_conn *c, const char *verdict, const char *reason)
{
	if (r->log)
		fprintf(r->log, "%s-%08llu\t%s\t%s\t%s%s%s\n", r->plan.ref ? r->plan.ref : "",
			(unsigned long long)c->ref, c->agent->name, c->item->tool, verdict,
			reason[0] ? ":" : "", reason);
}

static void idle_push(struct load_run *r, struct load_conn *c)
{
	if (c->listed)
		return;
	c->listed = true;
	c->next_idle = NULL;
	if (r->idle_last)
		r->idle_last->next_idle = c;
	else
		r->idle_first = c;
	r->idle_last = c;
}

static struct load_conn *idle_pop(struct load_run *r)
{
	struct load_conn *c = r->idle_first;

	if (c) {
		r->idle_first = c->next_idle;
		if (!r->idle_first)
			r->idle_last = NULL;
		c->listed = false;
	}
	return c;
}

static bool may_start(const struct load_run *r, uint64_t now_ns)
{
	return r->running && !interrupted && (!r->opt.calls || r->started < r->opt.calls) &&
		(!r->ends_ns || now_ns < r->ends_ns);
}

static void on_broken(struct load_run *r, struct load_conn *c, uint64_t now_ns)
{
	if (c->item) {
		log_call(r, c, "broken", "");
		r->report.counts.broken++;
		r->out--;
		if (!r->report.counts.first_fault)
			r->report.counts.first_fault = "a connection closed before the answer";
	} else if (c->came_up) {
		r->ready--;
	}
	c->came_up = false;
	c->item = NULL;
	c->redial_ns = now_ns + REDIAL_NS;
	r->report.counts.redials++;
}

static void start_call(struct load_run *r, struct load_conn *c, uint64_t now_ns, uint64_t start_ns)
{
	r->out++;
	if (load_conn_call(r->client, c, r->started++, start_ns) == EVENT_BROKEN)
		on_broken(r, c, now_ns);
}

static void on_idle(struct load_run *r, struct load_conn *c, uint64_t now_ns)
{
	if (!r->running && !c->came_up) {
		c->came_up = true;
		r->ready++;
	}
	if (r->opt.rate || !r->running)
		idle_push(r, c);
	else if (may_start(r, now_ns))
		start_call(r, c, now_ns, now_ns);
}

static void on_answered(struct load_run *r, struct load_conn *c, uint64_t now_ns)
{
	static const char *const names[] = {"ok", "denied", "limited", "error"};
	struct load_counts *n = &r->report.counts;
	const char *why = NULL;
	bool known = load_answer_is(&c->answer, c->known, c->id);
	enum load_verdict v = known ? ANSWER_OK : load_answer_judge(&c->answer, c->id, &why);

	if (v == ANSWER_OK && !known)
		load_answer_learn(&c->answer, c->known);
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
		load_conn_down(r->client, c);
		c->redial_ns = now_ns;
		return;
	}
	on_idle(r, c, now_ns);
}

static void on_event(void *user, struct load_conn *c, enum load_event e, uint64_t now_ns)
{
	struct load_run *r = user;

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

static void redial(struct load_run *r, uint64_t now_ns)
{
	for (uint64_t i = 0; i < r->opt.connections; i++) {
		struct load_conn *c = r->conn[i];

		if (c->state == CONN_DOWN && now_ns >= c->redial_ns)
			on_event(r, c, r->client->wire->dial(r->client, c), now_ns);
	}
}

/// Open loop: every call whose time has come and for which a connection is free.
static void start_due(struct load_run *r, uint64_t now_ns)
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
static void begin_window(struct load_run *r, uint64_t now_ns)
{
	r->measuring = true;
	r->window_ns = now_ns;
	r->report.counts = (struct load_counts){.first_fault = r->report.counts.first_fault,
		.unexpected = r->report.counts.unexpected, .broken = r->report.counts.broken};
	memset(&r->report.latency, 0, sizeof(r->report.latency));
	load_cpu_begin(&r->cpu);
	if (r->opt.tell)
		fputs("window opens\n", stderr);
}

static void begin(struct load_run *r, uint64_t now_ns)
{
	struct load_conn *c;

	r->running = true;
	r->began_ns = now_ns;
	if (r->opt.tell)
		fputs("calls begin\n", stderr);
	if (!r->opt.warmup_s)
		begin_window(r, now_ns);
	if (r->opt.seconds)
		r->ends_ns = now_ns + (r->opt.warmup_s + r->opt.seconds) * SP_NS_PER_SEC;
	if (r->opt.rate)
		return;
	while ((c = idle_pop(r)))
		if (c->state == CONN_IDLE && may_start(r, now_ns))
			start_call(r, c, now_ns, now_ns);
}

static void end_window(struct load_run *r, uint64_t now_ns)
{
	if (!r->measuring || r->report.window_ns)
		return;
	r->report.window_ns = now_ns - r->window_ns;
	r->report.window_calls = r->report.counts.answered;
	load_cpu_end(&r->cpu);
}

/// How long the transport may wait for events.
static uint64_t wait_ns(const struct load_run *r, uint64_t now_ns)
{
	const uint64_t most = 5 * SP_NS_PER_MS;
	uint64_t due_ns;

	if (!r->running || !r->opt.rate || !r->idle_first || !may_start(r, now_ns))
		return most;
	due_ns = r->began_ns + (uint64_t)((double)r->started * 1e9 / (double)r->opt.rate);
	return due_ns > now_ns ? sp_min(most, due_ns - now_ns) : 0;
}

/// True when the run is over.
static bool control(struct load_run *r, uint64_t now_ns, uint64_t launched_ns)
{
	if (!r->running) {
		if (r->ready == r->opt.connections)
			begin(r, now_ns);
		else if (interrupted || now_ns - launched_ns > START_NS + r->opt.connections * START_EACH_NS)
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

static void loop(struct load_run *r)
{
	uint64_t launched_ns = sp_clock_boot_ns(), now_ns = launched_ns, redialed_ns = 0;

	while (!control(r, now_ns, launched_ns)) {
		if (now_ns - redialed_ns > REDIAL_NS / 2 || !redialed_ns) {
			redial(r, now_ns);
			redialed_ns = now_ns;
		}
		r->client->wire->turn(r->client, wait_ns(r, now_ns));
		now_ns = sp_clock_boot_ns();
	}
	end_window(r, now_ns);
	r->report.counts.unanswered = r->out;
}

static int prepare(struct load_run *r, struct load_client *client)
{
	client->target = &r->target;
	client->plan = &r->plan;
	client->stamps_turns = r->opt.rate;
	client->on_event = on_event;
	client->user = r;
	r->client = client;
	r->conn = calloc(r->opt.connections, sizeof(struct load_conn *));
	if (!r->conn)
		return -ENOMEM;
	for (uint64_t i = 0; i < r->opt.connections; i++) {
		r->conn[i] = client->wire->make();
		if (!r->conn[i])
			return -ENOMEM;
		load_conn_init(r->conn[i], &r->plan.agent[i % r->plan.agents_n], (unsigned)(i * 7));
	}
	if (r->opt.log && !(r->log = fopen(r->opt.log, "we"))) {
		fprintf(stderr, "sallyport-load: %s: %s\n", r->opt.log, strerror(errno));
		return -errno;
	}
	return 0;
}

static void free_conns(struct load_run *r)
{
	for (uint64_t i = 0; r->conn && i < r->opt.connections && r->conn[i]; i++) {
		r->report.sent_bytes += r->conn[i]->sent_bytes;
		r->report.received_bytes += r->conn[i]->received_bytes;
		load_conn_done(r->client, r->conn[i]);
		free(r->conn[i]);
	}
	free(r->conn);
	r->conn = NULL;
}

static int finish(struct load_run *r)
{
	struct load_report *report = &r->report;
	const struct load_counts *n = &report->counts;
	bool good = n->answered && !n->unexpected && !n->unanswered && (r->opt.ride_out || !n->broken);

	free_conns(r);
	report->connections = (unsigned)r->opt.connections;
	report->agents = r->plan.agents_n;
	report->rate = (double)r->opt.rate;
	report->era = r->plan.era == ERA_LEGACY ? "legacy" : "modern";
	report->cpu = &r->cpu;
	if (r->gave_up)
		fprintf(stderr, "sallyport-load: only %u of %u connections came up\n", r->ready,
			report->connections);
	load_report_print(report);
	if (r->log && fclose(r->log) != 0)
		good = false;
	load_plan_done(&r->plan);
	load_target_done(&r->target);
	return good ? 0 : 1;
}

int load_run(struct load_run *r, struct load_client *client)
{
	if (prepare(r, client) == 0)
		loop(r);
	return finish(r);
}
