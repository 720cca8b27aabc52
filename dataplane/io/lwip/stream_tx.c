/// The transmit queue of one stream: lwIP sends straight out of its blocks, and a block is given back when
/// no segment that could be sent again lies in it.
#include "dataplane/io/lwip/stack.h"
#include "common/banned.h"

/// Segments of a peer that takes nothing are few, so that it cannot use up what all have: as much as it has
/// shown to take, and two segments to find out.
static size_t may_give(const struct lwip_stream *ls)
{
	const struct tcp_pcb *pcb = ls->pcb;
	size_t window = sp_min((size_t)pcb->snd_wnd, (size_t)pcb->cwnd);
	size_t most = sp_max(window, (size_t)2 * pcb->mss);

	return sp_min(most > ls->given ? most - ls->given : 0, (size_t)tcp_sndbuf(pcb));
}

/// The next piece that lwIP does not have, or 0.
static size_t next_piece(struct lwip_stream *ls, const uint8_t **ret)
{
	if (!ls->block) {
		ls->block = ls->s.tx_head;
		ls->at = ls->block ? ls->block->start : 0;
	}
	while (ls->block && ls->at == ls->block->end && ls->block->next) {
		ls->block = ls->block->next;
		ls->at = ls->block->start;
	}
	if (!ls->block)
		return 0;
	*ret = ls->block->data + ls->at;
	return ls->block->end - ls->at;
}

static void push_end(struct lwip_stream *ls)
{
	if (ls->s.phase != SP_STREAM_CLOSING || ls->shut || ls->given < ls->s.queued)
		return;
	if (tcp_shutdown(ls->pcb, 0, 1) == ERR_OK) // otherwise lwIP's poll comes back to it
		ls->shut = true;
}

void lwip_tx_push(struct lwip_stream *ls)
{
	size_t room, n;
	const uint8_t *p;
	bool wrote = false;

	if (!ls->pcb || ls->shut)
		return;
	room = may_give(ls);
	while (room && (n = next_piece(ls, &p))) {
		bool more = ls->given + n < ls->s.queued;

		n = sp_min(n, room);
		if (tcp_write(ls->pcb, p, (u16_t)n, more ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK)
			break;
		ls->at += (uint32_t)n;
		ls->given += (uint32_t)n; // no more than TCP_SND_BUF
		room -= n;
		wrote = true;
	}
	push_end(ls);
	if (wrote)
		tcp_output(ls->pcb);
}

static bool earlier(u32_t a, u32_t b)
{
	return (s32_t)(a - b) < 0;
}

/// Bytes of the queue that segments still refer to. An acknowledgement may end in the middle of a segment;
/// that segment would be sent again as a whole, out of memory that by then is another stream's.
static size_t referred(const struct lwip_stream *ls)
{
	const struct tcp_pcb *pcb = ls->pcb;
	const struct tcp_seg *a = pcb->unacked, *b = pcb->unsent;
	u32_t first, n;

	if (!a && !b)
		return 0;
	first = ntohl((a ? a : b)->tcphdr->seqno);
	if (a && b && earlier(ntohl(b->tcphdr->seqno), first))
		first = ntohl(b->tcphdr->seqno);
	n = pcb->snd_lbb - first; // one more where the FIN has a segment of its own: kept a little longer
	return sp_min(n, ls->given);
}

void lwip_tx_acked(struct lwip_stream *ls)
{
	size_t done = ls->given - referred(ls);

	if (!done)
		return;
	ls->given -= (uint32_t)done;
	if (!ls->given)
		ls->block = NULL; // what follows begins at the queue's head
	sp_tx_consume(&ls->s, done);
	if (ls->s.queued > ls->given || ls->s.phase != SP_STREAM_OPEN)
		sp_stream_mark(&ls->s);
}
