#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Specs: what is refused and how that reads, and which CPUs a spec means.
bats_require_minimum_version 1.5.0
load helper

setup() {
	specs="$BATS_TEST_DIRNAME/data/spec"
	ktstr-topo --no-qemu 2n4l2c1t >plan
}

# resolve CPUSET [TOPOLOGY]: the CPUs that it means, 2n4l2c1t unless said.
resolve() {
	printf '{"name": "x", "cgroups": [{"name": "a", "cpuset": %s}]}' "$1" >spec.json
	ktstr-topo --no-qemu "${2:-2n4l2c1t}" >plan
	run -0 --separate-stderr ktstr-work --resolve spec.json <plan
	jq -er .cpuset <<<"$output"
}

@test "every bad spec is refused with all of its errors" {
	n=0
	cd "$specs"
	for want in *.want; do
		run -129 --separate-stderr ktstr-work --check --plan "$BATS_TEST_TMPDIR/plan" "${want%.want}.json"
		[ -z "$output" ]
		diff -u "$want" - <<<"$stderr"
		n=$((n + 1))
	done
	[ "$n" -ge 25 ]
}

@test "the errors of a bad plan and of a bad spec come together" {
	jq -c '.cpus[0].node = 99' plan >bad
	run -129 --separate-stderr ktstr-work --check --plan bad "$specs/groups.json"
	[[ $stderr == *"bad: \$.cpus[0]"* ]]
	[[ $stderr == *'groups.json: $.cgroups[0].workers: PipeIo (group 0) requires'* ]]
}

@test "a good spec is accepted without a word, and its plan may come from stdin" {
	for spec in "$BATS_TEST_DIRNAME"/../share/specs/*.json; do
		ktstr-topo --no-qemu "$(jq -r .topology "$spec")" >plan
		run -0 --separate-stderr ktstr-work --check "$spec" <plan
		[ -z "$output$stderr" ]
	done
}

@test "the plan's topology goes before the spec's" {
	printf '{"name": "x", "topology": "1n1l1c1t", "cgroups": [{"name": "a", "cpuset": {"llc": 3}}]}' >spec.json
	run -0 --separate-stderr ktstr-work --check spec.json <plan
}

@test "a spec that is not there, or comes twice from stdin" {
	run -128 --separate-stderr ktstr-work --check nowhere.json <plan
	[[ $stderr == "ktstr-work: cannot open 'nowhere.json': No such file or directory" ]]
	run -129 --separate-stderr ktstr-work --check - <plan
	[[ $stderr == *"cannot both come from stdin"* ]]
}

# refuses MEMBERS ERROR: a spec with these members has this error, or one that starts so, and no other.
refuses() {
	printf '{"name": "x", %s}' "$1" >bad.json
	run -129 --separate-stderr ktstr-work --check --plan plan bad.json
	[[ $stderr == "ktstr-work: bad.json: $2"* && $stderr != *$'\n'* ]] || { echo "$1: $stderr" && false; }
}

@test "schedulers, payloads, ops: what is refused, each with its place" {
	local members want
	while IFS='|' read -r members want; do
		refuses "$members" "$want"
	done <<-'END'
		"cgroups":[{"name":"a"}],"scheduler":{"bpf":"a.o","name":"none"}|$.scheduler.name: 'none' means no scheduler
		"cgroups":[{"name":"a"}],"scheduler":{"bpf":"a.o","name":"a b"}|$.scheduler.name: must be letters, digits, '_', '-' and '.'
		"cgroups":[{"name":"a"}],"scheduler":{"binary":"a","options":{}}|$.scheduler: 'options' are for 'bpf'
		"cgroups":[{"name":"a"}],"scheduler":{"binary":"a","args":[1]}|$.scheduler.args[0]: must be a string
		"cgroups":[{"name":"a"}],"scheduler":{"bpf":"a.o","sysctls":{"a":1.5}}|$.scheduler.sysctls.a: must be a string or a whole number
		"cgroups":[{"name":"a"}],"expect":"exit"|$.expect: must be "survive" or {"exit": {"contains": ...}}
		"cgroups":[{"name":"a"}],"staged_schedulers":{"n":"none"}|$.staged_schedulers.n: must be an object, not a string
		"cgroups":[{"name":"a"}],"staged_schedulers":{"n":{}}|$.staged_schedulers.n: needs one of 'bpf', 'binary', 'builtin'
		"cgroups":[{"name":"a"}],"staged_schedulers":{"n":{"bpf":"a.o","name":"m"}}|$.staged_schedulers.n.name: must not be given here: the key 'n' is the name
		"cgroups":[{"name":"a"}],"scheduler":{"bpf":"n.o"},"staged_schedulers":{"n":{"bpf":"a.o"}}|$.staged_schedulers.n: 'n' is the name of $.scheduler already
		"payloads":{"p":{"program":"a","output":"json","checks":[{"metric":"m","range":[1,2],"min":1}]}}|$.payloads.p.checks[0].range: excludes 'min' and 'max', which range replaces
		"cgroups":[{"name":"a","policy":"Btach"}]|$.cgroups[0].policy: unknown 'Btach' (did you mean 'Batch'?)
		"cgroups":[{"name":"a","cpuset":{"exact":"0\n1"}}]|$.cgroups[0].cpuset.exact: a cpulist is one line
		"steps":[{"ops":["Frobnicate"]}]|$.steps[0].ops[0]: unknown op 'Frobnicate' (known: AddCgroup,
		"steps":[{"ops":[{"DetachScheduler":1}]}]|$.steps[0].ops[0].DetachScheduler: takes no parameters
		"steps":[{"ops":["DetachScheduler"]}]|$.steps[0].ops[0].DetachScheduler: no scheduler is attached here
		"steps":[{"setup":[{"name":"a","workers":0,"cpuset":{"llc":0}}],"ops":[{"Spawn":{"policy":{"deadline":{"runtime_us":90,"deadline_us":990}}}},{"MoveAllTasks":{"from":"","to":"a"}}]}]|$.steps[0].ops[1].MoveAllTasks: policy deadline needs every CPU: 'a' has a cpuset
		"payloads":{"p":{"program":"a"}},"steps":[{"setup":[{"name":"a","workers":0}],"ops":[{"RunPayload":{"payload":"p","cgroup":"a"}},{"FreezeCgroup":"a"},{"KillPayload":"p"}]}]|$.steps[0].ops[2].KillPayload: payload 'p' is frozen, with its cgroup 'a': it cannot end
		"payloads":{"p":{"program":"a"}},"steps":[{"ops":[{"RunPayload":"p"},{"KillPayload":"p"}],"hold":{"loop":{"interval_ms":5}}}]|$.steps[0].ops[0]: payloads are run more than 256 times in all, when the loop does it again
	END
}

@test "more, or longer, than there can be" {
	local many
	many=$(jq -nc '[range(1001) | {}]')
	refuses "\"steps\": $many" '$.steps: 1001 steps, more than 1000'
	many=$(jq -nc '[range(257) | {exit_code: 0}]')
	refuses "\"payloads\": {\"p\": {\"program\": \"a\", \"checks\": $many}}" '$.payloads.p.checks: 257 checks, more than 256'
	many=$(jq -nc '[range(65) | {"p\(.)": {program: "a"}}] | add')
	refuses "\"payloads\": $many" '$.payloads: 65 payloads, more than 64'
	many=$(jq -nc '[range(100) | {spin_ms: 1}]')
	refuses "\"cgroups\": [{\"name\": \"a\", \"work\": {\"Sequence\": {\"first\": {\"spin_ms\": 1}, \"rest\": $many}}}]" \
		'$.cgroups[0].work.Sequence.rest: 100 phases, more than '
	many=$(jq -nc '[range(100)]')
	refuses "\"cgroups\": [{\"name\": \"a\", \"work\": {\"NumaWorkingSetSweep\": {\"target_nodes\": $many}}}]" \
		'$.cgroups[0].work.NumaWorkingSetSweep.target_nodes: 100 nodes, more than '
	many=$(printf 'n%.0s' {1..129})
	refuses "\"payloads\": {\"$many\": {\"program\": \"a\"}}" "\$.payloads.$many: the name is longer than"
	refuses "\"cgroups\": [{\"name\": \"a\"}], \"scheduler\": {\"bpf\": \"a.o\", \"name\": \"$many\"}" '$.scheduler.name: is longer than'
}

@test "a node that is only memory has no CPUs for a cpuset" {
	ktstr-topo --no-qemu 1n1l2c1t --memory-node 64 >plan
	refuses '"cgroups": [{"name": "a", "cpuset": {"numa": 1}}]' '$.cgroups[0].cpuset.numa: node 1 of plan 1n1l2c1t has memory and no CPUs'
}

@test "llc, numa and exact name CPUs of the plan; without a cpuset it is all of them" {
	[ "$(resolve '{"llc": 3}')" = 6-7 ]
	[ "$(resolve '{"numa": 1}')" = 4-7 ]
	[ "$(resolve '{"exact": [7, 0, 2]}')" = 0,2,7 ]
	[ "$(resolve '{"exact": "0-2,7"}')" = 0-2,7 ]
	printf '{"name": "x", "cgroups": [{"name": "a"}]}' >spec.json
	run -0 --separate-stderr ktstr-work --resolve spec.json <plan
	[ "$output" = '{"cgroup":"a","cpuset":"0-7","workers":2,"work":"SpinWait","path":"$.cgroups[0]"}' ]
}

@test "fractions divide the usable CPUs, which leave the last one alone" {
	[ "$(resolve '{"range": {"start": 0, "end": 1}}')" = 0-6 ]
	[ "$(resolve '{"range": {"start": 0, "end": 0.5}}')" = 0-2 ]
	[ "$(resolve '{"range": {"start": 0.5, "end": 1}}')" = 3-6 ]
	[ "$(resolve '{"range": {"start": 0.28, "end": 0.29}}' 1n1l101c1t)" = 28 ] # 100 usable; 28.999999999999996
	[ "$(resolve '{"range": {"start": 0, "end": 1}}' 1n1l2c1t)" = 0-1 ] # two CPUs are both usable
	[ "$(resolve '{"range": {"start": 0, "end": 1}}' 1n1l3c1t)" = 0-1 ]
}

@test "the last partition takes the remainder" {
	[ "$(resolve '{"disjoint": {"index": 0, "of": 3}}')" = 0-1 ]
	[ "$(resolve '{"disjoint": {"index": 1, "of": 3}}')" = 2-3 ]
	[ "$(resolve '{"disjoint": {"index": 2, "of": 3}}')" = 4-6 ]
	[ "$(resolve '{"disjoint": {"index": 0, "of": 1}}')" = 0-6 ]
}

@test "overlap widens both sides by a fraction of a chunk, and stops at the ends" {
	[ "$(resolve '{"overlap": {"index": 0, "of": 3, "frac": 0.5}}')" = 0-2 ]
	[ "$(resolve '{"overlap": {"index": 1, "of": 3, "frac": 0.5}}')" = 1-4 ]
	[ "$(resolve '{"overlap": {"index": 2, "of": 3, "frac": 0.5}}')" = 3-6 ]
	[ "$(resolve '{"overlap": {"index": 1, "of": 3, "frac": 1}}')" = 0-5 ]
	[ "$(resolve '{"overlap": {"index": 1, "of": 3, "frac": 0.49}}')" = 2-3 ]
}

@test "workers: the cgroup's own number, or workers_per_cgroup, or 2" {
	printf '{"name": "x", "workers_per_cgroup": 4, "cgroups": [{"name": "a"}, {"name": "b", "workers": 6}]}' >spec.json
	run -0 --separate-stderr ktstr-work --resolve spec.json <plan
	[ "$(jq -c .workers <<<"$output" | paste -sd' ')" = "4 6" ]
}

@test "workers_pct: of the CPUs of the cpuset, rounded up" {
	printf '{"name": "x", "cgroups": [{"name": "a", "workers_pct": 50}, {"name": "b", "workers_pct": 12.6},
		{"name": "c", "workers_pct": 200, "cpuset": {"llc": 1}}, {"name": "d", "workers_pct": 0.01}]}' >spec.json
	run -0 --separate-stderr ktstr-work --resolve spec.json <plan
	[ "$(jq -c .workers <<<"$output" | paste -sd' ')" = "4 2 4 1" ]
}

@test "--resolve goes through steps, ops and loops" {
	cat >spec.json <<-'END'
		{"name": "x", "backdrop": {"cgroups": [{"name": "bg", "workers": 2, "affinity": "LlcAligned", "cpuset": {"exact": "1-4"}}],
			"ops": [{"AddCgroup": "o"}, {"Spawn": {"workers": 1}}]},
		 "steps": [
			{"setup": [{"name": "o/i", "workers": 1, "groups": [{"workers": 1, "affinity": {"Exact": [6, 7]}}]}],
			 "ops": [{"CpuOffline": 1}, {"SetCpuset": {"cgroup": "o", "cpuset": {"numa": 1}}},
				{"SetAffinity": {"cgroup": "o/i", "affinity": "SingleCpu"}}, {"MoveAllTasks": {"from": "o/i", "to": "bg"}}]},
			{"ops": [{"ClearCpuset": "bg"}, {"SetCpuset": {"cgroup": "bg", "cpuset": {"llc": 3}}}],
			 "hold": {"loop": {"interval_ms": 1000}}}]}
	END
	run -0 --separate-stderr ktstr-work --resolve --plan plan spec.json
	diff - <(printf '%s\n' "$output") <<-'END'
		{"cgroup":"bg","cpuset":"1-4","workers":2,"work":"SpinWait","affinity":["2-3","2-3"],"path":"$.backdrop.cgroups[0]"}
		{"cgroup":"o","cpuset":"0-7","workers":0,"path":"$.backdrop.ops[0]"}
		{"cgroup":"(runner)","cpuset":"0-7","workers":1,"work":"SpinWait","path":"$.backdrop.ops[1]"}
		{"cgroup":"o/i","cpuset":"0-7","workers":1,"work":"SpinWait","path":"$.steps[0].setup[0]"}
		{"cgroup":"o/i","cpuset":"0-7","workers":1,"work":"SpinWait","affinity":["6-7"],"path":"$.steps[0].setup[0]"}
		{"cgroup":"bg","cpuset":"2-4","path":"$.steps[0].ops[0]"}
		{"cgroup":"o","cpuset":"0,2-7","path":"$.steps[0].ops[0]"}
		{"cgroup":"o/i","cpuset":"0,2-7","path":"$.steps[0].ops[0]"}
		{"cgroup":"(runner)","cpuset":"0,2-7","path":"$.steps[0].ops[0]"}
		{"cgroup":"o","cpuset":"4-7","path":"$.steps[0].ops[1]"}
		{"cgroup":"o/i","cpuset":"4-7","path":"$.steps[0].ops[1]"}
		{"cgroup":"o/i","affinity":["4"],"path":"$.steps[0].ops[2]"}
		{"cgroup":"o/i","affinity":["4"],"path":"$.steps[0].ops[2]"}
		{"cgroup":"bg","cpuset":"0,2-7","path":"$.steps[1].ops[0]"}
		{"cgroup":"bg","cpuset":"6-7","path":"$.steps[1].ops[1]"}
		{"cgroup":"bg","cpuset":"0,2-7","path":"$.steps[1].ops[0]","repeat":1}
		{"cgroup":"bg","cpuset":"6-7","path":"$.steps[1].ops[1]","repeat":1}
	END
}

@test "affinities draw by seed and worker; pairs of threads go round the cores" {
	printf '{"name": "x", "cgroups": [{"name": "a", "workers": 6, "affinity": "SmtSiblingPair", "cpuset": {"exact": "1-7"}},
		{"name": "b", "workers": 8, "affinity": {"RandomSubset": {"from": "0-5", "count": 3}}, "cpuset": {"exact": "3-7"}},
		{"name": "c", "workers": 1, "affinity": {"RandomSubset": {"from": "0-3", "count": 9}}}]}' >spec.json
	ktstr-topo --no-qemu 1n2l2c2t >smt
	run -0 --separate-stderr ktstr-work --resolve --plan smt spec.json
	jq -es '.[0].affinity == ["2-3", "2-3", "4-5", "4-5", "6-7", "6-7"] and .[2].affinity == ["0-3"] and
		(.[1].affinity | length == 8 and (unique == ["3-5"]))' <<<"$output"
	sed -i 's/"3-7"/"0-7"/' spec.json
	ktstr-work --resolve --plan smt spec.json >a
	ktstr-work --resolve --plan smt --seed 0 spec.json >b
	ktstr-work --resolve --plan smt --seed 1 spec.json >c
	cmp a b
	run -1 cmp -s a c
	jq -es '.[1].affinity | unique | length > 3' a
}

@test "--work-type: swappable cgroups whose workers are whole groups" {
	printf '{"name": "x", "backdrop": {"cgroups": [{"name": "a", "swappable": true, "groups": [{"workers": 1}]}, {"name": "b"}]},
		"steps": [{"setup": [{"name": "c", "workers": 3, "swappable": true}], "ops": [{"Spawn": {"workers": 2}},
			{"AddCgroupDef": {"name": "d", "workers": 4, "swappable": true, "work": {"Bursty": {"burst_ms": 1}}}}]}]}' >spec.json
	run -0 --separate-stderr ktstr-work --resolve --plan plan --work-type PipeIo spec.json
	[ "$(jq -r .work <<<"$output" | paste -sd' ')" = "PipeIo SpinWait SpinWait SpinWait SpinWait PipeIo" ]
	[ "$stderr" = 'ktstr-work: note: $.steps[0].setup[0]: 3 workers are not a multiple of 2: it stays SpinWait' ]
	run -129 --separate-stderr ktstr-work --resolve --plan plan --work-type Sequence spec.json
	[ "$stderr" = "ktstr-work: --work-type: Sequence cannot do without 'first'" ]
	run -129 --separate-stderr ktstr-work --resolve --plan plan --work-type Nothing spec.json
	[ "$stderr" = "ktstr-work: --work-type: there is no work type 'Nothing'" ]
	ktstr-topo --no-qemu 1n1l2c1t >plan
	run -129 --separate-stderr ktstr-work --resolve --plan plan --work-type NumaWorkingSetSweep spec.json
	diff - <(printf '%s\n' "$stderr") <<-'END'
		ktstr-work: x: $.backdrop.cgroups[0]: NumaWorkingSetSweep: it needs two NUMA nodes that have memory, and there is 1
		ktstr-work: x: $.steps[0].setup[0]: NumaWorkingSetSweep: it needs two NUMA nodes that have memory, and there is 1
		ktstr-work: x: $.steps[0].ops[1].AddCgroupDef: NumaWorkingSetSweep: it needs two NUMA nodes that have memory, and there is 1
		ktstr-work: --work-type: NumaWorkingSetSweep cannot be the work of 'x'
	END
}

@test "old names are taken, with a note" {
	printf '{"name": "x", "steps": [{"setup": [{"name": "a", "work": "CpuSpin"}], "ops": [{"SpawnHost": {"work": {"CpuSpin": {}}}},
		{"Spawn": {"work": "IoSync"}}]}]}' >spec.json
	run -0 --separate-stderr ktstr-work --check --plan plan spec.json
	diff - <(printf '%s\n' "$stderr") <<-'END'
		ktstr-work: note: spec.json: $.steps[0].setup[0].work: CpuSpin is called SpinWait now
		ktstr-work: note: spec.json: $.steps[0].ops[0]: SpawnHost is called Spawn now
		ktstr-work: note: spec.json: $.steps[0].ops[0].SpawnHost.work: CpuSpin is called SpinWait now
		ktstr-work: note: spec.json: $.steps[0].ops[1].Spawn.work: IoSync is called IoSyncWrite now
	END
	run -0 --separate-stderr ktstr-work --resolve --plan plan spec.json
	[ "$(jq -r .work <<<"$output" | paste -sd' ')" = "SpinWait SpinWait IoSyncWrite" ]
}

@test "names at the edge of what is allowed" {
	name=$(printf 'n%.0s' {1..128})
	printf '{"name": "%.64s", "cgroups": [{"name": "%s"}, {"name": "a..b-C_9"}, {"name": "cpus"}]}' "$name" "$name" >spec.json
	run -0 --separate-stderr ktstr-work --check spec.json <plan
}

@test "memory_mib is memory_mb by its later name" {
	printf '{"name": "x", "memory_mib": 512, "cgroups": [{"name": "a"}]}' >spec.json
	run -0 --separate-stderr ktstr-work --check spec.json <plan
	printf '{"name": "x", "memory_mib": 1, "cgroups": [{"name": "a"}]}' >spec.json
	run -129 --separate-stderr ktstr-work --check spec.json <plan
	[[ $stderr == *'$.memory_mib: 1 is not in 128..16777216' ]]
}

@test "ktstr-spec(5) has every key and every work type, as the parser has them" {
	page="$BATS_TEST_DIRNAME/../man/ktstr-spec.5"
	"$BATS_TEST_DIRNAME/../man/spec-tables" <"$page" >new
	[ "$(grep -c '^\.It Cm ' new)" -gt 40 ]
	diff -u "$page" new
	# What is left out is named where the keys that it repeats are.
	for place in 'cgroups\[\].groups\[\].' Spawn. SetLimits.; do
		[ "$(grep -c "^\.It Cm $place Ns Ar key" new)" = 1 ]
	done
	for key in work policy nice affinity mem_policy mpol_flags comm uid gid; do
		[ "$(grep -c "^\.It Cm cgroups\[\]\.$key$" new)" = 1 ]
		[ "$(grep -A3 ' Ns Ar key' new | grep -cw "$key")" = 2 ]
	done
}

# examples: the specs in ktstr-spec(5), each in a file of its own, without their comments; these in FILE.comments.
examples() {
	awk '/^\.Bd -literal/ { literal = 1; next }
		/^\.Ed/ { literal = 0; next }
		literal && /^{/ { file = sprintf("example-%02d.json", ++n) }
		!literal || !file { next }
		{
			if (match($0, /# .*/)) print substr($0, RSTART + 2) >(file ".comments")
			sub(/ *#.*/, "")
			gsub(/\\\(dq/, "\\\"")
			print >file
		}
		/^}/ { file = "" }' "$BATS_TEST_DIRNAME/../man/ktstr-spec.5"
}

@test "the specs in ktstr-spec(5) are good, and mean the CPUs that their comments say" {
	local n=0
	examples
	for spec in example-*.json; do
		ktstr-topo --no-qemu "$(jq -r .topology "$spec")" >plan
		run -0 --separate-stderr ktstr-work --check --plan plan "$spec"
		[ -z "$output$stderr" ]
		n=$((n + 1))
	done
	[ "$n" -ge 12 ]
	for spec in example-*.json; do
		case $(jq -r .name "$spec") in cpusets) want=.cpuset ;; affinities) want='.affinity // empty | unique[]' ;; *) continue ;; esac
		ktstr-topo --no-qemu "$(jq -r .topology "$spec")" >plan
		ktstr-work --resolve --plan plan "$spec" | jq -r "$want" >means
		grep -xE '[0-9,-]+' "$spec.comments" >says
		[ "$(wc -l <says)" -ge 3 ]
		diff -u says <(head -n "$(wc -l <says)" means)
		n=$((n + 1))
	done
	[ "$n" -ge 14 ]
}

# The first fault of each of the parser's keys (ktstr-work --list-keys, on stdin) against the schema; then how many keys there are.
# Nodes of the schema go by the parser's paths, as $.cgroups[].workers does.
compare_keys() {
	jq -rR -n --slurpfile schema "$BATS_TEST_DIRNAME/../share/schema/spec.schema.json" '$schema[0] as $top |
		def deref: if ."$ref" then . as $n | $top | getpath($n."$ref" | ltrimstr("#/") | split("/")) else . end;
		def walk_in($p): deref | . as $n | [$p, $n],
			(($n.properties // {}) | to_entries[] | .key as $k | .value | walk_in($p + "." + $k)),
			(select($n.items) | $n.items | walk_in($p + "[]")),
			($n.additionalProperties | objects | walk_in($p + ".NAME")),
			(($n.oneOf // [])[] | deref | select(.properties) | . as $o | .properties | to_entries[] |
				.key as $k | .value | walk_in($p + "." + $k)),
			(($n.oneOf // [])[] | select(.const) | [$p + "." + .const, .]);
		(reduce ($top | walk_in("$")) as [$p, $n] ({}; .[$p] //= $n)) as $nodes
		| [inputs | split("\t") | select(.[0] != "key")] as $keys
		| ($keys[] | . as [$path, $type, $_, $default, $range] | $nodes[$path] as $n
			| if $n == null then "\($path): not in the schema"
			elif $range != "-" and ($n | "\(.minimum)..\(.maximum)" != $range and (.enum // [] | join("|")) != $range)
			then "\($path): \($range) is not the range of \($n)"
			elif ($default | . != "-" and . != "required" and fromjson != $n.default)
			then "\($path): \($default) is not the default of \($n)"
			elif ($type | startswith("integer")) and $range != "-" and $n.type != "integer"
			then "\($path): not an integer: \($n)"
			else empty end),
			($keys | length)'
}

@test "the schema has every key, with its default and its range" {
	ktstr-work --list-keys | compare_keys >said
	cat said
	[ "$(wc -l <said)" = 1 ]
	[ "$(<said)" -gt 40 ]
}
