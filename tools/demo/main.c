#include "tools/demo/commands.h"

#include "common/base.h"

#include <stdio.h>
#include "common/banned.h"

static const struct {
	const char *name, *help;
	int (*fn)(int argc, char **argv);
} commands[] = {
	{"serve",
		"[--listen ADDR:PORT]... [--unix PATH]... [--ledger FILE | --witness FILE] [--no-sessions] "
		"[--always-stream]\n"
		"        an MCP server with customer-support and finance tools; endpoint /mcp",
		demo_cmd_serve},
	{"pki", "DIR\n        a development CA, a server certificate for localhost, a client certificate",
		demo_cmd_pki},
	{"keys", "DIR\n        an issuer's signing key (issuer.pem) and its key set (jwks.json)", demo_cmd_keys},
	{"token",
		"--key FILE --iss URL --sub NAME [--client-id ID] --aud URI [--scope LIST] [--ttl SECONDS]\n"
		"        an access token on standard output",
		demo_cmd_token},
	{"policy", "DIR\n        whitelists of the demo's agents", demo_cmd_policy},
	{"config",
		"DIR --upstream URL [--listen ADDR:PORT] [--workers N] [--pki DIR]\n"
		"        sallyport.yaml for a gateway over what pki, keys and policy (DIR/policy) wrote to DIR",
		demo_cmd_config},
};

static int usage(FILE *to, int status)
{
	fprintf(to, "sallyport-demo: everything a first look at Sallyport needs besides Sallyport\n\n");
	for (size_t i = 0; i < SP_ARRAY_LEN(commands); i++)
		fprintf(to, "  sallyport-demo %s %s\n", commands[i].name, commands[i].help);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, 2);
	for (size_t i = 0; i < SP_ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].fn(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout, 0);
	fprintf(stderr, "sallyport-demo: no command '%s'\n", argv[1]);
	return usage(stderr, 2);
}
