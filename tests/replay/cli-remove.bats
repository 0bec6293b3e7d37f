#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline remove and recover as far as nothing changes: whole devices, names of slots, what is refused beforehand.
load cli

setup() {
	tree machine block-size=1000000 blocks=0-15,online,Normal,0 blocks=32-35,online,Movable,1 \
		blocks=36-39,offline,Normal+Movable,1 dimm=PNP0C80:00,32-35 dimm=PNP0C80:01,36-39 \
		node=0,0-1,2097152,524288,65536,10+20 node=1,-,131072,60000,0,20+10 \
		"iomem=00000000-2fffffff : System RAM" file=proc/kpageflags, file=proc/kpagecount,
	pages $((0x20000)) $((4 * 4096)) $flag_buddy
	dmi
}

device() {	# NAME: its folder
	echo "sys/bus/acpi/devices/$1"
}

# le NUMBER BYTES: little endian, as printf takes it
le() {
	local i

	for ((i = 0; i < $2; i++)); do
		printf '\\x%02x' $((($1 >> (8 * i)) & 255))
	done
}

# module HANDLE SLOT SERIAL [SPACES]: a table of type 17
module() {
	put "sys/firmware/dmi/entries/17-$1/raw" \
		"\\x11\\x1b$(le "$1" 2)$(le 0 12)\\x01\\x00$(le 0 6)\\x02\\x00\\x00$2\\x00$3\\x00\\x00"
}

# mapped NR HANDLE FIRST-KIB LAST-KIB: a table of type 20
mapped() {
	put "sys/firmware/dmi/entries/20-$1/raw" "\\x14\\x13$(le 99 2)$(le "$3" 4)$(le "$4" 4)$(le "$2" 2)$(le 0 5)\\x00\\x00"
}

dmi() {
	module 17 DIMM_A1 00000000
	module 18 DIMM_A2 "20471147  "
	module 19 "DIMM\\\\x1bB1" "Not Specified"
	mapped 0 17 0 $((0x10000000 / 1024 - 1))
	# Blocks 32 to 35 are of two modules, 36 to 39 of one that is told twice.
	mapped 1 18 $((0x20000000 / 1024)) $((0x22000000 / 1024 - 1))
	mapped 2 19 $((0x22000000 / 1024)) $((0x24000000 / 1024 - 1))
	mapped 3 18 $((0x24000000 / 1024)) $((0x26000000 / 1024 - 1))
	mapped 4 18 $((0x26000000 / 1024)) $((0x28000000 / 1024 - 1))
}

slots() { "$memoffline" list -s "$tree" -n -r -o DEVICE,SLOTS --summary=never | uniq; }

removal() {
	run "$memoffline" remove -s "$tree" "$@"
	echo "$output"
}

@test "slots: the modules of a device, each once, with serials that say something" {
	slots | tee "$BATS_TEST_TMPDIR/slots"
	[ "$(sed -n 1p "$BATS_TEST_TMPDIR/slots")" = 'boot DIMM_A1' ]
	grep -q '^PNP0C80:00 .*DIMM_A2.*serial.*20471147' "$BATS_TEST_TMPDIR/slots"
	grep -q '^PNP0C80:00 .*DIMM.*x1bB1' "$BATS_TEST_TMPDIR/slots"
	! grep -q $'\x1b' "$BATS_TEST_TMPDIR/slots"
	! grep -q 'Not Specified' "$BATS_TEST_TMPDIR/slots"
	[ "$(grep PNP0C80:01 "$BATS_TEST_TMPDIR/slots" | grep -o DIMM_A2 | wc -l)" = 1 ]
	"$memoffline" list -s "$tree" --json -o DEVICE,SLOTS --all | jq -r '.memory[-1].slots' >"$BATS_TEST_TMPDIR/json"
	[ "$(cat "$BATS_TEST_TMPDIR/json")" = "DIMM_A2 (serial 20471147)" ]
}

@test "slots: a label of EDAC is told beside the slot; a table that lies is left out" {
	put sys/devices/system/edac/mc/mc0/dimm3/dimm_label "CPU_SrcID#0_DIMM_A2\n"
	[ "$("$memoffline" list -s "$tree" --json -o SLOTS --all | jq -r '.memory[-1].slots')" = \
		"DIMM_A2 = CPU_SrcID#0_DIMM_A2 (serial 20471147)" ]
	put sys/firmware/dmi/entries/17-18/raw "\\x11\\xff\\x12\\x00"
	put sys/firmware/dmi/entries/20-4/raw ""
	[ -z "$("$memoffline" list -s "$tree" --json -o SLOTS --all | jq -r '.memory[-1].slots // ""')" ]
	# A string without an end.
	put sys/firmware/dmi/entries/17-18/raw "\\x11\\x1b$(le 18 2)$(le 0 12)\\x01\\x00$(le 0 6)\\x02\\x00\\x00DIMM_A2"
	[ "$("$memoffline" list -s "$tree" --json -o SLOTS --all | jq -r '.memory[-1].slots')" = "a slot without a name" ]
}

@test "long addresses: more than the short form can tell" {
	put sys/firmware/dmi/entries/20-4/raw "\\x14\\x23$(le 99 2)$(le 0xffffffff 4)$(le 0xffffffff 4)$(le 17 2)$(le 0 5)$(le $((0x26000000)) 8)$(
		)$(le $((0x27ffffff)) 8)\\x00\\x00"
	[[ "$("$memoffline" list -s "$tree" --json -o SLOTS --all | jq -r '.memory[-1].slots')" == *DIMM_A1* ]]
}

@test "whole devices alone" {
	put "$(device PNP0C80:00)/eject" ""
	removal --dry-run PNP0C80:00
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == yes:* ]]
	removal --dry-run 32-34
	[ "$status" -eq 2 ]
	[ "${lines[-1]}" = "memoffline: PNP0C80:00 has 4 blocks, of which 3 are named: it goes as a whole or not at all; name the device itself" ]
	removal 32-35,3
	[ "$status" -eq 2 ]
	[[ ${lines[-1]} == *"1 block of it belongs to no device that could be removed"* ]]
	removal boot
	[ "$status" -eq 2 ]
	[[ ${lines[-1]} == *"16 blocks of it belong to no device"* ]]
	usage_error remove
	removal 64m
	[ "$status" -eq 2 ]
	usage_error remove --size 4g
	usage_error remove --partial PNP0C80:00
	usage_error recover now
}

@test "what the machine does not allow is said before anything begins" {
	removal PNP0C80:00
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"the firmware offers no eject of PNP0C80:00"*"'memoffline offline PNP0C80:00'"* ]]
	put "$(device PNP0C80:00)/eject" ""
	put sys/firmware/acpi/hotplug/memory/enabled "0\n"
	removal PNP0C80:00
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"the eject of memory is switched off; write 1 to"* ]]
	put sys/firmware/acpi/hotplug/memory/enabled "1\n"
	put etc/udev/rules.d/40-online.rules 'SUBSYSTEM=="memory", ATTR{state}=="offline", ATTR{state}="online"\n'
	removal --dry-run PNP0C80:00
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"/etc/udev/rules.d/40-online.rules brings memory online again"*"'memoffline doctor'"* ]]
	rm "$tree/etc/udev/rules.d/40-online.rules"
	removal PNP0C80:00
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"is a copy of another machine's files"* ]]
}

@test "an event may not ask unless that is configured" {
	removal --by-udev PNP0C80:00
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"does not allow; set udev = yes"* ]]
}

@test "recover: nothing to do is success" {
	run "$memoffline" recover --run-dir "$BATS_TEST_TMPDIR/run" --state-dir "$BATS_TEST_TMPDIR/state"
	[ "$status" -eq 0 ]
	[ "$output" = "No removal was cut short: nothing to recover." ]
}
