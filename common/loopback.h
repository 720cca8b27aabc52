/// TCP between processes of one host. Any process.
#pragma once

#include "common/base.h"

#include <sys/socket.h>

/// A TCP socket whose peer is, or whose peers will be, at `addr`: on loopback (127.0.0.0/8, ::1; an address of a card
/// of this host is not meant) it does without an estimate of the network, of which there is none, and without what
/// paces for that. Of a listening socket before listen(): what it accepts begins so. Where the choice is not allowed
/// the system's stays. Blocks not.
void sp_loopback_tune(int fd, const struct sockaddr *addr);
