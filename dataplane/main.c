/// sallyport-worker: the kernel's network.
#include "dataplane/worker.h"
#include "common/banned.h"

static int kernel_io(const struct sp_plan *plan, uint32_t index, const struct sp_io_conf *conf,
	struct sp_io **ret)
{
	(void)plan, (void)index;
	return sp_io_uring_new(conf, ret);
}

int main(int argc, char **argv)
{
	static const struct sp_worker_kind kind = {kernel_io, SP_SANDBOX_WORKER, "sallyport-worker"};

	return sp_worker_main(argc, argv, &kind);
}
