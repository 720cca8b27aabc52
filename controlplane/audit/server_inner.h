/// Between server.c (the thread), server_index.c (keeping the index) and server_answer.c (commands).
#pragma once

#include "common/ctlmsg.h"
#include "common/role_table.h"
#include "common/unixsock.h"
#include "controlplane/audit/checkpoint.h"
#include "controlplane/audit/query.h"
#include "controlplane/audit/server.h"
#include "controlplane/audit/verify.h"

#define SP_SERVER_CONNS 32u
#define SP_SERVER_REQUEST_MAX (64u << 10)

#define SP_SERVER_GROUPS 65u

struct sp_conn {
	int fd; ///< -1 = free
	struct sp_unix_peer peer;
	gid_t group[SP_SERVER_GROUPS];
	uint32_t groups_n;
	uint64_t since_ns; ///< boot time
	uint8_t in[SP_SERVER_REQUEST_MAX];
	size_t in_n;
	struct sp_cv_out frame; ///< being built
	uint8_t *out; ///< frames not yet sent; heap
	size_t out_n, out_cap, sent;
	bool failed; ///< to be dropped
	uint64_t id; ///< of the request being answered
	bool following;
	struct sp_query follow;
	uint8_t follow_text[3][256]; ///< what its filters borrow
	bool verifying;
	struct sp_verify verify;
};

struct sp_server {
	struct sp_root *root;
	const struct sp_plan *plan;
	int dir;
	struct sp_feed *feed;
	struct sp_journal *journal;
	struct sp_index *index; ///< NULL = not open, see sp_server_catch_up()
	int listener;
	pthread_t thread, spares;
	bool started;
	struct sp_feed_entry *taken; ///< SP_FEED_ENTRIES
	struct sp_feed_entry indexed; ///< the last record given to the index; seq 0 = none yet
	uint8_t *chunk;               ///< of the journal, once needed
	uint64_t due_ns;             ///< when the index takes what has come; 0 = nothing waits for it
	struct sp_signer *signer;
	uint64_t signed_size;
	uint64_t retention_ns, log_ns;
	struct sp_query_hit *hits; ///< SP_QUERY_LIMIT_MAX
	struct sp_conn conn[SP_SERVER_CONNS];
};

/// Open the index if it is not, and bring it up to what is durable. 0; or -errno, and what is open is usable.
SP_MUST_CHECK int sp_server_catch_up(struct sp_server *s);
/// Between server_index.c and server_journal.c: give the index its next record.
SP_MUST_CHECK int sp_server_index_add(struct sp_server *s, const struct sp_feed_entry *e);
/// And all up to record `until` from the journal. -EBADMSG when they are not there.
SP_MUST_CHECK int sp_server_index_journal(struct sp_server *s, uint64_t until);
/// Remove segments past their retention, now and then.
void sp_server_retain(struct sp_server *s, uint64_t now_ns);

/// What the peer may do now: roles change with a reload.
enum sp_ctl_access sp_server_access(const struct sp_server *s, const struct sp_conn *c);
/// Act on a whole request. False: close the connection.
bool sp_server_request(struct sp_server *s, struct sp_conn *c, struct sp_bytes body);
/// Go on with what a connection is in the middle of.
void sp_server_continue(struct sp_server *s, struct sp_conn *c);
