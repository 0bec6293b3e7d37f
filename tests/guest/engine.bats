#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# The choice of the engine, the module on demand, and reports of attempts that others made. Blocks 32-39 are on node 1.
load common

enabled=/sys/module/memoffline/parameters/enabled
disabled=/proc/sys/kernel/modules_disabled
bats_require_minimum_version 1.5.0

setup() {
	export MEMOFFLINE_MODULE
	MEMOFFLINE_MODULE=$(module_path)
	all_online_movable 32 33 34 35
	rm -rf "$run_dir"
	json=$BATS_TEST_TMPDIR/report.json
}

teardown() {
	kill_children
	! mountpoint -q $disabled || umount $disabled
	! mountpoint -q /lib/modules/"$(uname -r)" || umount /lib/modules/"$(uname -r)"
	[ ! -d /sys/module/memoffline ] || unload_core
	leave_holder
}

holder=/sys/fs/cgroup/holder

leave_holder() {
	[ -d $holder ] || return 0
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	remove_cgroup $holder
	echo -memory > /sys/fs/cgroup/cgroup.subtree_control
}

offline_by_echo() {
	(echo $BASHPID > "$BATS_TEST_TMPDIR/asker"; echo offline > "$memory/memory$1/state")
}
is_loaded() { [ -d /sys/module/memoffline ]; }
field() { jq -r "$1" "$json"; }

# Sets pid and pfn.
pin_page() {	# BLOCK ARG...
	start_work pinned pin --block "$@"
	pfn=$(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")
	addr=$(sed -n 's/.* addr=\(0x[0-9a-f]*\).*/\1/p' "$out")
}

# One page stayed, and the report has all of it that the module knows.
tells_of_pin() {
	cat "$json"
	[ "$(field .engine)" = core ]
	[ "$(field .status)" = failed ]
	[ "$(field .reason)" = extra-refs ]
	[ "$(field .nr_pages_kept)" = 1 ]
	[ "$(field '.records | length')" = 1 ]
	[ "$(field '.records[0].start_pfn')" = $((pfn)) ]
	[ "$(field '.records[0].block')" = 34 ]
	[ "$(field '.records[0].reason')" = extra-refs ]
	[ "$(field '.records[0].kind')" = anon ]
	[ "$(field '.records[0] | .refs - .refs_expected')" -ge 1 ]
	[ "$(field '.records[0].mapcount')" = 1 ]
	[ "$(field '.records[0].owners[0].pid')" = "$pid" ]
	[ "$(field '.records[0].owners[0].comm')" = work ]
	[ "$(field '.records[0].owners[0].addr')" = $((addr)) ]
	[ "$(field '.blocks[0].outcome')" = failed ]
	[ "$(field '.blocks[0].reason')" = extra-refs ]
	[ "$(field '.blocks[0].zone')" = Movable ]
}

# As modprobe finds it.
install_module() {
	local folder
	folder=/lib/modules/$(uname -r)
	mount -t tmpfs tmpfs "$folder"
	[ ! "${1-}" ] || cp "$1" "$folder/memoffline.ko"
	depmod
	unset MEMOFFLINE_MODULE
}

# ---- on demand ----

@test "an offline loads the module and says that the core did it" {
	run ! is_loaded
	start_work ready --node 1 --anon 32m --threads 1
	"$memoffline" offline --json 32 33 > "$json"
	is_loaded
	[ "$(field .engine)" = core ]
	[ "$(field .status)" = done ]
	[ "$(field .moved_pages)" -gt 0 ]
	[ "$(field '.notes | length')" = 0 ]
	end_work "$pid"
}

@test "it is loaded by name from the modules of this kernel" {
	install_module "$(module_path)"
	"$memoffline" doctor --json > "$json"
	[ "$(field '.findings[] | select(.key == "module") | .health')" = ok ]
	run ! is_loaded
	"$memoffline" offline --engine core --json 32 > "$json"
	is_loaded
	[ "$(field .engine)" = core ]
}

@test "without a module the kernel does it alone; a failure says what is missing" {
	install_module
	"$memoffline" offline --json 32 > "$json"
	[ "$(field .engine)" = stock ]
	[ "$(field '.notes | length')" = 0 ]
	pin_page 34
	run --separate-stderr "$memoffline" offline --json --stall 1 34
	[ "$status" = 1 ]
	[[ $(jq -r '.notes[]' <<<"$output") == *"module memoffline"* ]]
	"$memoffline" doctor --json > "$json"
	[ "$(field '.findings[] | select(.key == "module") | .health')" = note ]
}

@test "--engine core fails where there is no module, and changes nothing" {
	install_module
	run "$memoffline" offline --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"no module memoffline"*"make -C kernel"* ]]
	[ "$(state 32)" = online ]
	[ ! -e "$run_dir/journal" ]
	run "$memoffline" plan --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"no module memoffline"* ]]
}

@test "a module that the kernel does not take: why, and what to do" {
	echo "no module" > "$BATS_TEST_TMPDIR/memoffline.ko"
	MEMOFFLINE_MODULE=$BATS_TEST_TMPDIR/memoffline.ko
	run "$memoffline" offline --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"$MEMOFFLINE_MODULE"*"--engine stock"* ]]
	"$memoffline" offline --json 32 > "$json"
	[ "$(field .engine)" = stock ]
	[[ $(field '.notes[]') == *"$MEMOFFLINE_MODULE"* ]]
}

# The setting itself could not be taken back in this guest.
@test "a right is missing, or loading of modules is switched off: it says so" {
	run setpriv --bounding-set -sys_module "$memoffline" offline --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"CAP_SYS_MODULE"* ]]
	echo 1 > "$BATS_TEST_TMPDIR/disabled"
	mount --bind "$BATS_TEST_TMPDIR/disabled" $disabled
	run setpriv --bounding-set -sys_module "$memoffline" offline --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"modules_disabled"* ]]
}

# ---- a page that stays ----

@test "--engine core tells all of a pinned page, in less than 3 s" {
	local i
	pin_page 34
	for i in 1 2 3; do	# a busy host stretches every second of its guest
		start_ms=$(now_ms)
		run --separate-stderr "$memoffline" offline --engine core --json 34
		elapsed_ms=$(($(now_ms) - start_ms))
		echo "$elapsed_ms ms"
		[ "$elapsed_ms" -ge 3000 ] || break
	done
	[ "$elapsed_ms" -lt 3000 ]
	[ "$status" = 1 ]
	cat > "$json" <<<"$output"
	tells_of_pin
	[ "$(state 34)" = online ]
	[ "$(zone 34)" = Movable ]
	[ ! -d /sys/kernel/tracing/instances/memoffline ]
	run "$memoffline" report
	[[ $output == *"engine core"*"extra references"*"pid $pid (work)"* ]]
}

@test "a plan knows of the pin beforehand, once the module is loaded" {
	pin_page 34
	"$memoffline" plan --json 34 > "$json"
	[ "$(field .verdict)" = likely ]
	run ! is_loaded
	"$memoffline" plan --json --engine core 34 > "$json"
	[ "$(field .verdict)" = unlikely ]
	[ "$(field '.steps[0].reason')" = extra-refs ]
	[ "$(field '.steps[0].reason_pfn')" = $((pfn)) ]
	[ "$(field '.steps[0].reason_pages')" = 1 ]
	"$memoffline" plan --json 34 > "$json"
	[ "$(field .verdict)" = unlikely ]
	"$memoffline" plan --json --engine stock 34 > "$json"
	[ "$(field .verdict)" = likely ]
}

@test "why names the pin and its holder with the module, and says what it misses without" {
	echo +memory > /sys/fs/cgroup/cgroup.subtree_control
	mkdir $holder
	echo $BASHPID > $holder/cgroup.procs
	pin_page 34
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	run "$memoffline" why 34
	[ "$status" = 0 ]
	[[ $output == *"Nothing stands against it"*"without the module"* ]]
	run ! is_loaded
	"$memoffline" why --json --engine core 32-35 > "$json"
	[ "$(field .engine)" = core ]
	[ "$(field .reason)" = extra-refs ]
	[ "$(field '.records | length')" = 1 ]
	[ "$(field '.records[0].start_pfn')" = $((pfn)) ]
	[ "$(field '.records[0].owners[0].pid')" = "$pid" ]
	[ "$(field '.records[0].cgroup')" = /holder ]
	[ "$(field '.records[0].holds[] | "\(.kind) \(.pid) \(.sure)"' | sort -u)" = "pipe $pid false" ]
	[ "$(field '.blocks[] | select(.block == 34) | .reason')" = extra-refs ]
	[ "$(field '[.blocks[] | select(.block != 34) | .reason] | unique[]')" = none ]
	run "$memoffline" why node1
	[ "$status" = 0 ]
	[[ $output == *"1 of 8 blocks can't go as it is now."*"what to do:"*"Pages that stand against it: 1"*"pid $pid (work)"* ]]
	[ "$(state 34)" = online ]
}

@test "why names the ring whose buffer a page is, in whatever zone that is" {
	local out=$BATS_TEST_TMPDIR/held pid block
	mkfifo "$out.in"
	"$build/tests/guest/hold" dma $((128 << 20)) < "$out.in" > "$out" 3>&- &	# more than block 0 has room for
	pid=$!
	exec 8<>"$out.in"
	await "$out" "$pid" held
	load_core
	for block in 1 2 3 4 5 6 7 8; do
		"$memoffline" why --json $block | jq --argjson pid "$pid" \
			'.records |= [limit(1; .[] | select(any(.owners[]; .pid == $pid) and .kind == "anon"))]' > "$json"
		[ "$(field '.records | length')" = 0 ] || break
	done
	jq .records "$json"
	[ "$(field '.records[0].reason')" = dma-pin ]
	[ "$(field '.records[0].holds[0] | "\(.kind) \(.pid) \(.comm) \(.sure)"')" = "io-uring $pid hold true" ]
	exec 8>&-
	wait "$pid"
}

@test "the command's own limit ends the core's attempt, too" {
	load_core stall_ms=0 deadline_ms=0
	pin_page 34
	start_ms=$(now_ms)
	run --separate-stderr "$memoffline" offline --engine core --json --timeout 1 34
	echo "$(($(now_ms) - start_ms)) ms"
	[ "$status" = 1 ]
	[ $(($(now_ms) - start_ms)) -lt 4000 ]
	cat > "$json" <<<"$output"
	jq -c '{ reason, blocks, records }' "$json"
	[ "$(field '.records[0].start_pfn')" = $((pfn)) ]
	[ "$(field '.records[0].reason')" = extra-refs ]
	[ "$(state 34)" = online ]
}

# ---- stock, with the module loaded ----

@test "--engine stock sets the module aside, and only meanwhile" {
	load_core
	pin_page 34
	run --separate-stderr "$memoffline" offline --engine stock --json --timeout 3 34
	cat > "$json" <<<"$output"
	[ "$status" = 1 ]
	[ "$(field .engine)" = stock ]
	[[ $(field '.reason') =~ ^(deadline|stall)$ ]]
	[ "$(cat $enabled)" = Y ]
	[ ! -e "$run_dir/set-aside" ]
	"$memoffline" report 34 --json > "$json"
	[ "$(field .engine)" = stock ]
}

@test "what a killed stock command set aside is put right by the next one" {
	load_core
	pin_page 34
	"$memoffline" offline --engine stock --timeout 60 34 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	local command=$!
	until [ "$(cat $enabled)" = N ] && [ "$(state 34)" = going-offline ]; do pause 0.02; done
	kill -KILL $command
	wait $command || [ $? = 137 ]
	[ "$(cat $enabled)" = N ]
	until [ "$(state 34)" = online ]; do pause 0.02; done
	"$memoffline" offline --json 33 > "$json"
	[ "$(field .engine)" = core ]
	[ "$(cat $enabled)" = Y ]
}

@test "set aside by hand it stays so, and that is said" {
	load_core
	echo N > $enabled
	"$memoffline" offline --json 33 > "$json"
	[ "$(field .engine)" = stock ]
	[[ $(field '.notes[]') == *"set aside"* ]]
	[ "$(cat $enabled)" = N ]
	run "$memoffline" offline --engine core 32
	[ "$status" = 1 ]
	[[ $output == *"set aside"*"enabled"* ]]
	"$memoffline" doctor --json > "$json"
	[[ $(field '.findings[] | select(.key == "module") | .text') == *"set aside"* ]]
}

# ---- whoever made the attempt ----

@test "the report of a plain echo: who asked, and which page stayed" {
	load_core
	"$memoffline" offline 33
	pin_page 34
	run ! offline_by_echo 34
	"$memoffline" report --json > "$json"
	tells_of_pin
	[ "$(field .target)" = memory34 ]
	[[ $(field '.notes[]') == *"process $(cat "$BATS_TEST_TMPDIR/asker") (bash) asked"* ]]
	"$memoffline" report --json 33 > "$json"
	[ "$(field .target)" = 33 ]
	[ "$(field .status)" = done ]
}

@test "the newer of two reports on a block is shown, whoever made it" {
	load_core
	(echo offline > "$memory/memory32/state")
	"$memoffline" report --json 32 > "$json"
	[ "$(field .status)" = done ]
	[ "$(field .freed_bytes)" = 134217728 ]
	[ "$(field .target)" = memory32 ]
	"$memoffline" online --zone movable 32
	"$memoffline" report --json 32 > "$json"
	[ "$(field .action)" = online ]
	"$memoffline" offline 32
	"$memoffline" report --json 32 > "$json"
	[ "$(field .target)" = 32 ]
	echo online_movable > "$memory/memory32/state"
	(echo offline > "$memory/memory32/state")
	"$memoffline" report --json 32 > "$json"
	[ "$(field .target)" = memory32 ]
}

@test "a block of kernel memory by a plain echo: the isolation failed, and why" {
	local most
	load_core
	"$memoffline" plan --json --node 0 1-11 > "$json" || :
	most=$(field '[.steps[] | select(.reason == "reserved")] | max_by(.unmovable_pages).block')
	run ! offline_by_echo "$most"
	"$memoffline" report --json "$most" > "$json"
	jq -c '{ engine, reason, nr_pages_kept, first: .records[0] }' "$json"
	[ "$(field .engine)" = core ]
	[ "$(field .error)" = EBUSY ]
	[[ $(field .reason) =~ ^(slab|pgtable|kernel|reserved)$ ]]
	[ "$(field .nr_pages_kept)" -gt 0 ]
	[ "$(field '.records | length')" -gt 0 ]
}

@test "the doctor tells of the loaded module and what it found" {
	load_core deadline_ms=1234
	"$memoffline" doctor --json > "$json"
	[[ $(field '.findings[] | select(.key == "module") | .text') == *"deadline 1234 ms"* ]]
	[ "$(field '.findings[] | select(.key == "module-features") | .health')" = ok ]
}
