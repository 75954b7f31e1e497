// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: order < SCRIPT
 * The order of turns (libexec/vm/order.h) without QEMU. The script's words: vCPUs are a, b, c, ..., in QEMU's list in that order.
 *   vcpus N       how many there are; all idle
 *   wake X, idle X
 *   pass NS       guest time passes: the current vCPU executes
 *   cut           a timer ends the turn
 *   woken         the current vCPU has accessed a device: prints "cut" if that has woken another
 *   next          QEMU goes round its list until a vCPU takes its turn: prints "X NS"; "-" when all are idle
 *   rest          all idle, or stopped
 *   busy          prints "busy N": how many have used up a turn and have not been idle since
 */
#include "libexec/lib/kt.h"
#include "libexec/vm/order.h"

enum { TURN_NS = 50000 };

static struct order order;
static bool idle[26];
static unsigned n;
static int at; /* in QEMU's list: the one that is asked next */
static int64_t now;

static bool is_idle(void *id)
{
	return *(bool *)id;
}

static void take_turn(void)
{
	for (unsigned tries = 0; tries < 2 * n; tries++) {
		int i = at;
		int64_t ns = order_offer(&order, &idle[i], now);

		if (ns > 0 && !idle[i]) {
			printf("%c %lld\n", 'a' + i, (long long)ns);
			at = (at + 1) % (int)n;
			return;
		}
		at = (at + 1) % (int)n;
	}
	puts("-");
}

int main(void)
{
	char word[16], arg[16];

	kt_init("order");
	order_init(&order, TURN_NS, is_idle);
	while (scanf("%15s", word) == 1) {
		if (streq(word, "next")) {
			take_turn();
		} else if (streq(word, "cut")) {
			order.turn.cut = true;
			order.look = true;
		} else if (streq(word, "woken")) {
			puts(order_woken(&order) ? "cut" : "not cut");
		} else if (streq(word, "busy")) {
			printf("busy %u\n", order.nr_busy);
		} else if (streq(word, "rest")) {
			order_rest(&order);
		} else if (scanf("%15s", arg) != 1) {
			die(KT_USAGE, "%s what?", word);
		} else if (streq(word, "pass")) {
			now += strtoll(arg, NULL, 10);
		} else if (streq(word, "vcpus")) {
			n = (unsigned)strtoul(arg, NULL, 10);
			memset(idle, true, sizeof(idle));
			for (unsigned i = 0; i < n; i++)
				order_offer(&order, &idle[i], now);
			order_rest(&order);
			order.turns = 0;
		} else if (streq(word, "wake") || streq(word, "idle")) {
			idle[arg[0] - 'a'] = streq(word, "idle");
			order.look = true;
		} else {
			die(KT_USAGE, "no such word: %s", word);
		}
	}
	printf("%llu turns, overrun %lld\n", (unsigned long long)order.turns, (long long)order.overrun_ns);
	return KT_OK;
}
