/// The load generator's connections over the worker's own I/O interface and TLS client: the same code over
/// the kernel's TCP and over a port of its own.
#pragma once

#include "bench/load_conn.h"
#include "dataplane/io/io.h"
#include "dataplane/tls/tls.h"

struct peer_agents {
	struct load_client l;
	struct sp_io *io;           ///< borrowed
	struct sp_tls_client *tls;  ///< NULL = plain
};
/// `ca` is the PEM file to trust when `target` is a TLS one, NULL the system's. 0 or -errno. Takes the io's awake.
SP_MUST_CHECK int peer_agents_init(
	struct peer_agents *p, struct sp_io *io, const struct load_target *target, const char *ca);
/// After the run, before the io is freed.
void peer_agents_done(struct peer_agents *p);
