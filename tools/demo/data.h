/// The demo's business data: customers with orders, accounts with transactions, in memory.
/// Made alike at every start; changed by the tools that update.
#pragma once

#include "common/bytes.h"

struct demo_customer {
	char id[16], name[40], email[48];
	const char *tier;
};
struct demo_order {
	char id[16];
	const struct demo_customer *customer;
	const char *status; ///< one of demo_order_states
	int64_t total_cents, refunded_cents;
};
struct demo_account {
	char id[16];
	const char *owner, *currency;
	int64_t balance_cents;
};
struct demo_transaction {
	char id[16];
	const struct demo_account *account;
	int64_t amount_cents;
	const char *kind;
	uint32_t day; ///< of 2026, from 1
};

struct demo_data; ///< owned by the server, one thread
struct demo_data *demo_data_new(void);
struct demo_data *demo_data_free(struct demo_data *d);

/// By exact id, or NULL. Owned by `d`.
struct demo_customer *demo_customer(struct demo_data *d, struct sp_bytes id);
struct demo_order *demo_order(struct demo_data *d, struct sp_bytes id);
struct demo_account *demo_account(struct demo_data *d, struct sp_bytes id);
/// The `i`th order of a customer, or transaction of an account, or NULL behind the last.
const struct demo_order *demo_customer_order(struct demo_data *d, const struct demo_customer *c, unsigned i);
const struct demo_transaction *demo_account_transaction(
	struct demo_data *d, const struct demo_account *a, unsigned i);
/// Book `amount_cents` on an account; returns the transaction.
const struct demo_transaction *demo_book(
	struct demo_data *d, struct demo_account *a, int64_t amount_cents, const char *kind);
/// The state's one text, or NULL when there is no such state.
const char *demo_order_state(struct sp_bytes s);
