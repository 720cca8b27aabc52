#include "controlplane/control/desk.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

struct sp_cv_out *sp_reply_data(struct sp_reply *r, enum sp_ctl_code code)
{
	SP_BUG_IF(r->data || r->error);
	r->data = true;
	sp_ctl_answer_begin(&r->out, r->id, false, (uint64_t)code);
	return &r->out;
}

void sp_reply_error(struct sp_reply *r, const char *fmt, ...)
{
	char text[8192];
	va_list ap;

	SP_BUG_IF(r->data || r->error);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->error = true;
	if (sp_ctl_answer_error(&r->out, r->id, SP_CTL_REFUSED, text) < 0)
		r->out.failed = true;
}

void sp_reply_text(struct sp_reply *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sp_cv_put_str(sp_reply_data(r, SP_CTL_OK), text);
}
