#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The cache of checkpoints as a whole: no room in it, its size limit, and ktstr cache. See checkpoint.bash.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; an environment is one test's own

load helper
load checkpoint

# in_small_cache SCRIPT: with a file system of 8 MiB as its cache, which nobody else sees
in_small_cache() {
	unshare -rm true || skip "no user namespaces for a file system of our own"
	mkdir cache
	unshare -rm bash -euc "mount -t tmpfs -o size=8M,mode=700 none cache; $1"
}

@test "no room for the state: 128, saying so, nothing left; with room it works" {
	export FAKE_MIB=20
	# shellcheck disable=SC2016
	in_small_cache '
		boot() { ktstr-boot --accel tcg --plan plan.json any.json >"$1.out" 2>"$1.err"; }
		code=0; boot full || code=$?
		[ $code = 128 ]
		find cache/checkpoints >left
		mount -o remount,size=64M cache
		boot room
		boot again'
	[[ $(<full.err) == *"ktstr-boot: lost: cannot write '$PWD/cache/checkpoints/"*"/ram0': No space left on device" ]]
	jq -se 'last | .kind == "end" and .outcome == "lost" and (.reason | test("No space left on device"))' full.out
	[ "$(<left)" = cache/checkpoints ]
	[ "$(state_in room)" = built ]
	[[ $(<room.err) != *checkpoint* ]]
	[ "$(state_in again)" = found ]
	[ "$(qemus)" = 0 ]
}

@test "no room for anything: 128, before anything boots" {
	# shellcheck disable=SC2016
	in_small_cache '
		mount -o remount,nr_inodes=1 cache
		code=0; ktstr-boot --accel tcg --plan plan.json any.json >out 2>err || code=$?
		[ $code = 128 ]'
	[[ $(<err) == *"cannot make '$PWD/cache/checkpoints': No space left on device"* ]]
	jq -se 'last.outcome == "lost"' out
	[ ! -s starts ]
}

@test "a damaged state in a cache without room: it goes, and is built again" {
	export FAKE_MIB=5
	# shellcheck disable=SC2016
	in_small_cache '
		boot() { ktstr-boot --accel tcg --plan plan.json any.json >"$1.out" 2>"$1.err"; }
		boot one
		printf x | dd of=$(echo cache/checkpoints/*/saved/ram0) bs=1 conv=notrunc status=none
		boot two'
	[ "$(state_in two)" = built ]
	[[ $(<two.err) == *": building it again"* ]]
}

@test "a cache that is read-only serves what is in it" {
	boot built
	unshare -rm true || skip "no user namespaces for a file system of our own"
	"$TREE/tests/helper/mkkernel" --salt 1 7.3.0 other
	# shellcheck disable=SC2016
	unshare -rm bash -euc '
		mount --bind cache cache
		mount -o remount,bind,ro cache
		ktstr-boot --accel tcg --plan plan.json any.json >found.out
		code=0; ktstr-boot --accel tcg --kernel ./other --plan plan.json any.json >out 2>err || code=$?
		[ $code = 128 ]'
	[ "$(state_in found)" = found ]
	[[ $(<err) == *"ktstr-boot: lost: cannot "*": Read-only file system"* ]]
}

@test "the size limit: the least recently used go, never the one just made" {
	export FAKE_MIB=3 KTSTR_CACHE_LIMIT=8
	"$TREE/tests/helper/mkkernel" --salt 1 7.3.0 b
	"$TREE/tests/helper/mkkernel" --salt 2 7.3.0 c
	boot built
	local a=$key b c
	boot built --kernel ./b
	b=$key
	[ "$(keys)" = "$b $a" ]
	boot found
	boot built --kernel ./c
	c=$key
	[ "$(keys)" = "$c $a" ]
	boot built --kernel ./b
	[ "$(keys)" = "$b $c" ]
	KTSTR_CACHE_LIMIT=0 boot built
	[ "$(keys)" = "$a" ]
	KTSTR_CACHE_LIMIT=1x run -129 --separate-stderr ktstr-boot --accel tcg --plan plan.json any.json
	[[ $stderr == *KTSTR_CACHE_LIMIT* ]]
	nothing_left
}

@test "ktstr cache list and clean" {
	run -0 --separate-stderr ktstr cache list
	[ -z "$output$stderr" ]
	[ ! -e cache ]
	"$TREE/tests/helper/mkkernel" --salt 1 7.4.0 b
	boot built
	local a=$key b
	boot built --kernel ./b --ns-per-insn 2
	b=$key
	run -0 --separate-stderr ktstr cache list --json
	jq -se --arg a "$a" --arg b "$b" 'map(.key) == [$b, $a] and (.[0] | .kind == "checkpoint" and .topology == "1n1l1c1t" and
		.cpus == 1 and .memory_mib == 256 and .kernel.release == "7.4.0" and .qemu.version == "7.2.22" and .accel == "tcg" and
		.clock == "virtual" and .ns_per_insn == 2 and .size_bytes > 1048576 and .size_bytes < 1200000 and
		(.used | fromdate) >= (.created | fromdate))' <<<"$output"
	run -0 --separate-stderr ktstr cache list
	[ "${#lines[@]}" = 3 ]
	[[ ${lines[1]} == "$b 1n1l1c1t "*" 7.4.0 "*" virtual "* ]]
	# A key of an older ktstr, which nothing finds any more, goes with the others.
	mkdir cache/checkpoints/00112233445566778899aabbccddeeff
	[ "$(keys)" = "00112233445566778899aabbccddeeff $b $a" ]
	run -0 --separate-stderr ktstr cache clean --keep 2
	[ "$(keys)" = "$b $a" ]
	# What is not a key is left alone by all.
	mkdir cache/checkpoints/mine
	run -0 --separate-stderr ktstr cache clean --keep 1
	[ "$(keys)" = "$b" ]
	run -0 --separate-stderr ktstr cache clean
	[ -z "$output$stderr" ]
	[ "$(ls -A cache/checkpoints)" = mine ]
	boot built
	run -129 --separate-stderr ktstr cache clean --keep -1
	run -129 --separate-stderr ktstr cache frob
	run -129 --separate-stderr ktstr cache
}

@test "ktstr cache verify: reads all, and removes what is damaged" {
	"$TREE/tests/helper/mkkernel" --salt 1 7.3.0 other
	boot built --kernel ./other
	local other=$key
	boot built
	run -0 --separate-stderr ktstr cache verify
	[ "$output" = "$key ok"$'\n'"$other ok" ]
	harm 'printf x | dd of=ram0 bs=1 seek=200M conv=notrunc status=none'
	run -1 --separate-stderr ktstr cache verify --json
	jq -se --arg key "$key" 'map(.state) == ["damaged", "ok"] and .[0].key == $key and .[0].error == "ram0: the file has changed since it was saved"' <<<"$output"
	run -1 --separate-stderr ktstr cache verify --remove
	[ "$output" = "$key removed"$'\n'"$other ok" ]
	[ "$(keys)" = "$other" ]
}
