/// Costs of the worker's own work, without the network: prints one JSON object.
#include "bench/micro_decide.h"
#include "bench/micro_frame.h"
#include "bench/micro_ring.h"

#include <stdio.h>
#include "common/banned.h"

int main(void)
{
	double frame_us_per_kib = sp_bench_frame_us_per_kib();
	double decide_ns = sp_bench_decide_ns();
	double ring_ns = sp_bench_ring_ns();

	printf("{\"frame_us_per_kib\":%.3f,\"decide_ns\":%.1f,\"ring_ns\":%.1f}\n",
		frame_us_per_kib, decide_ns, ring_ns);
	return frame_us_per_kib < 0 || decide_ns < 0 || ring_ns < 0;
}
