#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Guests see the topologies that were planned. ktstr-boot compares them itself; here jq does, and so would notice a
# comparison that says yes to everything.
# KTSTR_FULL=1 also boots every preset of up to 128 CPUs.

load helper

setup() {
	spec tiny '[{"name":"a","workers":1}]'
	sed -i 's/"duration_s":1/"duration_s":0.01/' tiny.json
}

# seen CPUS LLCS NODES THREADS TOPO-ARGUMENT...: boot it; those are how many there are in the guest, and every
# CPU and node is the plan's
seen() {
	local counts="$1 $2 $3 $4"
	shift 4
	ktstr-topo "$@" >plan.json
	# The real clock boots many CPUs soonest, and cold is cheaper than a checkpoint that no other run needs.
	# shellcheck disable=SC2086
	ktstr-boot ${boot---clock real --cold --accel tcg} --plan plan.json tiny.json >report.jsonl
	jq -e --slurpfile plan plan.json --arg counts "$counts" -s '
		def cpus: .cpus | map({cpu, node, llc, core, thread});
		def nodes: .nodes | map({node, cpus, distances});
		map(select(.kind == "guest"))[0] as $seen | $plan[0] as $planned |
		($seen | cpus) == ($planned | cpus) and ($seen | nodes) == ($planned | nodes) and
		([$seen.cpus | length, (map(.llc) | unique | length), ($seen.nodes | length), (map(.thread) | unique | length)] |
			map(tostring) | join(" ")) == $counts and
		# The kernel keeps some of the memory for itself.
		([$seen.nodes, map(select(.kind == "run"))[0].plan.nodes] | transpose | all(
			.[0].memory_mib <= .[1].memory_mib and .[0].memory_mib >= .[1].memory_mib * 0.6 - 40))
	' report.jsonl
	jq -se 'last.outcome == "done"' report.jsonl
}

@test "1n1l1c1t, from a checkpoint that others need, too" {
	boot='' seen 1 1 1 1 1n1l1c1t
}

@test "1n1l1c2t" {
	seen 2 1 1 2 1n1l1c2t
}

@test "1n1l3c1t" {
	seen 3 1 1 1 1n1l3c1t
}

@test "1n2l2c1t, from a checkpoint that others need, too" {
	boot='' seen 4 2 1 1 1n2l2c1t
}

@test "1n4l1c2t" {
	seen 8 4 1 2 1n4l1c2t
}

@test "2n2l2c1t" {
	seen 4 2 2 1 2n2l2c1t
}

@test "4n4l1c1t" {
	seen 4 4 4 1 4n4l1c1t
}

@test "3n3l2c2t" {
	seen 12 3 3 2 3n3l2c2t
}

@test "2n4l2c2t" {
	seen 16 4 2 2 2n4l2c2t
}

@test "1n4l4c1t" {
	seen 16 4 1 1 1n4l4c1t
}

@test "LLCs of different sizes, on nodes of different sizes" {
	seen 12 3 2 2 --node-llcs 1,2 --llc-cores 2,1,3 2n3l3c2t
}

@test "a node that has only memory, and distances" {
	seen 3 2 3 1 --llc-cores 1,2 --memory-node 128 --distance 0,1=31 --distance 1,2=17 2n2l2c1t
	jq -se 'map(select(.kind == "guest"))[0].nodes | .[2].cpus == "" and .[2].memory_mib > 0 and
		map(.distances) == [[10, 31, 20], [31, 10, 17], [20, 17, 10]]' report.jsonl
}

@test "a node of CPUs without memory, and distances that are not the same both ways" {
	seen 2 2 2 1 2n2l1c1t --node-memory 256,0 --distance 0,1=28 --distance 1,0=23
	jq -se 'map(select(.kind == "guest"))[0].nodes | map(.memory_mib > 0) == [true, false] and
		map(.distances) == [[10, 28], [23, 10]]' report.jsonl
}

# presets_of CPUS...: every preset with that many; on the virtual clock, which boots 128 CPUs in a minute of CPU time
presets_of() {
	local name cpus llcs nodes smt n=0
	while read -r name cpus llcs nodes smt; do
		boot='' seen "$cpus" "$llcs" "$nodes" "$([ "$smt" = yes ] && echo 2 || echo 1)" "$name"
		n=$((n + 1))
	done < <(ktstr-topo --list | awk -v cpus=" $* " 'index(cpus, " " $3 " ") { print $1, $3, $4, $5, $6 }')
	[ $n -gt 0 ]
}

@test "presets of 4 CPUs" {
	presets_of 4
}

@test "presets of 8 to 16 CPUs" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes a minute: KTSTR_FULL=1 asks for it"
	presets_of 8 9 12 14 15 16
}

@test "presets of 32 CPUs" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes a minute: KTSTR_FULL=1 asks for it"
	presets_of 32
}

@test "presets of 64 CPUs" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes a minute: KTSTR_FULL=1 asks for it; compute.bats has one"
	presets_of 64
}

@test "presets of 128 CPUs" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes five minutes: KTSTR_FULL=1 asks for it"
	presets_of 128
}

# lies FILTER DIFFERENCE: a plan whose CPUs are edited and whose QEMU arguments are not
lies() {
	ktstr-topo 1n2l2c1t | jq -c "$1" >lie.json
	run -125 --separate-stderr ktstr-boot --plan lie.json tiny.json
	jq -se --arg why "the guest does not see the planned topology: $2" \
		'last | .kind == "end" and .outcome == "unsupported" and .reason == $why' <<<"$output"
	[[ $stderr == *"ktstr-boot: unsupported: the guest does not see the planned topology: $2" ]]
}

@test "a plan that lies about an LLC: 125, naming the first difference" {
	lies '.cpus[1].llc = 1 | .cpus[1].core = 1 | .cpus[2].llc = 1' "cpu 1: planned llc 1, the guest sees llc 0"
}

@test "a plan that lies about the number of CPUs: 125, naming the first difference" {
	lies 'del(.cpus[3]) | .nodes[0].cpus = "0-2"' "planned CPUs 0-2, the guest sees 0-3"
}

@test "a spec whose topology has options: ktstr run boots that machine" {
	jq '.topology = "1n2l2c1t --llc-cores 1,2 --memory 512"' "$TREE/share/specs/first.json" >first.json
	run -0 --separate-stderr ktstr run --runs runs first.json
	jq -se 'map(select(.kind == "guest"))[0].cpus | map(.llc) == [0, 1, 1]' runs/*/report.jsonl
	run -0 --separate-stderr ktstr run --runs other -T '1n2l2c1t --llc-cores 2,1 --memory 512' first.json
	jq -se 'map(select(.kind == "guest"))[0].cpus | map(.llc) == [0, 0, 1]' other/*/report.jsonl
}
