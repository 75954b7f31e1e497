#!/usr/bin/env bats
# Topologies: names, presets, options, plans read back, QEMU arguments, and machines' own sysfs.
# shellcheck disable=SC2016,SC2030,SC2031 # $ in jq programs is jq's; every test is a subshell, and meant to be
bats_require_minimum_version 1.5.0

setup() {
	load helper
	export KTSTR_QEMU="$PWD/qemu"
	versioned_qemu 7.2.22
}

# A QEMU of that version, as far as ktstr-topo looks at it.
versioned_qemu() {
	printf '#!/bin/sh\n[ "$*" = -version ] && echo "QEMU emulator version %s (Debian)"\n' "$1" >qemu
	chmod +x qemu
}

# refused STATUS TEXT ARG... : exits so, and its first line on stderr has the text.
refused() {
	local status=$1 text=$2
	shift 2
	run "-$status" --separate-stderr ktstr-topo "$@"
	[ -z "$output" ]
	[[ "${stderr%%$'\n'*}" == "ktstr-topo: "*"$text"* ]] || { echo "$* said: $stderr" && false; }
}

# The machine of a fixture as a directory for --sysroot.
unpack() {
	local path value
	while read -r path value; do
		[[ $path == '#'* ]] && continue
		[ -d "root/${path%/*}" ] || mkdir -p "root/${path%/*}"
		echo "$value" >"root/$path"
	done <"$BATS_TEST_DIRNAME/fixtures/sysfs/$1"
}

# cpu:node/llc/core/thread of every CPU
places() {
	jq -r '[.cpus[] | "\(.cpu):\(.node)/\(.llc)/\(.core)/\(.thread)"] | join(" ")'
}

@test "names: CPUs are numbered by node, LLC, core and thread" {
	run -0 --separate-stderr ktstr-topo 2n4l1c2t
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	run -0 places <<<"$output"
	[ "$output" = "0:0/0/0/0 1:0/0/0/1 2:0/1/1/0 3:0/1/1/1 4:1/2/2/0 5:1/2/2/1 6:1/3/3/0 7:1/3/3/1" ]
}

@test "names: APIC ids leave room for powers of two" {
	run -0 bash -c "ktstr-topo 2n6l3c1t | jq -c '[.cpus[].apic_id]'"
	[ "$output" = "[0,1,2,4,5,6,8,9,10,16,17,18,20,21,22,24,25,26]" ]
}

@test "names: leading zeros do not make another plan" {
	run -0 bash -c "cmp <(ktstr-topo 1n2l2c1t) <(ktstr-topo 01n02l2c1t)"
}

@test "names: bad ones are refused with the rule" {
	local rule="a topology is NnNlNcNt: nodes, LLCs in all, cores per LLC, threads per core"
	refused 129 "'2n3l4c1t': 3 LLCs do not divide evenly over 2 nodes: LLCs are the total over all nodes" 2n3l4c1t
	refused 129 "'0n1l1c1t': 0 nodes are not in 1..64" 0n1l1c1t
	refused 129 "'1n0l1c1t': 0 LLCs are not in 1..1024" 1n0l1c1t
	refused 129 "'65n65l1c1t': 65 nodes are not in 1..64" 65n65l1c1t
	refused 129 "'1n2l' ends before its cores per LLC, a number and 'c': $rule" 1n2l
	refused 129 "'1n' ends before its LLCs" 1n
	refused 129 "'1n2lc1t' has 'c1t' where its cores per LLC should be" 1n2lc1t
	refused 129 "'1n2x1c1t' has '2x1c1t' where its LLCs should be" 1n2x1c1t
	refused 129 "'1n-2l1c1t' has '-2l1c1t' where its LLCs should be" 1n-2l1c1t
	refused 129 "topology: one topology is enough: 'junk'" '1n1l1c1t junk'
	refused 129 "'1n1l1c1t1t' has junk at its end, '1t'" 1n1l1c1t1t
	refused 129 "1000000000 cores per LLC are not in 1..1024" 1n1l1000000000c1t
	refused 129 "18446744073709551617 LLCs are not in 1..1024" 1n18446744073709551617l1c1t
	refused 129 "4294967297 nodes are not in 1..64" 4294967297n1l1c1t
	refused 129 "'1n33l32c1t': 1056 CPUs are more than 1024" 1n33l32c1t
	refused 129 "'1n1024l1024c1024t': 1073741824 CPUs are more than 1024" 1n1024l1024c1024t
	refused 129 "'' is no preset (ktstr-topo --list), and $rule" ''
	refused 129 "'tiny' is no preset" tiny
	refused 129 "'4cpu-1llc' is no preset" 4cpu-1llc
}

@test "presets: every name and old name plans what the list says" {
	local name old cpus llcs nodes smt topology seen=0
	versioned_qemu 10.0.2
	ktstr-topo --list >list
	while read -r name old cpus llcs nodes smt topology; do
		ktstr-topo "$name" >plan
		run -0 jq -r '[(.cpus | length), (.cpus | map(.llc) | unique | length), (.nodes | length),
			(if any(.cpus[]; .thread > 0) then "yes" else "no" end), .name] | join(" ")' plan
		[ "$output" = "$cpus $llcs $nodes $smt $topology" ]
		[[ $nodes == 1 && $name == "${cpus}cpu-${llcs}llc-"* || $name == "${nodes}numa-${cpus}cpu-${llcs}llc-"* ]]
		[[ $smt == yes && $name == *-smt || $smt == no && $name == *-nosmt ]]
		[ "$old" = - ] || cmp plan <(ktstr-topo "$old")
		seen=$((seen + 1))
	done < <(tail -n +2 list)
	[ "$seen" -eq 26 ]
	[ -z "$(awk '{ print $1; if ($2 != "-") print $2 }' list | sort | uniq -d)" ]
}

@test "presets: the list is a table" {
	run -0 --separate-stderr ktstr-topo --list
	[ "${lines[0]}" = "NAME                     OLD NAME             CPUS  LLCS  NODES  SMT  TOPOLOGY" ]
	[ "${lines[1]}" = "4cpu-1llc-nosmt          tiny-1llc               4     1      1   no  1n1l4c1t" ]
	[ "${lines[26]}" = "192cpu-11llc-smt         -                     192    11      1  yes  1n11l9c2t --llc-cores 9,9,9,9,9,9,9,9,9,9,6" ]
}

@test "memory: shared out evenly, or as given" {
	run -0 bash -c "ktstr-topo 3n3l1c1t | jq -c '[.nodes[].memory_mib]'"
	[ "$output" = "[683,683,682]" ]
	run -0 bash -c "ktstr-topo 2n2l1c1t --memory 1000 | jq -c '[.nodes[].memory_mib]'"
	[ "$output" = "[500,500]" ]
	run -0 bash -c "ktstr-topo 2n2l1c1t --node-memory 64,512 | jq -c '[.nodes[].memory_mib]'"
	[ "$output" = "[64,512]" ]
	refused 129 "--memory: 7 is not in 8..1073741824" 2n2l1c1t --memory 7
	refused 129 "--memory: '1G' is not a whole number" 1n1l1c1t --memory 1G
	refused 129 "--node-memory: '64' has 1 number, and 2 are needed" 2n2l1c1t --node-memory 64
	refused 129 "--node-memory: '64,64,64' has 3 numbers, and 2 are needed" 2n2l1c1t --node-memory 64,64,64
	refused 129 "--node-memory: '' is not a whole number" 2n2l1c1t --node-memory 64,
	refused 129 "--node-memory: 3 is neither 0 nor in 4..1073741824" 2n2l1c1t --node-memory 64,3
}

@test "memory: a node of CPUs may have none, and has no memory in QEMU either" {
	run -0 bash -c "ktstr-topo 3n3l1c1t --node-memory 64,0,128 | tee plan | jq -c '[.nodes[].memory_mib]'"
	[ "$output" = "[64,0,128]" ]
	run -0 jq -r '[.qemu.args[] | select(startswith("node,"))] | join(" ")' plan
	[ "$output" = "node,nodeid=0,memdev=ram0 node,nodeid=1 node,nodeid=2,memdev=ram2" ]
	ktstr-topo --check plan
	refused 129 "--node-memory: no node would have memory" 2n2l1c1t --node-memory 0,0
}

@test "memory: nodes with only memory come last and have no CPUs" {
	run -0 bash -c "ktstr-topo 1n1l1c1t --memory-node 256 --memory-node 64 | jq -c '[.nodes[] | [.cpus, .memory_mib, .distances]]'"
	[ "$output" = '[["0",2048,[10,20,20]],["",256,[20,10,20]],["",64,[20,20,10]]]' ]
	refused 129 "--memory-node: 3 is not in 4..1073741824" 1n1l1c1t --memory-node 3
	refused 129 "--memory-node: more than 64 nodes" 64n64l1c1t --memory-node 64
}

@test "distances: one way where both ways are given, in any order; none is dropped" {
	run -0 bash -c "ktstr-topo --no-qemu 2n2l1c1t --distance 0,1=28 --distance 1,0=23 | jq -c '[.nodes[].distances]'"
	[ "$output" = "[[10,28],[23,10]]" ]
	run -0 bash -c "ktstr-topo --no-qemu 2n2l1c1t --memory-node 64 --distance 1,0=23 --distance 1,2=17 --distance 0,1=28 |
		jq -c '[.nodes[].distances]'"
	[ "$output" = "[[10,28,20],[23,10,17],[20,17,10]]" ]
	refused 129 "--distance: '0,1=30': the distance from node 0 to node 1 is given twice" 2n2l1c1t --distance 0,1=28 --distance 0,1=30
}

@test "distances: both ways, between nodes that exist" {
	run -0 bash -c "ktstr-topo 2n2l1c1t --memory-node 64 --distance 0,1=31 --distance 2,0=15 | jq -c '[.nodes[].distances]'"
	[ "$output" = "[[10,31,15],[31,10,20],[15,20,10]]" ]
	refused 129 "--distance: 2 is not in 0..1" 2n2l1c1t --distance 0,2=30
	refused 129 "--distance: '0,0=30': the distance of a node to itself is always 10" 2n2l1c1t --distance 0,0=30
	refused 129 "--distance: 10 is not in 11..254" 2n2l1c1t --distance 0,1=10
	refused 129 "--distance: 255 is not in 11..254" 2n2l1c1t --distance 0,1=255
	refused 129 "--distance: '0,1' is not like 0,1=30" 2n2l1c1t --distance 0,1
	refused 129 "--distance: '0' has 1 number, and 2 are needed" 2n2l1c1t --distance 0=30
}

@test "irregular: LLCs per node and cores per LLC" {
	run -0 bash -c "ktstr-topo 2n3l2c1t --node-llcs 1,2 --llc-cores 2,1,1 | tee plan | jq -r .name"
	[ "$output" = "2n3l2c1t --node-llcs 1,2 --llc-cores 2,1,1" ]
	run -0 places <plan
	[ "$output" = "0:0/0/0/0 1:0/0/1/0 2:1/1/2/0 3:1/2/3/0" ]
	run -0 jq -c '[.cpus[].apic_id]' plan
	[ "$output" = "[0,1,4,6]" ]
	refused 129 "--node-llcs: 2,2 are 4 LLCs in all, but '2n3l2c1t' has 3" 2n3l2c1t --node-llcs 2,2
	refused 129 "--node-llcs: '3' has 1 number, and 2 are needed" 2n3l2c1t --node-llcs 3
	refused 129 "--node-llcs: 0 is not in 1..1024" 2n3l2c1t --node-llcs 0,3
	refused 129 "--llc-cores: the most of 1,1 is 1, but '1n2l2c1t' has 2 cores per LLC" 1n2l2c1t --llc-cores 1,1
	refused 129 "--llc-cores: '2,2,2' has 3 numbers, and 2 are needed" 1n2l2c1t --llc-cores 2,2,2
}

@test "qemu: arguments of a regular topology" {
	run -0 bash -c "ktstr-topo 1n2l2c1t | jq -c '.qemu.version, .qemu.args'"
	[ "${lines[0]}" = '"7.2.22"' ]
	[ "${lines[1]}" = '["-cpu","Haswell-noTSX,-rdrand,-rdseed,-monitor,check=off","-smp","4,maxcpus=4,sockets=1,dies=2,cores=2,threads=1","-machine","memory-backend=ram0"]' ]
	run -0 bash -c "ktstr-topo 2n2l1c2t --distance 0,1=30 | jq -r '.qemu.args[2:] | join(\" \")'"
	[ "$output" = "-smp 4,maxcpus=4,sockets=2,dies=1,cores=1,threads=2 -numa node,nodeid=0,memdev=ram0 -numa node,nodeid=1,memdev=ram1 -numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1 -numa dist,src=0,dst=1,val=30 -numa dist,src=1,dst=0,val=30" ]
}

@test "qemu: an irregular topology is a grid with the wanted CPUs plugged" {
	run -0 bash -c "ktstr-topo 1n2l2c1t --llc-cores 1,2 | jq -r '.qemu.args[2:] | join(\" \")'"
	[ "$output" = "-smp 1,maxcpus=4,sockets=1,dies=2,cores=2,threads=1 -machine memory-backend=ram0 -device Haswell-noTSX-x86_64-cpu,socket-id=0,die-id=1,core-id=0,thread-id=0 -device Haswell-noTSX-x86_64-cpu,socket-id=0,die-id=1,core-id=1,thread-id=0" ]
}

@test "qemu: the version decides the last CPUID leaf" {
	local version
	for version in 7.2.0 8.2.1 9.0.4; do
		versioned_qemu $version
		run -0 bash -c "ktstr-topo 1n1l1c1t | jq -r '.qemu.args[1]'"
		[ "$output" = Haswell-noTSX,-rdrand,-rdseed,-monitor,check=off ]
	done
	for version in 9.1.0 10.0.2 11.0.0; do
		versioned_qemu $version
		run -0 bash -c "ktstr-topo 1n1l1c1t | jq -r '.qemu.args[1]'"
		[ "$output" = Haswell-noTSX,level=32,-rdrand,-rdseed,-monitor,check=off ]
	done
}

@test "qemu: what this one cannot do is 125 with the reason" {
	refused 125 "1n14l9c2t: APIC ids go up to 433: beyond 254 they take x2APIC, which QEMU 7.2.22 does not emulate (9.0 does)" max-cpu
	refused 125 "1n8l32c1t: APIC ids go up to 255" 1n8l32c1t
	refused 125 "1n300l1c1t: 300 CPUs (1 sockets, 300 dies, 1 cores, 1 threads) are more than the 288 that QEMU 7.2.22 takes" 1n300l1c1t
	versioned_qemu 8.2.1
	refused 125 "which QEMU 8.2.1 does not emulate" 1n300l1c1t
	versioned_qemu 6.2.0
	refused 125 "QEMU 6.2.0 is older than 7.2" 1n1l1c1t
	versioned_qemu 9.0.0
	run -0 bash -c "ktstr-topo 1n14l9c2t | jq -r '.qemu.args[-1]'"
	[ "$output" = "intel-iommu,intremap=on,eim=on" ]
}

@test "qemu: without it every topology still plans" {
	rm qemu
	run -0 bash -c "ktstr-topo --no-qemu 1n1024l1c1t | jq -c 'has(\"qemu\"), .cpus[-1].apic_id'"
	[ "$output" = $'false\n1023' ]
}

@test "qemu: missing, failing or not a QEMU is 128" {
	refused 128 "cannot run '/none/qemu': No such file or directory (install qemu-system-x86," --qemu /none/qemu 1n1l1c1t
	refused 128 "cannot run 'no-such-qemu': No such file or directory" --qemu no-such-qemu 1n1l1c1t
	refused 128 "'false -version' failed" --qemu false 1n1l1c1t
	refused 128 "'echo -version' does not say" --qemu echo 1n1l1c1t
	versioned_qemu x.y
	refused 128 "does not say 'QEMU emulator version N.N'" 1n1l1c1t
}

@test "qemu: the one that is installed starts what is planned" {
	unset KTSTR_QEMU
	run -0 bash -c "ktstr-topo 2n3l2c2t --node-llcs 2,1 --llc-cores 2,1,2 --memory-node 64 --distance 0,2=17 >plan"
	local -a args
	readarray -t args < <(jq -r '.qemu.args[], (.nodes[] | "-object", "memory-backend-ram,id=ram\(.node),size=\(.memory_mib)M"),
		"-m", (.nodes | map(.memory_mib) | add)' plan)
	printf '{"execute":"%s"}\n' qmp_capabilities query-cpus-fast quit >qmp
	run -0 bash -c 'qemu-system-x86_64 -M q35 -accel tcg -nodefaults -nographic -S -qmp stdio "$@" <qmp' - "${args[@]}"
	run -0 jq -c 'select(.return | type == "array") | [.return[] | .props | [.["node-id", "socket-id", "die-id", "core-id", "thread-id"]]]' <<<"$output"
	[ "$output" = "[[0,0,0,0,0],[0,0,0,0,1],[0,0,0,1,0],[0,0,0,1,1],[0,0,1,0,0],[0,0,1,0,1],[1,1,0,0,0],[1,1,0,0,1],[1,1,0,1,0],[1,1,0,1,1]]" ]
}

# machine, name, nodes, places
host_is() {
	unpack "$1"
	run -0 --separate-stderr ktstr-topo --host --sysroot root
	[ "$(jq -r .name <<<"$output")" = "$2" ]
	[ "$(jq -c '[.nodes[] | [.cpus, .memory_mib, .distances]]' <<<"$output")" = "$3" ]
	[ "$(places <<<"$output")" = "$4" ]
	[ "$(jq -c '[has("qemu"), any(.cpus[]; has("apic_id"))]' <<<"$output")" = "[false,false]" ]
	ktstr-topo --check - <<<"$output"
}

@test "host: second threads numbered last" {
	host_is desktop 1n1l4c2t '[["0-7",16000,[10]]]' \
		"0:0/0/0/0 1:0/0/1/0 2:0/0/2/0 3:0/0/3/0 4:0/0/0/1 5:0/0/1/1 6:0/0/2/1 7:0/0/3/1"
}

@test "host: interleaved sockets, and a node that is only memory" {
	host_is server 2n2l2c2t '[["0,2,4,6",8000,[10,21,14]],["1,3,5,7",8000,[21,10,24]],["",4000,[14,24,10]]]' \
		"0:0/0/0/0 1:1/1/1/0 2:0/0/2/0 3:1/1/3/0 4:0/0/0/1 5:1/1/1/1 6:0/0/2/1 7:1/1/3/1"
}

@test "host: cores without an L3 are an LLC of their own" {
	host_is hybrid host '[["0-9",32000,[10]]]' \
		"0:0/0/0/0 1:0/0/0/1 2:0/0/1/0 3:0/0/1/1 4:0/0/2/0 5:0/0/3/0 6:0/0/4/0 7:0/0/5/0 8:0/1/6/0 9:0/1/7/0"
}

@test "host: offline CPUs leave holes" {
	host_is offline host '[["0-1,3-4,6-7",8000,[10]]]' "0:0/0/0/0 1:0/0/0/1 3:0/0/1/0 4:0/1/2/0 6:0/1/3/0 7:0/1/3/1"
}

@test "host: an L3 shared by two nodes is two LLCs, as it is for the kernel's scheduler" {
	host_is subnuma 2n2l2c1t '[["0-1",4000,[10,12]],["2-3",4000,[12,10]]]' "0:0/0/0/0 1:0/0/1/0 2:1/1/2/0 3:1/1/3/0"
}

@test "host: without cache information a package is an LLC, without nodes there is one" {
	host_is vm 1n2l2c1t '[["0-3",2000,[10]]]' "0:0/0/0/0 1:0/0/1/0 2:0/1/2/0 3:0/1/3/0"
}

@test "host: this machine" {
	run -0 --separate-stderr ktstr-topo --host
	[ -z "$stderr" ]
	run -0 --separate-stderr ktstr-topo --check - <<<"$output"
}

# The CPU sets of one kind of object, as hwloc sees the fixture: "0,1 2,3". To a node without CPUs it gives those of a
# neighbour: a set counts once.
hwloc_sets() {
	local n i
	n=$(hwloc-calc --if fsroot -i root -N "$1" all)
	for ((i = 0; i < n; i++)); do
		hwloc-calc --if fsroot -i root --physical-output -I PU "$1:$i" | tr , '\n' | sort -n | paste -sd ,
	done | sort -u | paste -sd ' '
}

our_sets() {
	ktstr-topo --host --sysroot root | jq -r ".cpus | group_by(.$1) | map(map(.cpu) | join(\",\"))[]" | sort | paste -sd ' '
}

@test "host: hwloc, reading the same files, sees the same sets" {
	command -v hwloc-calc || skip "hwloc-calc (hwloc-nox) is not installed"
	local machine
	for machine in desktop server offline; do
		rm -rf root
		unpack $machine
		[ "$(our_sets core)" = "$(hwloc_sets core)" ]
		[ "$(our_sets llc)" = "$(hwloc_sets l3)" ]
		[ "$(our_sets node)" = "$(hwloc_sets numa)" ]
	done
}

@test "host: --renumber makes a virtual machine of that shape" {
	unpack server
	run -0 bash -c "ktstr-topo --host --sysroot root --renumber --memory 300 | tee plan | jq -c '[.nodes[] | [.cpus, .memory_mib, .distances]]'"
	[ "$output" = '[["0-3",100,[10,21,14]],["4-7",100,[21,10,24]],["",100,[14,24,10]]]' ]
	run -0 places <plan
	[ "$output" = "0:0/0/0/0 1:0/0/0/1 2:0/0/1/0 3:0/0/1/1 4:1/1/2/0 5:1/1/2/1 6:1/1/3/0 7:1/1/3/1" ]
	rm -rf root
	unpack hybrid
	run -0 bash -c "ktstr-topo --host --sysroot root --renumber | jq -r '.qemu.args[3]'"
	[ "$output" = "1,maxcpus=24,sockets=1,dies=2,cores=6,threads=2" ]
}

# small_machine NODE0 NODE1: a machine of two CPUs on nodes of these numbers, of which the second has no memory
small_machine() {
	local cpu=root/sys/devices/system/cpu node=root/sys/devices/system/node
	mkdir -p $cpu/cpu0/topology $cpu/cpu1/topology "$node/node$1" "$node/node$2" root/proc
	echo 0-1 >$cpu/online
	echo "$1,$2" >$node/online
	echo 0 >"$node/node$1/cpulist"
	echo 1 >"$node/node$2/cpulist"
	echo 10 21 >"$node/node$1/distance"
	echo 17 10 >"$node/node$2/distance"
	echo "Node $1 MemTotal: 1048576 kB" >"$node/node$1/meminfo"
	echo "Node $2 MemTotal: 0 kB" >"$node/node$2/meminfo"
}

@test "host: a node without memory stays one under --renumber, and gets none of --memory" {
	small_machine 0 1
	for options in '' --renumber '--renumber --memory 2048'; do
		# shellcheck disable=SC2086
		run -0 bash -c "ktstr-topo --host --sysroot root $options | jq -c '[.nodes[].memory_mib > 0]'"
		[ "$output" = "[true,false]" ]
	done
	run -0 bash -c "ktstr-topo --host --sysroot root --renumber --memory 300 | jq -c '[.nodes[] | [.memory_mib, .distances]]'"
	[ "$output" = '[[300,[10,21]],[0,[17,10]]]' ]
}

@test "host: --renumber closes holes in the numbers of nodes; without it they are refused" {
	small_machine 1 8
	run -0 bash -c "ktstr-topo --host --sysroot root --renumber | jq -c '[.nodes[] | [.cpus, .distances]]'"
	[ "$output" = '[["0",[10,21]],["1",[17,10]]]' ]
	refused 128 "nodes '1,8' are online: a plan takes nodes without holes in their numbers (--renumber closes them)" \
		--host --sysroot root
}

@test "host: a dump without the lists of what is online is read by its directories" {
	unpack server
	ktstr-topo --host --sysroot root >want
	rm root/sys/devices/system/cpu/online root/sys/devices/system/node/online
	ktstr-topo --host --sysroot root | cmp - want
	echo 0 >root/sys/devices/system/cpu/cpu7/online
	run -0 bash -c "ktstr-topo --host --sysroot root | jq -r '[.cpus[].cpu] | join(\" \")'"
	[ "$output" = "0 1 2 3 4 5 6" ]
}

@test "host: a sysfs that makes no sense is 128" {
	refused 128 "root/sys/devices/system/cpu names no CPU that is online" --host --sysroot root
	unpack server
	echo 0-1 >root/sys/devices/system/node/online
	refused 128 "node 0: bad distance '14', or more than 2 of them" --host --sysroot root
	echo 0-2 >root/sys/devices/system/node/online
	echo 10 >root/sys/devices/system/node/node0/distance
	refused 128 "node 0 has 1 distances, but there are 3 nodes" --host --sysroot root
	echo 10 21 14 >root/sys/devices/system/node/node0/distance
	echo 0,2,6 >root/sys/devices/system/node/node0/cpulist
	refused 128 "cpu 4 is online but in no node" --host --sysroot root
	echo 0-5000 >root/sys/devices/system/cpu/online
	refused 128 "cpu/online: bad cpulist '0-5000' at '0-5000'" --host --sysroot root
	echo >root/sys/devices/system/cpu/online
	refused 128 "names no CPU that is online" --host --sysroot root
}

@test "host: lists may name CPUs that are offline" {
	unpack desktop
	echo 1-7 >root/sys/devices/system/cpu/online
	echo 0,4-5 | tee root/sys/devices/system/cpu/cpu[45]/topology/thread_siblings_list >tee.out
	run -0 bash -c "ktstr-topo --host --sysroot root | tee plan | jq -c '.nodes[0].cpus'"
	[ "$output" = '"1-7"' ]
	run -0 places <plan
	[ "$output" = "1:0/0/0/0 2:0/0/1/0 3:0/0/2/0 4:0/0/3/0 5:0/0/3/1 6:0/0/1/1 7:0/0/2/1" ]
}

@test "host: contradictory sharing still makes a plan that is right" {
	unpack desktop
	echo 2 >root/sys/devices/system/cpu/cpu2/cache/index2/shared_cpu_list
	echo 1-2,5 >root/sys/devices/system/cpu/cpu5/cache/index2/shared_cpu_list
	echo 2,5 >root/sys/devices/system/cpu/cpu5/topology/thread_siblings_list
	run -0 bash -c "ktstr-topo --host --sysroot root | ktstr-topo --check -"
	unpack server
	echo 0-1,3,5,7 >root/sys/devices/system/node/node1/cpulist
	echo 0-1,3 >root/sys/devices/system/cpu/cpu1/cache/index2/shared_cpu_list
	run -0 bash -c "ktstr-topo --host --sysroot root | ktstr-topo --check -"
	rm -r root
	unpack desktop
	echo 1-2 >root/sys/devices/system/cpu/cpu2/cache/index2/shared_cpu_list
	echo 2,7 >root/sys/devices/system/cpu/cpu7/topology/thread_siblings_list
	echo junk >root/sys/devices/system/cpu/cpu5/topology/thread_siblings_list
	echo 0 >root/sys/devices/system/cpu/cpu3/cache/index2/shared_cpu_list
	run -0 bash -c "ktstr-topo --host --sysroot root | ktstr-topo --check -"
}

# broken JQ-FILTER LINE... : a plan changed so has exactly these errors, each without its file name.
broken() {
	[ -f good.json ] || ktstr-topo 2n2l2c1t >good.json
	jq -c "$1" good.json >plan.json
	shift
	run -129 --separate-stderr ktstr-topo --check plan.json
	diff <(printf 'ktstr-topo: plan.json: %s\n' "$@") <(echo "$stderr")
}

@test "check: a plan is checked to the last number" {
	broken '[]' '$: must be an object, not an array'
	broken 'del(.cpus)' "$: 'cpus' is missing"
	broken 'del(.nodes)' "$: 'nodes' is missing"
	broken '.kind="spec" | .ktstr=2 | .x=1 | .name=5' '$.x: unknown key' '$.kind: must be "plan"' '$.ktstr: 2 is not in 1..1' \
		'$.name: must be a string, not a whole number'
	broken '.name="a\nb"' '$.name: has a control character'
	broken '.name=("x" * 128)' '$.name: longer than 127 bytes'
	broken '.cpus=[]' '$.cpus: must have at least 1 element'
	broken '.cpus={}' '$.cpus: must be an array, not an object'
	broken '.cpus[1].cpu=0' '$.cpus[1].cpu: 0 after 0: CPUs are in rising order, each once'
	broken '.cpus[1].cpu=1024' '$.cpus[1].cpu: 1024 is not in 0..1023'
	broken '.cpus[1].cpu=-1' '$.cpus[1].cpu: -1 is not in 0..1023'
	broken '.cpus[1].cpu=1.5 | .cpus[2].llc=null | del(.cpus[3].core)' \
		'$.cpus[1].cpu: must be a whole number, not a number with a fraction' \
		'$.cpus[2].llc: must be a whole number, not null' "\$.cpus[3]: 'core' is missing"
	broken '.cpus[0].x=1' '$.cpus[0].x: unknown key'
	broken '.cpus[1]=7' '$.cpus[1]: must be an object, not a whole number'
	broken '.cpus = [range(1025) | {}]' '$.cpus: 1025 CPUs are more than 1024'
}

@test "check: ids have no holes and nest" {
	broken '.cpus[2].llc=5 | .cpus[3].llc=5' \
		'$.cpus[2].llc: llc 5 is new here, but the next one is 1: ids count up from 0 in the order of their first CPU'
	broken '.cpus[0].llc=1 | .cpus[1].llc=1 | .cpus[2].llc=0 | .cpus[3].llc=0' \
		'$.cpus[0].llc: llc 1 is new here, but the next one is 0: ids count up from 0 in the order of their first CPU' \
		'$.cpus[2].llc: llc 0 is new here, but the next one is 2: ids count up from 0 in the order of their first CPU'
	broken '.cpus[3].core=9' \
		'$.cpus[3].core: core 9 is new here, but the next one is 3: ids count up from 0 in the order of their first CPU'
	broken '.cpus[2].core=1 | .cpus[2].thread=1 | .cpus[3].core=2' '$.cpus[2].llc: core 1 is in llc 0 already: a core lies in one LLC'
	broken '.cpus[3].llc=0' '$.cpus[3].node: llc 0 is in node 0 already: an LLC lies in one node'
	broken '.cpus[1].thread=1' '$.cpus[1].thread: must be 0: the threads of a core count up from 0 in the order of CPUs'
	broken '.cpus[1].apic_id=0' '$.cpus[1].apic_id: cpu 0 has APIC id 0 already'
	broken 'del(.cpus[1].apic_id)' '$.cpus[1]: some CPUs have an apic_id and some have none'
}

@test "check: nodes agree with CPUs and with each other" {
	broken '.nodes[0].cpus="0-2"' "\$.nodes[0].cpus: \$.cpus says '0-1'"
	broken '.nodes[0].cpus="1-0"' "\$.nodes[0].cpus: bad cpulist '1-0' at '1-0': it is like 0-3,8 with rising numbers up to 1023"
	broken '.nodes[0].cpus=[0,1]' '$.nodes[0].cpus: must be a cpulist in a string'
	broken '.nodes[1].node=0' '$.nodes[1].node: must be 1: nodes are in order and without holes'
	broken '.nodes[1].memory_mib=-1' '$.nodes[1].memory_mib: -1 is not in 0..1073741824'
	broken '.nodes[].memory_mib=0' '$.qemu: no node has memory'
	broken '.nodes[1].distances=[20]' '$.nodes[1].distances: has 1 distances, but there are 2 nodes'
	broken '.nodes[1].distances=[9,11]' '$.nodes[1].distances[0]: 9 is not in 10..255' \
		'$.nodes[1].distances[1]: the distance of a node to itself is 10'
	broken 'del(.nodes[1]) | .nodes[0].distances=[10]' '$.cpus[2].node: there is no node 1 in $.nodes' '$.cpus[3].node: there is no node 1 in $.nodes'
	broken '.nodes=[range(65) | {}]' '$.nodes: 65 nodes are more than 64'
	broken '.cpus[3].node=63' '$.cpus[3].node: llc 1 is in node 1 already: an LLC lies in one node' \
		"\$.nodes[1].cpus: \$.cpus says '2'" '$.cpus[3].node: there is no node 63 in $.nodes'
}

@test "check: QEMU arguments are about the topology only" {
	broken '.qemu.args += ["-monitor", "stdio"]' "\$.qemu.args[12]: '-monitor' is not -cpu, -smp, -numa, -device or -machine"
	broken '.qemu.args += ["-cpu"]' '$.qemu.args: has an option without its value'
	broken '.qemu.args[1]=1' '$.qemu.args[1]: must be a string, not a whole number'
	broken '.qemu={}' "\$.qemu: 'version' is missing" "\$.qemu: 'args' is missing"
	broken '.cpus[3].cpu=4 | .nodes[1].cpus="2,4"' '$.qemu: the plan has no CPU 3: a machine that QEMU makes has no holes in its CPU numbers'
}

@test "check: what is no plan at all" {
	refused 128 "cannot open 'none.json': No such file or directory" --check none.json
	echo '{"kind":"plan",' >plan.json
	refused 129 "plan.json:2:1: string or '}' expected near end of file" --check plan.json
	echo '{"kind":"plan","kind":"plan"}' >plan.json
	refused 129 "plan.json:1:21: duplicate object key" --check plan.json
	echo '{"ktstr":99999999999999999999}' >plan.json
	refused 129 "plan.json:1:29: too big integer" --check plan.json
	head -c 100000 /dev/zero | tr '\0' '[' >plan.json
	refused 129 "plan.json:1:2049: maximum parsing depth reached" --check plan.json
	: >plan.json
	refused 129 "plan.json:1:" --check plan.json
	run -129 --separate-stderr ktstr-topo --check - </dev/null
	[[ "$stderr" == "ktstr-topo: <stdin>:1:"* ]]
}

@test "check: a plan that this QEMU cannot make is 125" {
	versioned_qemu 10.0.2
	ktstr-topo max-cpu >plan.json
	ktstr-topo --check plan.json
	versioned_qemu 7.2.22
	refused 125 "1n14l9c2t: APIC ids go up to 433" --check plan.json
	run -0 --separate-stderr ktstr-topo --no-qemu --check plan.json
	ktstr-topo 1n2l2c1t --memory-node 64 | jq -c '.cpus[].node = 1 | .nodes[0].cpus = "" | .nodes[1].cpus = "0-3"' >plan.json
	refused 125 "node 0 has no CPUs: a guest numbers nodes that have only memory last" --check plan.json
	ktstr-topo 1n1l1c2t | jq -c '.cpus[1] |= (.thread = 0 | .core = 1) | .cpus += [.cpus[0] | .cpu = 2 | .thread = 1 | .apic_id = 7] | .nodes[0].cpus = "0-2"' >plan.json
	refused 125 "cpu 2 comes after cpu 1, but not by node, LLC, core and thread as a guest numbers them" --check plan.json
	ktstr-topo 2n2l1c1t | jq -c '.nodes[0].distances[1] = 255' >plan.json
	refused 125 "node 0 to node 1: a distance of 255 is not in 11..254, and a guest ignores it" --check plan.json
	ktstr-topo 2n2l1c1t | jq -c '.nodes[1].distances[0] = 10' >plan.json
	refused 125 "node 1 to node 0: a distance of 10 is not in 11..254, and a guest ignores it" --check plan.json
}

# differs JQ-FILTER TEXT
differs() {
	jq -c "$1" plan.json >seen.json
	run -1 --separate-stderr "$BATS_TEST_DIRNAME/helper/topo-diff" plan.json seen.json
	[ "$output" = "$2" ] || { echo "$output" && false; }
}

@test "diff: the first difference between a plan and a guest, in words" {
	ktstr-topo 2n4l1c2t >plan.json
	jq -c 'del(.qemu) | .nodes[].memory_mib = 7' plan.json >seen.json
	run -0 --separate-stderr "$BATS_TEST_DIRNAME/helper/topo-diff" plan.json seen.json
	[ -z "$output" ]
	differs 'del(.qemu) | del(.cpus[7]) | .nodes[1].cpus="4-6"' "planned CPUs 0-7, the guest sees 0-6"
	differs 'del(.cpus[] | .apic_id) | .cpus[] |= (.llc = .node)' "cpu 2: planned llc 1, the guest sees llc 0"
	differs '.cpus[].node=0 | .nodes[0].cpus="0-7" | .nodes[1].cpus=""' "cpu 4: planned node 1, the guest sees node 0"
	differs '.cpus[].node=0 | del(.nodes[1]) | .nodes[0].cpus="0-7" | .nodes[0].distances=[10]' "planned 2 nodes, the guest sees 1"
	differs '.cpus[] |= (.core = .cpu | .thread = 0)' "cpu 1: planned core 0, the guest sees core 1"
	differs '.nodes[1].distances[0]=21' "node 1 to node 0: planned distance 20, the guest sees distance 21"
}

@test "options: wrong ones are 129 and say so" {
	refused 129 "unknown option, or one without its value or with one too many: '--frobnicate'" --frobnicate
	refused 129 "'--memory'" 1n1l1c1t --memory
	refused 129 "unknown option '-x'" -x
	refused 129 "one of a topology, --spec, --host, --check and --list is needed"
	refused 129 "one of a topology, --spec, --host, --check and --list is needed" --host 1n1l1c1t
	refused 129 "one topology is enough: '1n2l1c1t'" 1n1l1c1t 1n2l1c1t
	refused 129 "--node-llcs and --llc-cores change a named topology" --host --node-llcs 1
	refused 129 "memory and distances can be set for a named topology, or with --host --renumber" --host --memory 64
	refused 129 "--sysroot and --renumber go with --host" 1n1l1c1t --sysroot /
	refused 129 "--memory and --node-memory exclude each other" 1n1l1c1t --memory 64 --node-memory 64
	refused 129 "--qemu and --no-qemu exclude each other" 1n1l1c1t --qemu x --no-qemu
	run -0 --separate-stderr ktstr-topo --help
	[[ "${lines[0]}" == "usage: ktstr-topo "* ]]
}

@test "--spec: the topology a spec names, or the default; a wrong one with its place" {
	echo '{"topology":"1n2l3c1t"}' >named.json
	echo '{}' >unnamed.json
	echo '{"topology":"1n2l"}' >wrong.json
	echo '{"topology":4}' >number.json
	[ "$(ktstr-topo --spec named.json | jq -r .name)" = 1n2l3c1t ]
	[ "$(ktstr-topo --spec unnamed.json --memory 512 | jq -r '.name, .nodes[0].memory_mib' | xargs)" = "1n1l2c1t 512" ]
	refused 129 'wrong.json: $.topology: ' --spec wrong.json
	refused 129 'number.json: $.topology: must be a string' --spec number.json
	refused 128 "cannot open 'none.json'" --spec none.json
}

@test "a topology in one word with its options, as a spec and ktstr run -T have it: the same plan" {
	local text
	for text in '2n4l2c1t --node-llcs 1,3' '1n2l2c1t --llc-cores 1,2' '2n2l1c1t --node-memory 256,0 --distance 0,1=28 --distance 1,0=23' \
		'8cpu-2llc-smt --memory 512' '--host --renumber' '1n1l2c1t --memory-node 64'; do
		echo "$text"
		jq -n --arg t "$text" '{topology: $t}' >words.json
		# shellcheck disable=SC2086
		ktstr-topo $text >apart.json
		ktstr-topo -- "$text" | cmp apart.json -
		ktstr-topo --spec words.json | cmp apart.json -
	done
	refused 129 "topology: unknown option, or one without its value or with one too many: '--frobnicate'" -- '1n1l1c1t --frobnicate'
	echo '{"topology": "1n1l1c1t --distance 0,1=4"}' >bad.json
	refused 129 'bad.json: $.topology: --distance: 1 is not in 0..0' --spec bad.json
	echo '{"topology": "1n1l1c1t --qemu /bin/false"}' >bad.json
	refused 129 'bad.json: $.topology: --spec, --check, --list, --qemu and --no-qemu are no part of a topology' --spec bad.json
	echo '{"topology": "1n1l1c1t 1n1l1c1t"}' >bad.json
	refused 129 "bad.json: \$.topology: one topology is enough: '1n1l1c1t'" --spec bad.json
	refused 129 "bad.json: \$.topology: '1n1l1c1t 1n1l1c1t' has options of its own: no others go with it" --spec bad.json --memory 64
}

@test "output: a full disk is 128" {
	run -128 --separate-stderr bash -c "ktstr-topo 1n1l1c1t >/dev/full"
	[[ "$stderr" == *"No space left on device"* ]]
}

@test "schema: knows every key that a plan has" {
	ktstr-topo 2n2l1c1t --memory-node 64 >plan.json
	run -0 jq -e --slurpfile p plan.json '. as $s | $p[0] |
		(keys - ($s.properties | keys)) + (.cpus[0] | keys - ($s.properties.cpus.items.properties | keys)) +
		(.nodes[0] | keys - ($s.properties.nodes.items.properties | keys)) +
		(.qemu | keys - ($s.properties.qemu.properties | keys)) == []' "$BATS_TEST_DIRNAME/../share/schema/plan.schema.json"
}
