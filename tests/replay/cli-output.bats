#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Where output goes: terminals, pipes, full disks; and names that try to be more than names.
bats_require_minimum_version 1.5.0
load cli

@test "a full disk is an error" {
	machine
	for command in "list" "list --json" "list -a" "plan 32" "plan 32 --json" "why 32" "why 15 --json" "show 32" "doctor" \
		"--help" "plan --help" "--version"; do
		# Words, not lines.
		# shellcheck disable=SC2086
		run --separate-stderr bash -c '"$@" >/dev/full' - "$memoffline" -s "$tree" $command
		echo "$command: $status $stderr"
		[ "$status" -eq 1 ]
		[[ $stderr == *"can't write to standard output: No space left on device"* ]]
	done
}

@test "a full disk is an error also where the output is larger than a buffer" {
	tree large block-size=1000000 blocks=0-999,online,Normal,0
	run --separate-stderr bash -c '"$@" >/dev/full' - "$memoffline" list -a -s "$tree"
	[ "$status" -eq 1 ]
	[[ $stderr == *"can't write to standard output"* ]]
}

@test "a reader that leaves early is no error" {
	tree large block-size=1000000 blocks=0-1999,online,Normal,0
	run --separate-stderr bash -c 'set -o pipefail; "$@" | head -1' - "$memoffline" list -a -s "$tree"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ $output == RANGE* ]]
}

@test "no colours in a pipe, none with NO_COLOR or on a dumb terminal; some on a terminal" {
	machine
	[[ "$("$memoffline" plan -s "$tree" 32)" != *$'\x1b'* ]]
	[[ "$(on_terminal 80 "$memoffline" plan -s "$tree" 32)" == *$'\x1b['* ]]
	[[ "$(NO_COLOR=1 on_terminal 80 "$memoffline" plan -s "$tree" 32)" != *$'\x1b'* ]]
	[[ "$(TERM=dumb on_terminal 80 "$memoffline" plan -s "$tree" 32)" != *$'\x1b'* ]]
}

@test "list drops columns from the right where a terminal is narrow, and says so; not those that are named" {
	machine
	for width in 30 40 60; do
		run on_terminal $width "$memoffline" -s "$tree" list --summary=never
		echo "$output"
		[ "$(longest_line <<<"$output")" -le "$width" ]
		[[ $output == RANGE* && $(tr -s '\r\n ' ' ' <<<"$output") == *"No room for "*"DEVICE; -o shows them"* ]]
	done
	[[ "$(on_terminal 200 "$memoffline" list -s "$tree")" != *"No room"* ]]
	[[ "$(on_terminal 30 "$memoffline" list -s "$tree" -o RANGE,SIZE,STATE,DEVICE)" == *DEVICE*32-35* || \
		"$(on_terminal 30 "$memoffline" list -s "$tree" -o RANGE,SIZE,STATE,DEVICE)" == *DEVICE*PNP* ]]
	[[ "$("$memoffline" list -s "$tree")" == *DEVICE* ]]
	[[ "$(on_terminal 30 "$memoffline" list -s "$tree" -r)" == *DEVICE* ]]
}

# A table needs 34 columns.
@test "text fits the terminal, from 20 columns up; in a pipe it is not broken" {
	machine
	for width in 20 40 80 120; do
		for command in "plan 32" "plan 38" "plan 99"; do
			# shellcheck disable=SC2086
			longest=$(on_terminal $width "$memoffline" -s "$tree" $command | longest_line)
			echo "$width $command: $longest"
			[ "$longest" -le $((width < 34 ? 34 : width)) ]
		done
	done
	# A path is not broken.
	[ "$(on_terminal 80 "$memoffline" show -s "$tree" 38 | longest_line)" -le 80 ]
	[ "$("$memoffline" plan -s "$tree" 38 | longest_line)" -gt 120 ]
}

@test "names are escaped in text: no control character gets through" {
	tree evil block-size=1000000 blocks=32,online,Movable,0 dimm=$'PNP0C80:\x1b[2J\n\xff\xe2\x80\xae',32-32
	for command in "list" "list -P" "list -r" "list -a" "show 32"; do
		# shellcheck disable=SC2086
		run "$memoffline" -s "$tree" $command
		echo "$command" && cat -v <<<"$output"
		[ "$status" -eq 0 ]
		# Pairs and raw output escape the backslash once more, for whoever unescapes them.
		[[ ${output//\\x5c/\\} == *'PNP0C80:\x1b[2J\x0a\xff\xe2\x80\xae'* ]]
		[ "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -d ' -~' | wc -c)" -eq 0 ]
	done
}

@test "names are data in JSON: escaped as JSON does, always valid UTF-8" {
	tree evil block-size=1000000 blocks=32,online,Movable,0 dimm=$'PNP0C80:\x1b\n"\xff',32-32
	[ "$("$memoffline" list -s "$tree" --json | jq -r '.memory[0].device')" = $'PNP0C80:\x1b\n"\xef\xbf\xbd' ]
	[ "$("$memoffline" show -s "$tree" --json 32 | jq -r .device.name)" = $'PNP0C80:\x1b\n"\xef\xbf\xbd' ]
	"$memoffline" show -s "$tree" --json 32 | iconv -f UTF-8 -t UTF-8 >/dev/null
}

@test "what was typed is escaped when it is quoted back" {
	run "$memoffline" $'fro\x1b[31mb\n'
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output != *$'\x1b'* && $output == *'fro\x1b[31mb\x0a'* ]]
}

@test "only ASCII where the locale has no more" {
	tree names block-size=1000000 blocks=32,online,Movable,0 "dimm=PNP0C80:ä,32-32"
	[[ "$("$memoffline" list -s "$tree")" == *PNP0C80:ä* ]]
	[[ "$(LC_ALL=C "$memoffline" list -s "$tree")" == *'PNP0C80:\xc3\xa4'* ]]
}

@test "--quiet leaves notes out" {
	machine
	[[ "$("$memoffline" plan -s "$tree" 32)" == *"note: "* ]]
	[[ "$("$memoffline" plan -q -s "$tree" 32)" != *"note: "* ]]
}
