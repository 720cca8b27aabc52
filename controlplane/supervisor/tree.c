#include "controlplane/supervisor/tree.h"

#include "common/childfd.h"
#include "common/clock.h"
#include "common/log.h"
#include "controlplane/supervisor/program.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include "common/banned.h"

#define TURN_MS 100
#define ABORT_GRACE_NS SP_NS_PER_SEC
#define DRAIN_GRACE_NS (2 * SP_NS_PER_SEC)
#define CONTROL_STOP_NS (5 * SP_NS_PER_SEC)
#define AUDIT_STOP_NS (60 * SP_NS_PER_SEC)
#define GAP_NS (2 * SP_NS_PER_SEC)
#define CATCH_UP_NS (10 * SP_NS_PER_SEC)
#define RELOAD_NS (120 * SP_NS_PER_SEC)

static struct sp_root *root_of(const struct sp_tree *t)
{
	return sp_regions_root(t->regions);
}

static const char *name_of(const struct sp_child *c, char buf[24])
{
	if (c->role == SP_ROLE_WORKER)
		snprintf(buf, 24, "worker %u", c->index);
	else
		snprintf(buf, 24, "%s", sp_role_name(c->role));
	return buf;
}

static void kick_all(const struct sp_tree *t)
{
	sp_door_kick(t->doors->audit_event);
	sp_door_kick(t->doors->control_event);
	for (uint32_t i = 0; i < t->doors->workers; i++)
		sp_door_kick(t->doors->worker_event[i]);
}

void sp_tree_init(struct sp_tree *t, const struct sp_plan *plan, struct sp_regions *regions,
	struct sp_doors *doors, const char *exec_dir, int signal_fd)
{
	uint64_t watchdog_us = 0;

	*t = (struct sp_tree){.plan = plan,
		.regions = regions,
		.doors = doors,
		.exec_dir = exec_dir,
		.signal_fd = signal_fd};
	t->child[t->children_n++] = (struct sp_child){.role = SP_ROLE_AUDIT, .wanted = true};
	t->child[t->children_n++] = (struct sp_child){.role = SP_ROLE_CONTROL, .wanted = true};
	for (uint32_t i = 0; i < plan->workers; i++)
		t->child[t->children_n++] =
			(struct sp_child){.role = SP_ROLE_WORKER, .index = i, .wanted = true};
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		t->watchdog_ns = watchdog_us * SP_NS_PER_US / 3;
}

static void start(struct sp_tree *t, struct sp_child *c)
{
	struct sp_spawn s = {0};
	char path[512], index[16], name[24];
	const char *argv[] = {path, index, NULL};
	int err = sp_program_find(t->exec_dir, sp_child_program(c, t->plan), path, sizeof(path));

	snprintf(index, sizeof(index), "%u", c->index);
	sp_child_give(c, t->plan, t->regions, t->doors, &s);
	s.path = path;
	s.argv = argv;
	sp_child_announce(c, root_of(t));
	if (err >= 0)
		err = sp_spawn(&s, &c->pid);
	if (err < 0) {
		sp_log_err("child", err, "%s cannot be started", name_of(c, name));
		c->started_ns = sp_clock_boot_ns();
		sp_child_died(c, t->plan, t->regions, c->started_ns);
		return;
	}
	sp_child_started(c, root_of(t), sp_clock_boot_ns());
	sp_log(SP_LOG_INFO, "child", "%s runs as process %d", name_of(c, name), (int)c->pid);
}

static void start_due(struct sp_tree *t, uint64_t now_ns)
{
	for (uint32_t i = 0; i < t->children_n; i++) {
		struct sp_child *c = &t->child[i];

		if (c->wanted && c->pid == 0 && now_ns >= c->start_at_ns)
			start(t, c);
	}
}

static void log_death(const struct sp_child *c, int status)
{
	enum sp_log_level level = c->wanted ? SP_LOG_ERROR : SP_LOG_INFO;
	char name[24];

	if (WIFSIGNALED(status))
		sp_log(level, "child", "%s was ended by signal %d (%s)", name_of(c, name),
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		sp_log(level, "child", "%s left with exit code %d", name_of(c, name),
			WEXITSTATUS(status));
}

static void reap(struct sp_tree *t)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t i = 0; i < t->children_n; i++) {
			struct sp_child *c = &t->child[i];

			if (c->pid != pid)
				continue;
			log_death(c, status);
			sp_child_died(c, t->plan, t->regions, sp_clock_boot_ns());
			kick_all(t); // audit closes the dead one's calls, the others look again
		}
	}
}

static void signal_role(struct sp_tree *t, enum sp_role role, int sig)
{
	for (uint32_t i = 0; i < t->children_n; i++)
		if (t->child[i].role == role && t->child[i].pid)
			kill(t->child[i].pid, sig);
}

static bool role_gone(const struct sp_tree *t, enum sp_role role)
{
	for (uint32_t i = 0; i < t->children_n; i++)
		if (t->child[i].role == role && t->child[i].pid)
			return false;
	return true;
}

static void unwant(struct sp_tree *t, enum sp_role role)
{
	for (uint32_t i = 0; i < t->children_n; i++)
		if (t->child[i].role == role)
			t->child[i].wanted = false;
}

static void begin_drain(struct sp_tree *t, uint64_t now_ns)
{
	struct sp_root *root = root_of(t);

	sp_log(SP_LOG_NOTICE, "stop", "draining: nothing new is accepted");
	sd_notify(0, "STOPPING=1\nSTATUS=draining");
	t->phase = SP_TREE_DRAIN;
	t->phase_end_ns = now_ns + t->plan->drain_ns + DRAIN_GRACE_NS;
	atomic_store(&root->drain_deadline_ns, now_ns + t->plan->drain_ns);
	atomic_store(&root->run_state, 1);
	unwant(t, SP_ROLE_WORKER);
	sp_doors_close_listeners(t->doors);
	kick_all(t);
}

/// From one step of the stop to the next, when whom it waits for has gone.
static void advance_stop(struct sp_tree *t, uint64_t now_ns)
{
	if (t->phase == SP_TREE_DRAIN && role_gone(t, SP_ROLE_WORKER)) {
		t->phase = SP_TREE_CONTROL;
		t->phase_end_ns = now_ns + CONTROL_STOP_NS;
		unwant(t, SP_ROLE_CONTROL);
		signal_role(t, SP_ROLE_CONTROL, SIGTERM);
	}
	if (t->phase == SP_TREE_CONTROL && role_gone(t, SP_ROLE_CONTROL)) {
		t->phase = SP_TREE_AUDIT;
		t->phase_end_ns = now_ns + AUDIT_STOP_NS;
		unwant(t, SP_ROLE_AUDIT);
		sp_doors_close_life(t->doors);
		signal_role(t, SP_ROLE_AUDIT, SIGTERM);
	}
	if (t->phase == SP_TREE_AUDIT && role_gone(t, SP_ROLE_AUDIT))
		t->phase = SP_TREE_OVER;
}

static void force_stop(struct sp_tree *t)
{
	static const enum sp_role waited_for[] = {
		[SP_TREE_DRAIN] = SP_ROLE_WORKER,
		[SP_TREE_CONTROL] = SP_ROLE_CONTROL,
		[SP_TREE_AUDIT] = SP_ROLE_AUDIT,
	};

	sp_log(SP_LOG_WARN, "stop", "%s: killed", sp_role_name(waited_for[t->phase]));
	signal_role(t, waited_for[t->phase], SIGKILL);
	t->phase_end_ns = UINT64_MAX;
}

static void ask_stop(struct sp_tree *t, uint64_t now_ns)
{
	if (t->phase == SP_TREE_RUN) {
		begin_drain(t, now_ns);
		return;
	}
	// asked twice: nobody is waited for but audit, which holds what has happened
	t->forced = true;
	signal_role(t, SP_ROLE_WORKER, SIGKILL);
	signal_role(t, SP_ROLE_CONTROL, SIGKILL);
	unwant(t, SP_ROLE_CONTROL);
}

static void begin_reload(struct sp_tree *t, uint64_t now_ns)
{
	char text[64];

	if (t->phase != SP_TREE_RUN)
		return;
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)(now_ns / SP_NS_PER_US));
	sd_notify(0, text);
	t->reload_end_ns = now_ns + RELOAD_NS;
	signal_role(t, SP_ROLE_CONTROL, SIGHUP);
}

static void read_signals(struct sp_tree *t, uint64_t now_ns)
{
	struct signalfd_siginfo info;

	while (read(t->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			begin_reload(t, now_ns);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			ask_stop(t, now_ns);
	}
}

static void read_orders(struct sp_tree *t, uint64_t now_ns)
{
	uint8_t order;

	while (read(t->doors->orders.read_fd, &order, sizeof(order)) == sizeof(order)) {
		if (order == SP_ORDER_DRAIN && t->phase == SP_TREE_RUN)
			begin_drain(t, now_ns);
		else if (order == SP_ORDER_RELOADED)
			t->reload_end_ns = 0;
	}
}

/// A child that gives no sign of life is aborted, and killed when that does not end it.
static void check_beats(struct sp_tree *t, uint64_t now_ns)
{
	char name[24];

	// the machine slept, or we were stopped: so were they, and now they get the time to catch
	// up
	if (t->turn_ns && now_ns - t->turn_ns > GAP_NS)
		t->beats_from_ns = now_ns + CATCH_UP_NS;
	t->turn_ns = now_ns;
	if (now_ns < t->beats_from_ns)
		return;
	for (uint32_t i = 0; i < t->children_n; i++) {
		struct sp_child *c = &t->child[i];

		if (c->pid == 0)
			continue;
		if (c->abort_ns) {
			if (now_ns - c->abort_ns > ABORT_GRACE_NS)
				kill(c->pid, SIGKILL);
		} else if (sp_child_stuck(c, root_of(t), now_ns)) {
			sp_log(SP_LOG_ERROR, "child", "%s gives no sign of life: aborted",
				name_of(c, name));
			c->abort_ns = now_ns;
			kill(c->pid, SIGABRT);
		}
	}
}

static void notify_state(struct sp_tree *t, uint64_t now_ns)
{
	unsigned workers = 0, others = 0;
	bool ready, reloading = t->reload_end_ns > now_ns;

	for (uint32_t i = 0; i < t->children_n; i++)
		if (sp_child_ready(&t->child[i], root_of(t)))
			*(t->child[i].role == SP_ROLE_WORKER ? &workers : &others) += 1;
	ready = workers == t->plan->workers && others == 2 && !reloading;
	if (t->phase == SP_TREE_RUN && ready != t->was_ready) {
		sd_notifyf(0, "%sSTATUS=%s: %u of %u workers, policy generation %llu",
			ready ? "READY=1\n" : "",
			reloading ? "reloading"
			: ready   ? "serving"
				  : "degraded",
			workers, t->plan->workers,
			(unsigned long long)(atomic_load(&root_of(t)->policy_head) >> 8));
		sp_log(SP_LOG_NOTICE, "state", "%s: %u of %u workers ready",
			reloading ? "reloading"
			: ready   ? "serving"
				  : "degraded",
			workers, t->plan->workers);
		t->was_ready = ready;
	}
	if (t->watchdog_ns && now_ns >= t->watchdog_next_ns) {
		sd_notify(0, "WATCHDOG=1");
		t->watchdog_next_ns = now_ns + t->watchdog_ns;
	}
}

int sp_tree_run(struct sp_tree *t)
{
	struct pollfd p[] = {
		{.fd = t->signal_fd, .events = POLLIN},
		{.fd = t->doors->orders.read_fd, .events = POLLIN},
	};

	while (t->phase != SP_TREE_OVER) {
		uint64_t now_ns = sp_clock_boot_ns();

		start_due(t, now_ns);
		notify_state(t, now_ns);
		poll(p, SP_ARRAY_LEN(p), TURN_MS);
		now_ns = sp_clock_boot_ns();
		read_signals(t, now_ns);
		read_orders(t, now_ns);
		reap(t);
		check_beats(t, now_ns);
		if (t->phase != SP_TREE_RUN) {
			advance_stop(t, now_ns);
			if (t->phase != SP_TREE_OVER && now_ns >= t->phase_end_ns)
				force_stop(t);
		}
	}
	sp_log(SP_LOG_NOTICE, "stop", "all processes have left");
	return t->forced ? 1 : 0;
}
