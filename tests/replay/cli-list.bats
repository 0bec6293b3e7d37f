#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline list: ranges, columns, formats, sums.
load cli

setup() {
	machine
}

list() {
	run "$memoffline" list -s "$tree" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "equal neighbours are one line, and sums follow" {
	list
	[ "${#lines[@]}" -eq 10 ]
	[[ ${lines[0]} =~ ^RANGE\ +SIZE\ +STATE\ +BLOCK\ +NODE\ +ZONES\ +DEVICE ]]
	[[ ${lines[1]} =~ ^0x00000000-0x00ffffff\ +16M\ +online\ +0\ +0\ +none\ boot ]]
	[[ ${lines[2]} =~ ^0x01000000-0x0fffffff\ +240M\ +online\ +1-15\ +0\ +Normal\ boot ]]
	[[ ${lines[3]} =~ ^0x20000000-0x23ffffff\ +64M\ +online\ +32-35\ +1\ +Movable\ PNP0C80:00 ]]
	[[ ${lines[4]} =~ ^0x24000000-0x25ffffff\ +32M\ +offline\ +36-37\ +1\ +Normal/Movable\ PNP0C80:01 ]]
	[[ ${lines[5]} =~ \ 38\ +0\+\ +Movable\ PNP0C80:01 ]]
	[[ ${lines[7]} =~ ^Memory\ block\ size:\ +16M$ ]]
	[[ ${lines[8]} =~ ^Total\ online\ memory:\ +336M$ ]]
	[[ ${lines[9]} =~ ^Total\ offline\ memory:\ +48M$ ]]
}

@test "the sums are those of lsmem" {
	command -v lsmem >/dev/null || skip "lsmem is not installed"
	[ "$("$memoffline" list -s "$tree" --summary)" = "$(lsmem -s "$tree" --summary)" ]
	[ "$("$memoffline" list -s "$tree" --summary -b)" = "$(lsmem -s "$tree" --summary -b)" ]
	[ "$("$memoffline" list -s "$tree" -a -n -r -o RANGE,SIZE,STATE,BLOCK,NODE | sed 's/+$//')" = \
	  "$(lsmem -s "$tree" -a -n -r -o RANGE,SIZE,STATE,BLOCK,NODE)" ]
}

@test "each block with --all, by number and not by name" {
	tree numbers block-size=1000000 blocks=2,online,Normal,0 blocks=10,online,Normal,0 blocks=100,online,Normal,0
	list -a -n -r -o BLOCK
	[ "$output" = $'2\n10\n100' ]
}

@test "no block 0: the rest is shown" {
	tree hole block-size=1000000 blocks=32-33,online,Movable,0
	list -n -r -o BLOCK,ZONES
	[ "$output" = "32-33 Movable" ]
}

@test "columns: chosen, added, all, of any case" {
	list -n -r -o block,State
	[ "${lines[0]}" = "0-15 online" ]
	[ "${lines[2]}" = "36-37 offline" ]
	list -r -o +KIND
	[ "${lines[0]}" = "RANGE SIZE STATE BLOCK NODE ZONES DEVICE KIND" ]
	list -r --output-all
	[ "${lines[0]}" = "RANGE SIZE STATE BLOCK NODE ZONES DEVICE KIND SLOTS" ]
	[[ ${lines[3]} == *"PNP0C80:00 acpi "* ]]
}

@test "--split divides where asked, and none not at all" {
	list -n -r -o BLOCK -S none
	[ "$output" = $'0-15\n32-39' ]
	list -n -r -o BLOCK -S device
	[ "$output" = $'0-15\n32-35\n36-39' ]
	list -n -r -o BLOCK -S STATE,ZONES
	[ "$output" = $'0\n1-15\n32-35\n36-37\n38\n39' ]
}

@test "JSON, also of all blocks, in bytes" {
	list --json --output-all
	[ "$(jq '.memory | length' <<<"$output")" -eq 6 ]
	[ "$(jq -c '.memory[2] | [.range, .size, .state, .block, .node, .zones, .device, .kind]' <<<"$output")" = \
	  '["0x0000000020000000-0x0000000023ffffff","64M","online","32-35",1,"Movable","PNP0C80:00","acpi"]' ]
	list -J -a -b
	[ "$(jq '[.memory[].size] | add' <<<"$output")" -eq $((24 * 16777216)) ]
}

@test "pairs" {
	list -P -o BLOCK,STATE
	[ "${lines[0]}" = 'BLOCK="0-15" STATE="online"' ]
	[ "${#lines[@]}" -eq 5 ]
}

@test "--summary: only, never, always" {
	list --summary
	[ "${#lines[@]}" -eq 3 ]
	list --summary=only
	[ "${#lines[@]}" -eq 3 ]
	list --summary=never
	[ "${#lines[@]}" -eq 7 ]
	list --summary=always -n
	[ "${#lines[@]}" -eq 9 ]
}

@test "going-offline is shown, and counts as online" {
	tree going block-size=1000000 blocks=1,going-offline,none,0 blocks=2,offline,Normal,0
	list -n
	[[ ${lines[0]} == *going-offline* ]]
	[[ ${lines[3]} =~ ^Total\ online\ memory:\ +16M ]]
}

@test "options before the command count, too" {
	run "$memoffline" -s "$tree" -J list -o BLOCK
	[ "$(jq -r '.memory[0].block' <<<"$output")" = 0-15 ]
}
