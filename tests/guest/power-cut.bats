#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: host
# The power fails in the middle of a removal. The machine that boots next finds its disk as it was, and the unit for that
# finishes the removal, or takes it back. Blocks 32-35 are DIMM d1, 36-39 are d2.
# shellcheck disable=SC2016

lab="$BATS_TEST_DIRNAME/run --cpus 1 --systemd --installed --timeout 240"

setup() {
	disk=$BATS_TEST_TMPDIR/disk
}

# cut_power WHEN: while DIMM d2 goes, as soon as the shell command WHEN succeeds
cut_power() {
	run $lab --topology two-dimms --state "$disk" -- bash -euc '
		. tests/guest/common.bash
		load_core
		for i in 32 33 34 35; do echo offline > $memory/memory$i/state; done
		start_work ready --node 1 --anon 200m --threads 0
		memoffline remove --max-rate 20m PNP0C80:01 >/dev/null 2>&1 &
		until '"$1"'; do pause 0.01; done
		host power-cut'
	echo "$output"
	[ "$status" = 0 ]
	[ ! "$output" ]
}

# What the machine that boots next says; its words are the rest of the lab's command line.
boot_again() {
	run $lab --state "$disk" "$@" -- sh -c '
		systemctl is-system-running --wait || :
		journalctl -q -o cat -u memoffline-recover
		systemctl show -P Result memoffline-recover
		ls /var/lib/memoffline
		lsmem -nr -o BLOCK,STATE,ZONES -b --split STATE,ZONES | tail -n 1'
	echo "$output"
	[ "$status" = 0 ]
}

@test "in mid-evacuation: the DIMM is there again, and its memory in use as before" {
	cut_power "[ -e /var/lib/memoffline/removal ]"
	boot_again --topology two-dimms --append memhp_default_state=offline
	[[ $output == *success* ]]
	! grep -qx removal <<<"$output" || return 1
	[[ $output == *"36-39 online Movable"* ]]
}

@test "when the eject was asked for: the DIMM is gone, and that is said" {
	cut_power "[ ! -e \$memory/memory36 ]"
	boot_again --topology dimm
	[[ $output == *"PNP0C80:01 is safe to remove."*success* ]]
}
