#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# kernels: 6.12
# soak-kernels: 6.1
# What is checked by a module that is loaded for it, and then refuses to stay.
load common

tests=$build/modules/$(uname -r)/tests

@test "without CONFIG_MIGRATION the core's functions are there, and say that they can't" {
	run insmod "$tests/stubs.ko"
	[ "$status" -ne 0 ]
	[[ $output == *"Resource temporarily unavailable"* ]]
}

@test "the copy that is the floor of a bench copies all its pages" {
	run insmod "$tests/copybench.ko" nr_pages=64 nr_threads=2 from=1 to=0
	[[ $output == *"Resource temporarily unavailable"* ]]
	dmesg | grep -q 'copybench: 64 pages, 2 threads: [0-9]* ns'
}
