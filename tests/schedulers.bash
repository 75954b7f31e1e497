# SPDX-License-Identifier: GPL-2.0-only
# What tests of schedulers load: specs and objects made on the spot, runs of them, and their records.
# shellcheck disable=SC2034 # BPF is theirs
BPF=$TREE/guest/bpf

# judge SPEC [OPTION...]: run it on its topology, report in r.jsonl; ktstr-eval's text and status.
judge() {
	local spec=$1
	shift
	ktstr-topo --spec "$spec" | ktstr-boot "$@" "$spec" >r.jsonl 2>err || [ -s r.jsonl ] || { cat err && return 99; }
	ktstr-eval r.jsonl
}

# has CONDITION [REPORT]: a scheduler record of the report meets it.
has() {
	jq -se "any(.[] | select(.kind == \"scheduler\"); $1)" "${2:-r.jsonl}"
}

# refused SPEC [OPTION...]: what ktstr-boot says when it starts nothing, without the kernel that it took.
refused() {
	local spec=$1 code=0
	shift
	ktstr-topo --spec "$spec" | ktstr-boot "$@" "$spec" 2>err || code=$?
	grep -v '^ktstr-boot: kernel .*: ' err
	return $code
}

# small NAME MEMBERS: a spec of one idle second on two CPUs, for what is not about the figures.
small() {
	printf '{"name":"%s","topology":"1n2l1c1t","memory_mb":512,"duration_s":0.2,"cgroups":[{"name":"a","workers":1}],%s}\n' \
		"$1" "$2" >"$1.json"
}

# compile NAME: the BPF object of NAME.bpf.c, which may include what is in guest/bpf.
compile() {
	make -s -C "$TREE" -f - <<-END
		include Makefile
		one: ; \$(CLANG) \$(BPF_FLAGS) -Iguest/bpf -c -o $PWD/$1.bpf.o $PWD/$1.bpf.c
		.DEFAULT_GOAL = one
	END
}
