/// sallyport-control: started by the supervisor with the descriptors of common/childfd.h, or by
/// hand with
/// --check, or by the supervisor with --plan.
#include "common/childfd.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "controlplane/control/control.h"
#include "controlplane/control/roles.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include "common/banned.h"

#define TURN_MS 250
#define LOCK_WAIT_NS (15 * SP_NS_PER_SEC)

static void who(void *ctx, struct sp_caller *caller)
{
	struct sp_control *c = ctx;

	caller->access = sp_role_of_peer(
		&c->now.gateway->control.roles, &caller->peer, caller->name, sizeof(caller->name));
}

static void refused(void *ctx, const struct sp_ctl_command *cmd, const struct sp_caller *caller)
{
	struct sp_control *c = ctx;
	const struct sp_act act = {.act = cmd->words,
		.actor = caller->name,
		.outcome = "refused",
		.generation = sp_publisher_generation(&c->publisher)};

	sp_log(SP_LOG_WARN, "socket", "%s may not call '%s'", caller->name, cmd->words);
	if (sp_acts_record(&c->acts, &act) < 0)
		sp_log(SP_LOG_ERROR, "audit", "a refusal could not be recorded");
}

static int attach(
	int fd, enum sp_region_kind kind, size_t root_size, bool writable, struct sp_shm *ret)
{
	int err = sp_shm_attach(fd, kind, root_size, writable, ret);

	return err < 0 ? sp_log_err("start", err, "region %d at descriptor %d", (int)kind, fd) : 0;
}

static int attach_channels(struct sp_control *c)
{
	struct sp_shm shm;

	for (uint32_t i = 0; i < c->plan->workers; i++) {
		SP_TRY(attach(SP_FD_CHANNEL + (int)i, SP_REGION_CHANNEL,
			sizeof(struct sp_channel_region), true, &shm));
		SP_TRY(sp_channel_attach_control(&shm, &c->worker[i]));
	}
	SP_TRY(attach(SP_FD_CHANNEL + (int)c->plan->workers, SP_REGION_CHANNEL,
		sizeof(struct sp_channel_region), true, &shm));
	return sp_acts_init(&c->acts, c->root, &shm, SP_FD_AUDIT_EVENT);
}

/// One owner at a time: that of a gateway whose supervisor died leaves within a turn of its loop.
static int lock_state(int dir_fd)
{
	const struct timespec nap = {0, 10 * SP_NS_PER_MS};
	uint64_t end = sp_clock_boot_ns() + LOCK_WAIT_NS;

	while (flock(dir_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (sp_clock_boot_ns() >= end)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int open_state(struct sp_control *c)
{
	char path[SP_PATH_MAX + 16];
	int err;

	snprintf(path, sizeof(path), "%s/control", c->plan->state_dir);
	c->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0)
		return sp_log_err("start", -errno, "%s", path);
	err = lock_state(c->dir_fd);
	if (err < 0)
		return sp_log_err("start", err, "another control process uses %s", path);
	return sp_policies_init(&c->policies, c->plan->state_dir, c->dir_fd);
}

static int attach_all(struct sp_control *c)
{
	struct sp_shm root, plan, policy, secrets, revoked;
	uint64_t now = sp_clock_wall_ns();
	int err;

	SP_TRY(attach(SP_FD_ROOT, SP_REGION_ROOT, sizeof(struct sp_root), true, &root));
	SP_TRY(attach(SP_FD_PLAN, SP_REGION_PLAN, sizeof(struct sp_plan), false, &plan));
	SP_TRY(attach(
		SP_FD_POLICY, SP_REGION_POLICY, sizeof(struct sp_policy_region), true, &policy));
	SP_TRY(attach(SP_FD_SECRETS, SP_REGION_SECRETS, sizeof(struct sp_secrets_region), true,
		&secrets));
	SP_TRY(attach(SP_FD_REVOKED, SP_REGION_REVOKED, sizeof(struct sp_revoked_region), true,
		&revoked));
	SP_TRY(attach(
		SP_FD_LIMITS, SP_REGION_LIMITS, sizeof(struct sp_limits_region), true, &c->limits));
	SP_TRY(sp_history_attach(&c->limits, &c->history));
	c->root = (struct sp_root *)root.base;
	c->plan = (const struct sp_plan *)plan.base;
	SP_TRY(open_state(c));
	SP_TRY(attach_channels(c));
	SP_TRY(sp_publisher_init(&c->publisher, &root, &policy, c->dir_fd, SP_FD_WORKER_EVENT));
	SP_TRY(sp_secrets_init(&c->secrets, c->root, &secrets));
	err = sp_revocations_init(&c->revocations, c->root, &revoked, c->dir_fd,
		now - sp_min(now, c->plan->session_ns));
	if (err < 0) // without them, who was stopped would go on: fail closed
		return sp_log_err(
			"start", err, "revocations in %s/control/revoked", c->plan->state_dir);
	return sp_trust_init(&c->trust);
}

/// Whatever the C library loads when it is first asked, before no file can be mapped as code any
/// more.
static void warm_up(void)
{
	struct sp_gw_roles none = {0};
	struct sp_unix_peer self = {.uid = getuid(), .gid = getgid()};
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX];
	uint32_t len[SP_UPSTREAM_ADDRS_MAX];
	char name[64];

	(void)sp_role_of_peer(&none, &self, name, sizeof(name));
	(void)sp_resolve_system(NULL, "localhost", 80, addr, len);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void beat(struct sp_control *c)
{
	atomic_store_explicit(&c->root->control.beat_ns, sp_clock_boot_ns(), memory_order_relaxed);
}

static void end_session(struct sp_control *c, const uint8_t *id)
{
	int err = sp_revocations_end_session(&c->revocations, id, sp_clock_wall_ns());

	if (err < 0 && err != -EEXIST && !c->sessions_full)
		sp_log_err("revoke", err, "sessions that agents end live on until they expire");
	c->sessions_full = err < 0 && err != -EEXIST;
}

static void read_messages(struct sp_control *c)
{
	struct sp_control_msg m;

	for (uint32_t i = 0; i < c->plan->workers; i++) {
		// a worker may say what it likes: a bounded number a turn, and a number that is
		// only an index
		for (unsigned n = 0; n < 64 && sp_channel_msg_get(&c->worker[i], false, &m) == 0;
			n++) {
			uint32_t issuer;

			memcpy(&issuer, m.payload, sizeof(issuer));
			if (m.type == SP_MSG_KEY_UNKNOWN)
				sp_trust_unknown_kid(&c->trust, issuer);
			else if (m.type == SP_MSG_SESSION_END)
				end_session(c, m.payload);
		}
	}
}

static void reload(struct sp_control *c)
{
	const char order = SP_ORDER_RELOADED;
	struct sp_check check;
	int err;

	c->reload = false;
	sp_check_init(&check);
	err = sp_control_reload(c, &check);
	c->trouble[0] = 0;
	if (err < 0) {
		sp_problems_text(&check, c->policies.stage_path, c->trouble, sizeof(c->trouble));
		if (!c->trouble[0])
			snprintf(c->trouble, sizeof(c->trouble), "%s", strerror(-err));
		sp_log(SP_LOG_ERROR, "reload", "nothing was changed: %s", c->trouble);
	} else {
		sp_log(SP_LOG_NOTICE, "reload", "done");
	}
	sp_check_done(&check);
	if (write(SP_FD_SUPERVISOR, &order, 1) < 0 && errno != EAGAIN)
		sp_log_err("reload", -errno, "the supervisor cannot be told");
}

static void housekeeping(struct sp_control *c)
{
	uint64_t boot_ns = sp_clock_boot_ns();
	bool changed = false;
	int err = sp_keys_rotate(&c->keys, c->dir_fd, boot_ns, sp_clock_wall_ns(),
		c->now.gateway->tls.ticket_rotation_ns, c->plan->session_ns, &changed);

	if (err < 0)
		sp_log_err("secrets", err, "keys cannot be rotated");
	if (changed || c->secrets_due) {
		err = sp_control_secrets(c);
		if (err < 0)
			sp_log_err("secrets", err, "certificates and keys cannot be published");
	}
	read_messages(c);
	if (sp_trust_turn(&c->trust) || boot_ns >= c->upstreams_due_ns) {
		err = sp_control_recompile(c);
		if (err < 0)
			sp_log_err("policy", err, "changed keys or addresses cannot be published");
	}
}

static void read_signals(struct sp_control *c, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			c->reload = true;
		else
			c->stop = true;
	}
}

static int wait_ms(const struct sp_control *c)
{
	uint64_t now = sp_clock_boot_ns();
	uint64_t due = sp_min(sp_trust_next_ns(&c->trust), now + TURN_MS * SP_NS_PER_MS);

	return due <= now ? 0 : (int)((due - now + SP_NS_PER_MS - 1) / SP_NS_PER_MS);
}

static void loop(struct sp_control *c, int signal_fd)
{
	enum { LIFE, SIGNALS, EVENT, FETCHER, FIXED };
	uint64_t count;

	while (!c->stop) {
		struct pollfd p[FIXED + SP_DESK_POLL_MAX] = {
			[LIFE] = {.fd = SP_FD_LIFE, .events = POLLIN},
			[SIGNALS] = {.fd = signal_fd, .events = POLLIN},
			[EVENT] = {.fd = SP_FD_EVENT, .events = POLLIN},
			[FETCHER] = {.fd = c->trust.fetcher_fd, .events = POLLIN},
		};
		unsigned n = sp_desk_poll(c->desk, p + FIXED);

		poll(p, FIXED + n, wait_ms(c));
		beat(c);
		if (p[LIFE].revents) {
			sp_log(SP_LOG_NOTICE, "stop", "the supervisor is gone");
			return;
		}
		if (p[EVENT].revents && read(SP_FD_EVENT, &count, sizeof(count)) < 0 &&
			errno == EBADF)
			return;
		read_signals(c, signal_fd);
		sp_desk_turn(c->desk, p + FIXED, n, sp_clock_boot_ns());
		if (c->reload)
			reload(c);
		housekeeping(c);
	}
}

static int run(void)
{
	static struct sp_control c;
	const struct sp_desk_ops ops = {
		.who = who, .run = sp_control_run, .refused = refused, .ctx = &c};
	char path[SP_PATH_MAX + 16];
	int signal_fd = open_signals(), err = signal_fd < 0 ? -errno : attach_all(&c);

	if (err < 0)
		return sp_log_err("start", err, "cannot start");
	beat(&c);
	umask(077);
	warm_up();
	err = sp_sandbox_enter(SP_SANDBOX_CONTROL);
	if (err < 0)
		return sp_log_err("start", err, "no sandbox");
	SP_TRY(sp_control_start(&c, c.plan->config_path));
	snprintf(path, sizeof(path), "%s/control.sock", c.plan->run_dir);
	err = sp_desk_new(path, &ops, &c.desk);
	if (err < 0)
		return sp_log_err("start", err, "%s", path);
	beat(&c);
	atomic_store(&c.root->control.state, SP_STATE_READY);
	loop(&c, signal_fd);
	atomic_store(&c.root->control.state, SP_STATE_DRAINING);
	sp_desk_free(c.desk);
	sp_trust_done(&c.trust);
	sp_keys_done(&c.keys);
	return 0;
}

int main(int argc, char **argv)
{
	sp_log_init("sallyport-control", SP_LOG_INFO);
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return sp_check_main(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--plan") == 0)
		return sp_plan_main(argv[2]);
	if (argc != 2 || fcntl(SP_FD_ROOT, F_GETFD) < 0) {
		fputs("sallyport-control is started by sallyportd; by hand: sallyport-control "
		      "--check CONFIG\n",
			stderr);
		return 2;
	}
	return run() < 0 ? 1 : 0;
}
