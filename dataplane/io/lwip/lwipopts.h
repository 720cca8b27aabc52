/// How lwIP is built: one thread, raw interface, TCP only, all memory from dataplane/io/lwip/memory.c.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_TIMERS 0 // the turn calls tcp_tmr() and its like by the turn's clock
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define LWIP_CHECK_MULTICAST_IP_HASH 0

#define LWIP_TCP 1
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define LWIP_IGMP 0
#define LWIP_AUTOIP 0
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define IP_FORWARD 0
#define IP_REASSEMBLY 0 // TCP needs none, and its buffers are an attacker's
#define IP_FRAG 0
#define IP_OPTIONS_ALLOWED 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_IPV6_NUM_ADDRESSES 5
#define LWIP_ND6_NUM_NEIGHBORS 120 // its counters have eight bits
#define LWIP_ND6_NUM_DESTINATIONS 120
#define LWIP_ND6_QUEUEING 1
#define ARP_TABLE_SIZE 120
#define ARP_QUEUEING 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ETHARP_TRUST_IP_MAC 0
#define LWIP_NETIF_HWADDRHINT 1
#define ETHARP_SUPPORT_VLAN 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_LINK_HLEN 18 // with a VLAN tag
#define ETH_PAD_SIZE 0

#define TCP_MSS 8960 // the most; the port's MTU decides
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256u * 1024u)
#define TCP_SND_BUF (256u * 1024u)
#define TCP_SND_QUEUELEN 1024u
#define TCP_SNDLOWAT 16384
#define TCP_SNDQUEUELOWAT 512
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 4)
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 // they count on a pool that frames here do not come from
#define TCP_OVERSIZE 0 // nothing is copied into a segment
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 64
uint16_t sp_lwip_unordered_most(void);
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) sp_lwip_unordered_most()
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 0 // its counter has eight bits; lists.c bounds what is half open
#define TCP_TMR_INTERVAL 50 // delayed acknowledgements; retransmission counts in twice that
#define TCP_MSL 2000u // a port holds no minutes of TIME_WAIT: sequence numbers are RFC 6528's
#define TCP_SYN_RCVD_TIMEOUT 10000u
#define TCP_SYNMAXRTX 5
#define TCP_MAXRTX 10
#define LWIP_TCP_KEEPALIVE 0
#define SO_REUSE 0

// Numbers of memory.c; lwIP itself only asks that they be sane.
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEM_ALIGNMENT 8
#define MEMP_NUM_TCP_SEG 65535
#define MEMP_NUM_PBUF 65535
#define MEMP_NUM_TCP_PCB 65535
#define PBUF_POOL_SIZE 64
#define PBUF_POOL_BUFSIZE 1600

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0

void *sp_lwip_alloc(size_t n);
void sp_lwip_release(void *p);
#define mem_clib_malloc sp_lwip_alloc
#define mem_clib_free sp_lwip_release
void *sp_lwip_calloc(size_t n, size_t size);
#define mem_clib_calloc sp_lwip_calloc

#include "dataplane/io/lwip/checksum.h"
#define LWIP_CHKSUM sp_lwip_checksum

struct ip_addr;
#include "dataplane/io/lwip/random.h"
#define LWIP_RAND sp_lwip_random
#define LWIP_HOOK_FILENAME "dataplane/io/lwip/hooks.h"
