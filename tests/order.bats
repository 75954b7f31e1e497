#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The order of turns on the virtual clock (libexec/vm/order.h), without QEMU.

load helper

# order SCRIPT WANT: what tests/helper/order prints is as wanted, but for its last line
order() {
	"$TREE/tests/helper/order" <<<"$1" | sed '$d' >got
	# shellcheck disable=SC2086 # words
	diff <(printf '%s\n' $2 | paste -sd' ' | sed 's/ | /\n/g') <(cat got)
}

@test "order: busy vCPUs take full turns, one after the other" {
	order "vcpus 3 wake a wake b wake c next pass 50000 next pass 50000 next pass 50000 next" \
		"a 50000 | b 50000 | c 50000 | a 50000"
}

@test "order: who has had less goes next, and a turn that a timer cut short goes on" {
	order "vcpus 2 wake a wake b next pass 50000 next pass 50000 next pass 20000 cut next pass 30000 next" \
		"a 50000 | b 50000 | a 50000 | a 30000 | b 50000"
}

@test "order: a vCPU that wakes runs at once, and the one it interrupted has the rest of its turn" {
	order "vcpus 3 wake a wake b next pass 50000 next pass 10000 wake c cut next pass 5000 idle c next" \
		"a 50000 | b 50000 | c 50000 | b 50000"
}

@test "order: idle time earns one turn, no more" {
	# c sleeps while a and b have 20 turns: then it leads by one turn, not by twenty.
	order "vcpus 3 wake a wake b $(printf 'next pass 50000 %.0s' {1..20}) wake c cut next pass 50000 next pass 50000 next pass 50000 next" \
		"$(printf 'a 50000 | b 50000 | %.0s' {1..10}) c 50000 | a 50000 | b 50000 | c 50000"
}

@test "order: a vCPU that relaxes keeps its turn for as many PAUSEs as there are vCPUs, then gives it up" {
	order "vcpus 2 wake a wake b next pass 50000 next pass 50000 next pass 100 next pass 100 next pass 100 next" \
		"a 50000 | b 50000 | a 50000 | a 49900 | a 49800 | b 50000"
	# It executed something in between: it does not wait for another.
	order "vcpus 1 wake a next pass 2000 next pass 2000 next pass 2000 next pass 2000 next" \
		"a 50000 | a 48000 | a 46000 | a 44000 | a 42000"
}

@test "order: a device that wakes another vCPU cuts the turn, once" {
	order "vcpus 2 wake a next pass 100 wake b woken woken next" "a 50000 | cut | not cut | b 50000"
}

@test "order: with all idle nobody has a turn, and after a rest nobody is owed one" {
	order "vcpus 2 next wake a next pass 50000 idle a next rest wake b wake a next" "- | a 50000 | - | b 50000"
}

@test "order: turns are counted, and so is the longest overrun" {
	run -0 "$TREE/tests/helper/order" <<<"vcpus 1 wake a next pass 50000 next pass 50700 next"
	[ "${lines[-1]}" = "3 turns, overrun 700" ]
}

@test "order: who uses up turns is busy, until it idles; who executes for less is not" {
	order "vcpus 3 wake a wake b next pass 50000 next busy pass 50000 next busy wake c pass 20000 cut next pass 5000 idle c next busy" \
		"a 50000 | b 50000 | busy 1 | a 50000 | busy 2 | c 50000 | b 50000 | busy 2"
	order "vcpus 2 wake a wake b next pass 50000 next pass 50000 next busy idle a next busy rest busy" \
		"a 50000 | b 50000 | a 50000 | busy 2 | b 50000 | busy 1 | busy 0"
}
