/// Descriptors a child process finds open at start, by number: the supervisor's side and the children's.
#pragma once

enum sp_child_fd {
	SP_FD_LIFE = 3,    ///< read end: end-of-file = the supervisor is gone
	SP_FD_ROOT = 4,    ///< all
	SP_FD_PLAN = 5,    ///< all
	SP_FD_POLICY = 6,  ///< control rw, worker ro
	SP_FD_SECRETS = 7, ///< control rw, worker ro
	SP_FD_REVOKED = 8, ///< control rw, worker ro
	SP_FD_LIMITS = 9,  ///< control, worker
	SP_FD_EVENT = 10,  ///< eventfd that wakes this process
	SP_FD_AUDIT_EVENT = 11,   ///< worker, control: wakes audit
	SP_FD_CONTROL_EVENT = 12, ///< worker, audit: wakes control
	SP_FD_SUPERVISOR = 13,    ///< control: write end, one byte an order: enum sp_supervisor_order
	SP_FD_LISTENER = 16,      ///< worker: 16 + i, its own SO_REUSEPORT socket of listener i; 8 at most
	/// worker: 64 its own; control and audit: 64 + worker. 64 + workers is the channel in which
	/// control itself is the producer of audit records (its inbox and outbox are not used).
	SP_FD_CHANNEL = 64,
	SP_FD_WORKER_EVENT = 144, ///< control and audit: 144 + worker, wakes that worker
	/// audit: 224 + worker (224 + workers: control), read end; worker and control: 224, write end.
	/// End-of-file = no such process left and no supervisor that could start another.
	SP_FD_WORKER_LIFE = 224,
	SP_FD__END = 320,
};
/// argv of every child: argv[0] program, argv[1] role's index (worker number, else "0").

enum sp_supervisor_order {
	SP_ORDER_DRAIN = 'D',    ///< stop gracefully
	SP_ORDER_RELOADED = 'R', ///< the reload asked for by SIGHUP is done, well or not
};
