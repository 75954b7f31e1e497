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
		{ ldd "$(command -v "$program")" && [ $program != stress-ng ] || echo "x => $(gcc -print-file-name=libgcc_s.so.1) ("; } | sed -nE 's/.* => (.*) \(.*/\1/p; s/^\t(\/[^ ]*) \(.*/\1/p' |
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
	[[ $output == *"rpath/libouter.so' needs the shared library 'libinner.so', which is in no place where /lib64/ld-linux-x86-64.so.2 looks" ]]
	run -129 closure mine/found none
	[[ $output == *"' needs the shared library 'libinner.so', which is in no place where "*" looks, and not in LD_LIBRARY_PATH 'none'" ]]
	cp rpath/libouter.so other/
	run -0 --separate-stderr closure mine/found other
	[[ $stderr == *$'/run/ktstr/other/libinner.so\t'* && $stderr == *$'/run/ktstr/other/libouter.so\t'* ]]
	[[ $stderr != *$'/run/ktstr/rpath/'* ]]
}

@test "libraries are listed, and nothing of a program is run" {
	local i
	echo 'int puts(const char *); __attribute__((constructor)) static void begin(void) { puts("it ran"); }
		static int real(void) { return 0; } static int (*choose(void))(void) { puts("it ran"); return real; }
		int inner(void) __attribute__((ifunc("choose")));' >inner.c
	gcc -shared -fPIC -o libinner.so inner.c
	echo 'int inner(void); int main(void) { return inner(); }' >main.c
	printf '#!/bin/sh\necho it ran\n' >linker
	chmod +x linker
	gcc -o program main.c -L. -linner -Wl,-rpath,'$ORIGIN'
	gcc -o foreign main.c -L. -linner -Wl,-rpath,'$ORIGIN' -Wl,--dynamic-linker="$PWD/linker"
	[[ $(./program) == *"it ran"* ]]
	for i in program foreign; do
		run -0 --separate-stderr closure ./$i
		[[ $stderr == *$'/run/ktstr/libinner.so\t'* && $stderr != *"it ran"* ]]
		[ "$(grep -ac '^it ran' packed.cpio)" = 0 ]
	done
	[[ $stderr == *$'/run/ktstr/linker\t'* ]]
	# One without libraries is itself alone.
	echo 'int main(void) { return 0; }' >main.c
	gcc -static -o static main.c
	gcc -static-pie -o pie main.c
	for i in static pie; do
		run -0 --separate-stderr closure ./$i
		[ "${#stderr_lines[@]}" = 2 ]
	done
	# A library that cannot be loaded is said to be.
	gcc -o program main.c -L. -Wl,--no-as-needed -linner -Wl,-rpath,'$ORIGIN'
	head -c 100 inner.c >libinner.so
	run -129 closure ./program
	[[ $output == "closure: '"*"/program' is not loaded by /lib64/ld-linux-x86-64.so.2: "*"/libinner.so: "* ]]
}

@test "what glibc opens when a thread ends, or for a backtrace, is there" {
	local calls
	for calls in 'pthread_exit(arg)' 'pthread_cancel(pthread_self()); pause()' 'void *at[9]; return (void *)(long)(backtrace(at, 9) < 2)'; do
		cat >thread.c <<-END
			#include <execinfo.h>
			#include <pthread.h>
			#include <unistd.h>
			static void *thread(void *arg) { $calls; return arg; }
			int main(void)
			{
				void *ret;
				pthread_t t;

				return pthread_create(&t, NULL, thread, NULL) || pthread_join(t, &ret) || (ret && ret != PTHREAD_CANCELED);
			}
		END
		gcc -pthread -o thread thread.c
		run -0 --separate-stderr closure ./thread
		[[ $stderr == *$'/usr/lib/x86_64-linux-gnu/libgcc_s.so.1\t'* ]]
	done
	# A library may be what calls it; one that nobody calls is not there.
	echo '#include <pthread.h>
		void inner(void) { pthread_exit(NULL); }' >inner.c
	gcc -shared -fPIC -o libinner.so inner.c
	echo 'void inner(void); int main(void) { inner(); }' >main.c
	gcc -o program main.c -L. -linner -Wl,-rpath,'$ORIGIN'
	run -0 --separate-stderr closure ./program
	[[ $stderr == *$'/usr/lib/x86_64-linux-gnu/libgcc_s.so.1\t'* ]]
	run -0 --separate-stderr closure bash
	[[ $stderr != *libgcc_s* ]]
	# In a guest, where it was an abort.
	sed -i 's/void \*at.*2);/pthread_exit(arg);/' thread.c
	gcc -pthread -o thread thread.c
	spec any '[]' '"payloads":{"p":{"program":"./thread","primary":true}}'
	sed -i 's/"cgroups":\[\],//' any.json
	ktstr-topo 1n1l1c1t >plan.json
	run -0 --separate-stderr ktstr-boot --plan plan.json any.json
	jq -se 'map(select(.kind == "payload"))[0].exit == {"exited": 0}' <<<"$output"
}

@test "/etc/nsswitch.conf brings the modules that it names" {
	unshare -rm true || skip "no user namespaces here"
	cat >module.c <<-'END'
		#include <nss.h>
		#include <pwd.h>
		enum nss_status _nss_ours_getpwnam_r(const char *name, struct passwd *ret, char *buf, size_t size, int *error)
		{
			(void)name, (void)buf, (void)size, (void)error;
			*ret = (struct passwd){ .pw_name = "a", .pw_passwd = "", .pw_uid = 42, .pw_gecos = "", .pw_dir = "/", .pw_shell = "" };
			return NSS_STATUS_SUCCESS;
		}
	END
	gcc -shared -fPIC -o libnss_ours.so.2 module.c
	printf '#include <pwd.h>\nint main(void) { struct passwd *p = getpwnam("a"); return p ? (int)p->pw_uid : 1; }\n' >main.c
	gcc -o program main.c
	printf '%s\n' '# passwd: commented' 'passwd: files [NOTFOUND=continue] ours # more' 'group: files missing' >nsswitch.conf
	export -f closure
	# shellcheck disable=SC2016
	run -0 --separate-stderr unshare -rm bash -euc '
		mount -t tmpfs none /usr/local/lib
		cp libnss_ours.so.2 /usr/local/lib/
		ldconfig -X -C ld.so.cache
		mount --bind ld.so.cache /etc/ld.so.cache
		mount --bind nsswitch.conf /etc/nsswitch.conf
		closure ./program "" /etc/nsswitch.conf
		mkdir -p root/usr/lib root/usr/lib64 && ln -s usr/lib usr/lib64 root/
		(cd root && cpio -id --quiet <../packed.cpio)
		touch root/etc/passwd
		code=0
		chroot root /run/ktstr/program || code=$?
		echo "it is $code"'
	[ "$output" = "it is 42" ]
	[[ $stderr == *$'/usr/lib/x86_64-linux-gnu/libnss_ours.so.2\t/usr/local/lib/libnss_ours.so.2'* ]]
	[[ $stderr != *commented* && $stderr != *missing* ]]
	# Without the file none is opened.
	run -0 --separate-stderr closure ./program
	[[ $stderr != *libnss* ]]
}

@test "a library that only the cache of directories leads to is where the guest looks" {
	unshare -rm true || skip "no user namespaces here"
	library inner
	echo 'int inner(void); int main(void) { return inner(); }' >main.c
	gcc -o program main.c -L. -linner
	# shellcheck disable=SC2016
	export -f closure
	run -0 --separate-stderr unshare -rm bash -euc '
		mount -t tmpfs none /usr/local/lib
		cp libinner.so /usr/local/lib/
		ldconfig -X -C ld.so.cache
		mount --bind ld.so.cache /etc/ld.so.cache
		closure ./program'
	[[ $stderr == *$'/usr/local/lib/libinner.so\t/usr/local/lib/libinner.so'* ]]
	[[ $stderr == *$'/usr/lib/x86_64-linux-gnu/libinner.so\t/usr/local/lib/libinner.so'* ]]
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

# payloads JSON [MORE-MEMBERS]: run these payloads for 2 s beside a worker, here, and keep the records in out. A busy host takes a second
# to start a few programs.
payloads() {
	printf '{"name":"x","duration_s":2,"cgroups":[{"name":"a","workers":1,"work":"YieldHeavy"}],"payloads":%s%s}' \
		"$1" "${2:+,$2}" >spec.json
	[ -e plan ] || ktstr-topo --host --no-qemu >plan
	ktstr-work --plan plan --no-cgroups spec.json >out
}

# became NAME FILTER: what the filter makes of that payload's record is true
became() {
	jq -es --arg n "$1" 'map(select(.kind == "payload" and .name == $n))[0] | '"$2" out
}

@test "a payload's output: every number is a metric, with the path that leads to it" {
	program says <<-'END'
		echo 'so {"no": 1}'; echo '{"no": '
		printf '%s\n' '  {"a": {"b": [1, {"c": 2.5}], "t": true, "s": "3"}, "neg": -1e-3, "e\n": 4}  behind'
		echo '{"later": 1}'; echo "$@" >&2; env >&2; exit 3
	END
	program complains <<<'echo "{\"x\": [[7]]}" >&2'
	program silent <<<'exit 0'
	payloads '{"says":{"program":"./says","args":["a b","c"],"env":{"V":"1 2"},"output":"json"},
		"plain":{"program":"./says"},"complains":{"program":"./complains","output":"json"},
		"silent":{"program":"./silent","output":"json"}}'
	became says '.end == "by_itself" and .exit == {"exited": 3} and .metrics_from == "stdout" and .metrics_dropped == 0 and
		.metrics == {"a.b.0": 1, "a.b.1.c": 2.5, "neg": -0.001, "e\\x0a": 4} and
		(.stderr_tail | startswith("a b c\\x0a") and contains("V=1 2\\x0a") and contains("PATH=/") and (contains("HOME") | not))'
	became plain '.metrics_from == null and .metrics == {} and .stdout_bytes > 100 and (.stdout_tail | contains("\"later\": 1"))'
	became complains '.metrics_from == "stderr" and .metrics == {"x.0.0": 7} and .stderr_bytes == 13 and .stdout_bytes == 0 and
		.max_rss_kib > 500 and .max_rss_kib < 100000'
	became silent '.metrics_from == null and .metrics == {} and .exit == {"exited": 0}'
}

@test "a payload's metrics have limits: names, depth, whole numbers; and one that cannot be started says why" {
	local name deep
	name=$(printf 'n%.0s' {1..198})
	deep=$(printf '[%.0s' {1..40})1$(printf ']%.0s' {1..40})
	# An array, behind a tab.
	printf '\t[{"%s": 1, "n%s": 2, "deep": %s, "big": 9007199254740993, "max": 9007199254740991}]\n' "$name" "$name" "$deep" >numbers
	program says <<<'cat numbers'
	printf '\177ELF' >broken
	chmod +x broken
	payloads '{"says":{"program":"./says","output":"json"},"broken":{"program":"./broken"}}'
	became says '.metrics_dropped == 2 and (.metrics | keys) == ["0.big", "0.max", "0.'"$name"'"]'
	grep -F '"0.big":9.00719925474099e15,"0.max":9007199254740991}' out
	became broken '.end == "not_started" and .exit == null and .start_ns == .end_ns and (.reason | endswith("Exec format error"))'
}

@test "a payload ends by itself, at the end of the run, or when its time is up" {
	program naps <<<'sleep 0.1'
	program stays <<<'echo ready; exec sleep 100'
	program crashes <<<'kill -SEGV $$'
	payloads '{"naps":{"program":"./naps"},"stays":{"program":"./stays","cgroup":"a"},"late":{"program":"./stays",
		"timeout_s":0.05},"crashes":{"program":"./crashes"}}'
	became naps '.end == "by_itself" and .exit == {"exited": 0} and .end_ns - .start_ns > 1e8 and .cgroup == null'
	became stays '.end == "stopped" and .exit == {"signaled": "SIGTERM"} and (.needed_kill | not) and .cgroup == "a" and
		.stdout_tail == "ready\\x0a" and .end_ns > 2e9'
	became late '.end == "timed_out" and .exit == {"signaled": "SIGTERM"} and .end_ns - .start_ns > 0.05e9'
	became crashes '.exit == {"signaled": "SIGSEGV"}'
	# A primary one is how long the run is: the worker stops when it has ended.
	payloads '{"p":{"program":"./naps","primary":true}}' '"description":"1"'
	became p '.end == "by_itself"'
	sed -i 's/"duration_s":2/"duration_s":100/' spec.json
	timeout 20 ktstr-work --plan plan --no-cgroups spec.json >out
	jq -es '(map(select(.kind == "worker"))[0].wall_time_ns) as $w | $w > 1e8 and $w < 20e9' out
	printf '{"name":"x","duration_s":100,"payloads":{"p":{"program":"./stays","primary":true,"timeout_s":0.2}}}' >spec.json
	timeout 20 ktstr-work --plan plan --no-cgroups spec.json >out
	became p '.end == "timed_out"'
}

@test "a payload that floods, daemonises and ignores SIGTERM is ended, all of it, and its record is small" {
	program floods <<-'END'
		trap '' TERM
		setsid sh -c 'trap "" TERM; while :; do sleep 98766; done' &
		while :; do echo 'a line that is written again and again'; done
	END
	payloads '{"floods":{"program":"./floods","output":"json"}}'
	became floods '.end == "stopped" and .needed_kill and .exit == {"signaled": "SIGKILL"} and .stdout_bytes > 2e6 and
		.metrics == {} and (.stdout_tail | length | . > 2000 and . < 4000) and .cpu_time_ns > 1e7'
	[ "$(wc -c <out)" -lt 20000 ]
	run -1 pgrep -f '^sleep 98766'
	jq -nc '[range(100000)] | {n: ., deep: (reduce range(40) as $i (1; [.]))}' >numbers
	program counts <<<'cat numbers'
	payloads '{"counts":{"program":"./counts","output":"json","primary":true}}'
	became counts '(.metrics | length > 1000) and .metrics_dropped > 90000 and .metrics["n.7"] == 7'
	[ "$(wc -c <out)" -lt 200000 ]
}

@test "payload ops: run, wait, kill, again; the step's end" {
	program naps <<<'sleep 0.05'
	program stays <<<'exec sleep 100'
	cat >spec.json <<-'END'
		{"name": "x", "duration_s": 0.2, "payloads": {"naps": {"program": "./naps"}, "stays": {"program": "./stays"}},
		 "backdrop": {"ops": [{"RunPayload": "stays"}]},
		 "steps": [{"ops": [{"RunPayload": "naps"}, {"WaitPayload": "naps"}, {"KillPayload": "stays"}, {"RunPayload": "stays"},
		                    {"WaitPayload": {"payload": "stays", "timeout_s": 0.05}}, {"RunPayload": "naps"}, {"RunPayload": "stays"},
		                    {"WaitPayload": "naps"}]},
		           {"ops": [{"RunPayload": "stays"}], "hold": 0.1}]}
	END
	ktstr-topo --host --no-qemu >plan
	ktstr-work --plan plan --no-cgroups spec.json >out
	[ "$(jq -rs 'map(select(.kind == "payload") | "\(.name) \(.end) \(.phase)") | join(", ")' out)" = "stays killed 1, naps \
by_itself 1, stays timed_out 1, naps by_itself 1, stays stopped 1, stays stopped 2" ]
	jq -es 'map(select(.kind == "op" and .result) | "\(.op) \(.result.payload) \(.result.end)") == ["WaitPayload naps by_itself",
		"KillPayload stays killed", "WaitPayload stays timed_out", "WaitPayload naps by_itself"]' out
	# A wait ends with what it waits for.
	jq -es 'map(select(.kind == "op" and .op == "WaitPayload"))[0] | .end_ns - .start_ns | . > 5e7 and . < 2e10' out
}

@test "what cannot be of payloads is said with its place, before anything runs" {
	ktstr-topo --host --no-qemu >plan
	check() {
		echo "$1" >spec.json
		run -129 ktstr-work --check --plan plan spec.json
		[[ $output == *"$2"* ]]
	}
	local p='{"name":"x","payloads":{"p":{"program":"true"'
	check "$p"',"cgroup":"q"}}}' "spec.json: \$.payloads.p: there is no cgroup 'q'"
	check "$p"',"output":"xml"}}}' "\$.payloads.p.output: must be json or exit_code, not 'xml'"
	check "$p"',"checks":[{"metric":"a","min":1}]}}}' '$.payloads.p.checks[0]: there are metrics only with output json'
	check "$p"',"checks":[{"exit_code":1,"min":1}]}}}' '$.payloads.p.checks[0]: exit_code excludes every other key'
	check "$p"',"output":"json","checks":[{"metric":"a"}]}}}' "checks[0]: needs 'min', 'max', 'range' or 'exists'"
	check "$p"',"output":"json","checks":[{"min":1}]}}}' "checks[0]: needs 'metric' or 'exit_code'"
	check "$p"',"output":"json","checks":[{"metric":"a","range":[2,1]}]}}}' 'nothing is at least 2 and at most 1'
	check "$p"',"output":"json","checks":[{"metric":"a","range":[1]}]}}}' 'checks[0].range: must be two numbers, the least and the most'
	check "$p"',"output":"json","checks":[{"metric":"a","exists":false}]}}}' 'checks[0].exists: must be true'
	check "$p"',"output":"json","checks":[{"metric":"a","range":[1,2],"min":1}]}}}' "checks[0].range: excludes 'min' and 'max', which range replaces"
	check "$p"',"checks":['"$(printf '{"exit_code":0},%.0s' {1..256})"'{"exit_code":0}]}}}' 'checks: 257 checks, more than 256'
	check '{"name":"x","payloads":{"'"$(printf 'p%.0s' {1..65})"'":{"program":"true"}}}' 'the name is longer than 64 characters'
	check '{"name":"x","payloads":{'"$(printf '"p%s":{"program":"true"},' {1..64})"'"p":{"program":"true"}}}' '65 payloads, more than 64'
	check '{"name":"x","payloads":{".p":{"program":"true"}}}' '$.payloads..p: the name must be'
	check "$p"'}},"steps":[{}]}' "\$.payloads.p: nothing starts it: with 'steps', use the op RunPayload"
	check "$p"',"primary":true}},"steps":[{"ops":[{"RunPayload":"p"}]}]}' "\$.payloads.p: is primary, which excludes 'steps': use the op WaitPayload"
	check "$p"'}},"steps":[{"ops":[{"RunPayload":"p"},{"RunPayload":"p"}]}]}' \
		"\$.steps[0].ops[1]: payload 'p' is running: WaitPayload or KillPayload first"
	check "$p"'}},"steps":[{"ops":[{"RunPayload":"p"}]},{"ops":[{"WaitPayload":"p"}]}]}' \
		"\$.steps[1].ops[0].WaitPayload: payload 'p' does not run at this point"
	check "$p"'}},"steps":[{"ops":[{"KillPayload":"q"}]}]}' "there is no payload 'q' (there is: p)"
	check "$p"'}},"steps":[{"setup":[{"name":"a","workers":0}],"ops":[{"FreezeCgroup":"a"},{"RunPayload":{"payload":"p",
		"cgroup":"a"}}]}]}' "\$.steps[0].ops[1]: cgroup 'a' is frozen: payload 'p' would never start in it"
	check "$p"'}},"steps":[{"setup":[{"name":"a","workers":0}],"ops":[{"RunPayload":{"payload":"p","cgroup":"a"}},
		{"RemoveCgroup":"a"}]}]}' "payload 'p' runs in cgroup 'a': WaitPayload or KillPayload first"
}

@test "in a guest: stress-ng, hackbench, scripts and a worker of C, with their libraries; the same twice" {
	program says <<<'echo "{\"pi\": 3.14}"; read -r where </proc/self/cgroup; echo "$where" >&2'
	program floods <<-'END'
		trap '' TERM
		setsid sh -c 'while :; do :; done' &
		while :; do echo 'a line that is written again and again'; done
	END
	cp "$TREE/share/examples/report.c" .
	gcc -O2 -o report report.c
	cat >spec.json <<-'END'
		{"name": "payloads", "memory_mb": 256, "duration_s": 0.2,
		 "payloads": {"says": {"program": "./says", "output": "json", "checks": [{"metric": "pi", "range": [3, 4]}]},
		              "stress": {"program": "stress-ng", "args": ["--cpu", "1", "--cpu-method", "loop"], "checks": [{"exit_code": 0}]},
		              "hack": {"program": "hackbench", "args": ["-l", "20", "-g", "1"]},
		              "floods": {"program": "./floods", "files": ["/usr/bin/setsid"]}},
		 "backdrop": {"cgroups": [{"name": "a", "workers": 1, "work": {"Exec": {"program": "./report"}}}],
		              "ops": [{"RunPayload": {"payload": "stress", "cgroup": "a"}}]},
		 "steps": [{"ops": [{"RunPayload": "hack"}, {"WaitPayload": {"payload": "hack", "timeout_s": 5}}, {"RunPayload": {"payload": "says", "cgroup": "a"}},
		                    {"RunPayload": {"payload": "floods", "cgroup": "a"}}]}]}
	END
	ktstr-topo 1n1l2c1t >plan
	ktstr-boot --plan plan spec.json >out
	run -0 ktstr-eval out
	became stress '.end == "stopped" and .exit == {"exited": 0} and .cgroup == "a" and .cpu_time_ns > 1e8 and
		(.stderr_tail | contains("successful run completed"))'
	became hack '.end == "by_itself" and (.stdout_tail | contains("Time: "))'
	became says '.metrics == {"pi": 3.14} and .cgroup == "a" and .stderr_tail == "0::/a/.payload-says\\x0a"'
	became floods '.end == "stopped" and .needed_kill and .stdout_bytes > 1e5 and .cpu_time_ns > 1e8'
	figure a '.completed and .work_units > 50 and .wake_latency.count >= .work_units and .cpus_used != "" and
		.program.tasks == 1 and .migrations >= 0 and .timeslices > 50'
	# What ran is in the report, by its bytes.
	for file in /run/ktstr/says /run/ktstr/report /usr/bin/stress-ng /usr/bin/dash; do
		jq -r --arg f "$file" 'select(.kind == "run") | .programs[] | select(.path == $f).sha256' out
	done >got
	sha256sum says report /usr/bin/stress-ng /usr/bin/dash | cut -d' ' -f1 | diff - got
	# Another check is another verdict on the same run.
	sed 's/\[3, 4\]/[3.15, 4]/' spec.json >other.json
	mv out first
	ktstr-boot --plan plan other.json >out
	run -1 --separate-stderr ktstr-eval out
	[ "${lines[1]}" = "  payload 'says' pi=3.14 (must be at least 3.15)" ]
	diff <(grep -vE '^\{"kind":"(run|host)"' first) <(grep -vE '^\{"kind":"(run|host)"' out)
}

@test "in a guest: code that is chosen by the CPU's model runs" {
	cat >clones.c <<-'END'
		static float in[1024], out[1024];
		__attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512"), noinline)) static void work(float by)
		{
			for (int i = 0; i < 1024; i++)
				out[i] += in[i] * by;
		}
		int main(void) { work(3); }
	END
	gcc -O3 -o clones clones.c && ./clones
	cat >spec.json <<-'END'
		{"name": "clones", "topology": "1n1l2c1t", "memory_mb": 256, "duration_s": 0.5,
		 "payloads": {"clones": {"program": "./clones", "primary": true, "checks": [{"exit_code": 0}]},
		              "stress": {"program": "stress-ng", "args": ["--cpu", "1", "--cpu-ops", "60"], "primary": true, "checks": [{"exit_code": 0}]}}}
	END
	ktstr-topo 1n1l2c1t | ktstr-boot spec.json >out
	run -0 ktstr-eval out
	became clones '.end == "by_itself" and .exit == {"exited": 0}'
}

@test "a primary payload without a timeout_s has a minute" {
	printf '{"name":"x","memory_mb":256,"payloads":{"p":{"program":"sleep","args":["1000"],"primary":true}}}' >spec.json
	ktstr-topo 1n1l2c1t >plan
	ktstr-boot --plan plan spec.json >out
	became p '.end == "timed_out" and (.end_ns - .start_ns | . >= 60e9 and . < 61e9)'
}

@test "a program that is missing, or too large for the guest, is said by ktstr-boot, and nothing boots" {
	ktstr-topo 1n1l2c1t >plan
	library inner
	echo 'int inner(void); int main(void) { return inner(); }' >main.c
	gcc -o lacks main.c -L. -linner
	head -c 80000000 /dev/zero >big
	printf '{"name":"x","memory_mb":256,"payloads":{"a":{"program":"no-such-program"},"b":{"program":"./lacks"},"c":{"program":
		"true","files":["nothing"]}}}' >spec.json
	run -129 ktstr-boot --plan plan spec.json
	[[ $output == *"program 'no-such-program' is not in PATH ("* ]]
	[[ $output == *"/lacks' needs the shared library 'libinner.so', which is in no place where "* ]]
	[[ $output == *"cannot find '"*"/nothing'"* ]]
	printf '{"name":"x","memory_mb":256,"payloads":{"c":{"program":"true","files":["big"]}}}' >spec.json
	run -129 ktstr-boot --plan plan spec.json
	[[ $output == *"the programs take 78 MiB, more than a quarter of the guest's 256: raise memory_mb" ]]
	# LD_LIBRARY_PATH of the payload is where its libraries are.
	printf '{"name":"x","payloads":{"b":{"program":"./lacks","env":{"LD_LIBRARY_PATH":"."}}}}' >spec.json
	run -0 ktstr-boot --plan plan --dry-run spec.json
	[[ $output == *"# payload: plan.json spec.json args "*" /run/ktstr/libinner.so "* ]]
}
