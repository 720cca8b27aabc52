"""Mend lwIP's core/tcp_in.c: mend_tcp_in.py IN OUT

A segment's connection is found by dataplane/io/lwip/lists.c instead of a walk along all of them, a peer that
begins anew with a port in TIME_WAIT is served, and what is half open is bounded. Each place must be there
exactly once, or the build fails."""
import sys

FIND = """  pcb = sp_lwip_find(ip_current_dest_addr(), tcphdr->dest, ip_current_src_addr(), tcphdr->src);
  if (pcb != NULL && pcb->state == TIME_WAIT) {
    if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && TCP_SEQ_GT(seqno, pcb->rcv_nxt)) {
      tcp_abort(pcb);
      pcb = NULL;
    } else {
      tcp_timewait_input(pcb);
      pbuf_free(p);
      return;
    }
  }
  if (pcb == NULL) {
"""


def once(text, words):
    if text.count(words) != 1:
        sys.exit(f"mend_tcp_in.py: '{words.strip()}' is there {text.count(words)} times: another lwIP?")
    return text.index(words)


with open(sys.argv[1], encoding="utf-8") as f:
    source = f.read()
walk = once(source, "  prev = NULL;\n\n  for (pcb = tcp_active_pcbs;")
listening = once(source, "    /* Finally, if we still did not get a match,")
source = source[:walk] + FIND + source[listening:]
allocate = once(source, "    npcb = tcp_alloc(pcb->prio);")
source = source[:allocate] + "    sp_lwip_half_open_room();\n" + source[allocate:]
with open(sys.argv[2], "w", encoding="utf-8") as f:
    f.write(source)
