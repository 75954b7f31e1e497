#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The canary of the virtual clock: a QEMU has to repeat once on each machine, beside load, and the answer is kept.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup_file() {
	export KTSTR_KERNEL
	KTSTR_KERNEL=$(ktstr-kernel path)
	own_cache "$BATS_FILE_TMPDIR/cache"
	ktstr-topo 1n1l2c1t >"$BATS_FILE_TMPDIR/plan.json"
}

# Nothing is known of any QEMU. The canary's checkpoints are the file's.
setup() {
	pids=()
	rm -rf "$KTSTR_CACHE_DIR/clock"
	plan=$BATS_FILE_TMPDIR/plan.json
	qemu=${KTSTR_QEMU:-qemu-system-x86_64}
	spec any '[{"name":"a","workers":2}]'
	sed -i 's/"duration_s":1/"duration_s":0.02/' any.json
}

teardown() {
	end_started
}

# shellcheck disable=SC2119,SC2120 # most pass none
boot() {
	ktstr-boot --accel tcg --plan "$plan" "$@" any.json
}

answers() {
	jq -s 'map(.repeats)' -c "$KTSTR_CACHE_DIR"/clock/*.json
}

# ours: what is still there of what this test has started, but for itself
ours() {
	local file
	while read -r file; do
		[[ ! $(tr '\0' ' ' <"${file%environ}cmdline") =~ (qemu|ktstr-boot) ]] || echo "$file"
	done < <(grep -lsazxF "BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ)
}

tries='is new on this machine: running a small guest 4 times'

@test "tried once by the first of two, said, and kept" {
	local n said
	run -0 boot --dry-run
	[ ! -e "$KTSTR_CACHE_DIR/clock" ]
	for n in 1 2; do
		boot >$n.out 2>$n.err 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	pids=()
	[ "$(cat ./*.err | grep -cF "$tries")" = 1 ]
	[ "$(cat ./*.err | grep -cF "another process is trying a QEMU")" -le 1 ]
	for n in 1 2; do
		jq -se 'last.outcome == "done"' $n.out
	done
	[ "$(answers)" = '[true]' ]
	said=$(cat "$KTSTR_CACHE_DIR"/clock/*.json)
	run -0 --separate-stderr boot
	[[ $stderr != *"$tries"* ]]
	[ "$(cat "$KTSTR_CACHE_DIR"/clock/*.json)" = "$said" ]
}

# The real one, with another seed at each start: the same guest with another schedule.
@test "a QEMU that does not repeat: 125, how many runs differed, and it is not tried again" {
	cat >other-qemu <<-END
		#!/bin/sh
		echo >>starts
		for arg; do
			shift
			case \${KTSTR_SAVES-run}\$arg in run*opt/ktstr/seed,string=*) arg=name=opt/ktstr/seed,string=\$\$ ;; esac
			set -- "\$@" "\$arg"
		done
		exec $qemu "\$@"
	END
	chmod +x other-qemu
	export KTSTR_QEMU=$PWD/other-qemu
	run -125 --separate-stderr boot
	[[ $stderr == *"$tries"*"the virtual clock does not repeat with QEMU "*" on this machine: 3 of 4 runs of one guest differ from the first: use another QEMU, or --clock real"* ]]
	[ -z "$output" ]
	[ "$(answers)" = '[false]' ]
	[ -z "$(ours)" ]
	# By name or not.
	: >starts
	run -125 --separate-stderr boot --clock virtual
	[[ $stderr == *"3 of 4 runs of one guest differ"* && $stderr != *"$tries"* ]]
	[ ! -s starts ]
	KTSTR_TRUST_QEMU=yes run -0 --separate-stderr boot
	[[ $stderr != *"$tries"* ]]
	KTSTR_TRUST_QEMU=no run -129 --separate-stderr boot
	[[ $stderr == *"KTSTR_TRUST_QEMU: 'no' is not 'yes'"* ]]
}

@test "a canary that fails says why, keeps no answer, and leaves the last word to the run" {
	printf '#!/bin/sh\nunset LD_PRELOAD\nexec %s "$@"\n' "$qemu" >other-qemu
	chmod +x other-qemu
	KTSTR_QEMU=$PWD/other-qemu run -125 --separate-stderr boot
	[[ $stderr == *"cannot see whether the virtual clock repeats with QEMU "*": the small guest: unsupported: no virtual clock with this QEMU: "* ]]
	jq -se 'last.outcome == "unsupported"' <<<"$output"
	[ -z "$(find "$KTSTR_CACHE_DIR/clock" -name '*.json*')" ]
}

@test "ended while it tries: no process stays, and no answer is kept" {
	local signal code
	for signal in KILL TERM; do
		ktstr-boot --accel tcg --plan "$plan" any.json >out 2>err 3>&- &
		pids=($!)
		# The loops are there, four of them.
		until [ "$(pgrep -c -P $! -x ktstr-boot)" -ge 4 ]; do
			kill -0 $!
		done
		kill -$signal $!
		code=0
		wait $! || code=$?
		pids=()
		[ $code = "$([ $signal = KILL ] && echo 137 || echo 128)" ]
		[ $signal = KILL ] || [[ $(<err) == *"ktstr-boot: interrupted by SIGTERM"* ]]
		until [ -z "$(ours)" ]; do :; done
		[ -z "$(find "$KTSTR_CACHE_DIR/clock" -name '*.json*')" ]
	done
}
