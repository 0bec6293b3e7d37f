#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node --cpus 1 --append memhp_default_state=online_movable
# kernels: 6.12
# soak-kernels: 6.1
# Order alone: on one node the pages of a block may land in the block that goes next.
load common

setup() {
	host dimm-add order 512M 0
	until [ "$(cat "$memory"/memory*/valid_zones | grep -c '^Movable$')" = 4 ]; do pause 0.1; done
}

teardown() {
	kill_children
}

@test "a 4-block DIMM, 30 % in use: each page moves once" {
	start_work ready --anon 154m --threads 0
	"$memoffline" show --json "$(grep -lx Movable "$memory"/memory*/valid_zones | head -n 1 | grep -o '[0-9]*/valid' | cut -d / -f 1)"
	resident=$("$memoffline" plan PNP0C80:00 --json | jq '.move_bytes / 4096')
	[ "$resident" -gt 30000 ]
	moved=$("$memoffline" offline PNP0C80:00 --json | jq .moved_pages)
	echo "# moved $moved of $resident pages: $((moved * 100 / resident)) %" >&3
	[ $((moved * 100)) -le $((resident * 105)) ]
	end_work "$pid"
}
