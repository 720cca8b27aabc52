/// lwIP's core/tcp_out.c with what it sends by reference marked volatile: packets that wait for a
/// neighbour's address are then copied, so nothing points into a transmit block that was given back.
#include <lwip/pbuf.h>
#define PBUF_ROM PBUF_REF
#include <core/tcp_out.c> // NOLINT(bugprone-suspicious-include)
#include "common/banned.h"
