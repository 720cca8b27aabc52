/// A network port of a worker that has its own TCP/IP stack, as the plan carries it.
#pragma once

#include "common/base.h"

#include <netinet/in.h>

#define SP_PORT_DEVICE_MAX 256u
#define SP_PORT_ADDRS6_MAX 4u
#define SP_PORT_MTU_MIN 1280u // IPv6 asks for that
#define SP_PORT_MTU_MAX 9000u
#define SP_PORT_VLAN_MAX 4094u
#define SP_PORT_FRAMES_MIN 4096u // both rings full, and some to work with
#define SP_PORT_FRAMES_MAX (1u << 20)
#define SP_PORT_HALF_OPEN_MIN 64u
#define SP_PORT_HALF_OPEN_MAX 65536u

struct sp_port {
	char device[SP_PORT_DEVICE_MAX]; ///< DPDK devargs: "net_memif0,role=server,...", a PCI address
	uint8_t mac[6];                  ///< all zero: the device's own
	uint16_t mtu;
	uint16_t vlan; ///< 0 = untagged
	uint8_t prefix4; ///< of addr4; meaningless when that is zero
	uint8_t addrs6;
	uint32_t frames; ///< buffers of 2 KiB for what is received and sent
	uint32_t half_open; ///< handshakes under way; beyond, the oldest is dropped
	struct in_addr addr4, gateway4; ///< zero: none
	struct in6_addr addr6[SP_PORT_ADDRS6_MAX]; ///< each with a prefix of 64 bits
	struct in6_addr gateway6;
};
