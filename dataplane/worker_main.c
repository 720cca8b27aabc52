/// What every worker program does: attach, sandbox, run.
#include "common/log.h"
#include "dataplane/worker.h"
#include "common/sandbox.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include "common/banned.h"

/// jemalloc's: what OpenSSL keeps of each connection is touched by every call, so it is in huge pages too.
extern const char *malloc_conf;
const char *malloc_conf = "thp:always";

/// A connection takes a descriptor: as many as the supervisor let us have.
static void allow_descriptors(void)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
		most.rlim_cur = most.rlim_max;
		setrlimit(RLIMIT_NOFILE, &most);
	}
}

/// Before the first certificate is taken, which the loop does.
static void choose_records(const struct sp_plan *plan)
{
	int err = plan->tls_records == SP_TLS_RECORDS_AUTO ? sp_tls_fast_records() : 0;

	if (err)
		sp_log(SP_LOG_NOTICE, "start", "no intel-ipsec-mb for TLS, OpenSSL encrypts all of it: %s",
			strerror(-err));
}

int sp_worker_main(int argc, char **argv, const struct sp_worker_kind *kind)
{
	struct sp_worker *w;
	uint64_t index = 0;
	int err;

	if (argc != 2 || sp_bytes_u64(sp_bytes_cstr(argv[1]), &index) < 0 || index >= SP_WORKERS_MAX) {
		dprintf(STDERR_FILENO, "%s is started by sallyportd, not by hand\n", kind->program);
		return 2;
	}
	sp_log_init("worker", SP_LOG_NOTICE);
	signal(SIGPIPE, SIG_IGN);
	allow_descriptors();
	err = sp_tls_memory();
	if (err) {
		sp_log_err("start", err, "OpenSSL's memory");
		return 1;
	}
	err = sp_tls_init();
	if (err && err != -ENOENT) { // no system store: upstreams that name their own CA still work
		sp_log_err("start", err, "loading the system's certificate store");
		return 1;
	}
	err = sp_worker_new((uint32_t)index, kind, &w);
	if (err) {
		sp_log_err("start", err, "attaching what the supervisor handed over");
		return 1;
	}
	choose_records(w->plan);
	err = sp_sandbox_enter(kind->sandbox);
	if (err) {
		sp_log_err("start", err, "entering the sandbox");
		return 1;
	}
	err = sp_worker_run(w);
	if (err)
		sp_log_err("loop", err, "the loop can not go on");
	sp_worker_free(w);
	return err ? 1 : 0;
}
