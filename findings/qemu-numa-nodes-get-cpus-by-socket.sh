#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-numa-nodes-get-cpus-by-socket.sh - two NUMA nodes without cpus= share CPUs by socket, and -smp 4 is one socket.
#
#
# Package: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 (bookworm).
# Expected: two CPUs in each node, or an error: a node without CPUs is legal, but two of equal kind are not told apart.
# Seen: four in node 0 and none in node 1, without a word; with sockets=2 two each. CPUs that cpus= leaves out are warned about and
#   go to node 0 too.

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

# emulate ARGUMENT...: QEMU of $work/root without KVM, window or devices.
emulate() {
	libs=$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/x86_64-linux-gnu
	QEMU_MODULE_DIR=$work/root/usr/lib/x86_64-linux-gnu/qemu timeout 200 \
		"$work/root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$libs" "$work/root/usr/bin/qemu-system-x86_64" \
		-L "$work/root/usr/share/qemu" -L "$work/root/usr/share/seabios" -nodefaults -display none -no-reboot "$@"
}

# nodes ARGUMENT...: the CPUs of both nodes, as QEMU's monitor has them.
nodes() {
	printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"human-monitor-command","arguments":{"command-line":"info numa"}}' \
		'{"execute":"quit"}' | emulate -accel tcg -S -qmp stdio -m 64 -object memory-backend-ram,id=a,size=32M \
		-object memory-backend-ram,id=b,size=32M "$@" 2>"$work/err" | grep -o 'node [01] cpus:[0-9 ]*' | paste -sd ,
	echo "$(grep -c warning "$work/err") warnings"
}
fetch bookworm 'qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3'
{
	echo "one socket:" "$(nodes -smp 4 -numa node,memdev=a -numa node,memdev=b)"
	echo "two sockets:" "$(nodes -smp 4,sockets=2 -numa node,memdev=a -numa node,memdev=b)"
	echo "half named:" "$(nodes -smp 4 -numa node,memdev=a,cpus=0-1 -numa node,memdev=b)"
} | sed ':a;N;$!ba;s/\n\([0-9] warnings\)/; \1/g' >"$work/seen"
cat "$work/seen"
claim "one socket: all in node 0" '^one socket: node 0 cpus: 0 1 2 3,node 1 cpus:; 0 warnings$'
claim "two sockets: a node each" '^two sockets: node 0 cpus: 0 1,node 1 cpus: 2 3; 0 warnings$'
claim "half named: all in node 0" '^half named: node 0 cpus: 0 1 2 3,node 1 cpus:; [1-9] warnings$'

exit "$bad"
