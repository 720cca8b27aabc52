#include "tools/sallyctl/init_files.h"

#include "common/bytes.h"
#include "common/banned.h"

static const char *const gateways[] = {
	[SP_PROFILE_DEVELOPMENT] =
		"# One's own desk: loopback, plain, no tokens; every call is the agent \"demo\".\n"
		"profile: development\n"
		"workers:\n"
		"  count: 1\n"
		"listeners:\n"
		"  - address: \"127.0.0.1:8080\"\n"
		"    tls: false\n"
		"upstreams:\n"
		"  - name: demo\n"
		"    url: http://127.0.0.1:9000/mcp\n"
		"routes:\n"
		"  - path: /mcp\n"
		"    resource: http://127.0.0.1:8080/mcp\n"
		"    upstreams: [demo]\n"
		"    anonymous_agent: demo\n",
	[SP_PROFILE_PRODUCTION] =
		"# A gateway host: TLS, tokens of one issuer, a user for each process, records in the ring before "
		"a call goes on.\n"
		"profile: production\n"
		"listeners:\n"
		"  - address: \"[::]:443\"\n"
		"tls:\n"
		"  certificates:\n"
		"    - chain: /etc/sallyport/tls/chain.pem\n"
		"      key: /etc/sallyport/tls/key.pem\n"
		"issuers:\n"
		"  - issuer: https://login.example.com\n"
		"    algorithms: [RS256, ES256]\n"
		"    discovery: true\n"
		"upstreams:\n"
		"  - name: crm\n"
		"    url: https://crm.internal.example:8443/mcp\n"
		"    credential:\n"
		"      header: Authorization\n"
		"      value_file: /etc/sallyport/credentials/crm\n"
		"routes:\n"
		"  - path: /mcp\n"
		"    resource: https://gateway.example.com/mcp\n"
		"    upstreams: [crm]\n"
		"users:\n"
		"  worker: sallyport-worker\n"
		"  control: sallyport-control\n"
		"  audit: sallyport-audit\n"
		"  group: sallyport\n"
		"control:\n"
		"  roles:\n"
		"    viewer: [\"@sallyport-view\"]\n"
		"    operator: [\"@sallyport-operate\"]\n"
		"    admin: [root]\n",
	[SP_PROFILE_COMPLIANCE] =
		"# A regulated network: client certificates, short-lived RFC 9068 tokens with scopes, "
		"every record durable\n"
		"# before its call goes on, records kept six years.\n"
		"profile: compliance\n"
		"listeners:\n"
		"  - address: \"[::]:443\"\n"
		"tls:\n"
		"  certificates:\n"
		"    - chain: /etc/sallyport/tls/chain.pem\n"
		"      key: /etc/sallyport/tls/key.pem\n"
		"  client_ca: /etc/sallyport/tls/agents-ca.pem\n"
		"issuers:\n"
		"  - issuer: https://login.example.com\n"
		"    algorithms: [PS256, ES384]\n"
		"    discovery: true\n"
		"upstreams:\n"
		"  - name: ledger\n"
		"    url: https://ledger.internal.example:8443/mcp\n"
		"    ca_file: /etc/sallyport/tls/internal-ca.pem\n"
		"    credential:\n"
		"      header: Authorization\n"
		"      value_file: /etc/sallyport/credentials/ledger\n"
		"routes:\n"
		"  - path: /mcp\n"
		"    resource: https://gateway.example.com/mcp\n"
		"    upstreams: [ledger]\n"
		"    scopes: [mcp:tools]\n"
		"    methods: [initialize, ping, server/discover, tools/*, notifications/*]\n"
		"users:\n"
		"  worker: sallyport-worker\n"
		"  control: sallyport-control\n"
		"  audit: sallyport-audit\n"
		"  group: sallyport\n"
		"control:\n"
		"  roles:\n"
		"    viewer: [\"@sallyport-auditors\"]\n"
		"    reviewer: [\"@sallyport-reviewers\"]\n"
		"    operator: [\"@sallyport-operate\"]\n"
		"    admin: [root]\n",
};

static const char *const policies[] = {
	[SP_PROFILE_DEVELOPMENT] =
		"# One agent, \"demo\": the gateway asks for no token. Name the tools of your own server here, or let\n"
		"# 'sallyctl policy suggest' write them from what was recorded.\n"
		"version: 1\n"
		"agents:\n"
		"  - name: demo\n"
		"    description: every call of this gateway\n"
		"    audit_level: basic\n"
		"    allow: [read_customer_data, update_order_status, send_email_notification]\n"
		"    limits: {per_minute: 600, per_hour: 20000, tokens_per_request: 8000, tokens_per_day: 2000000}\n"
		"tools:\n"
		"  - {name: read_customer_data, class: read, sensitivity: internal}\n"
		"  - {name: update_order_status, class: write}\n"
		"  - {name: send_email_notification, class: send, egress: true}\n"
		"risk:\n"
		"  mode: automatic\n",
	[SP_PROFILE_PRODUCTION] =
		"# Who may call what. Replace agents and tools by your own; what is not granted here is refused.\n"
		"version: 1\n"
		"agents:\n"
		"  - name: customer-support-bot\n"
		"    description: answers customers\n"
		"    owner: support\n"
		"    environment: production\n"
		"    roles: [support]\n"
		"    audit_level: enhanced\n"
		"    allow: [read_customer_data, update_order_status, send_email_notification]\n"
		"    limits: {per_minute: 100, per_hour: 3000, tokens_per_request: 2000, tokens_per_day: 500000}\n"
		"tools:\n"
		"  - {name: read_customer_data, class: read, sensitivity: confidential, max_arguments: 4KiB}\n"
		"  - {name: update_order_status, class: write, max_arguments: 4KiB}\n"
		"  - {name: send_email_notification, class: send, egress: true, max_arguments: 64KiB}\n"
		"rules:\n"
		"  - name: orders of one call\n"
		"    effect: deny\n"
		"    agents: customer-support-bot\n"
		"    tools: update_order_status\n"
		"    when: has(request.order_ids) && size(request.order_ids) > 20\n"
		"    reason: at most twenty orders a call\n"
		"limits:\n"
		"  - {name: mail-by-agent, tools: send_email_notification, calls: 30, per: hour}\n"
		"risk:\n"
		"  mode: mixed\n"
		"  mixed: {review_at: 60, review_writes_at: 50, block_at: 80}\n"
		"  work_hours: {from: \"06:00\", until: \"22:00\", days: [mon, tue, wed, thu, fri, sat]}\n",
	[SP_PROFILE_COMPLIANCE] =
		"# Who may call what, and what for. Replace agents and tools by your own; what is not granted here is\n"
		"# refused, every call declares its purpose, and every record is durable before its call goes on.\n"
		"version: 1\n"
		"agents:\n"
		"  - name: ledger-bot\n"
		"    description: looks up and books accounts\n"
		"    owner: finance\n"
		"    environment: production\n"
		"    roles: [finance]\n"
		"    audit_level: strict\n"
		"    allow: [read_account, verify_account, book_amount]\n"
		"    limits: {per_minute: 60, per_hour: 1000, tokens_per_request: 1000, tokens_per_day: 100000}\n"
		"tools:\n"
		"  - name: read_account\n"
		"    class: read\n"
		"    sensitivity: restricted\n"
		"    scopes: [ledger.read]\n"
		"    max_arguments: 2KiB\n"
		"  - {name: verify_account, class: read, sensitivity: confidential, max_arguments: 2KiB}\n"
		"  - name: book_amount\n"
		"    class: write\n"
		"    sensitivity: restricted\n"
		"    scopes: [ledger.write]\n"
		"    max_arguments: 2KiB\n"
		"    high_risk: true\n"
		"    require_approval: true\n"
		"    max_calls_per_session: 20\n"
		"purposes:\n"
		"  - {name: bookkeeping, tools: [read_account, verify_account, book_amount], roles: finance}\n"
		"sequences:\n"
		"  - name: verify-before-booking\n"
		"    kind: require-before\n"
		"    first: verify_account\n"
		"    then: book_amount\n"
		"    reason: an account is verified before each booking\n"
		"intent:\n"
		"  require_purpose: true\n"
		"risk:\n"
		"  mode: mixed\n"
		"  mixed: {review_at: 50, review_writes_at: 30, block_at: 70}\n"
		"  work_hours: {from: \"07:00\", until: \"19:00\", days: [mon, tue, wed, thu, fri]}\n",
};

/// As a quoted text of YAML.
static void put_path(FILE *f, const char *key, const char *dir, const char *below)
{
	uint8_t buf[6];

	fprintf(f, "%s: \"", key);
	for (; *dir; dir++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));

		sp_out_json_escaped(&o, sp_bytes(dir, 1));
		fwrite(buf, 1, o.len, f);
	}
	fprintf(f, "/%s\"\n", below);
}

void sp_init_gateway(FILE *f, enum sp_profile profile, const char *dir)
{
	fputs(gateways[profile], f);
	if (profile == SP_PROFILE_DEVELOPMENT) {
		put_path(f, "state_dir", dir, "state");
		put_path(f, "run_dir", dir, "run");
	}
	put_path(f, "policy:\n  directory", dir, "policy");
}

const char *sp_init_policy(enum sp_profile profile)
{
	return policies[profile];
}

void sp_init_readme(FILE *f, enum sp_profile profile, const char *dir)
{
	fprintf(f, "# Sallyport, profile %s\n\n", sp_profile_name(profile));
	fputs("- `sallyport.yaml` is the gateway's configuration, `policy/` says who may call what.\n"
	      "- Check both before each start or publish:\n\n",
		f);
	fprintf(f,
		"      sallyportd --check %s/sallyport.yaml\n      sallyctl policy lint %s/policy\n"
		"      sallyctl policy check --offline %s/policy\n\n",
		dir, dir, dir);
	if (profile == SP_PROFILE_DEVELOPMENT)
		fputs("- The MCP server is sought at http://127.0.0.1:9000/mcp, agents connect to\n"
		      "  http://127.0.0.1:8080/mcp and need no token: for one's own desk only.\n",
			f);
	else
		fputs("- Put in your own: certificates, issuer, upstreams, resource, users and groups; then\n"
		      "  agents and tools. Secrets stand in files that the configuration names, never in it.\n",
			f);
	fprintf(f, "- Start: `sallyportd %s/sallyport.yaml`.\n", dir);
	fputs("- Later: `sallyctl policy suggest` writes the smallest policy that recorded calls need,\n"
	      "  `sallyctl policy simulate` shows what a candidate would change.\n",
		f);
}
