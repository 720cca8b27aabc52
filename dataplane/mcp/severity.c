#include "dataplane/mcp/severity.h"
#include "common/banned.h"

static const char *const words[] = {
	"", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};

enum sp_severity sp_severity_parse(const struct sp_json *j, uint32_t word)
{
	for (unsigned i = SP_SEVERITY_DEBUG; i < SP_ARRAY_LEN(words); i++)
		if (sp_json_str_eq(j, word, sp_bytes_cstr(words[i])))
			return (enum sp_severity)i;
	return SP_SEVERITY_NONE;
}

const char *sp_severity_name(enum sp_severity l)
{
	return l < SP_ARRAY_LEN(words) ? words[l] : "";
}

bool sp_severity_passes(enum sp_severity asked, const struct sp_json *j, uint32_t params)
{
	return asked != SP_SEVERITY_NONE &&
	       sp_severity_parse(j, sp_json_get(j, params, SP_LIT("level"))) >= asked;
}
