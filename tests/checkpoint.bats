#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Checkpoints: what a state depends on, what becomes of a damaged one, of a build that is killed, and of several at once.
# Most of it with a QEMU that boots nothing (tests/helper/fake-qemu) and refuses a state that is not its own.
# KTSTR_FULL=N kills N builds of the real one where there are 2 else.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; an environment is one test's own

load helper
load checkpoint

@test "built once for every spec of a topology" {
	boot built
	[[ $stderr != *"fake console"* ]]
	first=$key
	[[ $key =~ ^[0-9a-f]{64}$ ]]
	[ "$(cut -d' ' -f1 starts | paste -sd' ')" = "save set-up" ]
	spec any '[{"name":"b","workers":7,"work":"Mixed"}]' '"assert":{"max_gap_ms":1}'
	FAKE_CONSOLE=$'on the console\n' boot found --seed 3 --timeout 9 --console
	[[ $stderr == *"on the console"* ]]
	[ "$key" = "$first" ]
	boot found --prepare
	[ "$(cut -d' ' -f1 starts | paste -sd' ')" = "save set-up set-up" ]
	[ "$(stat -c %a "$KTSTR_CACHE_DIR" "$saved" "$saved"/* | paste -sd' ')" = "700 700 600 600 600" ]
	nothing_left
}

@test "whatever a state depends on, changed: another state" {
	local keys=()
	changed() { # OPTION...: none of the states that are there fits; that which is made does
		local was
		boot built "$@"
		for was in "${keys[@]}"; do
			[ "$key" != "$was" ]
		done
		keys+=("$key")
		boot found "$@"
		[ "$key" = "${keys[-1]}" ]
	}
	changed
	# the kernel, elsewhere and in place
	"$TREE/tests/helper/mkkernel" --salt 1 7.3.0 other
	changed --kernel ./other
	"$TREE/tests/helper/mkkernel" --salt 2 7.3.0 other
	changed --kernel ./other
	# the guest image, which lies beside the program
	boot_tree tree
	echo one >tree/guest/ktstr.img
	boot=tree/bin/ktstr-boot changed
	echo two >tree/guest/ktstr.img
	boot=tree/bin/ktstr-boot changed
	# how vCPUs take turns
	echo >>tree/libexec/ktstr-turns.so
	boot=tree/bin/ktstr-boot changed
	# the clock and what an instruction takes
	changed --clock real
	changed --ns-per-insn 2
	changed --ns-per-insn 4
	# the memory
	sed -i 's/"memory_mb":256/"memory_mb":257/' any.json
	changed
	# QEMU: its version, its program, its size alone
	FAKE_VERSION=7.2.23 ktstr-topo 1n1l1c1t >plan.json
	FAKE_VERSION=7.2.23 changed
	ktstr-topo 1n1l1c1t >plan.json
	cp "$KTSTR_QEMU" qemu
	KTSTR_QEMU=$PWD/qemu changed
	touch -r qemu stamp
	echo >>qemu
	touch -r stamp qemu
	KTSTR_QEMU=$PWD/qemu changed
	# the plan
	local plan
	for plan in 1n1l2c1t 1n1l1c2t '1n2l1c1t' '2n2l1c1t' '2n2l1c1t --distance 0,1=31'; do
		# shellcheck disable=SC2086
		ktstr-topo $plan >plan.json
		jq -c '{kind: "guest", cpus: (.cpus | map(del(.apic_id))), nodes}, {kind: "end", outcome: "done", reason: ""}' plan.json >says
		changed
	done
	[ "$(ktstr-cache list --json | wc -l)" = "${#keys[@]}" ]
}

@test "the accelerator is part of what a state depends on" {
	needs_own_dev
	boot built --clock real
	local tcg=$key
	FAKE_KVM=boots run -0 --separate-stderr with_dev 'null full kvm' ktstr-boot --accel kvm --plan plan.json any.json
	jq -se '.[0].accel == "kvm" and (map(select(.kind == "host"))[0] | .checkpoint == "built") and last.outcome == "done"' <<<"$output"
	[ "$(jq -r 'select(.kind == "host").checkpoint_key' <<<"$output")" != "$tcg" ]
}

@test "the state of something else, put in its place: built again, and said" {
	boot built
	local mine=$saved
	"$TREE/tests/helper/mkkernel" --salt 1 7.3.0 other
	boot built --kernel ./other
	rm -r "$mine"
	cp -r "$saved" "$mine"
	boot built
	[[ $stderr == *"checkpoint $key: it is the state of checkpoint "*": building it again"* ]]
	nothing_left
}

ways_to_harm=(
	'truncate -s -1 state' # a byte short
	': >state'
	'printf x | dd of=state bs=1 seek=7 conv=notrunc status=none'
	'rm state'
	'cp meta.json other && mv other state'
	'rm state && mkfifo state'
	'chmod 666 state'
	'truncate -s -1M ram0'
	'truncate -s +1M ram0'
	'printf x | dd of=ram0 bs=1 seek=500000 conv=notrunc status=none' # in what was written
	'printf x | dd of=ram0 bs=1 seek=200M conv=notrunc status=none'   # in what never was
	'fallocate -p -o 0 -l 4096 ram0'
	'cp ram0 other && printf x | dd of=other bs=1 seek=9 conv=notrunc status=none && mv other ram0'
	'mv ram0 elsewhere && ln -s elsewhere ram0'
	'rm ram0'
	'truncate -s -9 meta.json'
	'sed -i "s/7\.3\.0/7.3.1/" meta.json'
	'rm meta.json'
	'cd .. && mv saved away && touch saved && rm -r away'
	'chmod 777 .'
)

@test "damage of every kind: told by ktstr cache verify; found out by the next run, said, built again" {
	local way
	boot built
	for way in "${ways_to_harm[@]}"; do
		echo "$way"
		# Nothing of it shows in the times that one would look at.
		touch -r "$saved/state" stamp
		harm "$way"
		[ ! -f "$saved/state" ] || touch -r stamp "$saved/state" "$saved"/ram0
		run -1 --separate-stderr ktstr cache verify
		[ "$output" = "$key damaged" ]
		[[ $stderr == "ktstr-cache: checkpoint $key: "* ]]
		boot built
		[[ $stderr == *"ktstr-boot: checkpoint $key: "*": building it again"* ]]
		boot found
		[[ $stderr != *checkpoint* ]]
	done
	nothing_left
}

@test "a state that was copied or touched is compared, and taken" {
	boot built
	cp -r cache copy
	touch "$saved"/*
	boot found
	[[ $stderr != *checkpoint* ]]
	KTSTR_CACHE_DIR=$PWD/copy boot found
	[[ $stderr != *checkpoint* ]]
	[ "$(grep -c save starts)" = 1 ]
}

# Start a build that stands still in the guest's boot until the gate is opened.
start_gated() { # NAME
	[ -p gate ] || mkfifo gate
	FAKE_GATE=$PWD/gate start "$1" ktstr-boot --accel tcg --plan plan.json any.json
}

@test "several at once: one builds, the others wait and start from what it built" {
	local builder waiters=() i
	start_gated 1
	builder=$pid
	until_said starts '^save' "$builder"
	for i in 2 3 4; do
		start_gated $i
		waiters+=("$pid")
		until_said $i.err 'ktstr-boot: another process is building this checkpoint: waiting for it$' "$pid"
	done
	# It is not there yet, and not to be removed.
	[ "$(ktstr-cache list --json | jq -r .error)" = "nothing is saved" ]
	run -0 --separate-stderr ktstr cache clean
	[[ $stderr == *" is being built: left alone" ]]
	: >gate
	for i in "$builder" "${waiters[@]}"; do
		ends "$i" 0
	done
	[ "$(cut -d' ' -f1 starts | sort | uniq -c | awk '{print $1 $2}' | paste -sd' ')" = "1save 4set-up" ]
	[ "$(for i in 1 2 3 4; do state_in $i; done | sort | uniq -c | awk '{print $1 $2}' | paste -sd' ')" = "1built 3found" ]
	nothing_left
}

@test "one that waits: builds itself when the builder is killed, and heeds signals and its time limit" {
	start_gated 1
	local builder=$pid qemu
	until_said starts '^save' "$builder"
	start_gated 2
	local second=$pid
	until_said 2.err waiting "$second"
	start_gated 3
	local third=$pid
	until_said 3.err waiting "$third"
	kill -TERM "$third"
	ends "$third" 128
	jq -se 'last | .outcome == "lost" and .reason == "interrupted by SIGTERM"' 3.out
	start 4 ktstr-boot --accel tcg --timeout 1 --plan plan.json any.json
	ends "$pid" 128
	jq -se 'last | .outcome == "lost" and (.reason | test("cannot lock .*: time is up"))' 4.out
	qemu=$(awk '/^save/ {print $2}' starts)
	kill -KILL "$builder"
	ends "$builder" 137
	gone "$qemu"
	until [ "$(grep -c '^save' starts)" = 2 ]; do
		kill -0 "$second"
	done
	: >gate
	ends "$second" 0
	[ "$(state_in 2)" = built ]
	nothing_left
}

# random: a number from 0 to 999, from the seed
random() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	number=$((seed / 65536 % 1000))
}

# What has to repeat.
records() {
	grep -v '^{"kind":"host"' <<<"$output"
}

# kill_builds N [once]: kill ktstr-boot at N random moments of a build: no process stays, and no state that would be used but
# a whole one; the next run (or only that after the last, if once) builds it clean and says what the first did
kill_builds() {
	local kill took at # not i, which run writes to
	seed=${KTSTR_SEED:-$$}
	echo "seed $seed"
	boot built
	took=$(jq 'select(.kind == "host").wall_ms.checkpoint_build | floor' <<<"$output")
	records >want
	for ((kill = 1; kill <= $1; kill++)); do
		rm -rf "$saved"
		random
		at=$((took * number / 1000))
		echo "killed $at ms into a build that takes about $took ms"
		start killed ktstr-boot --accel tcg --prepare --plan plan.json any.json
		sleep "$((at / 1000)).$(printf %03d $((at % 1000)))"
		kill -KILL "$pid" || true
		wait "$pid" || true
		until [ "$(qemus)" = 0 ]; do :; done
		run -0 --separate-stderr ktstr cache verify
		[ -z "${2-}" ] || [ $kill = "$1" ] || continue
		run -0 --separate-stderr ktstr-boot --accel tcg --plan plan.json any.json
		[[ $stderr != *"building it again"* ]]
		diff want <(records)
		nothing_left
	done
}

@test "kill -9 at ten random moments of a build: the next run builds it clean" {
	FAKE_MIB=64 kill_builds 10
}

@test "kill -9 while the guest boots, and what a build leaves in the middle of writing" {
	start_gated 1
	until_said starts '^save' "$pid"
	local qemu
	qemu=$(awk '{print $2}' starts)
	kill -KILL "$pid"
	ends "$pid" 137
	gone "$qemu"
	local dir
	dir=$(echo cache/checkpoints/*)
	[ -n "$(find "$dir" -name '.tmp*')" ]
	# Two more, and one that its name was to be given to next.
	mkdir "$dir/.tmp.aaaaaa" "$dir/.tmp.gone"
	head -c 10000 /dev/zero | tee "$dir/.tmp.aaaaaa/ram0" >"$dir/.tmp.gone/state"
	boot built
	[[ $stderr != *checkpoint* ]]
	nothing_left
}

# real: from here on the real QEMU and kernel, and a cache of this file's own
real() {
	unset KTSTR_QEMU KTSTR_TRUST_QEMU KTSTR_KERNEL
	export KTSTR_CACHE_DIR=$TREE/.check
	if [ -e "$BATS_FILE_TMPDIR/cache" ]; then
		export KTSTR_CACHE_DIR=$BATS_FILE_TMPDIR/cache
	else
		own_cache "$BATS_FILE_TMPDIR/cache"
	fi
	unset FAKE_STARTS
	sed -i 's/"duration_s":1/"duration_s":0.1/' any.json
}

@test "kill -9 with a real guest: built clean, and the same report" {
	real
	kill_builds "${KTSTR_FULL:-2}" once
}

@test "several guests of one topology share its memory, but for what they write" {
	real
	ktstr-boot --accel tcg --prepare --plan plan.json any.json
	boot found
	spec any
	sed -i 's/"duration_s":1/"duration_s":600/' any.json
	local n=${KTSTR_FULL:+8} i qemu qemus=() mappings rss pss dirty image
	for ((i = 0; i < ${n:=3}; i++)); do
		start $i ktstr-boot --accel tcg --timeout 120 --plan plan.json any.json
		until grep -q '"kind":"phase"' $i.out && qemu=$(pgrep -P "$pid"); do
			kill -0 "$pid"
		done
		qemus+=("$qemu")
	done
	read -r mappings rss pss dirty image < <("$TREE/tests/helper/vm-memory" "$saved/ram0" "${qemus[@]}")
	echo "$mappings guests: $rss KiB in memory, which take $pss, $dirty of that written by themselves; the image $image"
	[ "$mappings" = "$n" ]
	[ "$dirty" -gt 0 ]
	# One image at most; what is shared counts once and not for each; and they write but a part of it.
	[ $((pss - dirty)) -le "$image" ]
	[ $(((rss - dirty) * 2)) -gt $(((pss - dirty) * 3)) ]
	[ $((dirty * 2)) -lt $((n * image)) ]
}
