/// What the commands of sallyport-shake share: handshakes in memory, against a gateway, by the storm, and held.
#pragma once

#include "bench/load_target.h"

struct shake_options {
	const char *command, *connect_to, *ca, *chain, *key, *kind;
	const char *from[64]; ///< local addresses to connect from, one after the other
	unsigned from_n;
	uint64_t count, seconds, parallel, rate;
	bool resume;
};

/// A server and a client of OpenSSL's alone, over memory: its own CPU time a handshake. Prints JSON.
SP_MUST_CHECK int shake_alone(const struct shake_options *o);
/// The same server on the sockets of --connect, one connection at a time, until SIGTERM: the whole process' CPU time a
/// handshake. Prints JSON when it listens, and at the end.
SP_MUST_CHECK int shake_serve(const struct shake_options *o);
/// Handshakes one after the other on `parallel` connections, each closed when its ticket has come. Prints JSON.
SP_MUST_CHECK int shake_drive(const struct shake_options *o);
/// `count` connections that shake hands and then only stay: prints JSON when they stand, and again at the end of
/// standard input, with how many still stood.
SP_MUST_CHECK int shake_hold(const struct shake_options *o);
/// `rate` connections a second that mean no good; `kind` says how. Prints JSON.
SP_MUST_CHECK int shake_storm(const struct shake_options *o);

/// A client that trusts anybody, offers what agents offer, and hands tickets to `on_ticket` if there is one.
SP_MUST_CHECK int shake_client(
	const struct shake_options *o, int (*on_ticket)(SSL *ssl, SSL_SESSION *s), SSL_CTX **ret);
/// A server with the gateway's choices: the same suites and groups, one stateless ticket, no cache of sessions.
SP_MUST_CHECK int shake_server(const struct shake_options *o, SSL_CTX **ret);
/// A socket on its way, non-blocking, from the `number`th local address. -errno.
SP_MUST_CHECK int shake_dial(const struct shake_options *o, const struct load_target *to, uint64_t number);
/// Where --connect says.
SP_MUST_CHECK int shake_target(const struct shake_options *o, struct load_target *ret);
