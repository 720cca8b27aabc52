/// What lwIP asks of us: sequence numbers, VLAN tags, where pcbs are found. For lwIP's own sources.
#pragma once

#include <stdbool.h>

#include <lwip/arch.h>
#include <lwip/ip_addr.h>
#include <lwip/netif.h>
#include <lwip/prot/ethernet.h>

/// RFC 6528: a keyed hash of the four addresses, and a clock that goes on every 4 microseconds.
u32_t sp_lwip_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN sp_lwip_isn

s32_t sp_lwip_vlan_out(void);
#define LWIP_HOOK_VLAN_SET(netif, p, src, dst, type) sp_lwip_vlan_out()
bool sp_lwip_vlan_in(u16_t tag);
#define LWIP_HOOK_VLAN_CHECK(netif, eth, vlan) sp_lwip_vlan_in(VLAN_ID(vlan))

const ip6_addr_t *sp_lwip_gateway6(void);
#define LWIP_HOOK_ND6_GET_GW(netif, dest) sp_lwip_gateway6()
