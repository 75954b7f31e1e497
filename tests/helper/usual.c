// SPDX-License-Identifier: GPL-2.0-only
/*
 * usual [-s SLICE_US] [-d | -k | -f | -l | -q] [-r] - a scheduler's loader as people write them: a skeleton made by bpftool, libbpf,
 * its own handling of signals, and an eye on the object's exit record. With an option it misbehaves in one way:
 *   -d  goes into the background     -k  does not heed SIGTERM
 *   -f  floods its output            -l  leaves children behind
 *   -q  exits with 3 after a while
 * and with -r it loads its scheduler again when the kernel asks for that.
 */
typedef unsigned long long u64;
struct user_exit_info {
	int kind;
	long long exit_code;
	char reason[128], msg[1024];
};
#include "usual.skel.h"
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void flood(void)
{
	for (int i = 0; i < 200000; i++)
		puts("the quick brown fox jumps over the lazy dog, again and again");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	u64 slice_us = 0;
	int how = 0, again = 0;

	for (int c; (c = getopt(argc, argv, "s:dkflqr")) != -1;) {
		if (c == 's')
			slice_us = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			again = 1;
		else if (c == '?')
			return 2;
		else
			how = c;
	}
	if (how == 'd' && daemon(1, 1))
		return 1;
restart:;
	struct usual *skel = usual__open();
	struct bpf_link *link;
	if (!skel)
		return 1;
	if (slice_us)
		skel->rodata->slice_ns = slice_us * 1000;
	if (usual__load(skel) || !(link = bpf_map__attach_struct_ops(skel->maps.ops)))
		return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, how == 'k' ? SIG_IGN : on_signal);
	printf("slice %llu us\n", (unsigned long long)skel->rodata->slice_ns / 1000);
	fflush(stdout);
	if (how == 'f')
		flood();
	if (how == 'l' && !fork())
		for (signal(SIGTERM, SIG_IGN);;)
			pause();
	if (how == 'q') {
		usleep(50000);
		return 3;
	}
	while (!stop && !skel->data->uei.kind)
		sleep(1);
	bpf_link__destroy(link);
	fprintf(stderr, "EXIT: %s (%s)\n", skel->data->uei.reason, skel->data->uei.msg);
	again &= (int)(skel->data->uei.exit_code >> 48 & 1);
	usual__destroy(skel);
	if (again)
		goto restart;
	return 0;
}
