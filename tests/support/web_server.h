/// A web server on loopback for tests: one thread, one connection at a time, answers from a table.
/// With TLS it shows a certificate made at start for the names given, which is its own authority.
#pragma once

#include "common/bytes.h"

struct web_page {
	char path[128];
	char *answer; ///< complete: status line, head, body; "" = say nothing until the peer leaves
	size_t n;
};
struct web_server;
/// `names`: subjectAltName in OpenSSL's form ("DNS:a.test,IP:127.0.0.1"), or NULL for plain HTTP.
struct web_server *web_server_new(const char *names);
struct web_server *web_server_free(struct web_server *s);
uint16_t web_server_port(const struct web_server *s);
const char *web_server_ca(const struct web_server *s); ///< path of a PEM file
/// Answer of a path from now on: status line and head are made, or `raw` is sent as it is.
void web_server_page(struct web_server *s, const char *path, int status, const char *body);
void web_server_raw(struct web_server *s, const char *path, const char *raw, size_t n);
unsigned web_server_connections(const struct web_server *s);
unsigned web_server_requests(const struct web_server *s);
