#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# lscpu-numbers-cores-itself.sh - the columns CORE and SOCKET of lscpu are not core_id and physical_package_id.
#
# Packages: util-linux 2.38.1-5+deb12u3 (bookworm) and 2.41.5-0+deb13u1 (trixie).
# Machine: a folder made here with four CPUs, core_id 0, 0, 16, 16, physical_package_id 7, given by --sysroot.
# Expected: the kernel's numbers, to be matched with topology/ in sysfs or with a guest's plan.
# Seen: cores 0 and 1 of socket 0, counted in the order found. sysfs is the only place with the real numbers.

set -u
work=$(mktemp -d) || exit 77
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
bad=0

gone() { echo "not to be had: $*"; exit 77; }

# claim TEXT REGEX: prints if a line of $work/seen shows the claim.
claim() {
	if grep -Eq -- "$2" "$work/seen"; then echo "as stated: $1"; else echo "CHANGED: $1"; bad=1; fi
}

# fetch SUITE PACKAGE=VERSION...: unpacks packages and what they depend on into $work/root, from the Debian mirror that the
# machine's apt uses, through an apt state of our own. With nodeps=1 the packages alone.
fetch() {
	suite=$1 a=$work/apt-$1; shift
	# shellcheck disable=SC2016 # apt expands them
	mirror=$(apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(SITE)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 !~ /security|\// && ($1 ~ /^Debian/ || $1 ~ /^($|\$)/) { print $4; exit }')
	[ -n "$mirror" ] || gone "a Debian mirror in apt's sources"
	mkdir -p "$a/lists/partial" "$a/archives/partial" "$work/root"
	: >"$a/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$a/list"
	printf '%s;\n' "Dir::Etc::sourcelist \"$a/list\"" 'Dir::Etc::sourceparts "-"' "Dir::State::lists \"$a/lists\"" \
		"Dir::State::status \"$a/status\"" "Dir::Cache \"$a\"" 'Acquire::Languages "none"' 'APT::Sandbox::User "root"' >"$a/conf"
	export APT_CONFIG="$a/conf"
	[ -e "$a/updated" ] || apt-get -q update >"$work/log" 2>&1 || gone "the suite $suite"
	: >"$a/updated"
	if [ "${nodeps:-}" ]; then
		(cd "$a/archives" && apt-get -q download "$@") >"$work/log" 2>&1 || gone "$*"
	else
		apt-get -q -y -d --no-install-recommends install "$@" >"$work/log" 2>&1 || gone "$*"
	fi
	unset APT_CONFIG
	for deb in "$a"/archives/*.deb; do dpkg-deb -x "$deb" "$work/root" || gone "room to unpack"; done
	rm -f "$a"/archives/*.deb
}

# run PROGRAM ARGUMENT...: a program of $work/root with the C library that it was built for.
run() {
	prog=$(find "$work/root" -path "*bin/$1" | head -n 1); shift
	ld=$(find "$work/root" -path '*x86_64-linux-gnu/ld-linux-x86-64.so.2' | head -n 1)
	libs=$(find "$work/root" -name '*.so.*' -path '*lib/x86_64-linux-gnu*' -printf '%h\n' | sort -u | paste -sd:)
	"$ld" --library-path "$libs" "$prog" "$@"
}

cpu=$work/machine/sys/devices/system/cpu
mkdir -p "$work/machine/proc"
for i in 0 1 2 3; do
	printf 'processor\t: %s\nvendor_id\t: GenuineIntel\nmodel name\t: any\n\n' "$i" >>"$work/machine/proc/cpuinfo"
	t=$cpu/cpu$i/topology
	mkdir -p "$t"
	echo $((i / 2 * 16)) >"$t/core_id"
	echo 7 >"$t/physical_package_id"
	case $i in 0|1) echo 3 ;; *) echo c ;; esac >"$t/thread_siblings"
	echo f >"$t/core_siblings"
done
for f in online possible present; do echo 0-3 >"$cpu/$f"; done
echo 63 >"$cpu/kernel_max"
for v in bookworm:2.38.1-5+deb12u3 trixie:2.41.5-0+deb13u1; do
	fetch "${v%%:*}" "util-linux=${v#*:}"
	echo "${v%%:*}: $(run lscpu --sysroot "$work/machine" -p=cpu,core,socket | grep -v '^#' | paste -sd ' ')" >>"$work/seen"
	rm -rf "$work/root"
done
cat "$work/seen"
claim "2.38 counts by itself" '^bookworm: 0,0,0 1,0,0 2,1,0 3,1,0$'
claim "2.41 counts by itself" '^trixie: 0,0,0 1,0,0 2,1,0 3,1,0$'

exit "$bad"
