/// The files that `sallyctl init` writes, by profile. Pure.
#pragma once

#include "config/gateway.h"

#include <stdio.h>

/// sallyport.yaml, for files below `dir`, an absolute path: config/profiles/ with its own folders.
void sp_init_gateway(FILE *f, enum sp_profile profile, const char *dir);
/// A small native policy as fits the profile.
const char *sp_init_policy(enum sp_profile profile);
void sp_init_readme(FILE *f, enum sp_profile profile, const char *dir);
