#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The second checkpoint: a machine that has been set up for a spec, from which it is run under every seed.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; an environment is one test's own

load helper

# All tests start from the same booted machine; what is set up in one may be found in the next only if it names it alike.
setup_file() {
	export KTSTR_KERNEL
	KTSTR_KERNEL=$(ktstr-kernel path)
	own_cache "$BATS_FILE_TMPDIR/cache"
	ktstr-topo 1n1l2c1t >"$BATS_FILE_TMPDIR/plan.json"
}

setup() {
	pids=()
	small "$BATS_TEST_NUMBER"
}

teardown() {
	end_started
}

# small NAME [MORE]: a spec of two workers, in any.json
small() {
	spec any '[{"name":"a","workers":2,"work":{"Bursty":{"burst_ms":1,"sleep_ms":2}}}]' "${2-}"
	sed -i 's/"duration_s":1/"duration_s":0.05/; s/"name":"any"/"name":"any_'"$1"'"/' any.json
}

# boot STATE [OPTION...]: a whole run, whose guest's being ready was "built", "found" or "none"; its records are in $records
boot() {
	local want=$1
	shift
	run -0 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" "$@" any.json
	jq -se 'last | .kind == "end" and .outcome == "done"' <<<"$output"
	[ "$(jq -r 'select(.kind == "host").ready' <<<"$output")" = "$want" ]
	key=$(jq -r 'select(.kind == "host").ready_key' <<<"$output")
	saved=$KTSTR_CACHE_DIR/checkpoints/$key/saved
	records=$(grep -v '^{"kind":"host"' <<<"$output")
}

@test "set up once for every seed, and the same when it is set up again" {
	boot built
	local first=$records seven of=$key
	boot found
	[ "$records" = "$first" ]
	boot found --seed 7
	[ "$key" = "$of" ]
	seven=$records
	# Another schedule, and the workers' own: not only its number.
	[ "$(grep '"kind":"worker"' <<<"$seven")" != "$(grep '"kind":"worker"' <<<"$first")" ]
	jq -se '.[0].seed == 7' <<<"$seven"
	rm -r "$KTSTR_CACHE_DIR/checkpoints/$key"
	# Set up for another seed, the schedule of this one is what it was.
	boot built --seed 7
	[ "$records" = "$seven" ]
	boot found
	[ "$records" = "$first" ]
	# What only judges, or only says, is not what it depends on.
	small "$BATS_TEST_NUMBER" '"seed":3,"description":"x","assert":{"max_gap_ms":1}'
	boot found
	[ "$key" = "$of" ]
	ktstr-cache list --json | jq -se --arg key "$key" --arg name "any_$BATS_TEST_NUMBER" 'map(select(.key == $key)) | length == 1 and
		(.[0] | .spec == $name and (.of | length == 64) and (has("said") | not) and .size_bytes < 33554432)'
}

@test "whatever the guest is given, changed: another one" {
	local keys=() was
	changed() { # EXPRESSION [OPTION...]: of sed, on the spec
		sed -i "$1" any.json
		shift
		boot built "$@"
		for was in "${keys[@]}"; do
			[ "$key" != "$was" ]
		done
		keys+=("$key")
	}
	changed ''
	changed 's/0.05/0.06/'
	changed 's/"burst_ms":1/"burst_ms":2/'
	changed 's/"workers":2/"workers":3/'
	changed '' --ns-per-insn 2
	# Affinities that are drawn are drawn by the seed.
	changed 's/"workers":3/"workers":3,"affinity":{"RandomSubset":{"from":[0,1],"count":1}}/'
	changed '' --seed 9
	# A file of the host that goes into the guest, its contents and its mode.
	printf '#!/bin/sh\nexit 0\n' >script
	chmod 755 script
	changed 's/"workers":3/"workers":2/; s|^{|{"payloads":{"p":{"program":"./script"}},|'
	echo '# more' >>script
	changed ''
	chmod 700 script
	changed ''
	# Another ktstr-boot may make other records of the same.
	boot_tree tree
	cp "$TREE/guest/ktstr.img" tree/guest/
	echo >>tree/bin/ktstr-boot
	PATH=$PWD/tree/bin:$PATH changed ''
}

@test "damage: found out by the next run, said, set up again, and the same report" {
	boot built
	local want=$records way
	for way in 'printf x | dd of=ram0 bs=1 seek=5000 conv=notrunc status=none' 'truncate -s -1 ram0' 'rm state' \
		'sed -i "s/\"said\"/\"sais\"/" meta.json' ': >ram0'; do
		echo "$way"
		(cd "$saved" && eval "$way")
		run -1 --separate-stderr ktstr cache verify
		[[ $output == *"$key damaged"* ]]
		boot built
		[[ $stderr == *"ktstr-boot: checkpoint $key: "*": building it again"* ]]
		[ "$records" = "$want" ]
	done
}

# Killed when it is seen to have come so far; one that was past that before anybody looked is begun again.
@test "kill -9 while it is set up: nothing stays, and the next run does it" {
	boot built
	local want=$records far code
	set_up_dir=$KTSTR_CACHE_DIR/checkpoints/$key
	begun() { compgen -G "$set_up_dir/.tmp.*" >/dev/null; }
	guest_runs() { [ "$(qemus)" = 1 ]; }
	writing() { compgen -G "$set_up_dir/.tmp.*/ram0" >/dev/null; }
	for far in begun guest_runs writing; do
		code=0
		until [ $code = 137 ] && [ ! -e "$saved" ]; do
			rm -rf "$saved"
			ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" any.json >out 2>&1 3>&- &
			pids=($!)
			while kill -0 $! 2>/dev/null && ! $far; do :; done
			[ -e "$saved" ] || kill -KILL $! 2>/dev/null || true
			code=0
			wait $! || code=$?
		done
		echo "$far"
		until [ "$(qemus)" = 0 ]; do :; done
		boot built
		[ "$records" = "$want" ]
		[ -z "$(find "$KTSTR_CACHE_DIR/checkpoints" -name '.tmp*')" ]
	done
}

@test "a guest that cannot be set up: said each time, and nothing is kept" {
	spec any '[{"name":"a","workers":1,"policy":{"deadline":{"runtime_us":99000,"deadline_us":100000,"period_us":100000}}},
		{"name":"b","workers":2,"policy":{"deadline":{"runtime_us":99000,"deadline_us":100000,"period_us":100000}}}]'
	local first
	for _ in 1 2; do
		run -128 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" any.json
		[[ $stderr == *"ktstr-boot: error: cgroup 'b' worker "* ]]
		jq -se 'map(select(.kind == "host"))[0] | .ready == "none" and .ready_key == ""' <<<"$output"
		[ -z "${first-}" ] || [ "$(grep -v '^{"kind":"host"' <<<"$output")" = "$first" ]
		first=$(grep -v '^{"kind":"host"' <<<"$output")
	done
	ktstr-cache list --json | jq -se 'map(select(.spec == "any")) == []'
}

# It is stopped where it says that it is ready, and not when the rest of it happens to be idle, which it never is here.
@test "set up beside a program that never sleeps: the same, however busy the host is" {
	local want
	printf '#!/bin/sh\nwhile :; do :; done\n' >spin
	chmod +x spin
	cat >any.json <<-END
		{"name": "any_$BATS_TEST_NUMBER", "memory_mb": 256, "payloads": {"spin": {"program": "$PWD/spin"}},
		 "backdrop": {"ops": [{"RunPayload": "spin"}]},
		 "steps": [{"setup": [{"name": "a", "workers": 2, "work": "Mixed"}], "hold": {"fixed_s": 0.05}}]}
	END
	boot built
	want=$records
	for _ in 1 2 3 4; do
		while :; do :; done 3>&- &
		pids+=($!)
	done
	for _ in 1 2; do
		rm -r "$saved"
		boot built
		diff <(echo "$want") <(echo "$records")
	done
}

@test "a cache that is read-only serves: what is set up serves one run" {
	unshare -rm true || skip "no user namespaces for a file system of our own"
	boot built
	rm -r "$saved"
	# shellcheck disable=SC2016
	unshare -rm bash -euc '
		mount --bind "$KTSTR_CACHE_DIR" "$KTSTR_CACHE_DIR"
		mount -o remount,bind,ro "$KTSTR_CACHE_DIR"
		ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" any.json >built'
	diff <(echo "$records") <(grep -v '^{"kind":"host"' built)
	[ "$(jq -r 'select(.kind == "host").ready' built)" = built ]
	boot built
}

# libexec/look/guestmem.c: the device that stat() gives for a file there is not the one that /proc/PID/maps gives.
@test "a cache on btrfs: the same reports" {
	command -v mkfs.btrfs || skip "no mkfs.btrfs"
	truncate -s 1G image
	mkfs.btrfs -q image
	mkdir fs
	unshare -m mount -o loop image fs 2>why || skip "btrfs cannot be mounted: $(<why)"
	boot built
	# The mount and its loop device end with the namespace.
	# shellcheck disable=SC2016
	unshare -m bash -euc '
		mount -o loop image fs
		mkdir -m 700 fs/cache
		cp -R "$KTSTR_CACHE_DIR"/. fs/cache
		rm -r "fs/cache/checkpoints/$1/saved"
		export KTSTR_CACHE_DIR=$PWD/fs/cache
		ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" any.json >built
		ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" any.json >found' - "$key"
	for state in built found; do
		[ "$(jq -r 'select(.kind == "host").ready' $state)" = $state ]
		diff <(echo "$records") <(grep -v '^{"kind":"host"' $state)
	done
}
