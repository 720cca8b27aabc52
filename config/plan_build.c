#include "config/plan_build.h"

#include "config/gateway_schema.h"

#include <stdio.h>
#include "common/banned.h"

/// Every number of the table that has its place in the plan goes there.
static void copy_numbers(const struct sp_schema *s, const void *group, struct sp_plan *plan)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];
		const struct sp_plan_range *r = f->plan_off ? sp_plan_range(f->plan_off) : NULL;
		const void *from = (const uint8_t *)group + f->off;
		uint64_t v;

		if (f->kind == SP_KIND_GROUP)
			copy_numbers(f->group, from, plan);
		if (!r)
			continue;
		memcpy(&v, from, sizeof(v));
		if (r->size == sizeof(uint32_t))
			memcpy((uint8_t *)plan + r->off, &(uint32_t){(uint32_t)v},
				sizeof(uint32_t));
		else
			memcpy((uint8_t *)plan + r->off, &v, sizeof(v));
	}
}

static void copy_listeners(const struct sp_gateway *g, struct sp_plan *plan)
{
	plan->listeners_n = g->listeners.n;
	for (uint32_t i = 0; i < g->listeners.n; i++) {
		const struct sp_gw_listener *l = sp_gw_listener(g, i);

		plan->listener[i] = (struct sp_plan_listener){
			.addr = l->addr,
			.addr_len = l->addr_len,
			.tls = l->tls,
			.backlog = (uint32_t)l->backlog,
			.port = l->port,
		};
	}
	plan->ports_n = g->ports.n;
	for (uint32_t i = 0; i < g->ports.n; i++)
		plan->port[i] = sp_gw_port(g, i)->port;
}

int sp_plan_build(const struct sp_gateway *g, const struct sp_plan_facts *facts,
	struct sp_check *check, struct sp_plan *ret)
{
	struct sp_plan plan = {.print = ret->print};
	const char *field = NULL;
	int n;

	copy_numbers(&sp_gateway_schema, g, &plan);
	copy_listeners(g, &plan);
	if (g->workers.count == 0 && g->ports.n)
		plan.workers = g->ports.n;
	else if (g->workers.count == 0)
		plan.workers = facts->cpus ? sp_min(facts->cpus, SP_WORKERS_MAX) : 1;
	plan.mode = g->workers.mode;
	plan.tls_records = g->tls.records;
	plan.first_cpu = g->workers.first_cpu == UINT64_MAX ? -1 : (int32_t)g->workers.first_cpu;
	plan.uid_worker = facts->uid_worker;
	plan.uid_control = facts->uid_control;
	plan.uid_audit = facts->uid_audit;
	plan.gid = facts->gid;
	n = snprintf(plan.config_path, sizeof(plan.config_path), "%s", facts->config_path);
	snprintf(plan.state_dir, sizeof(plan.state_dir), "%s", g->state_dir.s);
	snprintf(plan.run_dir, sizeof(plan.run_dir), "%s", g->run_dir.s);
	if (n < 0 || (size_t)n >= sizeof(plan.config_path))
		field = "config_path";
	if (field || sp_plan_check(&plan, &field) < 0) {
		sp_check_add(check, (struct sp_at){g->file, 0, 0}, NULL,
			"the plan's %s is out of its range", field);
		return -EINVAL;
	}
	*ret = plan;
	return 0;
}
