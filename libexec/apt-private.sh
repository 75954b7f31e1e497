# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# apt-private.sh - to be sourced: packages of Debian suites that the machine does not follow, unpacked and not installed.
#
# They are read through an apt state of our own, in a temporary directory: the machine's sources, lists and packages stay
# as they are, and root is not needed. The mirror is the one that the machine's apt uses, and the packages are verified
# with the Debian keyring, so a mirror need not be trusted. Wants $prog set, say and die, and exits.sh; gives $work, removed at exit.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

apt_private_init() { # TOOL...: more tools that the caller needs
	for tool in apt-get apt-cache dpkg-deb "$@"; do
		command -v "$tool" >/dev/null || return 1
	done
	[ -r "$keyring" ] || die "$KT_TROUBLE" "cannot read '$keyring': install the package debian-archive-keyring"
	work=$(mktemp -d) || die "$KT_TROUBLE" "cannot make a temporary directory"
	trap 'rm -rf "$work"' EXIT
	trap 'exit "$KT_TROUBLE"' HUP INT TERM
	# As root apt fetches as the user _apt, who must get in.
	chmod 711 "$work"
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
	[ "$(id -u)" != 0 ] || ! id _apt >/dev/null 2>&1 || chown _apt "$work/debs"
	: >"$work/status"
	cat >"$work/apt.conf" <<-END
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$work/lists";
		Dir::State::status "$work/status";
		Dir::Cache "$work/cache";
		Dir::Cache::pkgcache "pkgcache.bin";
		Dir::Cache::srcpkgcache "srcpkgcache.bin";
		Acquire::Languages "none";
		Acquire::Retries "2";
	END
}

apt() { # with our state; what it says is kept, to be shown when it fails
	tool=$1; shift
	APT_CONFIG="$work/apt.conf" "$tool" -q "$@" 2>>"$work/log"
}

apt_failed() {
	[ ! -s "$work/log" ] || sed 's/^/  /' "$work/log" >&2
	die "$KT_TROUBLE" "$@"
}

# The mirrors of the Debian archive itself among the machine's sources: not its security archive, no third party's.
# Before the first apt-get update the origin is not known and its field empty or as written here.
# shellcheck disable=SC2016 # apt expands them
mirrors() {
	apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(SITE)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 !~ /security|\// && $4 !~ /^cdrom:/ && ($1 ~ /^Debian/ || $1 ~ /^($|\$)/) && !n[$4]++ {
			print $4 }'
}

# update SUITE/COMPONENT...: read these suites of $mirror; those read before are not read again.
update() {
	for s; do
		echo "deb [signed-by=$keyring] $mirror ${s%/*} ${s#*/}"
	done >>"$work/sources.list"
	apt apt-get update >/dev/null
}

# get PACKAGE VERSION: download it, and unpack it into $work/root.
get() {
	(cd "$work/debs" && apt apt-get download "$1=$2" >/dev/null) || return
	dpkg-deb -x "$work"/debs/"$1"_*.deb "$work/root" 2>>"$work/log" || return
	rm -f "$work"/debs/*
}
