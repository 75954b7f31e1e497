// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: order < SCRIPT
 * The order of turns (libexec/vm/order.h) without QEMU. The script's words: vCPUs are a, b, c, ..., in QEMU's list in that order.
 *   vcpus N       how many there are; all idle
 *   wake X, idle X   woken, as QEMU tells of it; idle
 *   steal X       woken, and nobody tells of it
 *   asked         prints "asked N": how often a vCPU was asked whether it is idle since the last time
 *   pass NS       guest time passes: the current vCPU executes
 *   cut           a timer ends the turn
 *   woken         the current vCPU has accessed a device: prints "cut" if that has woken another
 *   next          the turn ends, and the next begins: prints "X NS"; "-" when all are idle
 *   pause         the turn has a break now
 *   break NS      from here on a turn has a break after so much
 *   rest          the machine has stopped
 *   busy          prints "busy N": how many have used up a turn and have not been idle since
 */
#include "libexec/lib/kt.h"
#include "libexec/vm/order.h"

enum { TURN_NS = 50000, ALONE_NS = 1000000 };

static struct order order;
static bool idle[26];
static unsigned n;
static unsigned asked;
static int64_t now, most_ns = INT64_MAX;

static bool is_idle(void *id)
{
	asked++;
	return *(bool *)id;
}

static void take_turn(void)
{
	int64_t ns;
	const struct order_vcpu *v = order_next(&order, now, most_ns, &ns);

	if (v)
		printf("%c %lld\n", 'a' + (int)((bool *)v->id - idle), (long long)ns);
	else
		puts("-");
}

int main(void)
{
	char word[16], arg[16];

	kt_init("order");
	order_init(&order, TURN_NS, ALONE_NS, is_idle);
	while (scanf("%15s", word) == 1) {
		if (streq(word, "next")) {
			take_turn();
		} else if (streq(word, "pause")) {
			order_break(&order, now);
		} else if (streq(word, "cut")) {
			order.turn.cut = true;
		} else if (streq(word, "woken")) {
			puts(order_woken(&order) ? "cut" : "not cut");
		} else if (streq(word, "busy")) {
			printf("busy %u\n", order.nr_busy);
		} else if (streq(word, "asked")) {
			printf("asked %u\n", asked);
			asked = 0;
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
				if (!order_add(&order, &idle[i]))
					die(KT_USAGE, "too many");
			order_next(&order, now, most_ns, &(int64_t){ 0 });
			asked = 0;
		} else if (streq(word, "break")) {
			most_ns = strtoll(arg, NULL, 10);
		} else if (streq(word, "wake") || streq(word, "steal") || streq(word, "idle")) {
			idle[arg[0] - 'a'] = streq(word, "idle");
			if (streq(word, "wake"))
				order_hear(&order, &idle[arg[0] - 'a']);
		} else {
			die(KT_USAGE, "no such word: %s", word);
		}
	}
	printf("%llu turns, overrun %lld\n", (unsigned long long)order.turns, (long long)order.overrun_ns);
	return KT_OK;
}
