#include "config/gateway_schema.h"

#include "common/clock.h"
#include "config/gateway_words.h"
#include "common/banned.h"

#define SEC SP_NS_PER_SEC
#define MS SP_NS_PER_MS
#define HOUR (3600 * SEC)
#define KIB 1024ull

#define PLAN(f) .plan_off = offsetof(struct sp_plan, f)
#define GROUP(s, f, g, h)                                                                          \
	{                                                                                          \
		.name = #f, .kind = SP_KIND_GROUP, .off = offsetof(struct s, f), .group = &(g),    \
		.help = (h)                                                                        \
	}
#define GROUPS(s, f, g, lo, hi, h)                                                                 \
	{                                                                                          \
		.name = #f, .kind = SP_KIND_GROUPS, .off = offsetof(struct s, f), .group = &(g),   \
		.min = (lo), .max = (hi), .required = (lo) > 0, .help = (h)                        \
	}
#define SCHEMA(f, title, s)                                                                        \
	{                                                                                          \
		(title), (f), SP_ARRAY_LEN(f), sizeof(struct s)                                    \
	}
#define AT(s, f) .off = offsetof(struct s, f)

const char *const sp_profile_words[] = {
	[SP_PROFILE_DEVELOPMENT] = "development",
	[SP_PROFILE_PRODUCTION] = "production",
	[SP_PROFILE_COMPLIANCE] = "compliance",
	NULL,
};
static const char *const mode_words[] = {
	[SP_MODE_ADAPTIVE] = "adaptive", [SP_MODE_BUSY] = "busy", NULL};
static const char *const records_words[] = {
	[SP_TLS_RECORDS_AUTO] = "auto", [SP_TLS_RECORDS_OPENSSL] = "openssl", NULL};
static const char *const level_words[] = {[SP_AUDIT_BASIC] = "basic",
	[SP_AUDIT_ENHANCED] = "enhanced",
	[SP_AUDIT_STRICT] = "strict",
	NULL};
static const char *const http_words[] = {
	[SP_UP_HTTP_AUTO] = "auto", [SP_UP_HTTP_1] = "1.1", [SP_UP_HTTP_2] = "2", NULL};
static const char *const era_words[] = {[SP_ERA_AUTO] = "auto",
	[SP_ERA_LEGACY] = "legacy",
	[SP_ERA_MODERN] = "modern",
	[SP_ERA_BOTH] = "both",
	NULL};

/// What the three profiles set differently, by enum sp_profile.
#define BY_PROFILE(dev, prod, comp)                                                                \
	(const char *const[])                                                                      \
	{                                                                                          \
		dev, prod, comp                                                                    \
	}
const struct sp_profile_default sp_gateway_profile_defaults[] = {
	{"policy.default_audit_level", BY_PROFILE("basic", "enhanced", "strict")},
	{"audit.retention_days", BY_PROFILE("7", "400", "2190")},
	{"audit.arguments", BY_PROFILE("true", "false", "false")},
	{"audit.reserve", BY_PROFILE("16MiB", "256MiB", "1GiB")},
	{"issuers.require_at_jwt", BY_PROFILE("false", "false", "true")},
	{"issuers.max_lifetime", BY_PROFILE("1d", "1d", "1h")},
	{"issuers.leeway", BY_PROFILE("60s", "30s", "10s")},
	{"timeouts.session", BY_PROFILE("1d", "8h", "1h")},
	{"tls.ticket_rotation", BY_PROFILE("12h", "12h", "1h")},
	{NULL, NULL},
};

static const struct sp_field workers_fields[] = {
	{.name = "count",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_workers, count),
		.def = "auto",
		PLAN(workers),
		.word = "auto",
		.apply = SP_APPLY_RESTART,
		.help = "worker processes; auto is one a CPU"},
	{.name = "mode",
		.kind = SP_KIND_WORD,
		AT(sp_gw_workers, mode),
		.def = "adaptive",
		.words = mode_words,
		.apply = SP_APPLY_RESTART,
		.help = "adaptive sleeps when idle, busy spins on dedicated cores"},
	{.name = "pin",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_workers, first_cpu),
		.def = "off",
		.max = 4095,
		.word = "off",
		.word_value = UINT64_MAX,
		.apply = SP_APPLY_RESTART,
		.help = "first CPU; worker i runs on pin + i"},
	{.name = "spin",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_workers, spin_ns),
		.def = "0us",
		PLAN(spin_ns),
		.apply = SP_APPLY_RESTART,
		.help = "how long an adaptive worker spins before it sleeps"},
	{.name = "restart_min",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_workers, restart_min_ns),
		.def = "50ms",
		PLAN(restart_min_ns),
		.apply = SP_APPLY_RESTART,
		.help = "first wait before a dead process is started again"},
	{.name = "restart_max",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_workers, restart_max_ns),
		.def = "5s",
		PLAN(restart_max_ns),
		.apply = SP_APPLY_RESTART,
		.help = "longest such wait"},
};
static const struct sp_schema workers_schema = SCHEMA(workers_fields, "workers", sp_gw_workers);

static const struct sp_field listener_fields[] = {
	{.name = "address",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_listener, address),
		.required = true,
		.example = "\"127.0.0.1:8443\"",
		.apply = SP_APPLY_RESTART,
		.help = "address:port, [address]:port, or unix:/path"},
	{.name = "tls",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_listener, tls),
		.def = "true",
		.apply = SP_APPLY_RESTART,
		.help = "false only on a loopback address or unix socket"},
	{.name = "port",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_listener, port),
		.def = "false",
		.apply = SP_APPLY_RESTART,
		.help = "at the ports below, by the workers' own TCP/IP, not by the kernel"},
	{.name = "backlog",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_listener, backlog),
		.def = "1024",
		.min = 1,
		.max = 65535,
		.apply = SP_APPLY_RESTART,
		.help = "connections the kernel holds until they are accepted"},
};
static const struct sp_schema listener_schema =
	SCHEMA(listener_fields, "a listener", sp_gw_listener);

static const struct sp_field certificate_fields[] = {
	{.name = "chain",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_certificate, chain),
		.required = true,
		.text_wrong = sp_word_path_wrong,
		.example = "/etc/sallyport/tls/chain.pem",
		.help = "PEM file, leaf first"},
	{.name = "key",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_certificate, key),
		.required = true,
		.text_wrong = sp_word_path_wrong,
		.example = "/etc/sallyport/tls/key.pem",
		.help = "PEM file of the private key"},
	{.name = "names",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_certificate, names),
		.max = SP_CERT_NAMES_MAX,
		.text_wrong = sp_word_sni_wrong,
		.help = "server names it answers, exact or *.example.com; none makes it the "
			"default"},
};
static const struct sp_schema certificate_schema =
	SCHEMA(certificate_fields, "a certificate", sp_gw_certificate);
static const struct sp_field tls_fields[] = {
	GROUPS(sp_gw_tls, certificates, certificate_schema, 0, SP_CERTS_MAX,
		"certificates, chosen by server name"),
	{.name = "client_ca",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_tls, client_ca),
		.text_wrong = sp_word_path_wrong,
		.help = "PEM file; client certificates are then asked for and verified"},
	{.name = "ticket_rotation",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_tls, ticket_rotation_ns),
		.def = "12h",
		.min = 60 * SEC,
		.max = 7 * 24 * HOUR,
		.help = "how often a new session ticket key is made"},
	{.name = "records",
		.kind = SP_KIND_WORD,
		AT(sp_gw_tls, records),
		.def = "auto",
		.words = records_words,
		.apply = SP_APPLY_RESTART,
		.help = "who encrypts by AES-GCM; auto is intel-ipsec-mb where the CPU has what that needs"},
};
static const struct sp_schema tls_schema = SCHEMA(tls_fields, "tls", sp_gw_tls);

static const struct sp_field issuer_fields[] = {
	{.name = "issuer",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_issuer, issuer),
		.required = true,
		.text_wrong = sp_word_uri_wrong,
		.example = "https://login.example.com",
		.help = "exact value of the iss claim"},
	{.name = "audiences",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_issuer, audiences),
		.max = 16,
		.help = "accepted besides the route's own resource"},
	{.name = "algorithms",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_issuer, algorithms),
		.min = 1,
		.max = 5,
		.text_wrong = sp_word_alg_wrong,
		.required = true,
		.example = "[ES256, EdDSA]",
		.help = "RS256 PS256 ES256 ES384 EdDSA"},
	{.name = "agent_claim",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_issuer, agent_claim),
		.def = "sub",
		.text_wrong = sp_word_visible_wrong,
		.max = 128,
		.help = "the claim that names the agent"},
	{.name = "jwks_file",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_issuer, jwks_file),
		.text_wrong = sp_word_path_wrong,
		.example = "/etc/sallyport/jwks.json",
		.help = "key set in a file; one of jwks_file, jwks_uri and discovery"},
	{.name = "jwks_uri",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_issuer, jwks_uri),
		.text_wrong = sp_word_uri_wrong,
		.help = "key set fetched from here"},
	{.name = "discovery",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_issuer, discovery),
		.def = "false",
		.help = "find the key set by OpenID Connect discovery"},
	{.name = "ca_file",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_issuer, ca_file),
		.text_wrong = sp_word_path_wrong,
		.help = "PEM file trusted for fetching; absent, the system's"},
	{.name = "refresh",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_issuer, refresh_ns),
		.def = "10m",
		.min = 10 * SEC,
		.max = 24 * HOUR,
		.help = "how often the key set is read again"},
	{.name = "keys_max_age",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_issuer, keys_max_age_ns),
		.def = "1d",
		.min = 60 * SEC,
		.max = 30 * 24 * HOUR,
		.help = "a key set not read again for so long denies"},
	{.name = "leeway",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_issuer, leeway_ns),
		.def = "30s",
		.max = 300 * SEC,
		.help = "clock difference tolerated in exp, nbf and iat"},
	{.name = "max_lifetime",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_issuer, max_lifetime_ns),
		.def = "1d",
		.min = 60 * SEC,
		.max = 30 * 24 * HOUR,
		.help = "tokens that live longer are refused"},
	{.name = "require_at_jwt",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_issuer, require_at_jwt),
		.def = "false",
		.help = "header typ has to be at+jwt (RFC 9068)"},
	{.name = "allow_private_address",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_issuer, allow_private_address),
		.def = "false",
		.help = "fetch keys from private addresses too"},
};
static const struct sp_schema issuer_schema = SCHEMA(issuer_fields, "an issuer", sp_gw_issuer);

static const struct sp_field credential_fields[] = {
	{.name = "header",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_credential, header),
		.required = true,
		.max = 128,
		.text_wrong = sp_word_header_wrong,
		.help = "e.g. Authorization"},
	{.name = "value_file",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_credential, value_file),
		.required = true,
		.text_wrong = sp_word_path_wrong,
		.help = "file with the header's whole value, e.g. \"Bearer ...\""},
};
static const struct sp_schema credential_schema =
	SCHEMA(credential_fields, "a credential", sp_gw_credential);
static const struct sp_field breaker_fields[] = {
	{.name = "failures",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_breaker, failures),
		.def = "5",
		.min = 1,
		.max = 1000,
		.help = "failures in a row that open it"},
	{.name = "open",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_breaker, open_ns),
		.def = "5s",
		.min = 100 * MS,
		.max = HOUR,
		.help = "how long it stays open before a trial"},
};
static const struct sp_schema breaker_schema = SCHEMA(breaker_fields, "breaker", sp_gw_breaker);
static const struct sp_field upstream_fields[] = {
	{.name = "name",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_upstream, name),
		.required = true,
		.max = 32,
		.text_wrong = sp_word_name_wrong,
		.example = "crm",
		.help = "letters, digits, - and single _; prefix of its tools' names"},
	{.name = "url",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_upstream, url),
		.required = true,
		.example = "http://127.0.0.1:9000/mcp",
		.help = "http(s)://host:port/path, or unix:/path/to/socket:/path"},
	{.name = "ca_file",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_upstream, ca_file),
		.text_wrong = sp_word_path_wrong,
		.help = "PEM file trusted for https; absent, the system's"},
	GROUP(sp_gw_upstream, credential, credential_schema, "the gateway's own credential there"),
	{.name = "era",
		.kind = SP_KIND_WORD,
		AT(sp_gw_upstream, era),
		.def = "auto",
		.words = era_words,
		.help = "protocol revisions it speaks"},
	{.name = "http",
		.kind = SP_KIND_WORD,
		AT(sp_gw_upstream, http),
		.def = "auto",
		.words = http_words,
		.help = "auto: by ALPN in TLS, else 1.1; 2 without TLS: by prior knowledge"},
	{.name = "connect_timeout",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_upstream, connect_ns),
		.def = "3s",
		.min = 10 * MS,
		.max = 60 * SEC,
		.help = "connection and handshake"},
	{.name = "response_timeout",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_upstream, response_ns),
		.def = "60s",
		.min = 10 * MS,
		.max = HOUR,
		.help = "whole answer, or all pages of a gathered list; events of a call begin it anew"},
	{.name = "idle_timeout",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_upstream, idle_ns),
		.def = "4s",
		.min = SEC,
		.max = HOUR,
		.help = "warm connections close after; below the server's own, or calls meet a "
			"closing one"},
	{.name = "max_connections",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_upstream, max_connections),
		.def = "64",
		.min = 1,
		.max = 65536,
		.help = "of one worker"},
	GROUP(sp_gw_upstream, breaker, breaker_schema, "stops asking a server that fails"),
};
static const struct sp_schema upstream_schema =
	SCHEMA(upstream_fields, "an upstream", sp_gw_upstream);

static const struct sp_field route_fields[] = {
	{.name = "path",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_route, path),
		.required = true,
		.text_wrong = sp_word_route_wrong,
		.example = "/mcp",
		.help = "exact path agents POST to"},
	{.name = "resource",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_route, resource),
		.required = true,
		.text_wrong = sp_word_uri_wrong,
		.example = "https://127.0.0.1:8443/mcp",
		.help = "its public URI: the audience tokens have to name"},
	{.name = "upstreams",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, upstreams),
		.required = true,
		.min = 1,
		.max = 64,
		.example = "[crm]",
		.help = "several are one endpoint whose names are prefixed <upstream>__"},
	{.name = "scopes",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, scopes),
		.max = 32,
		.text_wrong = sp_word_scope_wrong,
		.help = "scopes every request needs"},
	{.name = "hosts",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, hosts),
		.max = 32,
		.text_wrong = sp_word_host_wrong,
		.help = "accepted Host values; absent, the resource's authority"},
	{.name = "origins",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, origins),
		.max = 32,
		.text_wrong = sp_word_origin_wrong,
		.help = "accepted Origin values; absent, requests with one are refused"},
	{.name = "methods",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, methods),
		.max = 64,
		.text_wrong = sp_word_method_wrong,
		.help = "MCP methods passed, tools/* for a family; absent, all that agents may "
			"send"},
	{.name = "eras",
		.kind = SP_KIND_TEXTS,
		AT(sp_gw_route, eras),
		.max = 2,
		.text_wrong = sp_word_route_era_wrong,
		.help = "legacy, modern; absent, both are served"},
	{.name = "prefix",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_route, prefix),
		.def = "false",
		.help = "prefix names even with one upstream"},
	{.name = "anonymous_agent",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_route, anonymous_agent),
		.text_wrong = sp_word_visible_wrong,
		.max = 128,
		.help = "development only: no token is asked for, calls are this agent's"},
};
static const struct sp_schema route_schema = SCHEMA(route_fields, "a route", sp_gw_route);

static const struct sp_field policy_fields[] = {
	{.name = "directory",
		.kind = SP_KIND_TEXT,
		AT(sp_gw_policy, directory),
		.def = "/etc/sallyport/policy",
		.text_wrong = sp_word_path_wrong,
		.help = "folder of policies: *.json, *.yaml, *.yml"},
	{.name = "default_audit_level",
		.kind = SP_KIND_WORD,
		AT(sp_gw_policy, default_audit_level),
		.def = "enhanced",
		.words = level_words,
		.help = "of refusals and of agents whose policy names none"},
};
static const struct sp_schema policy_schema = SCHEMA(policy_fields, "policy", sp_gw_policy);

static const struct sp_field audit_fields[] = {
	{.name = "segment_size",
		.kind = SP_KIND_SIZE,
		AT(sp_gw_audit, segment_bytes),
		.def = "64MiB",
		PLAN(segment_bytes),
		.apply = SP_APPLY_RESTART,
		.help = "one file of the journal"},
	{.name = "flush_interval",
		.kind = SP_KIND_DURATION,
		AT(sp_gw_audit, flush_ns),
		.def = "10ms",
		PLAN(flush_ns),
		.apply = SP_APPLY_RESTART,
		.help = "longest wait to gather records for one write"},
	{.name = "reserve",
		.kind = SP_KIND_SIZE,
		AT(sp_gw_audit, reserve_bytes),
		.def = "256MiB",
		PLAN(reserve_bytes),
		.apply = SP_APPLY_RESTART,
		.help = "free space below which calls that must be recorded are refused"},
	{.name = "retention_days",
		.kind = SP_KIND_NUMBER,
		AT(sp_gw_audit, retention_days),
		.def = "400",
		PLAN(retention_days),
		.apply = SP_APPLY_RESTART,
		.help = "age at which records go; 0 keeps them"},
	{.name = "arguments",
		.kind = SP_KIND_BOOL,
		AT(sp_gw_audit, arguments),
		.def = "false",
		.help = "decisions are recorded with the arguments as sent, up to 2 KiB; replays need them"},
};
static const struct sp_schema audit_schema = SCHEMA(audit_fields, "audit", sp_gw_audit);

#define ROLE(f, h)                                                                                 \
	{                                                                                          \
		.name = #f, .kind = SP_KIND_TEXTS, AT(sp_gw_roles, f), .max = 64,                  \
		.text_wrong = sp_word_who_wrong, .help = (h)                                       \
	}
static const struct sp_field roles_fields[] = {
	ROLE(viewer, "may look: users, @groups or numeric uids"),
	ROLE(reviewer, "may also review calls"),
	ROLE(operator, "may also publish, revoke and drain"),
	ROLE(admin, "may everything; root and the gateway's own user always may"),
};
static const struct sp_schema roles_schema = SCHEMA(roles_fields, "roles", sp_gw_roles);
static const struct sp_field control_fields[] = {
	GROUP(sp_gw_control, roles, roles_schema, "who may do what at the control and audit sockets"),
};
static const struct sp_schema control_schema = SCHEMA(control_fields, "control", sp_gw_control);

#define USER(f, h)                                                                                 \
	{                                                                                          \
		.name = #f, .kind = SP_KIND_TEXT, AT(sp_gw_users, f), .max = 64,                   \
		.text_wrong = sp_word_user_wrong, .apply = SP_APPLY_RESTART, .help = (h)           \
	}
static const struct sp_field users_fields[] = {
	USER(worker, "user of the workers; absent, the one that started the gateway"),
	USER(control, "user of the control process"),
	USER(audit, "user of the audit process"),
	USER(group, "group of all three"),
};
static const struct sp_schema users_schema = SCHEMA(users_fields, "users", sp_gw_users);

static const struct sp_field gateway_fields[] = {
	{.name = "profile",
		.kind = SP_KIND_WORD,
		AT(sp_gateway, profile),
		.def = "production",
		.words = sp_profile_words,
		.example = "production",
		.apply = SP_APPLY_RESTART,
		.help = "which defaults hold"},
	{.name = "state_dir",
		.kind = SP_KIND_TEXT,
		AT(sp_gateway, state_dir),
		.max = 200,
		.def = "/var/lib/sallyport",
		.text_wrong = sp_word_path_wrong,
		.apply = SP_APPLY_RESTART,
		.help = "audit trail and published policies"},
	{.name = "run_dir",
		.kind = SP_KIND_TEXT,
		AT(sp_gateway, run_dir),
		.max = 80,
		.def = "/run/sallyport",
		.text_wrong = sp_word_path_wrong,
		.apply = SP_APPLY_RESTART,
		.help = "the control socket"},
	GROUP(sp_gateway, workers, workers_schema, "worker processes"),
	GROUPS(sp_gateway, listeners, listener_schema, 1, SP_LISTENERS_MAX, "where agents connect"),
	{.name = "ports",
		.kind = SP_KIND_GROUPS,
		AT(sp_gateway, ports),
		.group = &sp_gw_port_schema,
		.max = SP_WORKERS_MAX,
		.seldom = true,
		.help = "network ports of the workers, one each in their order; none: the kernel's network alone"},
	GROUP(sp_gateway, tls, tls_schema, "TLS of the listeners"),
	GROUPS(sp_gateway, issuers, issuer_schema, 0, 32, "whose tokens are accepted"),
	GROUPS(sp_gateway, upstreams, upstream_schema, 1, 1024, "MCP servers"),
	GROUPS(sp_gateway, routes, route_schema, 1, 256, "endpoints"),
	GROUP(sp_gateway, policy, policy_schema, "who may call what"),
	GROUP(sp_gateway, limits, sp_gw_limits_schema, "pools and limits, sized at start"),
	GROUP(sp_gateway, timeouts, sp_gw_timeouts_schema, "how long things may take"),
	GROUP(sp_gateway, audit, audit_schema, "the audit trail"),
	GROUP(sp_gateway, control, control_schema, "the control socket"),
	GROUP(sp_gateway, users, users_schema, "users the processes run as when started by root"),
};
const struct sp_schema sp_gateway_schema = SCHEMA(gateway_fields, "the configuration", sp_gateway);
