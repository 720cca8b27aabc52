/// Costs of the worker's own work, without the network: prints one JSON object.
#include "bench/micro_decide.h"
#include "bench/micro_frame.h"
#include "bench/micro_identity.h"
#include "bench/micro_ring.h"

#include <stdio.h>
#include "common/banned.h"

int main(void)
{
	double frame_us_per_kib = sp_bench_frame_us_per_kib();
	double decide_ns = sp_bench_decide_ns();
	double ring_ns = sp_bench_ring_ns();
	struct sp_bench_identity id = {0};
	bool told = sp_bench_identity(&id);

	printf("{\"frame_us_per_kib\":%.3f,\"decide_ns\":%.1f,\"ring_ns\":%.1f", frame_us_per_kib,
		decide_ns, ring_ns);
	printf(",\"token_hash_ns\":%.1f,\"token_cache_hit_ns\":%.1f", id.cache_hash_ns,
		id.cache_hit_ns);
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++)
		printf(",\"verify_%s_us\":%.1f", sp_jwt_alg_name((enum sp_jwt_alg)a),
			id.verify_us[a]);
	printf("}\n");
	return frame_us_per_kib < 0 || decide_ns < 0 || ring_ns < 0 || !told;
}
