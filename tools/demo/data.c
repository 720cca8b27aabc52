#include "tools/demo/data.h"

#include <stdio.h>
#include "common/banned.h"

#define CUSTOMERS 40u
#define ORDERS_EACH 3u
#define ACCOUNTS 12u
#define TRANSACTIONS_EACH 16u ///< the oldest is overwritten by a booking

static const char *const order_states[] = {"pending", "paid", "shipped", "delivered", "cancelled", "refunded"};
static const char *const first_names[] = {"Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hugo"};
static const char *const last_names[] = {"Almeida", "Berg", "Costa", "Dvorak", "Eriksen"};

struct demo_data {
	struct demo_customer customer[CUSTOMERS];
	struct demo_order order[CUSTOMERS][ORDERS_EACH];
	struct demo_account account[ACCOUNTS];
	struct demo_transaction transaction[ACCOUNTS][TRANSACTIONS_EACH];
	unsigned booked[ACCOUNTS]; ///< transactions ever; the next goes to booked % TRANSACTIONS_EACH
};

static void fill_customers(struct demo_data *d)
{
	static const char *const tiers[] = {"standard", "silver", "gold"};

	for (unsigned i = 0; i < CUSTOMERS; i++) {
		struct demo_customer *c = &d->customer[i];
		const char *first = first_names[i % SP_ARRAY_LEN(first_names)];
		const char *last = last_names[i % SP_ARRAY_LEN(last_names)];

		snprintf(c->id, sizeof(c->id), "C-%u", 1001 + i);
		snprintf(c->name, sizeof(c->name), "%s %s", first, last);
		snprintf(c->email, sizeof(c->email), "customer%u@example.com", 1001 + i);
		c->tier = tiers[i % SP_ARRAY_LEN(tiers)];
		for (unsigned k = 0; k < ORDERS_EACH; k++) {
			struct demo_order *o = &d->order[i][k];

			snprintf(o->id, sizeof(o->id), "O-%u", 5001 + i * ORDERS_EACH + k);
			o->customer = c;
			o->status = order_states[(i + k) % 4];
			o->total_cents = 1999 + 731 * (int64_t)(i + 7 * k);
		}
	}
}

static void fill_accounts(struct demo_data *d)
{
	static const char *const owners[] = {"Operations", "Treasury", "Payroll", "Claims"};

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct demo_account *a = &d->account[i];

		snprintf(a->id, sizeof(a->id), "A-%u", 2001 + i);
		a->owner = owners[i % SP_ARRAY_LEN(owners)];
		a->currency = i % 3 ? "EUR" : "USD";
		a->balance_cents = 1000000 + 12345 * (int64_t)i;
		for (unsigned k = 0; k < TRANSACTIONS_EACH / 2; k++)
			demo_book(d, a, (k % 2 ? -1 : 1) * (int64_t)(1500 + 100 * k), k % 2 ? "debit" : "credit");
	}
}

struct demo_data *demo_data_new(void)
{
	struct demo_data *d = calloc(1, sizeof(*d));

	SP_BUG_IF(!d);
	fill_customers(d);
	fill_accounts(d);
	return d;
}

struct demo_data *demo_data_free(struct demo_data *d)
{
	free(d);
	return NULL;
}

/// Number behind the two characters of a prefix, or -ENOENT: ids are dense, so that finding is indexing.
static int64_t index_of(struct sp_bytes id, const char *prefix, uint64_t base, uint64_t n)
{
	uint64_t v;

	if (id.n < 3 || memcmp(id.p, prefix, 2) != 0 || id.p[2] == '0' ||
		sp_bytes_u64(sp_bytes(id.p + 2, id.n - 2), &v) < 0 || v < base || v - base >= n)
		return -ENOENT;
	return (int64_t)(v - base);
}

struct demo_customer *demo_customer(struct demo_data *d, struct sp_bytes id)
{
	int64_t i = index_of(id, "C-", 1001, CUSTOMERS);

	return i < 0 ? NULL : &d->customer[i];
}

struct demo_order *demo_order(struct demo_data *d, struct sp_bytes id)
{
	int64_t i = index_of(id, "O-", 5001, (uint64_t)CUSTOMERS * ORDERS_EACH);

	return i < 0 ? NULL : &d->order[i / ORDERS_EACH][i % ORDERS_EACH];
}

struct demo_account *demo_account(struct demo_data *d, struct sp_bytes id)
{
	int64_t i = index_of(id, "A-", 2001, ACCOUNTS);

	return i < 0 ? NULL : &d->account[i];
}

const struct demo_order *demo_customer_order(struct demo_data *d, const struct demo_customer *c, unsigned i)
{
	return i < ORDERS_EACH ? &d->order[c - d->customer][i] : NULL;
}

const struct demo_transaction *demo_account_transaction(
	struct demo_data *d, const struct demo_account *a, unsigned i)
{
	size_t n = (size_t)(a - d->account);

	return i < sp_min(d->booked[n], TRANSACTIONS_EACH) ? &d->transaction[n][i] : NULL;
}

const struct demo_transaction *demo_book(
	struct demo_data *d, struct demo_account *a, int64_t amount_cents, const char *kind)
{
	size_t n = (size_t)(a - d->account);
	unsigned no = d->booked[n]++;
	struct demo_transaction *t = &d->transaction[n][no % TRANSACTIONS_EACH];

	snprintf(t->id, sizeof(t->id), "T-%zu-%u", n + 1, no % 1000000);
	t->account = a;
	t->amount_cents = amount_cents;
	t->kind = kind;
	t->day = 1 + no % 365;
	a->balance_cents += amount_cents;
	return t;
}

const char *demo_order_state(struct sp_bytes s)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(order_states); i++)
		if (sp_bytes_eq(s, sp_bytes_cstr(order_states[i])))
			return order_states[i];
	return NULL;
}
