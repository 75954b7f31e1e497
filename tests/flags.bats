#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Flags of a scheduler: which profiles they make, and what is refused. No guest; that they arrive is seen in sched.bats.
# shellcheck disable=SC2154 # run sets stderr
load helper

# declare_flags FLAGS [MEMBERS]: a spec under a binary that nobody needs here, in spec.json.
declare_flags() {
	printf '{"name":"flags","cgroups":[{"name":"a"}],"scheduler":{"binary":"nowhere","flags":%s}%s}\n' "$1" "${2:+,$2}" >spec.json
}

# profiles [OPTION...]: those of spec.json, with a space between.
profiles() {
	ktstr-boot --list-profiles "$@" spec.json | paste -sd' '
}

CHAIN='[{"name":"llc"},{"name":"borrow","requires":["llc"]},{"name":"steal","requires":["borrow"]},{"name":"trace"}]'

@test "profiles: every set of flags with what they require, in order" {
	declare_flags "$CHAIN"
	[ "$(profiles)" = "default llc llc+borrow llc+borrow+steal trace llc+trace llc+borrow+trace llc+borrow+steal+trace" ]
	[ "$(profiles --required-flags borrow)" = "llc+borrow llc+borrow+steal llc+borrow+trace llc+borrow+steal+trace" ]
	[ "$(profiles --excluded-flags borrow)" = "default llc trace llc+trace" ]
	[ "$(profiles --required-flags steal --excluded-flags trace)" = llc+borrow+steal ]
	declare_flags "$CHAIN" '"required_flags":["trace"],"excluded_flags":["steal"]'
	[ "$(profiles)" = "trace llc+trace llc+borrow+trace" ]
	[ "$(profiles --required-flags llc)" = "llc+trace llc+borrow+trace" ]
	[ "$(ktstr run --list-profiles --required-flags llc spec.json | paste -sd' ')" = "llc+trace llc+borrow+trace" ]
}

@test "profiles: of random flags, those that trying all sets gives" {
	local seed n=0
	for seed in {1..40}; do
		# Six flags; one may require those of a higher number, so there is no circle.
		jq -n --argjson seed "$seed" '
			[limit(80; $seed * 7919 % 65537 | recurse(. * 75 % 65537))] as $random |
			[range(6) as $i | {name: "f\($i)", requires: [range(6) as $k |
				select($random[$i] < $random[$k] and $random[10 + 6 * $i + $k] % 4 == 0) | "f\($k)"]}] as $flags |
			{name: "flags", cgroups: [{name: "a"}], scheduler: {binary: "nowhere", flags: $flags},
			 required_flags: [range(6) | select($random[60 + .] % 5 == 0) | "f\(.)"],
			 excluded_flags: [range(6) | select($random[70 + .] % 5 == 0) | "f\(.)"]}' >spec.json
		jq -r '
			. as $spec | .scheduler.flags as $flags |
			[range(64) as $set | [range(6) | select($set / pow(2; .) | floor % 2 == 1)] |
			 map($flags[.]) as $in | ($in | map(.name)) as $names |
			 select(all($in[]; .requires - $names == []) and $spec.required_flags - $names == [] and
			        $spec.excluded_flags - $names == $spec.excluded_flags) |
			 $names | if . == [] then "default" else join("+") end] | .[]' spec.json >want
		if [ -s want ]; then
			ktstr-boot --list-profiles spec.json >got
			diff -u want got
			n=$((n + 1))
		else
			run -129 --separate-stderr ktstr-boot --list-profiles spec.json
			[[ $stderr == *"is both required and excluded"* || $stderr == *"is required, and requires "*", which is excluded"* ]]
		fi
	done
	[ "$n" -ge 10 ]
	[ "$n" -le 35 ]
}

@test "profiles: one by name is checked, and none is what is required" {
	local option want
	"$TREE/tests/helper/mkkernel" 7.3.0 kernel
	printf '#!/bin/sh\n' >nowhere && chmod +x nowhere
	declare_flags "$CHAIN" '"required_flags":["borrow"],"excluded_flags":["steal"]'
	while IFS='|' read -r option want; do
		run -129 --separate-stderr bash -c 'ktstr-topo 1n1l1c1t | ktstr-boot -n --kernel kernel --profile "$1" spec.json' - "$option"
		[ "$stderr" = "ktstr-boot: --profile: $want" ] || { echo "$option: $stderr" && false; }
	done <<-END
		llc+borow|there is no flag 'borow' (known: llc, borrow, steal, trace)
		borrow|flag 'borrow' requires 'llc'
		llc+trace|flag 'borrow' is required
		llc+llc|flag 'llc' is there twice
		llc++borrow|there is no flag '' (known: llc, borrow, steal, trace)
		default|flag 'llc' is required
		llc+borrow+steal|flag 'steal' is excluded
	END
	# It is for every spec.
	run -129 --separate-stderr ktstr run --runs runs --kernel ./kernel -T 1n1l1c1t --profile trace spec.json spec.json
	[ "$(grep -c "ktstr-boot: --profile: flag 'llc' is required" <<<"$stderr")" = 2 ]
}

@test "flags that cannot be are refused, with their place" {
	local flags members want
	while IFS='|' read -r flags members want; do
		declare_flags "$flags" "$members"
		run -129 --separate-stderr ktstr-boot --list-profiles spec.json
		[ "$stderr" = "ktstr-boot: spec.json: $want" ] || { echo "$flags $members: $stderr" && false; }
	done <<-'END'
		[]||$.scheduler.flags: must have at least 1 element
		[{"name":"default"}]||$.scheduler.flags[0].name: 'default' is the profile without flags
		[{"name":"a+b"}]||$.scheduler.flags[0].name: must be letters, digits, '_', '-' and '.'
		[{"name":"a"},{"name":"a"}]||$.scheduler.flags[1]: there is a flag 'a' already
		[{"name":"a","options":{}}]||$.scheduler.flags[0].options: are for 'bpf'; a flag of a binary has 'args'
		[{"name":"a","requires":["b"]}]||$.scheduler.flags[0].requires[0]: there is no flag 'b' (known: a)
		[{"name":"a","requires":["a"]}]||$.scheduler.flags[0].requires[0]: flag 'a' requires itself
		[{"name":"a","requires":["b"]},{"name":"b","requires":["c"]},{"name":"c","requires":["a"]}]||$.scheduler.flags[0]: flags 'a' and 'b' require each other
		[{"name":"a"}]|"required_flags":["b"]|$.required_flags[0]: there is no flag 'b' (known: a)
		[{"name":"a"}]|"excluded_flags":["b"]|$.excluded_flags[0]: there is no flag 'b' (known: a)
		[{"name":"a"}]|"required_flags":["a"],"excluded_flags":["a"]|$.required_flags: flag 'a' is both required and excluded
		[{"name":"a"},{"name":"b","requires":["a"]}]|"required_flags":["b"],"excluded_flags":["a"]|$.required_flags: flag 'b' is required, and requires 'a', which is excluded
		[{"name":"a"}]|"staged_schedulers":{"x":{"binary":"y","flags":[{"name":"z"}]}}|$.staged_schedulers.x: has 'flags', which only $.scheduler can have
	END
	printf '{"name":"x","cgroups":[{"name":"a"}],"scheduler":{"bpf":"a.o","flags":[{"name":"a","options":{"x":1}},{"name":"b","options":{"x":2}}]}}' >spec.json
	run -129 --separate-stderr ktstr-boot --list-profiles spec.json
	[ "$stderr" = "ktstr-boot: spec.json: \$.scheduler.flags[1].options: flag 'a' sets 'x' too" ]
	jq '.scheduler = {builtin: {enable: [], disable: []}, flags: [{name: "a"}]}' spec.json >builtin.json
	run -129 --separate-stderr ktstr-boot --list-profiles builtin.json
	[ "$stderr" = "ktstr-boot: builtin.json: \$.scheduler.flags: are for 'bpf' and 'binary'" ]
}

@test "at most 256 profiles, and quickly" {
	declare_flags "$(jq -nc '[range(8) | {name: "f\(.)"}]')"
	[ "$(ktstr-boot --list-profiles spec.json | sort -u | wc -l)" = 256 ]
	declare_flags "$(jq -nc '[range(32) | {name: "f\(.)"}]')"
	run -129 --separate-stderr ktstr-boot --list-profiles spec.json
	[ "$stderr" = "ktstr-boot: the flags make more than 256 profiles: require or exclude some" ]
	# A chain of 32 has 33, though there are 2^32 sets.
	declare_flags "$(jq -nc '[range(32) | {name: "f\(.)", requires: (if . > 0 then ["f\(. - 1)"] else [] end)}]')"
	[ "$(ktstr-boot --list-profiles spec.json | wc -l)" = 33 ]
	declare_flags "$(jq -nc '[range(33) | {name: "f\(.)"}]')"
	run -129 --separate-stderr ktstr-boot --list-profiles spec.json
	[[ $stderr == *'$.scheduler.flags: has 33 flags, more than 32' ]]
}

@test "the kernel's own scheduler has no flags, and no say of a spec about them concerns it" {
	declare_flags "$CHAIN" '"required_flags":["borrow"]'
	[ "$(profiles --scheduler none)" = default ]
	[ "$(profiles --scheduler none --excluded-flags llc)" = default ]
}
