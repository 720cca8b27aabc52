#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ALLOWED(x) assert_int_equal((x), SP_REASON_NONE)
#define REFUSED(x, why) assert_int_equal((x), SP_REASON_##why)

static enum sp_reason ask(struct rig *r, const char *tool, const char *params, const char *claims)
{
	rig_call(r, "bot", tool, params);
	if (claims)
		rig_claims(r, claims);
	return rig_judge(r);
}

static enum sp_reason ask_scopes(struct rig *r, struct sp_bytes scopes)
{
	rig_call(r, "bot", "read", "");
	r->call.scopes = scopes;
	return rig_judge(r);
}

static void every_scope_of_a_tool_is_needed_and_what_lacks_is_told(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "read");
	rig_tool(r.p, "read")->required_scopes = rig_list(r.p, "mcp:read,pii:read");
	rig_publish(&r);
	ALLOWED(ask_scopes(&r, SP_LIT("x pii:read mcp:read")));
	REFUSED(ask_scopes(&r, SP_LIT("mcp:read pii:readonly")), SCOPE_INSUFFICIENT);
	assert_string_equal(r.v.detail, "pii:read");
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	REFUSED(ask_scopes(&r, SP_LIT("")), SCOPE_INSUFFICIENT);
	assert_string_equal(r.v.detail, "mcp:read pii:read");
	rig_done(&r);
}

static void scopes_that_do_not_fit_are_left_out_whole(void **state)
{
	char scopes[200];
	struct rig r;

	(void)state;
	memset(scopes, 'a', sizeof(scopes));
	scopes[60] = ',';
	scopes[121] = '\0';
	rig_init(&r);
	rig_allow_list(r.p, "bot", "read");
	scopes[0] = 'b';
	rig_tool(r.p, "read")->required_scopes = rig_list(r.p, scopes);
	rig_publish(&r);
	REFUSED(ask_scopes(&r, SP_LIT("")), SCOPE_INSUFFICIENT);
	assert_int_equal(strlen(r.v.detail), 60);
	rig_done(&r);
}

static void details_rig(struct rig *r, bool required)
{
	rig_init(r);
	rig_allow_list(r->p, "bot", "read_mail,send");
	r->p->details_required = required;
	rig_publish(r);
}

#define DETAILS(entries) "{\"authorization_details\":[" entries "]}"
#define ENTRY(more) "{\"type\":\"mcp_tool_call\",\"actions\":[\"read_*\"]" more "}"

static void authorization_details_bind_when_the_token_has_them(void **state)
{
	struct rig r;

	(void)state;
	details_rig(&r, false);
	ALLOWED(ask(&r, "read_mail", "", "{\"sub\":\"x\"}"));
	ALLOWED(ask(&r, "read_mail", "", DETAILS(ENTRY(""))));
	REFUSED(ask(&r, "send", "", DETAILS(ENTRY(""))), DETAILS_DENIED);
	ALLOWED(ask(&r, "send", "", DETAILS(ENTRY("") ",{\"type\":\"mcp_tool_call\","
		"\"actions\":[\"x\",\"send\"]}")));
	REFUSED(ask(&r, "read_mail", "", DETAILS("")), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", "{\"authorization_details\":{}}"), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS("{\"type\":\"payment\"}")), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS("{\"type\":\"mcp_tool_call\"}")), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS("{\"actions\":[\"*\"]}")), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS("\"mcp_tool_call\"")), DETAILS_DENIED);
	rig_done(&r);
}

static void required_details_must_be_there(void **state)
{
	struct rig r;

	(void)state;
	details_rig(&r, true);
	REFUSED(ask(&r, "read_mail", "", NULL), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", "{\"sub\":\"x\"}"), DETAILS_DENIED);
	ALLOWED(ask(&r, "read_mail", "", DETAILS(ENTRY(""))));
	rig_done(&r);
}

static void details_may_name_a_location_and_only_a_known_member_widens(void **state)
{
	struct rig r;

	(void)state;
	details_rig(&r, false);
	ALLOWED(ask(&r, "read_mail", "", DETAILS(ENTRY(",\"locations\":[\"https://gw/mcp\"]"))));
	REFUSED(ask(&r, "read_mail", "", DETAILS(ENTRY(",\"locations\":[\"https://gw/mcp2\"]"))),
		DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS(ENTRY(",\"locations\":\"https://gw/mcp\""))),
		DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", DETAILS(ENTRY(",\"privileges\":[\"admin\"]"))),
		DETAILS_DENIED);
	rig_done(&r);
}

static void details_may_fix_arguments(void **state)
{
	static const char want[] = DETAILS(ENTRY(
		",\"arguments\":{\"box\":\"in\",\"opts\":{\"n\":[1,true,null,\"\\u0061\"]}}"));
	struct rig r;

	(void)state;
	details_rig(&r, false);
	ALLOWED(ask(&r, "read_mail",
		"{\"arguments\":{\"x\":9,\"opts\":{\"n\":[1,true,null,\"a\"]},\"box\":\"in\"}}", want));
	REFUSED(ask(&r, "read_mail",
			"{\"arguments\":{\"opts\":{\"n\":[1,true,null,\"a\"],\"m\":1},\"box\":\"in\"}}",
			want),
		DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail",
			"{\"arguments\":{\"opts\":{\"n\":[1,true,null,\"b\"]},\"box\":\"in\"}}", want),
		DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail",
			"{\"arguments\":{\"opts\":{\"n\":[1.0,true,null,\"a\"]},\"box\":\"in\"}}", want),
		DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "{\"arguments\":{\"box\":\"in\"}}", want), DETAILS_DENIED);
	REFUSED(ask(&r, "read_mail", "", want), DETAILS_DENIED);
	rig_done(&r);
}

#define SAY(purpose) "{\"arguments\":{},\"_meta\":{\"sallyport/purpose\":" purpose "}}"

static void purpose_rig(struct rig *r, bool required)
{
	rig_init(r);
	rig_allow_list(r->p, "bot", "read_mail,send");
	rig_allow_list(r->p, "other", "read_mail");
	rig_purpose(r->p, "support", "read_*")->agents = rig_list(r->p, "bot");
	rig_purpose(r->p, "billing", "send");
	r->p->purpose_required = required;
	rig_publish(r);
}

static void a_declared_purpose_must_cover_agent_and_tool(void **state)
{
	struct rig r;

	(void)state;
	purpose_rig(&r, false);
	ALLOWED(ask(&r, "read_mail", "", NULL));
	assert_int_equal(r.v.purpose, SP_SNAP_NONE);
	ALLOWED(ask(&r, "read_mail", SAY("\"support\""), NULL));
	assert_int_not_equal(r.v.purpose, SP_SNAP_NONE);
	REFUSED(ask(&r, "send", SAY("\"support\""), NULL), PURPOSE_DENIED);
	assert_string_equal(r.v.detail, "support");
	ALLOWED(ask(&r, "send", SAY("\"billing\""), NULL));
	REFUSED(rig_ask(&r, "other", "read_mail", SAY("\"support\"")), PURPOSE_DENIED);
	REFUSED(ask(&r, "read_mail", SAY("\"fun\""), NULL), PURPOSE_DENIED);
	REFUSED(ask(&r, "read_mail", SAY("7"), NULL), PURPOSE_DENIED);
	REFUSED(ask(&r, "read_mail", SAY("\"\""), NULL), PURPOSE_DENIED);
	rig_done(&r);
}

static void the_tokens_purpose_binds_and_the_call_may_not_name_another(void **state)
{
	struct rig r;

	(void)state;
	purpose_rig(&r, false);
	ALLOWED(ask(&r, "read_mail", "", "{\"purpose\":\"support\"}"));
	REFUSED(ask(&r, "send", "", "{\"purpose\":\"support\"}"), PURPOSE_DENIED);
	ALLOWED(ask(&r, "read_mail", SAY("\"support\""), "{\"purpose\":\"\\u0073upport\"}"));
	REFUSED(ask(&r, "send", SAY("\"billing\""), "{\"purpose\":\"support\"}"), PURPOSE_DENIED);
	REFUSED(ask(&r, "read_mail", SAY("\"billing\""), "{\"purpose\":\"support\"}"),
		PURPOSE_DENIED);
	REFUSED(ask(&r, "read_mail", "", "{\"purpose\":[\"support\"]}"), PURPOSE_DENIED);
	rig_done(&r);
}

static void a_required_purpose_must_be_declared(void **state)
{
	struct rig r;

	(void)state;
	purpose_rig(&r, true);
	REFUSED(ask(&r, "read_mail", "", NULL), PURPOSE_MISSING);
	ALLOWED(ask(&r, "read_mail", SAY("\"support\""), NULL));
	rig_done(&r);
}

static void a_rule_may_be_for_a_purpose(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_purpose(r.p, "support", "*");
	rig_purpose(r.p, "billing", "*");
	rig_rule(r.p, "s", SP_EFFECT_ALLOW, "bot", "read", NULL)->purposes =
		rig_list(r.p, "support");
	rig_publish(&r);
	ALLOWED(ask(&r, "read", SAY("\"support\""), NULL));
	REFUSED(ask(&r, "read", SAY("\"billing\""), NULL), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	REFUSED(ask(&r, "read", "", NULL), TOOL_DENIED);
	assert_true(sp_judge_lists(&r.call));
	rig_done(&r);
}

static void identity_and_intent_are_two_gates_with_reasons_of_their_own(void **state)
{
	struct rig r;

	(void)state;
	details_rig(&r, true);
	rig_call(&r, "bot", "read_mail", "");
	sp_judge_begin(&r.v);
	ALLOWED(sp_judge_authorize(&r.call, &r.v));
	REFUSED(sp_judge_intent(&r.call, &r.v), DETAILS_DENIED);
	rig_call(&r, "bot", "other_tool", "");
	sp_judge_begin(&r.v);
	REFUSED(sp_judge_authorize(&r.call, &r.v), TOOL_DENIED);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scope_of_a_tool_is_needed_and_what_lacks_is_told),
		cmocka_unit_test(scopes_that_do_not_fit_are_left_out_whole),
		cmocka_unit_test(authorization_details_bind_when_the_token_has_them),
		cmocka_unit_test(required_details_must_be_there),
		cmocka_unit_test(details_may_name_a_location_and_only_a_known_member_widens),
		cmocka_unit_test(details_may_fix_arguments),
		cmocka_unit_test(a_declared_purpose_must_cover_agent_and_tool),
		cmocka_unit_test(the_tokens_purpose_binds_and_the_call_may_not_name_another),
		cmocka_unit_test(a_required_purpose_must_be_declared),
		cmocka_unit_test(a_rule_may_be_for_a_purpose),
		cmocka_unit_test(identity_and_intent_are_two_gates_with_reasons_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
