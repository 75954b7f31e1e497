#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Looking inside: symbols, snapshots of a guest's kernel, and what ktstr-snap says of them.
# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 1n1l2c1t >plan.json
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

# address NAME: by the ELF file symbols.elf
address() {
	readelf -sW symbols.elf | awk -v name="$1" '$8 == name { print "0x" $2 }'
}

@test "symbols: where the guest's kernel itself says they are" {
	ktstr-kernel symbols >symbols.elf
	[ "$(address _text)" = 0xffffffff81000000 ]
	ktstr-boot --plan plan.json "$BATS_TEST_DIRNAME/data/memory/all.json" >memory.jsonl
	guest=$(jq -r 'select(.kind == "op" and .result.tag == "jiffies").result.address' memory.jsonl | sort -u)
	[ -n "$guest" ]
	[ "$((guest))" = "$(($(address jiffies_64)))" ]
}

@test "symbols: gdb names functions and variables by them" {
	command -v gdb >/dev/null || skip "gdb is not installed"
	[ -s symbols.elf ] || ktstr-kernel symbols >symbols.elf
	run -0 gdb -batch -nx -ex "info symbol $(address schedule) + 1" -ex "info symbol $(address init_task)" symbols.elf
	[ "${lines[0]}" = 'schedule + 1 in section .text' ]
	[[ ${lines[1]} = 'init_task in section .data'* ]]
}

@test "symbols: kallsyms that were tampered with are refused, not followed" {
	kernel=$(ktstr-kernel path)
	[ -s symbols.elf ] || ktstr-kernel symbols >symbols.elf
	printf 'no kernel' >short
	run -128 --separate-stderr ktstr-kernel symbols ./short
	# The digits' tokens are somewhere in the tables of tokens; without a NUL the tokens do not fit their index.
	cp "$kernel" bad
	chmod u+w bad
	for at in $(grep -obUaP '0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00' bad | cut -d: -f1); do
		printf 'xx' | dd of=bad bs=1 seek="$at" conv=notrunc status=none
	done
	run -125 --separate-stderr ktstr-kernel symbols ./bad
	[[ $stderr == *"has no kallsyms that ktstr understands"* ]]
}
