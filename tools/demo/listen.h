/// Listening sockets of the demo server.
#pragma once

#include "common/base.h"

/// `where` is ADDRESS:PORT (numeric; IPv6 in brackets; port 0 = any). A non-blocking socket or -errno.
SP_MUST_CHECK int demo_listen_tcp(const char *where);
/// A stale socket file is replaced.
SP_MUST_CHECK int demo_listen_unix(const char *path);
/// One line on standard output that says where a listener is reached.
void demo_print_listener(int fd, const char *where, bool is_unix);
/// No delay for small answers; harmless on unix sockets.
void demo_socket_tune(int fd);
/// Split ADDRESS:PORT, brackets taken off: both strings are bounded by the buffers. -EINVAL.
SP_MUST_CHECK int demo_split_address(const char *where, char *host, size_t host_cap, char *port, size_t port_cap);
