/// The load generator's connections over the kernel's sockets: epoll, OpenSSL on the descriptor.
#pragma once

#include "bench/load_conn.h"

struct load_socket_client {
	struct load_client l;
	int epoll_fd;
};
/// Fills `wire`; the rest of `l` is the caller's. 0 or -errno.
SP_MUST_CHECK int load_socket_init(struct load_socket_client *k);
void load_socket_done(struct load_socket_client *k);
