#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-boot on bad input and on bad days: what each gets, and that nothing is left behind.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup_file() {
	# ktstr-boot takes the guest image that lies beside it: copies of it, with images that misbehave.
	local way
	for way in ways no-init; do
		boot_tree "$BATS_FILE_TMPDIR/$way"
	done
	local bad=$TREE/tests/helper/bad-init
	"$TREE/guest/pack" "$BATS_FILE_TMPDIR/ways/guest/ktstr.img" init="$bad"
	"$TREE/guest/pack" "$BATS_FILE_TMPDIR/no-init/guest/ktstr.img" bin/other="$bad"
	"$TREE/bin/ktstr-topo" 1n1l1c1t >"$BATS_FILE_TMPDIR/plan.json"
}

setup() {
	plan=$BATS_FILE_TMPDIR/plan.json
}

# Run the copy of ktstr-boot with the image called $1 on a spec of its own.
boot_with() {
	local image=$1
	shift
	"$BATS_FILE_TMPDIR/$image/bin/ktstr-boot" --accel tcg --plan "$plan" "$@"
}

# The report in $output is closed and says $1 because of $2 (a regular expression).
ends_with() {
	jq -se --arg outcome "$1" --arg reason "$2" \
		'last | .kind == "end" and .outcome == $outcome and (.reason | test($reason))' <<<"$output"
}

lost_in() { # WAY REASON
	spec "way_$1"
	run -128 --separate-stderr boot_with ways --timeout 150 "way_$1.json"
	ends_with lost "$2"
	[[ $stderr == *"ktstr-boot: lost: "* ]]
}

@test "a spec with a syntax error: 129, with line and column" {
	printf '{"name": "x",\n "cgroups": [}\n' >bad.json
	run -129 --separate-stderr ktstr-boot --plan "$plan" bad.json
	[[ $stderr == *"ktstr-boot: bad.json:2:"* ]]
	[ -z "$output" ]
}

@test "a spec with errors: 129, every one with its path, before any QEMU starts" {
	spec bad '[{"name":"a","workers":-1},{"name":"b","cpuset":{"llc":3},"wrok":1}]'
	KTSTR_QEMU=/nonexistent run -129 --separate-stderr ktstr-boot --plan "$plan" bad.json
	[[ $stderr == *'bad.json: $.cgroups[0].workers: '* ]]
	[[ $stderr == *'bad.json: $.cgroups[1].cpuset.llc: '* ]]
	[[ $stderr == *'bad.json: $.cgroups[1].wrok: unknown key'* ]]
}

@test "no spec file: 128; a bad plan: 129; a plan without QEMU: 129" {
	run -128 --separate-stderr ktstr-boot --plan "$plan" none.json
	[[ $stderr == *"cannot open 'none.json': No such file"* ]]
	spec good
	echo '{"kind":"plan"}' >bad-plan.json
	run -129 --separate-stderr ktstr-boot --plan bad-plan.json good.json
	[[ $stderr == *"bad-plan.json: \$: 'cpus' is missing"* ]]
	ktstr-topo --no-qemu 1n1l1c1t >no-qemu.json
	run -129 --separate-stderr ktstr-boot --plan no-qemu.json good.json
	[[ $stderr == *"--no-qemu"* ]]
}

@test "options: unknown, missing value, bad number" {
	spec good
	run -129 --separate-stderr ktstr-boot --plan "$plan" --fast good.json
	run -129 --separate-stderr ktstr-boot --plan "$plan" --ns-per-insn 3 good.json
	[[ $stderr == *"not a power of two"* ]]
	run -129 --separate-stderr ktstr-boot --plan "$plan" --timeout 1x good.json
	run -129 --separate-stderr ktstr-boot --plan "$plan" --clock virtual --accel kvm good.json
	run -129 --separate-stderr ktstr-boot --plan "$plan"
	run -0 --separate-stderr ktstr-boot --help
	[[ $output == usage:* ]]
}

@test "no kernel: 128, and what to type" {
	spec good
	mkdir empty && cd empty
	KTSTR_CACHE_DIR=$PWD run -128 --separate-stderr ktstr-boot --plan "$plan" --kernel 9.9 ../good.json
	[[ $stderr == *"ktstr kernel fetch"* ]]
}

@test "what is no kernel: 128; a kernel without BTF or cgroup2: 125; what is needed, and no report" {
	spec good
	echo text >text
	run -128 --separate-stderr ktstr-boot --plan "$plan" --kernel ./text good.json
	[[ $stderr == *"text' is not a kernel: neither a bzImage nor an ELF file"* ]]
	"$TREE/tests/helper/mkkernel" --no-btf 7.3.0 no-btf
	run -125 --separate-stderr ktstr-boot --plan "$plan" --kernel ./no-btf good.json
	[[ $stderr == *"has no BTF: one built with CONFIG_DEBUG_INFO_BTF=y is needed"* ]]
	mkdir tree
	"$TREE/tests/helper/mkkernel" 7.3.0 tree/vmlinux
	echo '# CONFIG_CGROUPS is not set' >tree/.config
	run -125 --separate-stderr ktstr-boot --plan "$plan" --kernel tree good.json
	[[ $stderr == *"has no cgroup2: one built with CONFIG_CGROUPS=y is needed"* ]]
	[ -z "$output" ]
}

@test "--dry-run prints the command line and the payload, and starts nothing" {
	spec good
	KTSTR_QEMU=/nonexistent/qemu run -0 --separate-stderr ktstr-boot --dry-run --plan "$plan" good.json
	[[ ${lines[0]} == *" /nonexistent/qemu "*"-icount shift=0,sleep=off"* ]]
	[[ $output == *"payload: plan.json spec.json args"* ]]
}

@test "QEMU missing: lost, 128, and the report is closed" {
	spec good
	KTSTR_QEMU=/nonexistent/qemu run -128 --separate-stderr ktstr-boot --cold --accel tcg --plan "$plan" good.json
	ends_with lost "cannot run '/nonexistent/qemu': No such file"
}

@test "QEMU fails at once: its own words" {
	printf '#!/bin/sh\necho "fake-qemu: no such machine" >&2\nexit 1\n' >fake-qemu
	chmod +x fake-qemu
	spec good
	KTSTR_QEMU=$PWD/fake-qemu run -128 --separate-stderr ktstr-boot --cold --accel tcg --plan "$plan" good.json
	ends_with lost "QEMU failed with status 1: fake-qemu: no such machine"
}

@test "the kernel panics before init: lost, with the panic" {
	spec good
	run -128 --separate-stderr boot_with no-init --cold good.json
	ends_with lost "stopped by itself"
	jq -se 'any(.[]; .kind == "log" and .source == "console" and (.text | test("Kernel panic")))' <<<"$output"
}

@test "the guest hangs at boot: lost when its time is up, with its console, and no checkpoint is left" {
	fake_qemu
	mkfifo gate # that nobody opens
	spec good
	ktstr-topo 1n1l1c1t >plan.json
	FAKE_GATE=$PWD/gate FAKE_CONSOLE=$'so far\n' run -128 --separate-stderr ktstr-boot --accel tcg --plan plan.json --timeout 5 good.json
	ends_with lost "did not come up: waiting for GUEST_PANICKED: time is up"
	jq -se 'any(.[]; .kind == "log" and .source == "console" and .text == "so far")' <<<"$output"
	[ "$(qemus)" = 0 ]
	run -0 find cache/checkpoints -mindepth 1
	[ -z "$output" ]
}

@test "init dies in the run: lost, with the panic" {
	lost_in die "stopped by itself"
	jq -se 'any(.[]; .kind == "log" and .source == "console" and (.text | test("Attempted to kill init")))' <<<"$output"
}

@test "the guest hangs in the run: lost when the wall-clock limit is up" {
	spec way_hang
	run -128 --separate-stderr boot_with ways --timeout 20 way_hang.json
	ends_with lost "wall-clock limit of 20 s"
	# What can still be read of it is there.
	jq -se 'map(select(.kind == "snapshot")) | length == 1 and all(.[]; .name == "lost guest" and .by == "lost" and (has("at_ns") | not) and
		any(.tasks[]; .comm == "init") and all(.cpus[]; has("registers") | not))' <<<"$output"
}

@test "nothing in the guest gets to run: lost by the guest's own clock" {
	lost_in starve "did not get to run for 30 s of guest time"
	jq -se 'map(select(.kind == "snapshot")) | length == 1 and all(.[]; .name == "guest hang" and .by == "hang" and
		any(.tasks[]; .comm == "init") and all(.cpus[]; has("registers")))' <<<"$output"
}

@test "the guest writes garbage, a line without end, nested arrays without end: lost" {
	lost_in garbage "wrote garbage: record:1:1"
	lost_in deep "wrote garbage: "
	lost_in long_line "a line of more than 4 MiB"
	# Not all of it was kept.
	jq -se 'map(select(.kind == "host"))[0].maxrss_kib < 32768' <<<"$output"
}

@test "the guest sends records that are not its to send: lost" {
	lost_in foreign "kind 'host', which is not its to send"
	lost_in sample "kind 'sample', which is not its to send"
	lost_in snapshot "kind 'snapshot', which is not its to send"
	lost_in odd_end "has an outcome that ktstr does not know"
}

# A QEMU that greets and then sends what $1 writes to $2 (vm.h: descriptor 3 is QMP, 4 the guest's
# records, which is opened anew because it does not block). ktstr-boot
# on it ends because of $3, within $4 CPU seconds and $5 MiB.
floods() { # COMMAND WHERE REASON SECONDS MIB
	local version cpu kib
	version=$(jq -c '.qemu.version | split(".") | map(tonumber) | {major: .[0], minor: .[1], micro: .[2]}' "$plan")
	cat >flooding-qemu <<-EOF
		#!/bin/sh
		echo '{"QMP": {"version": {"qemu": $version, "package": ""}, "capabilities": []}}' >&3
		$1 >$2
		exec sleep 1000
	EOF
	chmod +x flooding-qemu
	spec good
	KTSTR_QEMU=$PWD/flooding-qemu run -128 --separate-stderr "$TREE/tests/helper/measure" \
		"$TREE/bin/ktstr-boot" --cold --clock real --accel tcg --plan "$plan" --timeout 60 good.json 9>cost
	ends_with lost "$3"
	read -r _ cpu kib _ <cost
	echo "$1: $cpu ms, $kib KiB" >&2
	[ "${cpu%.*}" -lt $(($4 * 1000)) ] && [ "$kib" -lt $(($5 * 1024)) ]
}

@test "the guest floods the host with blank lines, panics, requests: lost, at bounded cost" {
	floods "yes '' | head -c 300M" /proc/self/fd/4 "wrote more than 256 MiB" 20 32
	floods "yes '{\"event\": \"GUEST_PANICKED\", \"data\": {\"action\": \"run\"}}'" '&3' "sent more than 1000 messages" 2 32
	floods "yes '{\"kind\":\"request\",\"jiffy_ns\":4000000}'" /proc/self/fd/4 "sent more than 10000 requests" 20 32
}

@test "the guest floods the host before it is set up, and with requests that cost something: lost, at bounded cost" {
	lost_in records "wrote more than 2 MiB before it was set up"
	jq -se 'map(select(.kind == "host"))[0].maxrss_kib < 150000' <<<"$output"
	lost_in requests "sent more than 10000 requests"
	jq -se 'map(select(.kind == "host"))[0].maxrss_kib < 400000' <<<"$output"
}

@test "the guest gives up: 125, in its words" {
	spec way_gives_up
	run -125 --separate-stderr boot_with ways way_gives_up.json
	ends_with unsupported "^no can do$"
}

# guest/hw.c: the payload comes in pieces, by DMA, into locked pages, which the kernel may move all the same.
@test "the payload is read where its pages are, and not where they were before the last piece" {
	spec way_moves '[{"name":"a","workers":1}]' '"payloads":{"big":{"program":"./big"}}'
	cp "$TREE/guest/ktstr-work" big # static
	ktstr-topo 2n2l1c1t >two.json
	plan=$PWD/two.json
	run -125 --separate-stderr boot_with ways --timeout 150 way_moves.json
	ends_with unsupported "^the same, after [0-9]+ moves$"
	[ "$(jq -r 'select(.kind == "end").reason | match("[0-9]+").string' <<<"$output")" -ge 3 ]
}

@test "the guest sees another topology than planned: 125, naming the first difference" {
	spec way_liar
	run -125 --separate-stderr boot_with ways way_liar.json
	ends_with unsupported "does not see the planned topology: planned CPUs 0, the guest sees 0-1"
}

@test "an early end of the reader is no error, and ends QEMU" {
	spec good
	set -o pipefail
	run -0 --separate-stderr bash -c "set -o pipefail; ktstr-boot --accel tcg --plan '$plan' good.json | head -n 1"
	[[ $output == '{"kind":"run"'* ]]
}

@test "stdout is full: 128" {
	spec good
	run -128 --separate-stderr bash -c "ktstr-boot --accel tcg --plan '$plan' good.json >/dev/full"
	[[ $stderr == *"cannot write the report: No space left on device"* ]]
	[ "$(qemus)" = 0 ]
}

@test "stdout is closed: 128, before anything boots" {
	spec good
	KTSTR_QEMU=/nonexistent run -128 --separate-stderr bash -c "ktstr-boot --accel tcg --plan '$plan' good.json >&-"
	[[ $stderr == *"cannot write the report: Bad file descriptor"* ]]
}

@test "no directory to keep things in: 128, before anything boots" {
	spec good
	KTSTR_QEMU=/nonexistent run -128 --separate-stderr ktstr-boot --accel tcg --plan "$plan" --keep none good.json
	[[ $stderr == *"cannot write 'none/console.log': No such file or directory"* ]]
}

# Start a run that hangs in the guest: pids in $boot and $qemu.
start_hanging() {
	spec way_hang
	# A shell has its background ignore SIGINT.
	env --default-signal=INT "$BATS_FILE_TMPDIR/ways/bin/ktstr-boot" --accel tcg --plan "$plan" way_hang.json >report 2>stderr 3>&- &
	boot=$!
	until qemu=$(pgrep -P $boot); do
		kill -0 $boot
	done
}

# run would wait in a subshell, whose child it is not.
exits_with() {
	local code=0
	wait $boot || code=$?
	[ $code = "$1" ]
}

@test "SIGINT, SIGTERM, SIGHUP: the report is closed, 128, and QEMU is gone" {
	local sig
	for sig in INT TERM HUP; do
		start_hanging
		kill -$sig $boot
		exits_with 128
		run -1 kill -0 "$qemu"
		output=$(<report)
		ends_with lost "interrupted by SIG$sig"
	done
}

@test "kill -9 of ktstr-boot: QEMU dies with it" {
	start_hanging
	kill -KILL $boot
	exits_with 137
	gone "$qemu"
}

@test "QEMU is killed: lost, naming the signal" {
	start_hanging
	kill -KILL "$qemu"
	exits_with 128
	output=$(<report)
	ends_with lost "QEMU was killed by SIGKILL"
}
