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
