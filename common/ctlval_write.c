#include "common/ctlval.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

void sp_cv_out_init(struct sp_cv_out *o)
{
	*o = (struct sp_cv_out){0};
	msgpack_sbuffer_init(&o->buf);
	msgpack_packer_init(&o->pk, &o->buf, msgpack_sbuffer_write);
}

void sp_cv_out_done(struct sp_cv_out *o)
{
	msgpack_sbuffer_destroy(&o->buf);
}

/// Every put goes through here: the innermost container holds one more item, and a failure sticks.
static void counted(struct sp_cv_out *o, int packed)
{
	if (packed < 0)
		o->failed = true;
	if (o->depth > 0)
		o->open[o->depth - 1].items++;
}

static void open_container(struct sp_cv_out *o, bool map)
{
	// the 32-bit form, whose count can be filled in when it is known
	const char head[5] = {(char)(map ? 0xdf : 0xdd), 0, 0, 0, 0};

	counted(o, msgpack_sbuffer_write(&o->buf, head, sizeof(head)));
	SP_BUG_IF(o->depth == SP_CV_OPEN_MAX);
	o->open[o->depth].off = o->buf.size - 4;
	o->open[o->depth].items = 0;
	o->open[o->depth].map = map;
	o->depth++;
}

void sp_cv_put_map(struct sp_cv_out *o)
{
	open_container(o, true);
}

void sp_cv_put_array(struct sp_cv_out *o)
{
	open_container(o, false);
}

void sp_cv_put_end(struct sp_cv_out *o)
{
	uint32_t n;

	SP_BUG_IF(o->depth == 0);
	o->depth--;
	n = o->open[o->depth].items;
	SP_BUG_IF(o->open[o->depth].map && n % 2);
	if (o->open[o->depth].map)
		n /= 2;
	if (o->failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		o->buf.data[o->open[o->depth].off + i] = (char)(uint8_t)(n >> (24 - 8 * i));
}

void sp_cv_put_nil(struct sp_cv_out *o)
{
	counted(o, msgpack_pack_nil(&o->pk));
}

void sp_cv_put_bool(struct sp_cv_out *o, bool v)
{
	counted(o, v ? msgpack_pack_true(&o->pk) : msgpack_pack_false(&o->pk));
}

void sp_cv_put_u64(struct sp_cv_out *o, uint64_t v)
{
	counted(o, msgpack_pack_uint64(&o->pk, v));
}

void sp_cv_put_bytes(struct sp_cv_out *o, struct sp_bytes v)
{
	counted(o, msgpack_pack_str_with_body(&o->pk, v.n ? v.p : (const uint8_t *)"", v.n));
}

void sp_cv_put_str(struct sp_cv_out *o, const char *s)
{
	sp_cv_put_bytes(o, sp_bytes_cstr(s));
}

void sp_cv_put_fmt(struct sp_cv_out *o, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sp_cv_put_bytes(o, sp_bytes(text, n < 0 ? 0 : sp_min((size_t)n, sizeof(text) - 1)));
}

void sp_cv_put_raw(struct sp_cv_out *o, struct sp_bytes m)
{
	counted(o, msgpack_sbuffer_write(&o->buf, (const char *)m.p, m.n));
}
