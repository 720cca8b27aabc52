/// A list that was filtered and prefixed is still strict JSON, has exactly the elements that were
/// kept, all of them prefixed, and lost nothing else.
#include "tests/support/list_made.h"

#include "common/banned.h"

#define TOKENS 4096u

static bool keep_even(void *user, struct sp_bytes name, uint32_t element)
{
	unsigned *asked = user;

	(void)element;
	++*asked;
	return name.n % 2 == 0;
}

static uint32_t list_of(const struct sp_json *j)
{
	uint32_t t = sp_json_type(j, 0) == SP_JSON_ARRAY ? 0 : sp_json_get(j, 0, SP_LIT("tools"));

	return sp_json_type(j, t) == SP_JSON_ARRAY ? t : SP_JSON_NONE;
}

static void check_elements(const struct sp_json *j, uint32_t array, struct sp_bytes prefix)
{
	static uint8_t buf[1 << 16];

	for (uint32_t e = array + 1; e < j->tok[array].next; e = j->tok[e].next) {
		struct sp_bytes name;

		SP_BUG_IF(
			sp_json_str(j, sp_json_get(j, e, SP_LIT("name")), buf, sizeof(buf), &name));
		SP_BUG_IF(!sp_bytes_starts(name, prefix) || (name.n - prefix.n) % 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_json_tok tok[TOKENS], tok2[TOKENS];
	static uint8_t buf[1 << 17], elements[1 << 17];
	struct sp_out o = sp_out_init(buf, sizeof(buf));
	struct sp_json j, k;
	unsigned asked = 0;
	struct sp_list l = {.j = &j,
		.key = SP_LIT("name"),
		.prefix = SP_LIT("up/"),
		.keep = keep_even,
		.user = &asked};
	uint32_t kept, array;

	if (size > sizeof(buf) / 8 || sp_json_scan(sp_bytes(data, size), 64, tok, TOKENS, &j, NULL))
		return 0;
	l.array = list_of(&j);
	if (l.array == SP_JSON_NONE)
		return 0;
	SP_BUG_IF(list_made(&o, &l, elements, sizeof(elements), &kept));
	SP_BUG_IF(kept > asked || asked > j.tok[l.array].count);
	SP_BUG_IF(sp_json_scan(sp_bytes(buf, o.len), 64, tok2, TOKENS, &k, NULL));
	array = list_of(&k);
	SP_BUG_IF(array != l.array || k.tok[array].count != kept);
	check_elements(&k, array, l.prefix);
	SP_BUG_IF(j.n - j.tok[l.array].next != k.n - k.tok[array].next);
	return 0;
}
