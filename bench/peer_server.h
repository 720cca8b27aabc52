/// The demo's MCP server over the worker's own I/O interface, HTTP/1.1 and HTTP/2 by prior knowledge: what stands
/// behind the gateway in the bench.
#pragma once

#include "dataplane/io/io.h"
#include "tools/demo/mcp.h"

#include <sys/queue.h>

struct peer_server {
	struct demo_mcp *mcp; ///< borrowed
	LIST_HEAD(peer_callers, caller) callers; ///< connections that are open
	struct demo_buf out;
	uint64_t refused; ///< requests it could not answer; the connection was dropped
};
/// `user` of sp_io_listen() is a struct peer_server.
int peer_server_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *peer);
void peer_server_done(struct peer_server *p); ///< after sp_io_free(), which ends streams without telling
