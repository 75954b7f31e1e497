#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-pmemsave-reads-memory-that-is-not-there.sh - pmemsave of memory that is not there succeeds, with zeros.
#
#
# Package: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 (bookworm).
# Expected: an error for an address behind the end of memory, as from memsave and from "xp" in the monitor.
# Seen: success and a file of the size asked for, filled with zeros; also for a range that begins in memory and ends behind it.

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

fetch bookworm 'qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3'

# save NAME COMMAND ADDRESS: 16 bytes of a machine with 64 MiB.
save() {
	rm -f "$work/bytes"
	printf '{"execute":"qmp_capabilities"}{"execute":"%s","id":7,"arguments":{"val":%s,"size":16,"filename":"%s"}}{"execute":"quit"}\n' \
		"$2" "$3" "$work/bytes" >"$work/say"
	answer=$(emulate -accel tcg -S -qmp stdio -m 64 <"$work/say" 2>/dev/null | grep '"id": 7' | grep -Eo '"(return|error)"')
	echo "$1: $answer, $(tr -d '\0' <"$work/bytes" | wc -c) of $(wc -c <"$work/bytes") bytes are not 0"
}
{
	save 'far behind' pmemsave 999999999999
	save 'across the end' pmemsave $((64 * 1048576 - 8))
	save 'firmware' pmemsave $((1048576 - 16))
	save 'virtual' memsave 999999999999
} >"$work/seen"
cat "$work/seen"
claim "far behind the end" '^far behind: "return", 0 of 16 '
claim "across the end" '^across the end: "return", 0 of 16 '
claim "memory that is there" '^firmware: "return", [1-9][0-9]* of 16 '
claim "memsave refuses" '^virtual: "error"'

exit "$bad"
