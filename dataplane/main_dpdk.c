/// sallyport-worker-dpdk: a network port of its own, and the kernel's network beside it.
#include "dataplane/io/dpdk.h"
#include "dataplane/worker.h"
#include "common/log.h"
#include "common/banned.h"

static int port_io(const struct sp_plan *plan, uint32_t index, const struct sp_io_conf *conf,
	struct sp_io **ret)
{
	const char *device = index < plan->ports_n ? plan->port[index].device : "that is not planned";
	int r = index < plan->ports_n ? sp_io_dpdk_new(conf, &plan->port[index], ret) : -ENODEV;

	return r < 0 ? sp_log_err("port", r, "opening the port %s", device) : r;
}

int main(int argc, char **argv)
{
	static const struct sp_worker_kind kind = {port_io, SP_SANDBOX_WORKER_PORT, "sallyport-worker-dpdk"};

	return sp_worker_main(argc, argv, &kind);
}
