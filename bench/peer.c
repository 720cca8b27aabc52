#include "bench/load_run.h"
#include "bench/peer_agent.h"
#include "bench/peer_server.h"
#include "dataplane/io/dpdk.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include "common/banned.h"

#define LISTENERS_MAX 4u
#define UPSTREAM_STREAMS 4096u ///< connections of the gateway's, besides the agents'

struct peer {
	struct load_run run;
	struct peer_agents agents;
	struct peer_server server;
	struct demo_ledger ledger;
	struct demo_mcp mcp;
	struct sp_io *io;
	struct sp_port port; ///< no device: the kernel's network
	const char *serve[LISTENERS_MAX];
	unsigned serve_n;
};

enum { OPT_SERVE = 256, OPT_PORT, OPT_ADDRESS };

/// ADDR/BITS, of IPv4.
static int port_address(struct sp_port *port, const char *value)
{
	size_t n = strcspn(value, "/");
	char addr[INET_ADDRSTRLEN];
	uint64_t bits;

	if (n >= sizeof(addr) || value[n] != '/')
		return -EINVAL;
	memcpy(addr, value, n);
	addr[n] = 0;
	if (inet_pton(AF_INET, addr, &port->addr4) != 1 ||
		sp_bytes_u64(sp_bytes_cstr(value + n + 1), &bits) < 0 || bits > 32)
		return -EINVAL;
	port->prefix4 = (uint8_t)bits;
	port->mac[0] = 2; // locally administered
	memcpy(port->mac + 2, &port->addr4, sizeof(port->addr4));
	return 0;
}

static int take_option(void *user, int opt, char *value)
{
	struct peer *p = user;

	if (opt == OPT_PORT) {
		sp_port_usual(&p->port, value);
		return 0;
	}
	if (opt == OPT_ADDRESS)
		return p->port.device[0] ? port_address(&p->port, value) : -EINVAL;
	if (p->serve_n == LISTENERS_MAX)
		return -EINVAL;
	p->serve[p->serve_n++] = value;
	return 0;
}

static int open_io(struct peer *p)
{
	struct rlimit files;
	const struct sp_io_conf conf = {
		.max_streams = (uint32_t)p->run.opt.connections + UPSTREAM_STREAMS,
		.blocks = (uint32_t)p->run.opt.connections * 2 + UPSTREAM_STREAMS,
		.recv_buffers = 1024,
	};

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return p->port.device[0] ? sp_io_dpdk_new(&conf, &p->port, &p->io) : sp_io_uring_new(&conf, &p->io);
}

/// A socket file that an earlier peer left is replaced.
static int listen_on(struct peer *p, const char *where)
{
	struct sockaddr_storage at = {0};
	socklen_t n;

	SP_TRY(load_address(where, &at, &n));
	if (at.ss_family == AF_UNIX)
		(void)unlink(((struct sockaddr_un *)&at)->sun_path);
	return sp_io_listen_addr(p->io, (const struct sockaddr *)&at, n, peer_server_accept, &p->server);
}

static int open_peer(struct peer *p)
{
	p->server.mcp = &p->mcp;
	SP_TRY(demo_ledger_open(&p->ledger, NULL, false));
	SP_TRY(demo_mcp_init(&p->mcp, &p->ledger));
	SP_TRY(open_io(p));
	for (unsigned i = 0; i < p->serve_n; i++) {
		int r = listen_on(p, p->serve[i]);

		if (r < 0) {
			fprintf(stderr, "sallyport-peer: --serve %s: want a free ADDR:PORT or unix:PATH\n",
				p->serve[i]);
			return r;
		}
	}
	return peer_agents_init(&p->agents, p->io, &p->run.target, p->run.opt.ca);
}

static int run(struct peer *p)
{
	int status = 1, r = open_peer(p);

	if (r < 0)
		fprintf(stderr, "sallyport-peer: %s\n", strerror(-r));
	else
		status = load_run(&p->run, &p->agents.l);
	if (p->server.refused) {
		fprintf(stderr, "sallyport-peer: %llu requests were none for its server\n",
			(unsigned long long)p->server.refused);
		status = 1;
	}
	p->io = sp_io_free(p->io);
	peer_agents_done(&p->agents);
	peer_server_done(&p->server);
	demo_mcp_done(&p->mcp);
	demo_ledger_close(&p->ledger);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"serve", required_argument, NULL, OPT_SERVE},
		{"port", required_argument, NULL, OPT_PORT},
		{"address", required_argument, NULL, OPT_ADDRESS},
		{0},
	};
	static struct peer peer;
	const struct load_more more = {options, take_option, &peer};

	if (load_run_parse(&peer.run, argc, argv, &more) < 0) {
		fprintf(stderr,
			"usage: sallyport-peer [--port DEVARGS --address ADDR/BITS]\n"
			"  [--serve ADDR:PORT|unix:PATH]...\n%s"
			"It is also the upstream: an MCP server at each --serve, in the same thread. With --port all\n"
			"of it goes over a DPDK port with a TCP/IP stack of its own instead of the kernel's network.\n",
			load_run_usage);
		return 2;
	}
	load_run_until_interrupted();
	signal(SIGPIPE, SIG_IGN);
	return run(&peer);
}
