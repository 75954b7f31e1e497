#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Which accelerator: a /dev/kvm that opens is not a KVM that boots. QEMU is tests/helper/fake-qemu, and /dev one of the test's own.
# KTSTR_FULL=1 also waits for a canary that hangs: 20 s.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; an environment is one test's own

load helper

setup() {
	needs_own_dev
	fake_qemu
	export FAKE_SAYS=$PWD/says
	spec any
	ktstr-topo 1n1l1c1t >plan.json
	jq -c '{kind: "guest", cpus: (.cpus | map(del(.apic_id))), nodes}, {kind: "end", outcome: "done", reason: ""}' plan.json >says
}

# shellcheck disable=SC2119,SC2120 # most pass none
# boot [OPTION...]: where /dev/kvm opens; or where there is none, with DEVICES='null full'
boot() {
	with_dev "${DEVICES-null full kvm}" ktstr-boot --plan plan.json "$@" any.json
}

# ran ACCELERATOR CLOCK WHY: the report in $output is whole, and says that of itself
ran() {
	jq -se --arg accel "$1" --arg clock "$2" --arg why "$3" '.[0].accel == $accel and .[0].clock == $clock and last.outcome == "done" and
		(map(select(.kind == "host"))[0].accel_reason | test($why))' <<<"$output"
}

# What ktstr-boot says, without the line about the kernel.
said() {
	grep -v '^ktstr-boot: kernel ' <<<"$stderr"
}

@test "KVM opens and does not boot: one line, TCG and the virtual clock, and it is remembered" {
	local why='/dev/kvm opens, but a canary guest does not come up under it: .*failed to set MSR 0x10a'
	run -0 --separate-stderr boot
	ran tcg virtual "^$why"
	[ "$(said | wc -l)" = 1 ]
	[[ $(said) =~ ^ktstr-boot:\ $why ]]
	run -0 --separate-stderr boot
	ran tcg virtual "^$why"
	[ -z "$(said)" ]
	[ "$(grep -c kvm starts)" = 1 ]
	jq -e '.usable == false' cache/kvm.json
	# Another QEMU is another question.
	export FAKE_VERSION=7.2.23
	ktstr-topo 1n1l1c1t >plan.json
	run -0 --separate-stderr boot
	[[ $(said) =~ ^ktstr-boot:\ $why ]]
	[ "$(grep -c kvm starts)" = 2 ]
}

@test "asked for KVM that does not boot: 125" {
	run -125 --separate-stderr boot --accel kvm
	[[ $stderr == *"KVM is not usable: /dev/kvm opens, but"* ]]
	[ -z "$output" ]
	DEVICES='null full' run -125 --separate-stderr boot --accel kvm
	[[ $stderr == *"KVM is not usable: /dev/kvm: No such file or directory"* ]]
}

@test "KVM boots: it is used, with the real clock, and remembered" {
	export FAKE_KVM=boots
	run -0 --separate-stderr boot
	ran kvm real "^a canary guest came up under KVM$"
	[ "$(said)" = "ktstr-boot: a canary guest came up under KVM" ]
	run -0 --separate-stderr boot
	ran kvm real "^a canary guest came up under KVM$"
	[ -z "$(said)" ]
	[ "$(cut -d' ' -f1 starts | paste -sd' ')" = "save-kvm save-kvm warm-kvm warm-kvm" ]
	# The virtual clock is there all the same.
	run -0 --separate-stderr boot --clock virtual
	ran tcg virtual "^the virtual clock needs TCG$"
}

@test "no /dev/kvm: TCG, without a word" {
	DEVICES='null full' run -0 --separate-stderr boot
	ran tcg virtual "^/dev/kvm: No such file or directory$"
	[ -z "$(said)" ]
	[ ! -e cache/kvm.json ]
}

@test "a canary that is interrupted says nothing about KVM" {
	# shellcheck disable=SC2119
	FAKE_KVM=hangs boot >out 2>err 3>&- &
	local pid=$! code=0
	until grep -q kvm starts; do
		kill -0 $pid
	done
	kill -TERM "$(pgrep -P $pid -x ktstr-boot)"
	wait $pid || code=$?
	[ $code = 128 ]
	[[ $(<err) == *"ktstr-boot: interrupted by SIGTERM"* ]]
	[ ! -e cache/kvm.json ]
	[ "$(qemus)" = 0 ]
}

@test "a canary that hangs: as one that dies" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes 20 s; KTSTR_FULL=1 runs it"
	FAKE_KVM=hangs run -0 --separate-stderr boot
	ran tcg virtual "does not come up under it: waiting for GUEST_PANICKED: time is up$"
	[ "$(said | wc -l)" = 1 ]
	[ "$(qemus)" = 0 ]
}
