/// Pcbs by their four addresses, in place of lwIP's walk along all of them. Included before every source
/// of lwIP, so that its lists are kept by these functions. One stack a process, one thread.
#pragma once

#include <lwip/priv/tcp_priv.h>

#include <stdbool.h>

/// Room of sp_lwip_links_bytes() follows each struct tcp_pcb that memory.c gives out.
size_t sp_lwip_links_bytes(void);
/// A pcb comes to the head of a list; an active one or one in TIME_WAIT can be found from now on.
void sp_lwip_enlist(struct tcp_pcb **list, struct tcp_pcb *pcb);
void sp_lwip_delist(struct tcp_pcb **list, struct tcp_pcb *pcb);
/// The pcb's memory comes new, or goes: whatever still knows it forgets it.
void sp_lwip_links_fresh(struct tcp_pcb *pcb);
void sp_lwip_links_forget(struct tcp_pcb *pcb);
/// Active or in TIME_WAIT, or NULL.
struct tcp_pcb *sp_lwip_find(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
	u16_t remote_port);
/// Where the search for one begins, so that it can be fetched before it is needed.
struct tcp_pcb *const *sp_lwip_bucket(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
	u16_t remote_port);
/// Before a connection becomes half open: when as many as may be are, the oldest is dropped, silently.
void sp_lwip_half_open_room(void);
/// It is established, or at least no longer half open.
void sp_lwip_half_open_over(struct tcp_pcb *pcb);
/// Give up the connection that is longest in TIME_WAIT; false when there is none.
bool sp_lwip_drop_time_wait(void);
/// 0, or -ENOMEM. `pcbs` is how many there may be, `half_open` how many of them half open.
int sp_lwip_lists_init(uint32_t pcbs, uint32_t half_open);
void sp_lwip_lists_done(void);
uint32_t sp_lwip_half_open(void);
uint64_t sp_lwip_half_open_dropped(void);

// Orphans whose peer never ends its side hold a pcb: seconds, not lwIP's twenty.
#undef TCP_FIN_WAIT_TIMEOUT
#define TCP_FIN_WAIT_TIMEOUT 5000
#undef TCP_REG
#undef TCP_RMV
#define TCP_REG(list, pcb) sp_lwip_enlist((list), (pcb))
#define TCP_RMV(list, pcb) sp_lwip_delist((list), (pcb))
