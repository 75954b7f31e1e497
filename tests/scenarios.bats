#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The scenarios that come with ktstr, on the stock kernel and its own scheduler. With KTSTR_FULL set: all of them, on four and
# on eight CPUs, each twice.
# shellcheck disable=SC2154 # run sets stderr

load helper

CANNED="steady steady_llc oversubscribed cpuset_apply cpuset_clear cpuset_resize cgroup_add cgroup_remove affinity_change
	affinity_pinned host_contention mixed_workloads nested_steady nested_task_move"

names() {
	find "$TREE/share/scenarios" -name '*.json' -printf '%f\n' | sed 's/\.json$//' | sort
}

# records DIR: of every run kept in it, what has to repeat
records() {
	local report
	for report in "$1"/*/report.jsonl; do
		echo "$(basename "$(dirname "$report")" | sed 's/^[^-]*-//') $(grep -v '^{"kind":"host"' "$report" | sha256sum)"
	done | sort
}

# run_all DIR TOPOLOGY NAME...: two at a time, as many runs kept in DIR
run_all() {
	local dir=$1 topology=$2
	shift 2
	printf '@%s\n' "$@" | KTSTR_RUNS=$dir xargs -n 1 -P 2 ktstr run -q -T "$topology" >"$dir.out" 2>"$dir.err" || {
		cat "$dir.out" "$dir.err"
		return 1
	}
	[ "$(grep -c '^ *PASS ' "$dir.out")" = $# ]
}

@test "every scenario has its name, a line of description, and checks; and is a good spec on four and on eight CPUs" {
	local name topology
	ktstr-topo 1n2l2c1t >plan4
	ktstr-topo 1n2l4c1t >plan8
	ktstr scenarios >listed
	[ "$(names | wc -l)" -ge 40 ]
	for name in $CANNED; do
		names | grep -qx "$name"
	done
	for name in $(names); do
		jq -e --arg name "$name" '.name == $name and (.description | length > 20 and length < 120) and
			.assert.max_gap_ms <= if $name == "sched_mixed" then 1500 else 1250 end and
			(.assert.max_spread_pct // 0) <= ({load_oscillation: 80, workload_variety: 85}[$name] // 55)' "$TREE/share/scenarios/$name.json" >/dev/null || { echo "$name" && false; }
		for topology in 4 8; do
			run -0 --separate-stderr ktstr-work --check --plan "plan$topology" "$TREE/share/scenarios/$name.json"
			[ -z "$stderr" ]
		done
		[ "$(ktstr scenarios --path "$name")" = "$TREE/share/scenarios/$name.json" ]
		grep -q "^$name  *1n" listed
	done
	[ "$(wc -l <listed)" = "$(names | wc -l)" ]
}

@test "the fourteen canned scenarios pass, on four CPUs" {
	[ -z "${KTSTR_FULL-}" ] || skip "all of them are run below"
	# shellcheck disable=SC2086
	run_all first 1n2l2c1t $CANNED
	# What ops do in mid-run repeats, too.
	run_all second 1n2l2c1t cpuset_resize nested_task_move
	records second >again
	[ "$(wc -l <again)" = 2 ]
	[ -z "$(comm -13 <(records first) again)" ]
}

@test "all scenarios pass on four and on eight CPUs, twice the same" {
	[ -n "${KTSTR_FULL-}" ] || skip "takes half an hour: KTSTR_FULL=1 asks for it"
	local topology
	for topology in 1n2l2c1t 1n2l4c1t; do
		# shellcheck disable=SC2046
		run_all "first$topology" $topology $(names)
		# shellcheck disable=SC2046
		run_all "second$topology" $topology $(names)
		diff <(records "first$topology") <(records "second$topology")
	done
}
