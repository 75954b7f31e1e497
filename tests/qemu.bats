#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The versions of QEMU: the virtual clock with each that it is promised for, and what becomes of the others.
# KTSTR_FULL=1 fetches the versions of Debian's releases, with their own libraries (tests/helper/qemu-fetch).
# shellcheck disable=SC2154 # run sets stderr

load helper

export BATS_TEST_TIMEOUT=7200

# fetched VERSION: the rest of the test has it as its QEMU
fetched() {
	[ -n "${KTSTR_FULL-}" ] || skip "QEMU $1 is fetched with KTSTR_FULL=1 only"
	"$TREE/tests/helper/qemu-fetch" "$TREE/.deps/qemu" "$1"
	export KTSTR_QEMU=$TREE/.deps/qemu/$1/qemu
}

# The tests of the virtual clock. What they keep is by QEMU's version and size: nothing of another one's is found.
tests_pass() {
	local file
	for file in clock ready watch trace; do
		KTSTR_FULL=1 bats -F tap "$BATS_TEST_DIRNAME/$file.bats"
	done
}

@test "QEMU 7.2 of bookworm: clock.bats, ready.bats, watch.bats and trace.bats" {
	fetched 7.2
	tests_pass
}

@test "QEMU 10.0 of bookworm-backports: clock.bats, ready.bats, watch.bats and trace.bats" {
	fetched 10.0
	tests_pass
}

@test "QEMU 11.1 of trixie-backports: no virtual clock, and why" {
	fetched 11.1
	spec any
	ktstr-topo 1n1l2c1t >plan.json
	run -125 --separate-stderr ktstr-boot --clock virtual --plan plan.json any.json
	[[ $stderr == *"QEMU 11.1."*" does not repeat on the virtual clock"* ]]
}

@test "a QEMU that is not tested has the virtual clock only by name; 11 has not" {
	fake_qemu
	export FAKE_SAYS=$PWD/says FAKE_VERSION=9.2.1
	spec any
	ktstr-topo 1n1l1c1t >plan.json
	jq -c '{kind: "guest", cpus: (.cpus | map(del(.apic_id))), nodes}, {kind: "end", outcome: "done", reason: ""}' plan.json >says
	run -125 --separate-stderr ktstr-boot --accel tcg --plan plan.json any.json
	[ -z "$output" ]
	[[ $stderr == *"not tested with QEMU 9.2.1"*"--clock virtual"*"--clock real" ]]
	run -0 --separate-stderr ktstr-boot --clock virtual --plan plan.json any.json
	[[ $stderr == *"not tested with QEMU 9.2.1: runs may differ"* ]]
	FAKE_VERSION=11.1.3 ktstr-topo 1n1l1c1t >plan.json
	FAKE_VERSION=11.1.3 run -125 --separate-stderr ktstr-boot --clock virtual --plan plan.json any.json
	[[ $stderr == *"QEMU 11.1.3 does not repeat on the virtual clock"* ]]
}
