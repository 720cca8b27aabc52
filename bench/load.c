#include "bench/load_run.h"
#include "bench/load_socket.h"

#include <signal.h>
#include "common/banned.h"

int main(int argc, char **argv)
{
	static struct load_run run;
	static struct load_socket_client sockets;
	int status;

	if (load_run_parse(&run, argc, argv, NULL) < 0) {
		fprintf(stderr, "usage: sallyport-load\n%s", load_run_usage);
		return 2;
	}
	load_run_until_interrupted();
	signal(SIGPIPE, SIG_IGN);
	if (load_socket_init(&sockets) < 0)
		return 1;
	status = load_run(&run, &sockets.l);
	load_socket_done(&sockets);
	return status;
}
