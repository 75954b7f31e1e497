// SPDX-License-Identifier: GPL-2.0-only
/*
 * The topology presets, in the order that --list prints. A name says {cpus}cpu-{llcs}llc-{smt|nosmt}, with
 * {nodes}numa- before it when there is more than one node: without that, 128cpu-8llc-smt would name two machines.
 */
#include "libexec/lib/kt.h"
#include "libexec/topo/shape.h"

const struct topo_preset topo_presets[] = {
	{ "4cpu-1llc-nosmt",          "tiny-1llc",          "1n1l4c1t" },
	{ "4cpu-2llc-nosmt",          "tiny-2llc",          "1n2l2c1t" },
	{ "9cpu-3llc-nosmt",          "odd-3llc",           "1n3l3c1t" },
	{ "15cpu-5llc-nosmt",         "odd-5llc",           "1n5l3c1t" },
	{ "14cpu-7llc-nosmt",         "odd-7llc",           "1n7l2c1t" },
	{ "8cpu-2llc-smt",            "smt-2llc",           "1n2l2c2t" },
	{ "12cpu-3llc-smt",           "smt-3llc",           "1n3l2c2t" },
	{ "32cpu-4llc-smt",           "medium-4llc",        "1n4l4c2t" },
	{ "32cpu-4llc-nosmt",         "medium-4llc-nosmt",  "1n4l8c1t" },
	{ "64cpu-8llc-smt",           "medium-8llc",        "1n8l4c2t" },
	{ "64cpu-8llc-nosmt",         "medium-8llc-nosmt",  "1n8l8c1t" },
	{ "128cpu-4llc-smt",          "large-4llc",         "1n4l16c2t" },
	{ "128cpu-4llc-nosmt",        "large-4llc-nosmt",   "1n4l32c1t" },
	{ "128cpu-8llc-smt",          "large-8llc",         "1n8l8c2t" },
	{ "128cpu-8llc-nosmt",        "large-8llc-nosmt",   "1n8l16c1t" },
	{ "240cpu-15llc-smt",         "near-max-llc",       "1n15l8c2t" },
	{ "240cpu-15llc-nosmt",       "near-max-llc-nosmt", "1n15l16c1t" },
	{ "252cpu-14llc-smt",         "max-cpu",            "1n14l9c2t" },
	{ "252cpu-14llc-nosmt",       "max-cpu-nosmt",      "1n14l18c1t" },
	{ "2numa-16cpu-4llc-nosmt",   "numa2-4llc",         "2n4l4c1t" },
	{ "2numa-32cpu-2llc-smt",     NULL,                 "2n2l8c2t" },
	{ "2numa-128cpu-8llc-smt",    "numa2-8llc",         "2n8l8c2t" },
	{ "2numa-128cpu-8llc-nosmt",  "numa2-8llc-nosmt",   "2n8l16c1t" },
	{ "4numa-32cpu-8llc-nosmt",   "numa4-8llc",         "4n8l4c1t" },
	{ "4numa-192cpu-12llc-smt",   "numa4-12llc",        "4n12l8c2t" },
	/* The irregular one: for code that takes all LLCs to be of one size. */
	{ "192cpu-11llc-smt",         NULL,                 "1n11l9c2t", "9,9,9,9,9,9,9,9,9,9,6" },
	{ NULL },
};
