#include "tools/demo/tools_impl.h"
#include "common/banned.h"

static void text(struct demo_buf *b, const char *s)
{
	demo_put_bytes(b, sp_bytes_cstr(s));
}

static void put_order(struct demo_buf *b, const struct demo_order *o)
{
	demo_lit(b, "{\"order_id\":\"");
	text(b, o->id);
	demo_lit(b, "\",\"status\":\"");
	text(b, o->status);
	demo_lit(b, "\",\"total_cents\":");
	demo_i64(b, o->total_cents);
	demo_lit(b, ",\"refunded_cents\":");
	demo_i64(b, o->refunded_cents);
	demo_lit(b, "}");
}

static struct demo_customer *customer_of(struct demo_call *c)
{
	struct demo_customer *r = demo_customer(c->data, demo_arg_str(c, "customer_id"));

	if (!r && !c->complaint)
		c->complaint = "no such customer: ids run from C-1001 to C-1040";
	return r;
}

static struct demo_order *order_of(struct demo_call *c)
{
	struct demo_order *r = demo_order(c->data, demo_arg_str(c, "order_id"));

	if (!r && !c->complaint)
		c->complaint = "no such order: ids run from O-5001 to O-5120";
	return r;
}

static struct demo_account *account_of(struct demo_call *c)
{
	struct demo_account *r = demo_account(c->data, demo_arg_str(c, "account_id"));

	if (!r && !c->complaint)
		c->complaint = "no such account: ids run from A-2001 to A-2012";
	return r;
}

void demo_read_customer(struct demo_call *c)
{
	const struct demo_customer *who = customer_of(c);
	const struct demo_order *o;

	if (!who)
		return;
	demo_lit(c->out, "{\"customer_id\":\"");
	text(c->out, who->id);
	demo_lit(c->out, "\",\"name\":\"");
	text(c->out, who->name);
	demo_lit(c->out, "\",\"email\":\"");
	text(c->out, who->email);
	demo_lit(c->out, "\",\"tier\":\"");
	text(c->out, who->tier);
	demo_lit(c->out, "\",\"orders\":[");
	for (unsigned i = 0; (o = demo_customer_order(c->data, who, i)); i++) {
		if (i)
			demo_lit(c->out, ",");
		put_order(c->out, o);
	}
	demo_lit(c->out, "]}");
}

void demo_update_order(struct demo_call *c)
{
	struct demo_order *o = order_of(c);
	const char *state = demo_order_state(demo_arg_str(c, "status"));

	if (!o)
		return;
	if (!state) {
		c->complaint = "status must be pending, paid, shipped, delivered, cancelled or refunded";
		return;
	}
	o->status = state;
	put_order(c->out, o);
}

void demo_send_email(struct demo_call *c)
{
	static uint64_t sent;
	const struct demo_customer *who = customer_of(c);
	struct sp_bytes subject = demo_arg_str(c, "subject");

	if (!who || c->complaint)
		return;
	demo_lit(c->out, "{\"message_id\":\"M-");
	demo_u64(c->out, ++sent);
	demo_lit(c->out, "\",\"to\":\"");
	text(c->out, who->email);
	demo_lit(c->out, "\",\"subject\":\"");
	demo_escaped(c->out, subject);
	demo_lit(c->out, "\",\"state\":\"queued\"}");
}

static void put_account(struct demo_buf *b, const struct demo_account *a)
{
	demo_lit(b, "{\"account_id\":\"");
	text(b, a->id);
	demo_lit(b, "\",\"owner\":\"");
	text(b, a->owner);
	demo_lit(b, "\",\"currency\":\"");
	text(b, a->currency);
	demo_lit(b, "\",\"balance_cents\":");
	demo_i64(b, a->balance_cents);
	demo_lit(b, "}");
}

void demo_read_account(struct demo_call *c)
{
	const struct demo_account *a = account_of(c);

	if (a)
		put_account(c->out, a);
}

void demo_update_account(struct demo_call *c)
{
	struct demo_account *a = account_of(c);
	int64_t amount = demo_arg_int(c, "amount_cents", -100000000, 100000000, 0);

	if (!a || c->complaint)
		return;
	if (!amount) {
		c->complaint = "amount_cents must be there and not zero";
		return;
	}
	demo_book(c->data, a, amount, amount > 0 ? "credit" : "debit");
	put_account(c->out, a);
}

void demo_query_transactions(struct demo_call *c)
{
	const struct demo_account *a = account_of(c);
	int64_t limit = demo_arg_int(c, "limit", 1, 16, 8);
	const struct demo_transaction *t;

	if (!a || c->complaint)
		return;
	demo_lit(c->out, "{\"account_id\":\"");
	text(c->out, a->id);
	demo_lit(c->out, "\",\"transactions\":[");
	for (unsigned i = 0; i < (uint64_t)limit && (t = demo_account_transaction(c->data, a, i)); i++) {
		demo_put_bytes(c->out, i ? SP_LIT(",{\"id\":\"") : SP_LIT("{\"id\":\""));
		text(c->out, t->id);
		demo_lit(c->out, "\",\"kind\":\"");
		text(c->out, t->kind);
		demo_lit(c->out, "\",\"amount_cents\":");
		demo_i64(c->out, t->amount_cents);
		demo_lit(c->out, ",\"day\":");
		demo_u64(c->out, t->day);
		demo_lit(c->out, "}");
	}
	demo_lit(c->out, "]}");
}

void demo_refund(struct demo_call *c)
{
	struct demo_order *o = order_of(c);
	int64_t left = o ? o->total_cents - o->refunded_cents : 0;
	int64_t amount = demo_arg_int(c, "amount_cents", 1, 100000000, left);

	if (!o || c->complaint)
		return;
	if (amount > left || !left) {
		c->complaint = "the refund is more than what is left of the payment";
		return;
	}
	o->refunded_cents += amount;
	if (o->refunded_cents == o->total_cents)
		o->status = demo_order_state(SP_LIT("refunded"));
	put_order(c->out, o);
}

void demo_echo(struct demo_call *c)
{
	if (c->arguments == SP_JSON_NONE)
		demo_lit(c->out, "{}");
	else
		demo_put_bytes(c->out, sp_json_raw(c->j, c->arguments));
}

void demo_big_answer(struct demo_call *c)
{
	int64_t n = demo_arg_int(c, "bytes", 0, DEMO_BIG_MAX, 0);

	if (c->complaint)
		return;
	demo_lit(c->out, "{\"filler\":\"");
	memset(demo_buf_room(c->out, (size_t)n), 'x', (size_t)n);
	c->out->len += (size_t)n;
	demo_lit(c->out, "\"}");
}
