#include "common/plan.h"

#include "common/clock.h"

#include <sys/un.h>
#include "common/banned.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MS SP_NS_PER_MS
#define SEC SP_NS_PER_SEC
#define MIN (60 * SEC)
#define DAY (24 * 60 * MIN)

#define RANGE(f, lo, hi, rule)                                                                     \
	{                                                                                          \
#f, offsetof(struct sp_plan, f), sizeof(((struct sp_plan *)0)->f), lo, hi, rule    \
	}

static const struct sp_plan_range ranges[] = {
	RANGE(workers, 1, SP_WORKERS_MAX, SP_PLAN_ANY),
	RANGE(mode, 0, SP_MODE_BUSY, SP_PLAN_ANY),
	RANGE(tls_records, 0, SP_TLS_RECORDS_OPENSSL, SP_PLAN_ANY),
	RANGE(listeners_n, 1, SP_LISTENERS_MAX, SP_PLAN_ANY),
	RANGE(max_connections, 16, 1000000, SP_PLAN_ANY),
	RANGE(max_connections_per_address, 1, 1000000, SP_PLAN_ANY),
	RANGE(max_calls, 16, 1000000, SP_PLAN_ANY),
	RANGE(max_upstream_connections, 1, 65536, SP_PLAN_ANY),
	RANGE(max_calls_per_agent, 1, 1000000, SP_PLAN_ANY),
	RANGE(max_head_bytes, KIB, 64 * KIB, SP_PLAN_ANY),
	RANGE(max_headers, 8, 1024, SP_PLAN_ANY),
	RANGE(max_body_bytes, KIB, 64 * MIB, SP_PLAN_ANY),
	RANGE(max_answer_bytes, KIB, 256 * MIB, SP_PLAN_ANY),
	RANGE(max_json_depth, 4, 1000, SP_PLAN_ANY),
	RANGE(max_json_tokens, 64, 16 * MIB, SP_PLAN_ANY),
	RANGE(buffer_blocks, 64, 4 * MIB, SP_PLAN_ANY),
	RANGE(max_batch, 1, 256, SP_PLAN_ANY),
	RANGE(handshakes_per_turn, 1, 1024, SP_PLAN_ANY),
	RANGE(handshakes_waiting, 1, 65536, SP_PLAN_ANY),
	RANGE(token_cache_entries, 16, 16 * MIB, SP_PLAN_ANY),
	RANGE(header_tools, 16, MIB, SP_PLAN_ANY),
	RANGE(refused_tokens_per_minute, 0, MIB, SP_PLAN_ANY),
	RANGE(tls_ns, 100 * MS, 5 * MIN, SP_PLAN_ANY),
	RANGE(head_ns, 100 * MS, 5 * MIN, SP_PLAN_ANY),
	RANGE(body_ns, 100 * MS, 60 * MIN, SP_PLAN_ANY),
	RANGE(idle_ns, 10 * MS, DAY, SP_PLAN_ANY),
	RANGE(write_ns, 100 * MS, 60 * MIN, SP_PLAN_ANY),
	RANGE(sse_keepalive_ns, SEC, 10 * MIN, SP_PLAN_ANY),
	RANGE(session_ns, MIN, 30 * DAY, SP_PLAN_ANY),
	RANGE(spin_ns, 0, 100 * MS, SP_PLAN_ANY),
	RANGE(policy_slot_bytes, 64 * KIB, GIB, SP_PLAN_LINES),
	RANGE(secrets_bytes, 512 * KIB, 64 * MIB, SP_PLAN_LINES),
	RANGE(limit_slots, 16, 16 * MIB, SP_PLAN_ANY),
	RANGE(limit_windows, 256, 16 * MIB, SP_PLAN_ANY),
	RANGE(agent_windows_percent, 1, 100, SP_PLAN_ANY),
	RANGE(history_pairs, 256, 64 * MIB, SP_PLAN_POWER),
	RANGE(revoked_capacity, 64, 64 * MIB, SP_PLAN_POWER),
	RANGE(audit_ring_entries, 64, MIB, SP_PLAN_POWER),
	RANGE(control_ring_entries, 16, 64 * KIB, SP_PLAN_POWER),
	RANGE(audit_arena_bytes, 64 * KIB, GIB, SP_PLAN_LINES),
	RANGE(segment_bytes, MIB, 4 * GIB, SP_PLAN_PAGES),
	RANGE(flush_ns, 0, SEC, SP_PLAN_ANY),
	RANGE(reserve_bytes, MIB, 1024 * GIB, SP_PLAN_ANY),
	RANGE(retention_days, 0, 36500, SP_PLAN_ANY),
	RANGE(drain_ns, 0, 60 * MIN, SP_PLAN_ANY),
	RANGE(restart_min_ns, MS, MIN, SP_PLAN_ANY),
	RANGE(restart_max_ns, MS, 10 * MIN, SP_PLAN_ANY),
};

const struct sp_plan_range *sp_plan_range(size_t off)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(ranges); i++)
		if (ranges[i].off == off)
			return &ranges[i];
	return NULL;
}

bool sp_plan_rule_ok(enum sp_plan_rule rule, uint64_t v)
{
	switch (rule) {
	case SP_PLAN_ANY:
		return true;
	case SP_PLAN_POWER:
		return v != 0 && (v & (v - 1)) == 0;
	case SP_PLAN_LINES:
		return v % SP_CACHE_LINE == 0;
	case SP_PLAN_PAGES:
		return v % 4096 == 0;
	}
	return false;
}

static uint64_t value_of(const struct sp_plan *p, const struct sp_plan_range *r)
{
	uint32_t v32;
	uint64_t v64;

	if (r->size == sizeof(v32)) {
		memcpy(&v32, (const char *)p + r->off, sizeof(v32));
		return v32;
	}
	memcpy(&v64, (const char *)p + r->off, sizeof(v64));
	return v64;
}

bool sp_addr_loopback(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_UNIX)
		return true;
	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	if (addr->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
	return false;
}

static bool address_sane(const struct sp_plan_listener *l)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&l->addr;

	switch (l->addr.ss_family) {
	case AF_INET:
		return l->addr_len == sizeof(struct sockaddr_in);
	case AF_INET6:
		return l->addr_len == sizeof(struct sockaddr_in6);
	case AF_UNIX:
		return l->addr_len > offsetof(struct sockaddr_un, sun_path) + 1 &&
		       l->addr_len <= sizeof(*un) && un->sun_path[0] == '/' &&
		       memchr(un->sun_path, 0, sizeof(un->sun_path));
	}
	return false;
}

static const char *listener_offender(const struct sp_plan_listener *l)
{
	if (!address_sane(l))
		return "listener.addr";
	if (l->port > 1 || (l->port && sp_addr_loopback(&l->addr)))
		return "listener.port";
	if (l->tls > 1 || (!l->tls && !sp_addr_loopback(&l->addr)))
		return "listener.tls";
	if (l->backlog < 1 || l->backlog > 65535)
		return "listener.backlog";
	return NULL;
}

static const char *port_offender(const struct sp_port *p)
{
	if (!p->device[0] || !memchr(p->device, 0, sizeof(p->device)))
		return "port.device";
	if (p->mtu < SP_PORT_MTU_MIN || p->mtu > SP_PORT_MTU_MAX)
		return "port.mtu";
	if (p->vlan > SP_PORT_VLAN_MAX)
		return "port.vlan";
	if (p->frames < SP_PORT_FRAMES_MIN || p->frames > SP_PORT_FRAMES_MAX)
		return "port.frames";
	if (p->half_open < SP_PORT_HALF_OPEN_MIN || p->half_open > SP_PORT_HALF_OPEN_MAX)
		return "port.half_open";
	if (p->prefix4 > 32 || p->addrs6 > SP_PORT_ADDRS6_MAX || (!p->addr4.s_addr && !p->addrs6))
		return "port.addresses";
	return NULL;
}

static const char *ports_offender(const struct sp_plan *p)
{
	if (p->ports_n && p->ports_n != p->workers)
		return "ports_n";
	for (uint32_t i = 0; i < p->ports_n; i++) {
		const char *field = port_offender(&p->port[i]);

		if (field)
			return field;
	}
	return NULL;
}

static bool path_sane(const char path[SP_PATH_MAX])
{
	return path[0] == '/' && memchr(path, 0, SP_PATH_MAX);
}

static const char *offender(const struct sp_plan *p)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(ranges); i++) {
		uint64_t v = value_of(p, &ranges[i]);

		if (v < ranges[i].min || v > ranges[i].max || !sp_plan_rule_ok(ranges[i].rule, v))
			return ranges[i].field;
	}
	if (p->first_cpu < -1 || p->first_cpu > 4095)
		return "first_cpu";
	if (p->restart_max_ns < p->restart_min_ns)
		return "restart_max_ns";
	if (!path_sane(p->config_path))
		return "config_path";
	if (!path_sane(p->state_dir))
		return "state_dir";
	if (!path_sane(p->run_dir))
		return "run_dir";
	for (uint32_t i = 0; i < p->listeners_n; i++) {
		const char *field = listener_offender(&p->listener[i]);

		if (field)
			return field;
		if (p->listener[i].port && !p->ports_n)
			return "listener.port";
	}
	return ports_offender(p);
}

int sp_plan_check(const struct sp_plan *p, const char **ret_field)
{
	const char *field = offender(p);

	if (!field)
		return 0;
	*ret_field = field;
	return -EINVAL;
}
