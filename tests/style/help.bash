# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the command's own help shows.
memoffline=${MEMOFFLINE_BUILD:-.}/tools/memoffline
[[ -x $memoffline ]] || cannot_tell "$memoffline is not built"
memoffline=$(realpath "$memoffline")
PATH=${memoffline%/*}:$PATH

commands() {
	"$memoffline" --help | awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [a-z]/ { print $1 }'
}

# options_of COMMAND: the long and short options in the tables of its help
options_of() {
	"$memoffline" "$1" --help | sed -nE 's/^ {1,8}(-[^ ].*)/\1/p' | sed 's/   *.*//' |
		grep -oE '(^|[ ,])--?[A-Za-z][A-Za-z0-9-]*' | tr -d ' ,' | sort -u
}

[[ $(commands | wc -l) -gt 3 ]] || { echo "memoffline --help lists no commands"; exit 1; }
