#include "tools/demo/buf.h"
#include "tools/demo/commands.h"
#include "tools/demo/files.h"
#include "tools/demo/listen.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include "common/banned.h"

struct config {
	const char *dir, *upstream, *listen, *workers, *pki;
	char absolute[PATH_MAX], pki_absolute[PATH_MAX], host[64], port[8];
};

static void write_yaml(const struct config *c, struct demo_buf *b)
{
	demo_printf(b,
		"# A gateway for trying things out, over the demo server. Made by `sallyport-demo config`.\n"
		"profile: development\nstate_dir: %s/state\nrun_dir: %s/run\nworkers:\n  count: %s\n",
		c->absolute, c->absolute, c->workers);
	demo_printf(b, "listeners:\n  - address: \"%s\"\ntls:\n  certificates:\n", c->listen);
	demo_printf(b, "    - chain: %s/server.pem\n      key: %s/server.key\n", c->pki_absolute,
		c->pki_absolute);
	demo_printf(b,
		"issuers:\n  - issuer: https://issuer.demo.example\n    algorithms: [ES256]\n"
		"    jwks_file: %s/jwks.json\n",
		c->absolute);
	demo_printf(b, "upstreams:\n  - name: demo\n    url: %s\n    era: both\n", c->upstream);
	demo_printf(b,
		"routes:\n  - path: /mcp\n    resource: https://localhost:%s/mcp\n    upstreams: [demo]\n"
		"    hosts: [\"localhost:%s\", \"127.0.0.1:%s\"]\n",
		c->port, c->port, c->port);
	demo_printf(b, "policy:\n  directory: %s/policy\n", c->absolute);
}

static int parse(struct config *c, int argc, char **argv)
{
	static const struct option options[] = {
		{"upstream", required_argument, NULL, 'u'},
		{"listen", required_argument, NULL, 'l'},
		{"workers", required_argument, NULL, 'w'},
		{"pki", required_argument, NULL, 'p'},
		{0},
	};
	uint64_t workers;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'u')
			c->upstream = optarg;
		else if (opt == 'l')
			c->listen = optarg;
		else if (opt == 'w')
			c->workers = optarg;
		else if (opt == 'p')
			c->pki = optarg;
		else
			return -EINVAL;
	}
	if (optind + 1 != argc || !c->upstream || sp_bytes_u64(sp_bytes_cstr(c->workers), &workers) < 0)
		return -EINVAL;
	c->dir = argv[optind];
	return demo_split_address(c->listen, c->host, sizeof(c->host), c->port, sizeof(c->port));
}

int demo_cmd_config(int argc, char **argv)
{
	struct config c = {.listen = "127.0.0.1:8443", .workers = "1"};
	struct demo_buf b = {0};
	int r;

	if (parse(&c, argc, argv) < 0) {
		fprintf(stderr, "usage: sallyport-demo config DIR --upstream URL [--listen ADDR:PORT] "
				"[--workers N] [--pki DIR]\n");
		return 2;
	}
	if (demo_folder(c.dir) < 0)
		return 1;
	if (!realpath(c.dir, c.absolute) || !realpath(c.pki ? c.pki : c.dir, c.pki_absolute)) {
		fprintf(stderr, "sallyport-demo config: %s: %s\n", c.dir, strerror(errno));
		return 1;
	}
	write_yaml(&c, &b);
	r = demo_file_write(c.absolute, "sallyport.yaml", demo_bytes(&b), 0644);
	demo_buf_done(&b);
	return r < 0;
}
