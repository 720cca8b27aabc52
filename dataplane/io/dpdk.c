/// EAL, and the io upon a port.
#include "dataplane/io/dpdk.h"

#include "dataplane/io/dpdk_wire.h"
#include "dataplane/io/lwip/lwip.h"

#include <rte_eal.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "common/banned.h"

enum { EAL_ARGS = 16, EAL_ARG_BYTES = 320 };

struct args {
	char text[EAL_ARGS][EAL_ARG_BYTES];
	char *v[EAL_ARGS + 1];
	int n;
};

void sp_port_usual(struct sp_port *port, const char *device)
{
	*port = (struct sp_port){.mtu = 1500, .frames = 16384, .half_open = 1024};
	snprintf(port->device, sizeof(port->device), "%s", device);
}

static void add(struct args *a, const char *option, const char *value)
{
	SP_BUG_IF(a->n == EAL_ARGS);
	a->v[a->n] = a->text[a->n];
	snprintf(a->text[a->n++], EAL_ARG_BYTES, "%s%s", option, value);
}

static void add_number(struct args *a, const char *option, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add(a, option, text);
}

/// Bytes in huge pages that are free, of the usual size.
static uint64_t free_huge_bytes(void)
{
	uint64_t pages = 0, kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "HugePages_Free:", 15) == 0)
			pages = strtoull(line + 15, NULL, 10);
		else if (strncmp(line, "Hugepagesize:", 13) == 0)
			kib = strtoull(line + 13, NULL, 10);
	}
	if (f)
		fclose(f);
	return pages * kib * 1024;
}

static uint64_t memory_mib(const struct sp_port *port)
{
	return (uint64_t)port->frames * sp_dpdk_frame_bytes(port) / (1024 * 1024) + 32;
}

/// A bus address ("0000:3b:02.1") or a virtual device ("net_memif0,...").
static bool on_pci(const char *device)
{
	size_t n = strcspn(device, ",");

	return memchr(device, ':', n) && memchr(device, '.', n);
}

static void build_args(struct args *a, const struct sp_port *port, int cpu)
{
	bool pci = on_pci(port->device);

	add(a, "sallyport", "");
	add_number(a, "--main-lcore=", (uint64_t)cpu);
	add_number(a, "--lcores=", (uint64_t)cpu);
	add(a, "--no-telemetry", "");
	add(a, "--log-level=", "error");
	add_number(a, "--file-prefix=sallyport", (uint64_t)getpid());
	if (free_huge_bytes() >= memory_mib(port) * 1024 * 1024) {
		add(a, "--in-memory", "");
		add(a, "--single-file-segments", "");
	} else {
		add(a, "--no-huge", "");
		add(a, "--no-shconf", "");
	}
	add(a, "-m", "");
	add_number(a, "", memory_mib(port));
	if (!pci)
		add(a, "--no-pci", "");
	add(a, pci ? "--allow=" : "--vdev=", port->device);
	a->v[a->n] = NULL;
}

static bool value_of(const char *device, const char *key, char *ret, size_t size)
{
	const char *at = strstr(device, key);
	size_t n;

	if (!at)
		return false;
	at += strlen(key);
	n = strcspn(at, ",");
	if (n >= size)
		return false;
	memcpy(ret, at, n);
	ret[n] = 0;
	return true;
}

/// A memif server that was killed left its socket, and the driver would not bind there again.
static void remove_stale_socket(const char *device)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	SP_AUTO_FD fd = -1;

	if (strncmp(device, "net_memif", 9) != 0 || !strstr(device, ",role=server") ||
		!strstr(device, ",socket-abstract=no") ||
		!value_of(device, ",socket=", un.sun_path, sizeof(un.sun_path)))
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 && errno == ECONNREFUSED)
		unlink(un.sun_path);
}

/// EAL pins the thread to one CPU; where we run is the supervisor's to say.
static int start_eal(const struct sp_port *port)
{
	struct args a = {.n = 0};
	cpu_set_t cpus;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return -errno;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
		cpu++;
	remove_stale_socket(port->device);
	(void)rte_openlog_stream(stderr); // no syslog beside it, whose socket the sandbox would kill us for
	build_args(&a, port, cpu);
	if (rte_eal_init(a.n, a.v) < 0)
		return -EINVAL;
	return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

int sp_io_dpdk_new(const struct sp_io_conf *conf, const struct sp_port *port, struct sp_io **ret)
{
	static bool begun; // EAL starts once in a process's life
	struct sp_io *kernel;
	struct sp_wire *wire;
	int r;

	if (begun)
		return -EBUSY;
	begun = true;
	SP_TRY(start_eal(port));
	SP_TRY(sp_dpdk_wire_new(port, &wire));
	r = sp_io_uring_new(conf, &kernel);
	if (r < 0) {
		wire->ops->free(wire);
		return r;
	}
	return sp_io_lwip_new(conf, port, wire, kernel, ret);
}

void sp_io_dpdk_stats(const struct sp_io *io, struct sp_io_dpdk_stats *ret)
{
	struct sp_io_lwip_stats s;

	sp_io_lwip_stats(io, &s);
	*ret = (struct sp_io_dpdk_stats){
		.frames_in = s.frames_in,
		.frames_out = s.frames_out,
		.frames_dropped = s.frames_dropped,
		.half_open = s.half_open,
		.half_open_dropped = s.half_open_dropped,
		.memory_refused = s.memory_refused,
		.held = s.held,
	};
}
