#include "common/log.h"
#include "controlplane/supervisor/dirs.h"
#include "controlplane/supervisor/oneshot.h"
#include "controlplane/supervisor/program.h"
#include "controlplane/supervisor/tree.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include "common/banned.h"

#ifndef SP_DEFAULT_CONFIG
#define SP_DEFAULT_CONFIG "/etc/sallyport/sallyport.yaml"
#endif
#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

static const char help[] =
	"Usage: sallyportd [--check] [CONFIG]\n"
	"\n"
	"Run the Sallyport gateway in the foreground with CONFIG (default " SP_DEFAULT_CONFIG ").\n"
	"\n"
	"  --check    check CONFIG and leave: 0 = good, 1 = refused, with messages\n"
	"  --help     this text\n"
	"  --version  the version\n"
	"\n"
	"Signals: SIGHUP reads configuration, policy, certificates and keys again; SIGTERM and "
	"SIGINT stop\n"
	"gracefully, a second one at once.\n";

/// Who reads the configuration when we are root: control's user, if the system has one.
static void config_reader(uint32_t *ret_uid, uint32_t *ret_gid)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam("sallyport-control") : NULL;

	*ret_uid = pw ? pw->pw_uid : 0;
	*ret_gid = pw ? pw->pw_gid : 0;
}

/// Root whose configuration names no users takes those the package made, all of them or none.
static void choose_users(struct sp_plan *plan)
{
	static const char *const names[] = {
		"sallyport-worker", "sallyport-control", "sallyport-audit"};
	uint32_t uid[SP_ARRAY_LEN(names)];
	const struct group *gr;

	if (geteuid() != 0 || plan->uid_worker || plan->uid_control || plan->uid_audit || plan->gid)
		return;
	gr = getgrnam("sallyport");
	for (size_t i = 0; i < SP_ARRAY_LEN(names) && gr; i++) {
		const struct passwd *pw = getpwnam(names[i]);

		uid[i] = pw ? pw->pw_uid : 0;
		if (uid[i] == 0)
			gr = NULL;
	}
	if (!gr || gr->gr_gid == 0) {
		sp_log(SP_LOG_WARN, "start",
			"no users are configured and there is no group sallyport with users "
			"sallyport-worker, -control and -audit: every process stays root, which is "
			"for "
			"development only");
		return;
	}
	plan->uid_worker = uid[0];
	plan->uid_control = uid[1];
	plan->uid_audit = uid[2];
	plan->gid = gr->gr_gid;
}

static int open_signals(int *ret)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	*ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret < 0 ? -errno : 0;
}

/// Standard descriptors exist, so that nothing of ours is ever opened at their numbers.
static int hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (geteuid() == 0) // workers register their buffers with the kernel
		setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
	umask(027);
}

static int serve(const char *exec_dir, const struct sp_plan *plan)
{
	static struct sp_regions regions;
	static struct sp_doors doors;
	static struct sp_tree tree;
	int lock = -1, signal_fd = -1, which = -1, err = sp_dirs_make(plan);

	if (err < 0)
		return 1;
	err = sp_dirs_lock(plan, &lock);
	if (err < 0) {
		sp_log_err("start", err, "another sallyportd uses %s", plan->state_dir);
		return 1;
	}
	err = sp_doors_init(plan, &doors, &which);
	if (err < 0) {
		if (which < 0)
			sp_log_err("start", err, "descriptors");
		else
			sp_log_err("start", err, "listener %d of the configuration", which + 1);
		return 1;
	}
	err = sp_regions_init(plan, &regions);
	if (err >= 0)
		err = open_signals(&signal_fd);
	if (err < 0) {
		sp_log_err("start", err, "shared memory");
		return 1;
	}
	sp_tree_init(&tree, plan, &regions, &doors, exec_dir, signal_fd);
	err = sp_tree_run(&tree);
	close(signal_fd);
	close(lock);
	sp_doors_done(&doors);
	sp_regions_done(&regions);
	return err;
}

static int check(const char *exec_dir, const char *config_path)
{
	uint32_t uid, gid;
	int code;

	config_reader(&uid, &gid);
	code = sp_oneshot_check(exec_dir, config_path, uid, gid);
	return code < 0 ? 1 : code;
}

static int run(const char *exec_dir, const char *config_path)
{
	static struct sp_plan plan;
	uint32_t uid, gid;

	raise_limits();
	config_reader(&uid, &gid);
	if (sp_oneshot_plan(exec_dir, config_path, uid, gid, &plan) < 0)
		return 1;
	choose_users(&plan);
	return serve(exec_dir, &plan);
}

int main(int argc, char **argv)
{
	const char *config_path = SP_DEFAULT_CONFIG;
	char exec_dir[512], full[SP_PATH_MAX * 16];
	bool only_check = false, named = false;

	sp_log_init("sallyportd", SP_LOG_INFO);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return fputs(help, stdout) < 0;
		if (strcmp(argv[i], "--version") == 0)
			return puts("sallyportd " SP_VERSION) < 0;
		if (strcmp(argv[i], "--check") == 0) {
			only_check = true;
		} else if (argv[i][0] != '-' && !named) {
			config_path = argv[i];
			named = true;
		} else {
			fprintf(stderr, "sallyportd: unexpected '%s'\n%s", argv[i], help);
			return 2;
		}
	}
	if (hold_standard_fds() < 0 || sp_program_dir(exec_dir, sizeof(exec_dir)) < 0)
		return 1;
	if (!realpath(config_path, full)) {
		sp_log_err("start", -errno, "%s", config_path);
		return 1;
	}
	return only_check ? check(exec_dir, full) : run(exec_dir, full);
}
