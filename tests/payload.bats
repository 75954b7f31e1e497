#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Programs that are not ours in a run: what is packed for them, what they do in the guest, what is said about it.
# shellcheck disable=SC2154 # run sets stderr

load helper

# closure PROGRAM [LIBRARY_PATH [FILE...]]: pack it into packed.cpio, with this directory as the spec's
closure() {
	"$TREE/tests/helper/closure" . "$@" >packed.cpio
}

# library NAME [CC-ARGUMENT...]: libNAME.so, whose NAME() returns the number in lib.n (or calls $calls)
library() {
	local name=$1
	shift
	echo "${calls:+int $calls(void);} int $name(void) { return ${calls:+$calls() + }1; }" >"$name.c"
	gcc -shared -fPIC -o "lib$name.so" "$name.c" "$@"
}

@test "the closure of a program is what ld.so loads, with its links" {
	for program in stress-ng hackbench bash; do
		run -0 --separate-stderr closure "$program"
		# ldd resolves nothing: canonical files on both sides.
		ldd "$(command -v "$program")" | sed -nE 's/.* => (.*) \(.*/\1/p; s/^\t(\/[^ ]*) \(.*/\1/p' |
			xargs -d '\n' realpath | sort -u >want
		realpath "$(command -v "$program")" >>want
		sort -u -o want want
		tail -n +2 <<<"$stderr" | cut -f2 | sort -u >got
		diff want got
	done
	run -0 --separate-stderr closure bash
	[ "${stderr_lines[0]}" = $'run\t/usr/bin/bash' ]
	run -0 cpio -tv --quiet <packed.cpio
	[[ $output == *"usr/lib64/ld-linux-x86-64.so.2 -> /usr/lib/"* ]]
	[ "$(sed -nE 's/^d.* //p' <<<"$output" | sort | uniq -d)" = "" ]
}

@test "a packed program runs with nothing but what was packed" {
	# $ORIGIN is what /proc says.
	inside() { unshare -rm sh -c 'mount --rbind /proc root/proc && exec chroot root "$@"' - "$@"; }
	mkdir -p bin deep/lib root/usr root/run root/proc
	ln -s usr/bin usr/lib usr/lib64 root/
	library inner
	calls=inner library outer -L. -linner -Wl,-rpath,'$ORIGIN'
	mv libinner.so libouter.so deep/lib/
	echo 'int outer(void); int main(void) { return outer() == 2 ? 42 : 1; }' >main.c
	# RUNPATH does not reach what a library needs; this library has its own.
	gcc -o bin/program main.c -Ldeep/lib -louter -Wl,-rpath-link,deep/lib -Wl,--enable-new-dtags \
		-Wl,-rpath,'$ORIGIN/../deep/lib'
	chmod 710 bin/program
	run -0 --separate-stderr closure bin/program
	[ "${stderr_lines[0]}" = $'run\t/run/ktstr/bin/program' ]
	(cd root && cpio -id --quiet <../packed.cpio)
	[ "$(stat -c %a root/run/ktstr/bin/program)" = 710 ]
	unshare -rm true || skip "no user namespaces here"
	run -42 inside /run/ktstr/bin/program
	# A script, its interpreter, and a file; and the same again gives the same bytes.
	printf '#!/usr/bin/env -S  X=1 bash\nread -r line </run/ktstr/deep/data && echo "$X$0 $line"\n' >bin/script
	chmod +x bin/script
	echo is data >deep/data
	run -0 closure bin/script "" deep
	mv packed.cpio first.cpio
	run -0 closure bin/script "" deep
	cmp first.cpio packed.cpio
	(cd root && cpio -idu --quiet <../packed.cpio)
	run -0 inside /run/ktstr/bin/script
	[ "$output" = "1/run/ktstr/bin/script is data" ]
}

@test "DT_RPATH is inherited, LD_LIBRARY_PATH comes before DT_RUNPATH, PATH finds programs anywhere" {
	mkdir rpath other mine
	library inner
	calls=inner library outer -L. -linner
	mv libinner.so libouter.so rpath/
	library inner
	mv libinner.so other/
	echo 'int outer(void); int main(void) { return outer(); }' >main.c
	link() { gcc -o mine/found main.c -Lrpath -louter -Wl,-rpath-link,rpath "$@"; }
	link -Wl,--disable-new-dtags -Wl,-rpath,"$PWD/rpath"
	PATH=$PWD/mine:$PATH run -0 --separate-stderr closure found
	[[ $stderr == *$'/run/ktstr/rpath/libinner.so\t'* ]]
	[[ $stderr == *$'/usr/bin/found\t/run/ktstr/mine/found'* ]]
	[[ $stderr == *$'run\t'"$PWD/mine/found"* ]]
	# RUNPATH is not inherited.
	link -Wl,--enable-new-dtags -Wl,-rpath,"$PWD/rpath"
	run -129 closure mine/found
	[[ $output == *"rpath/libouter.so' needs the shared library 'libinner.so', which is not in "*"/usr/lib"* ]]
	cp rpath/libouter.so other/
	run -0 --separate-stderr closure mine/found other
	[[ $stderr == *$'/run/ktstr/other/libinner.so\t'* && $stderr == *$'/run/ktstr/other/libouter.so\t'* ]]
	[[ $stderr != *$'/run/ktstr/rpath/'* ]]
}

@test "what cannot be packed is said, with its name and its place" {
	run -129 closure no-such-program
	[[ $output == "closure: program 'no-such-program' is not in PATH ("* ]]
	run -129 closure ./none
	[[ $output == "closure: cannot find '"*"/./none': No such file or directory" ]]
	run -129 closure ../none
	[ "$output" = "closure: '../none' leaves the directory of the spec: give it as an absolute path" ]
	echo text >text
	run -129 closure ./text
	[[ $output == *"/./text' is not executable" ]]
	chmod +x text
	run -129 closure ./text
	[[ $output == *"/./text' is not a program of this machine: neither ELF for x86-64 nor a script with #!" ]]
	printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0' >elf32 && head -c 200 /dev/zero >>elf32
	chmod +x elf32
	run -129 closure ./elf32
	[[ $output == *"is not a program of this machine"* ]]
	head -c 3000 /bin/bash >short
	chmod +x short
	run -129 closure ./short
	[[ $output == *"/short' is ELF, but its dynamic section cannot be read" ]]
	printf '#!/no/such/sh\n' >script
	chmod +x script
	run -129 closure ./script
	[[ $output == "closure: the interpreter of '"*"/script': cannot find '/no/such/sh': No such file or directory" ]]
	printf '#!%s/a\n' "$PWD" >a
	chmod +x a
	run -129 closure ./a
	[[ $output == *"more than 5 scripts interpret each other" ]]
	run -129 closure bash "" no-file
	[[ $output == *"/no-file': No such file or directory" ]]
}

# program NAME: an executable shell script of that name, from stdin
program() {
	{
		echo '#!/bin/sh'
		cat
	} >"$1"
	chmod +x "$1"
}

# execs SECONDS PROGRAM...: run each as the only worker of a cgroup of its own, here, and keep the records in out
execs() {
	local seconds=$1 i cgroups=
	shift
	for ((i = 1; i <= $#; i++)); do
		cgroups+=${cgroups:+,}$(printf '{"name":"%s","workers":1,"work":{"Exec":{"program":"./%s"}}}' "${!i}" "${!i}")
	done
	printf '{"name":"x","duration_s":%s,"cgroups":[%s]}' "$seconds" "$cgroups" >spec.json
	[ -e plan ] || ktstr-topo --host --no-qemu >plan
	ktstr-work --plan plan --no-cgroups spec.json >out
}

# figure NAME FILTER: what the filter makes of that program's worker is true
figure() {
	jq -es --arg c "$1" 'map(select(.kind == "worker" and .cgroup == $c))[0] | '"$2" out
}

@test "the examples of Exec report units and latencies" {
	cp "$TREE"/share/examples/* .
	gcc -O2 -Wall -Wextra -Werror -o report report.c
	ktstr-topo --host --no-qemu >plan
	ktstr-work --plan plan --no-cgroups exec.json >out
	figure c '.completed and .program.bad_lines == 0 and .wake_latency.count >= .work_units and .work_units > 10 and
		.iterations == .work_units and .wake_latency.count - .work_units <= 1 and .cpu_time_ns > 0 and .timeslices > 10'
	# What it had not reported yet comes at the end.
	figure shell '.completed and .program.exit == {"exited": 0} and .program.bad_lines == 0 and .work_units > 1000 and
		.iterations == (.work_units / 1000 | floor) + 1 and .wake_latency.count == 0'
}

@test "descriptor 3: known figures come out; lines that are no report are counted, and said" {
	program known <<-'END'
		echo units 5 >&3
		printf 'uni' >&3; sleep 0.05; printf 'ts 2\nlatency_ns 3000000\nlatency_ns 1000000\n' >&3
		printf 'units\nunits -1\nunits 1x\nunits 99999999999999999999\nwhat is \001 this\n\n' >&3
		{ printf 'units '; head -c 100000 /dev/zero | tr '\0' 0; echo; } >&3
		echo latency_ns 2000000 >&3
		printf 'units 10' >&3
		sleep 100
	END
	execs 1 known
	figure known '.work_units == 7 and .iterations == 2 and .program.bad_lines == 7 and .program.first_bad_line == "units" and
		(.wake_latency | .count == 3 and .min == 1000000 and .max == 3000000 and .sum == "6000000")'
	# Two lines of units in a second: one of the three gaps is a third of it.
	figure known '.max_gap_ns > 3.3e8 and .max_gap_ns < .wall_time_ns - 2e7'
}

@test "a program that reports nothing is seen from outside, with its children and threads" {
	program spins <<<'while :; do :; done'
	program forks <<<'(while :; do :; done) & (while :; do :; done) & wait'
	program sleeps <<<'exec sleep 100'
	# Children too short to be seen: their CPU time counts, as the shell itself says at the end.
	program churns <<-'END'
		trap 'times >&2; exit' TERM
		while :; do head -c 100000 /dev/zero | md5sum >/dev/null; done
	END
	execs 1 spins forks sleeps churns
	for name in spins forks; do
		figure $name '.completed and .cpu_time_ns > 2e7 and .work_units == (.cpu_time_ns / 1e6 | ceil) and
			(.cpus_used | length) > 0 and .program.bad_lines == 0'
	done
	figure spins '.program.tasks == 1'
	figure churns '.completed and .cpu_time_ns > 0.9e9 * ([.program.stderr_tail | scan("(\\d+)m([0-9.]+)s") |
		(.[0] | tonumber) * 60 + (.[1] | tonumber)] | add)'
	figure forks '.program.tasks == 3 and .timeslices > 2'
	figure sleeps '.completed and .cpu_time_ns < 1e8 and .work_units <= 100 and .program.exit == {"signaled": "SIGTERM"}'
}

@test "a program that ends early is a worker that died, with its exit and its last words" {
	program fails <<<'echo first >&2; echo "cannot go on" >&2; exit 3'
	program crashes <<<'kill -SEGV $$'
	program quits <<<'exit 0'
	execs 0.5 fails crashes quits
	figure fails '(.completed | not) and .exit == {"exited": 3} and .program.stderr_tail == "first\\x0acannot go on\\x0a"'
	figure crashes '(.completed | not) and .exit == {"signaled": "SIGSEGV"}'
	figure quits '(.completed | not) and .exit == {"exited": 0}'
	program fills <<<'while :; do echo 0123456789abcde; done >&2'
	execs 0.5 fills
	figure fills '.completed and .program.stderr_bytes > 2048 and (.program.stderr_tail | gsub("\\\\x0a"; "") | length < 1024)'
}

@test "a program that ignores SIGTERM, daemonises and leaves children is gone at the end" {
	program stays <<-'END'
		trap '' TERM
		setsid sleep 98765 &
		sh -c 'setsid sh -c "trap \"\" TERM; sleep 98765" & exit'
		while :; do sleep 98765; done
	END
	execs 0.5 stays
	figure stays '(.completed | not) and .exit == "timed_out" and .program.exit == "timed_out" and .program.tasks >= 5'
	run -1 pgrep -f '^sleep 98765'
}

@test "a program that is not there is said before anything runs" {
	run -128 execs 1 nothing
	[[ $output == *"cannot set up Exec: cannot run './nothing': No such file or directory" ]]
	printf '\177ELF' >broken
	chmod +x broken
	run -128 execs 0.3 broken
	[[ $output == *"cannot run './broken': Exec format error" ]]
	printf '{"name":"x","cgroups":[{"name":"a","work":{"Exec":{"program":"a","args":[1],"env":{"A=B":"1","C":2},
		"files":"x"}}},{"name":"b","work":"Exec"}]}' >spec.json
	run -129 ktstr-work --check --plan plan spec.json
	[ "${#lines[@]}" = 5 ]
	[[ $output == *"$.cgroups[0].work.Exec.args[0]: must be a string"* ]]
	[[ $output == *"$.cgroups[0].work.Exec.env.A=B: is no name of a variable"* ]]
	[[ $output == *"$.cgroups[1].work: Exec needs 'program': {\"Exec\": {\"program\": ...}}"* ]]
}
