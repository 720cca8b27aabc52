/// Which texts may stand where in a policy: each answers NULL, or what is wrong (static text that
/// goes on from "key: 'text' "). And the words that have numbers. Pure.
#pragma once

#include "common/bytes.h"

const char *sp_policy_agent_wrong(const char *s); ///< visible ASCII, exact
const char *sp_policy_action_wrong(const char *s); ///< a tool's exact name
const char *sp_policy_tool_wrong(const char *s); ///< a tool's name or a glob with '*'
const char *sp_policy_word_wrong(const char *s); ///< role, environment, scope, parameter, attribute
const char *sp_policy_title_wrong(const char *s); ///< name of a rule, group, limit: UTF-8
const char *sp_policy_table_wrong(const char *s); ///< table, "schema.table", with '*'
const char *sp_policy_function_wrong(const char *s);
const char *sp_policy_endpoint_wrong(const char *s);
const char *sp_policy_root_wrong(const char *s); ///< a folder
const char *sp_policy_style_wrong(const char *s);
const char *sp_policy_clock_wrong(const char *s); ///< "08:30"
const char *sp_policy_day_wrong(const char *s); ///< "mon" ...

/// Bit of enum sp_sql_style, 0 = none: "select", "select-only" ...
uint32_t sp_policy_style(const char *s);
/// Minute of the day of a text that is not wrong.
uint32_t sp_policy_clock(const char *s);
/// 0 = Monday.
uint32_t sp_policy_day(const char *s);
