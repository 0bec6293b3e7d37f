#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Help, manual and completion say the same, and say all.
load cli

commands="list show map plan why offline online remove recover retire migrate drain report monitor doctor bundle"

# Long options in the help of a command, or of the whole.
options_of() {
	"$memoffline" ${1:+"$1"} --help | sed -n 's/^  \(-.,\|   \) --\([a-z-]*\).*/\2/p'
}

@test "the help names each command" {
	run "$memoffline" --help
	[ "$status" -eq 0 ]
	for command in $commands; do
		grep -q "^  $command  *[a-z]" <<<"$output"
	done
	[ "$(grep -c '^  [a-z]' <<<"$output")" -eq "$(wc -w <<<"$commands")" ]
}

@test "each command has a complete help" {
	for command in $commands; do
		run "$memoffline" "$command" --help
		[ "$status" -eq 0 ]
		for section in "Usage: memoffline $command" "Options of every command:" "Exit status:" "Examples:"; do
			grep -q "^$section" <<<"$output" || { echo "$command: no '$section'"; false; }
		done
		grep -q "^  memoffline $command" <<<"$output"
		[ "$output" = "$("$memoffline" help "$command")" ]
		[ "$output" = "$("$memoffline" "$command" -h)" ]
	done
}

@test "what reads only says that it writes nothing" {
	for command in list show plan why report monitor doctor; do
		"$memoffline" "$command" --help | tr '\n' ' ' | grep -q "Writes nothing"
	done
	[ "$("$memoffline" offline --help | grep -c "Writes nothing")" -eq 0 ]
}

@test "the manual has each option of each command" {
	page=$BATS_TEST_DIRNAME/../../docs/man/memoffline.8
	[ "$(options_of offline | wc -l)" -ge 20 ]
	for command in $commands; do
		for option in $(options_of "$command"); do
			grep -q "^\.It.* Fl -$option\>\|^\.It Fl -$option\>\|, -$option\>" "$page" ||
				{ echo "$command --$option is not in the manual"; false; }
		done
	done
}

@test "the manual has each column" {
	page=$BATS_TEST_DIRNAME/../../docs/man/memoffline.8
	columns=$("$memoffline" list --help | sed -n '/^Columns:/,/^$/s/^  \([A-Z-]*\) .*/\1/p')
	[ "$(wc -w <<<"$columns")" -ge 8 ]
	for column in $columns; do
		grep -q "^\.It $column$" "$page" || { echo "$column is not in the manual"; false; }
	done
}

@test "the manual is clean mdoc" {
	command -v mandoc >/dev/null || skip "mandoc is not installed"
	run mandoc -T lint -W style "$BATS_TEST_DIRNAME/../../docs/man/memoffline.8"
	output=$(grep -v 'outdated mandoc.db\|referenced manual not found' <<<"$output" || true)
	echo "$output"
	[ -z "$output" ]
}

@test "--version and -V" {
	[[ "$("$memoffline" --version)" == "memoffline "[0-9]* ]]
	[ "$("$memoffline" -V)" = "$("$memoffline" list --version)" ]
}

# complete WORD...: what bash would offer for the last word
complete_words() {
	COMP_WORDS=("$memoffline" "$@") COMP_CWORD=$# COMP_LINE="memoffline $*" COMP_POINT=999
	source "$BATS_TEST_DIRNAME/../../tools/completion/memoffline" 2>/dev/null
	_memoffline "$memoffline"
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "completion offers commands and options" {
	[ "$(complete_words "" | sort | tr '\n' ' ')" = "$(tr ' ' '\n' <<<"$commands" | sort | tr '\n' ' ')" ]
	[ "$(complete_words of)" = offline ]
	for command in $commands; do
		[ "$(complete_words "$command" -- | sort)" = "$(options_of "$command" | sed 's/^/--/' | sort)" ]
	done
	[ "$(complete_words online --zone "" | tr '\n' ' ')" = "movable kernel auto " ]
	[ "$(complete_words list -o RANGE,DEV)" = RANGE,DEVICE ]
}
