#include "config/gateway.h"
#include "config/plan_build.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Every text is refused with a problem, or gives a configuration whose plan is in range.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sp_plan_facts facts = {.cpus = 2, .config_path = "/s.yaml"};
	static struct sp_check check;
	struct sp_gateway *g = NULL;
	struct sp_plan plan = {0};
	int err;

	sp_check_init(&check);
	err = sp_gateway_parse(sp_bytes(data, size), "s.yaml", &check, &g);
	SP_BUG_IF((err == 0) != (g != NULL));
	SP_BUG_IF((err == 0) != sp_check_ok(&check));
	if (g)
		SP_BUG_IF(sp_plan_build(g, &facts, &check, &plan) < 0);
	for (uint32_t i = 0; i < check.n; i++) {
		char text[256];

		sp_problem_text(&check.v[i], text, sizeof(text));
	}
	sp_gateway_free(g);
	sp_check_done(&check);
	return 0;
}
