/// Prometheus text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
#include "controlplane/control/commands.h"

#include <stdio.h>
#include "common/banned.h"

#define TEXT_BYTES (1u << 20)

static void put_head(struct sp_out *out, const char *name, const char *type, const char *help)
{
	char line[256];

	snprintf(line, sizeof(line), "# HELP sallyport_%s %s\n# TYPE sallyport_%s %s\n", name, help,
		name, type);
	sp_out_bytes(out, sp_bytes_cstr(line));
}

static void put_value(struct sp_out *out, const char *name, const char *labels, uint64_t v)
{
	char line[256];

	snprintf(line, sizeof(line), "sallyport_%s%s %llu\n", name, labels, (unsigned long long)v);
	sp_out_bytes(out, sp_bytes_cstr(line));
}

static void put_one(
	struct sp_out *out, const char *name, const char *type, const char *help, uint64_t v)
{
	put_head(out, name, type, help);
	put_value(out, name, "", v);
}

static bool is_gauge(enum sp_stat s)
{
	return s == SP_STAT_OPEN || s == SP_STAT_CALLS_OPEN || s == SP_STAT_TLS_KEPT ||
	       s == SP_STAT_TLS_FAST;
}

static void put_workers(const struct sp_root *r, struct sp_out *out)
{
	char labels[32], name[64];

	put_head(out, "worker_up", "gauge", "1 when the worker is ready");
	for (uint32_t i = 0; i < r->workers; i++) {
		snprintf(labels, sizeof(labels), "{worker=\"%u\"}", i);
		put_value(out, "worker_up", labels,
			r->worker[i].pid && r->worker[i].state == SP_STATE_READY);
	}
	put_head(out, "worker_restarts_total", "counter", "times the worker was started again");
	for (uint32_t i = 0; i < r->workers; i++) {
		snprintf(labels, sizeof(labels), "{worker=\"%u\"}", i);
		put_value(out, "worker_restarts_total", labels,
			r->worker[i].epoch ? r->worker[i].epoch - 1 : 0);
	}
	for (unsigned k = 0; k < SP_STAT__COUNT; k++) {
		enum sp_stat s = (enum sp_stat)k;

		snprintf(name, sizeof(name), "%s%s", sp_stat_name(s), is_gauge(s) ? "" : "_total");
		put_head(out, name, is_gauge(s) ? "gauge" : "counter", sp_stat_help(s));
		for (uint32_t i = 0; i < r->workers; i++) {
			snprintf(labels, sizeof(labels), "{worker=\"%u\"}", i);
			put_value(out, name, labels,
				atomic_load_explicit(&r->worker[i].stat[k], memory_order_relaxed));
		}
	}
}

static void put_audit(const struct sp_audit_slot *a, struct sp_out *out)
{
	put_one(out, "audit_ready", "gauge", "1 when the audit store takes records",
		a->pid && a->state == SP_STORE_READY);
	put_one(out, "audit_sequence", "gauge", "last durable sequence number", a->seq);
	put_one(out, "audit_durable_records_total", "counter", "records made durable", a->records);
	put_one(out, "audit_commits_total", "counter", "write and sync groups", a->commits);
	put_one(out, "audit_errors_total", "counter", "errors of the store", a->errors);
	put_one(out, "audit_in_doubt_total", "counter", "in-doubt records written", a->in_doubt);
	put_one(out, "audit_bytes_total", "counter", "journal bytes written", a->bytes);
}

void sp_cmd_metrics(struct sp_job *j)
{
	uint8_t *text = malloc(TEXT_BYTES);
	struct sp_out out = sp_out_init(text, TEXT_BYTES);
	struct sp_control *c = j->c;

	if (!text) {
		sp_reply_error(j->reply, "no memory");
		return;
	}
	put_one(&out, "policy_generation", "gauge", "policy generation in force",
		sp_publisher_generation(&c->publisher));
	put_one(&out, "revocations", "gauge", "revocations in force", c->revocations.region->used);
	put_one(&out, "acts_lost_total", "counter", "operators' acts that could not be recorded",
		c->acts.lost);
	put_audit(&c->root->audit, &out);
	put_workers(c->root, &out);
	sp_cv_put_bytes(sp_reply_data(j->reply, SP_CTL_OK), sp_bytes(text, out.len));
	free(text);
}
