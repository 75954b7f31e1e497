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
	order "vcpus 2 wake a wake b next pass 50000 next pass 50000 next pass 2000 next pass 2000 next pass 2000 next pass 2000 next" \
		"a 50000 | b 50000 | a 50000 | a 48000 | a 46000 | a 44000 | a 42000"
}

@test "order: a device that wakes another vCPU cuts the turn, once" {
	order "vcpus 2 wake a next pass 100 wake b woken woken next" "a 1000000 | cut | not cut | b 50000"
	# One that was passed over, because it has executed more, cuts no other; nor does one that is awake.
	order "vcpus 3 wake b next pass 1000000 next pass 500000 wake a woken idle b next pass 10000 wake b woken next woken wake b woken wake c woken" \
		"b 1000000 | b 1000000 | cut | a 1000000 | cut | a 50000 | not cut | not cut | cut"
}

@test "order: with all idle nobody has a turn, and after a rest nobody is owed one" {
	order "vcpus 2 next wake a next pass 50000 idle a next wake b wake a next" "- | a 1000000 | - | b 50000"
}

@test "order: turns are counted, and so is the longest overrun" {
	run -0 "$TREE/tests/helper/order" <<<"vcpus 2 wake a wake b next pass 50000 next pass 50700 next"
	[ "${lines[-1]}" = "3 turns, overrun 700" ]
}

@test "order: who uses up turns is busy, until it idles; who executes for less is not" {
	order "vcpus 3 wake a wake b next pass 50000 next busy pass 50000 next busy wake c pass 20000 cut next pass 5000 idle c next busy" \
		"a 50000 | b 50000 | busy 1 | a 50000 | busy 2 | c 50000 | b 50000 | busy 2"
	order "vcpus 2 wake a wake b next pass 50000 next pass 50000 next busy idle a next busy rest busy" \
		"a 50000 | b 50000 | a 50000 | busy 2 | b 1000000 | busy 1 | busy 0"
}

@test "order: a vCPU that is alone has a long turn, until another wakes" {
	order "vcpus 3 wake b next pass 1000000 next pass 400000 wake a woken next pass 50000 next pass 50000 next pass 1000 idle a cut next" \
		"b 1000000 | b 1000000 | cut | a 50000 | a 50000 | a 50000 | b 1000000"
	# What is left of a long turn is not the other's to wait for, even if that has executed more.
	order "vcpus 2 wake a next pass 1000000 next pass 400000 cut wake b next pass 50000 next" "a 1000000 | a 1000000 | b 50000 | a 50000"
	order "vcpus 2 wake b next pass 1000000 next pass 500000 wake a woken idle b next pass 10000 wake b woken next" \
		"b 1000000 | b 1000000 | cut | a 1000000 | cut | a 50000"
	# After a stop all are looked at.
	order "vcpus 2 wake a next pass 700000 steal b rest next" "a 1000000 | b 50000"
}

@test "order: a break changes nothing" {
	order "vcpus 2 break 30000 wake a wake b next pass 30000 next pass 20000 next pass 30000 next pass 20000 next" \
		"a 30000 | a 20000 | b 30000 | b 20000 | a 30000"
	# A PAUSE after a break counts from the beginning of the turn, or from the last PAUSE.
	order "vcpus 1 break 30000 wake a next pass 30000 next pass 100 next pass 100 next pass 100 next" \
		"a 30000 | a 30000 | a 30000 | a 30000 | a 30000"
	# One that nobody knew of before, in the middle of a turn or at its end.
	order "vcpus 2 wake a wake b next pass 20000 pause next pass 30000 pause next pass 50000 next" "a 50000 | a 30000 | b 50000 | a 50000"
	order "vcpus 1 wake a next pass 100 pause next pass 100 pause next pass 100 next" "a 1000000 | a 999900 | a 999800 | a 999700"
	run -0 "$TREE/tests/helper/order" <<<"vcpus 2 wake a wake b break 30000 next pass 30000 next pass 20000 next"
	[ "${lines[-1]}" = "2 turns, overrun 0" ]
}

@test "order: a turn costs nothing for each vCPU that sleeps" {
	order "vcpus 26 wake a wake z next asked pass 50000 next pass 50000 next pass 1000 next asked wake c cut next asked" \
		"a 50000 | asked 2 | z 50000 | a 50000 | a 49000 | asked 1 | c 50000 | asked 2"
	# Of which nobody has told is not known, before all are looked at.
	order "vcpus 3 wake a next pass 1000 steal b next pass 1000 idle a next" "a 1000000 | a 999000 | -"
}
