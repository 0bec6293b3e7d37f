#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Commands that only look, where things are not as they should be: disks, pipes, terminals, names, processes, kernels.
bats_require_minimum_version 1.5.0
load cli

commands=("list" "list -a -o RANGE,SIZE,STATE,DEVICE" "show 32" "plan 38" "plan node0 node1 -v" "plan PNP0C80:00" "why 15" "why 15 -v"
	"why node0 node1"
	"why last" "report" "report -v" "report 33" "doctor")

setup() {
	machine
	pages $((0x20000)) 1024 "$anon" 1
	pages $((0x20400)) 3000 "$flag_buddy"
	pages $((0xf000)) 4096 "$flag_buddy"
	pages $((0xffa0)) 60 "$flag_slab"
	mkdir -p "$tree/run/memoffline/reports"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$tree/run/memoffline/reports/last.json"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$tree/run/memoffline/reports/memory33.json"
}

# each_way COMMAND...: with each of the commands, as text and as JSON
each_way() {
	local command

	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086
		"$@" "$memoffline" -s "$tree" $command || { echo "$command" && return 1; }
		[[ $command != "list -a"* ]] || continue
		# shellcheck disable=SC2086
		"$@" "$memoffline" -s "$tree" $command --json || { echo "$command --json" && return 1; }
	done
}

on_full_disk() {
	run --separate-stderr timeout 30 bash -c '"$@" >/dev/full' - "$@"
	[ "$status" -eq 1 ] && [[ $stderr == *"can't write to standard output: No space left on device"* ]]
}

@test "a full disk: each command says so and fails" {
	each_way on_full_disk
}

into_closed_pipe() {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe" 8>"$BATS_TEST_TMPDIR/pipe" 7<&-
	run --separate-stderr timeout 30 bash -c '"$@" >&8' - "$@"
	exec 8>&-
	rm "$BATS_TEST_TMPDIR/pipe"
	[ "$status" -le 1 ] && [ -z "$stderr" ]
}

@test "a pipe that nobody reads: each command ends, without a word" {
	each_way into_closed_pipe
}

with_closed_output() {
	run --separate-stderr timeout 30 bash -c '"$@" >&-' - "$@"
	[ "$status" -eq 1 ] && [[ $stderr == *"can't write to standard output"* ]]
}

@test "no standard output at all: each command says so and fails" {
	each_way with_closed_output
}

# Lines that are longer than they may be: one word that is longer than the terminal alone may be.
too_long() {
	sed 's/\x1b\[[0-9;]*[mK]//g' | tr -d '\r' | grep -E "^.{$(($1 + 1)),}" | grep -vE '^( *|[A-Z]+ )[^ ]+$' || true
}

words_of() {
	sed 's/\x1b\[[0-9;]*[mK]//g' | tr -d '\r' | tr -s ' \n' '\n' | LC_ALL=C sort -u
}

@test "a terminal of 20 columns, and others: no line is longer, and no verdict is cut" {
	for width in 20 26 40 60 80; do
		for command in "${commands[@]}"; do
			# shellcheck disable=SC2086
			output=$(on_terminal "$width" "$memoffline" -s "$tree" $command) || true	# never: 1
			echo "$width $command:" && too_long "$width" <<<"$output"
			[ -z "$(too_long "$width" <<<"$output")" ]
		done
	done
	for command in "plan 38" "plan PNP0C80:00" "why 15" "show 38"; do
		# shellcheck disable=SC2086
		wide=$("$memoffline" -s "$tree" $command | words_of)
		# shellcheck disable=SC2086
		narrow=$(on_terminal 20 "$memoffline" -s "$tree" $command | words_of)
		echo "$command"
		[ -z "$(comm -23 <(echo "$wide") <(echo "$narrow"))" ]
	done
	[[ $(on_terminal 20 "$memoffline" -s "$tree" plan 38 | sed 's/\x1b\[[0-9;]*[mK]//g') == "never: the kernel"* ]]
}

# ---- names ----

evil=$'\x1b]0;owned\x07\n\x1b[2J\xff\xe2\x80\xae"<b>'

evil_machine() {
	process 4711 'a\x1b]0;owned\x07\n\x1b[2J\xff\xe2\x80\xae"<b>' '/srv/\x1b[2J\\012\xff<b>&"' $((0xffa2))
	put etc/udev/rules.d/$'50-\x1b[2J\xff.rules' 'SUBSYSTEM=="memory", ACTION=="add", ATTR{state}="on\x1b[2Jline"\n'
	put proc/cmdline 'memhp_default_state=\x1b[2J\xff\n'
	put sys/devices/system/memory/auto_online_blocks '\x1b[2J\xff\n'
	put sys/module/memory_hotplug/parameters/online_policy '\x1b[2J\xff\n'
	put proc/iomem '00000000-2fffffff : System RAM\n30000000-3fffffff : \x1b[2J\xff\n'
	jq --arg evil "$evil" '.target = $evil | .notes += [$evil] | .records[0].owners[0].comm = $evil | .records[0].file = $evil |
		.blocks[0].detail = $evil' "$BATS_TEST_DIRNAME/reports/pinned.json" >"$tree/run/memoffline/reports/last.json"
	"$make_tree" "$tree" dimm=$'PNP0C80:\x1b[2J\n\xff',34-34
}

is_clean_text() {
	run timeout 30 "$@"
	# JSON has U+FFFD for what was no UTF-8 when it was written.
	[ "$status" -le 1 ] && [ "$(sed 's/\xef\xbf\xbd//g' <<<"$output" | tr -d '\n' | LC_ALL=C tr -d ' -~' | wc -c)" -eq 0 ]
}

@test "names with control characters, newlines and other bytes: nothing of that gets into text" {
	evil_machine
	for command in "${commands[@]}" "list -P" "list -r"; do
		# shellcheck disable=SC2086
		is_clean_text "$memoffline" -s "$tree" $command || { echo "$command" && cat -v <<<"$output" && false; }
	done
	[[ $("$memoffline" -s "$tree" why 15 -v) == *'\x1b]0;owned\x07'* ]]
	[[ $("$memoffline" -s "$tree" doctor) == *'50-\x1b[2J\xff.rules'* ]]
	[[ $("$memoffline" -s "$tree" report) == *'\x1b]0;owned\x07\x0a'* ]]
}

is_json() {
	run --separate-stderr timeout 30 "$@"
	[ "$status" -le 1 ] && jq -e . <<<"$output" >/dev/null && iconv -f UTF-8 -t UTF-8 <<<"$output" >/dev/null &&
		[[ $output != *$'\x1b'* ]]
}

@test "names with control characters, newlines and other bytes: JSON stays JSON" {
	evil_machine
	for command in "${commands[@]}"; do
		[[ $command != "list -a"* ]] || continue
		# shellcheck disable=SC2086
		is_json "$memoffline" -s "$tree" $command --json || { echo "$command" && cat -v <<<"$output" && false; }
	done
	[ "$("$memoffline" -s "$tree" why 15 --json | jq '[.records[].owners[].comm | select(startswith("a\u001b]0;owned\u0007\n"))] | length')" -eq 1 ]
	"$memoffline" -s "$tree" bundle --json "$BATS_TEST_TMPDIR/bundle" | jq -e . >/dev/null
	is_clean_text "$memoffline" -s "$BATS_TEST_TMPDIR/bundle" why 15 -v
	[[ $output == *'\x1b]0;owned\x07'* ]]
}

# ---- processes ----

@test "processes that are half gone don't matter" {
	process 4711 holder /srv/file $((0xffa2))
	mkdir -p "$tree/proc/1" "$tree/proc/2" "$tree/proc/3/task/3" "$tree/proc/4"
	put proc/1/comm "gone\n"
	put proc/2/comm "gone\n"
	put proc/2/maps "10000-20000 rw-p 00000000 00:00 0\n"
	put proc/3/statm "0 0 0 0 0 0 0\n"
	put proc/4/maps "not of this kind\n\n10000\n20000-10000 rw-p 0 0 0 x\nffffffffffffffffff-0 rw-p 0 0 0\n"
	put proc/4/pagemap "short"
	ln -s /nowhere "$tree/proc/5"
	for command in "why 15" "why 0-39 -v" "plan 15"; do
		# shellcheck disable=SC2086
		run timeout 30 "$memoffline" -s "$tree" $command
		echo "$output"
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
	done
	[[ $("$memoffline" -s "$tree" why 15 -v) == *"pid 4711 (holder)"* ]]
	[[ $("$memoffline" -s "$tree" why 15 -v) != *"could not be looked into"* ]]
}

@test "processes that come and go all the time don't matter: of this machine, which is only read" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	block=$("$memoffline" list -a -n -r -o BLOCK,STATE 2>/dev/null | awk '$2 == "online" { split($1, n, "-"); print n[1]; exit }')
	[ -n "$block" ] || skip "this machine shows no memory blocks"
	bash -c 'while :; do bash -c :; done' &
	pid=$!
	status=0
	timeout 60 "$memoffline" why "$block" --json >"$BATS_TEST_TMPDIR/json" 2>"$BATS_TEST_TMPDIR/errors" || status=$?
	kill "$pid"
	wait "$pid" || true
	cat "$BATS_TEST_TMPDIR/errors"
	[ "$status" -eq 0 ]
	jq -e '.action == "why"' "$BATS_TEST_TMPDIR/json" >/dev/null
}

@test "processes of others that are hidden: what can be seen is told, and that something can't" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	process 4711 holder /srv/file $((0xffa2))
	process 4712 hidden /srv/file $((0xffa2))
	cp "$memoffline" "$tree/memoffline"
	chmod -R a+rX "$tree"
	chmod 0400 "$tree/proc/4712/maps"	# as of another user's process, with hidepid=1
	chmod 0700 "$tree/proc/4712"
	process 4713 blind /srv/file 0		# as the kernel shows frames to who has no CAP_SYS_ADMIN
	chmod -R a+rX "$tree/proc/4713"
	cd "$tree"	# the folders above are for their owner alone
	run setpriv --reuid 65534 --clear-groups ./memoffline -s . why 15 -v
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"pid 4711 (holder)"* && $output != *hidden* ]]
	[[ $output == *"2 processes could not be looked into"* ]]
}

# ---- kernels and mounts that lack something ----

@test "no /proc, or nothing in it: list and show work, and the others say what is missing" {
	rm -r "$tree/proc"
	[[ $("$memoffline" -s "$tree" list) == *PNP0C80:00* ]]
	[[ $("$memoffline" -s "$tree" plan 32) == *"the content of the blocks could not be read"* ]]
	[[ $("$memoffline" -s "$tree" why 32) == *"the flags of pages can't be read"* ]]
	[[ $("$memoffline" -s "$tree" doctor) == *"no udev rule"* ]]
	"$memoffline" -s "$tree" bundle "$BATS_TEST_TMPDIR/bundle"
	[[ $("$memoffline" -s "$BATS_TEST_TMPDIR/bundle" list) == *PNP0C80:00* ]]
}

@test "files that are empty, cut or full of zeros are no reason to crash" {
	for file in proc/kpageflags proc/kpagecount proc/iomem proc/meminfo sys/devices/system/node/node0/meminfo \
		sys/devices/system/memory/memory5/state sys/devices/system/memory/memory5/valid_zones \
		run/memoffline/reports/last.json proc/cmdline; do
		for content in "" "x" "\\x00\\x00\\x00\\x00" "18446744073709551616\n"; do
			put "$file" "$content"
			for command in "${commands[@]}"; do
				# shellcheck disable=SC2086
				run timeout 30 "$memoffline" -s "$tree" $command
				[ "$status" -le 1 ] || { echo "$file '$content' $command: $status $output" && false; }
			done
		done
	done
}

@test "without debugfs, tracefs and dynamic debug doctor names what is missed, and the others work" {
	[ ! -e /proc/dynamic_debug/control ] || skip "this kernel has dynamic debug"
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	run "$memoffline" doctor
	echo "$output"
	[[ $output == *"dynamic-debug:"*"tracefs:"* ]]
	run "$memoffline" plan 0
	[ "$status" -le 1 ]
}
