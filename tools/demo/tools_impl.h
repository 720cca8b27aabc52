/// What each plain tool does; listed in tools.c.
#pragma once

#include "tools/demo/tools.h"

void demo_read_customer(struct demo_call *c);
void demo_update_order(struct demo_call *c);
void demo_send_email(struct demo_call *c);
void demo_read_account(struct demo_call *c);
void demo_update_account(struct demo_call *c);
void demo_query_transactions(struct demo_call *c);
void demo_refund(struct demo_call *c);
void demo_echo(struct demo_call *c);
void demo_big_answer(struct demo_call *c);
