#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline online --by-udev as far as nothing changes: what is allowed, what is left alone.
load cli

setup() {
	machine
	policy
}

# policy LINE...: of section [online]
policy() {
	put etc/memoffline.conf "[online]\nudev = yes\n$(printf '%s\\n' "$@")"
	chmod 644 "$tree/etc/memoffline.conf"
}

online() {
	run "$memoffline" online --by-udev -s "$tree" "$@"
	echo "$output"
}

@test "nothing happens, and nothing is said, unless it is configured" {
	rm "$tree/etc/memoffline.conf"
	online memory36
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	online -v memory36
	[ "$status" -eq 0 ]
	[[ $output == *"memory36 stays as it is"*"udev = yes"*"[online]"* ]]
}

@test "where it is configured, memory of a device is to come online" {
	online memory36
	[ "$status" -eq 1 ]
	[[ $output == *"is a copy of another machine's files"* ]]
}

@test "memory that is gone again is no failure" {
	online memory77
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	online -v memory77
	[[ $output == *"nothing to bring online: there is no memory block 77"* ]]
}

@test "what is asked for is checked" {
	usage_error online --by-udev -s "$tree" --zone movable 36
	usage_error online --by-udev -s "$tree" --size 16m
	usage_error online --by-udev -s "$tree" --node 1 36
	usage_error online --by-udev -s "$tree"
	online nonsense
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ]
}
