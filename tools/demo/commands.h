/// Subcommands of sallyport-demo: each takes its own argv (argv[0] is its name) and returns the exit status.
#pragma once

int demo_cmd_serve(int argc, char **argv);
int demo_cmd_pki(int argc, char **argv);
int demo_cmd_keys(int argc, char **argv);
int demo_cmd_token(int argc, char **argv);
int demo_cmd_policy(int argc, char **argv);
int demo_cmd_config(int argc, char **argv);
