# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the scripts of this folder, each of which checks one thing: it prints a line for each place that is wrong and
# fails, or ends with 77 and says why it can't tell. They look at the files that git knows, or at all when there is no git.
set -euo pipefail
shopt -s lastpipe	# so that complain_all at the end of a pipe is heard
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

is_git() {
	[[ -e .git ]] && git -c safe.directory='*' rev-parse HEAD >/dev/null 2>&1
}

# files PATTERN...: as git's pathspecs, in which * matches a / too
files() {
	local pattern

	if is_git; then
		git -c safe.directory='*' ls-files -- "$@" | while IFS= read -r file; do
			[[ ! -f $file ]] || echo "$file"
		done
		return
	fi
	for pattern; do
		find . \( -name '.git' -o -name '.libs' -o -name '.deps' -o -name autom4te.cache -o -path ./build-aux -o \
			-path ./m4 -o -path ./tests/logs \) -prune -o -type f -path "./$pattern" \
			! -name 'configure*' ! -name Makefile ! -name Makefile.in ! -name 'config.*' ! -name aclocal.m4 \
			! -name libtool ! -name '*.l[ao]' ! -name '*.[ao]' -printf '%P\n'
	done | sort -u
}

# The scripts, by their first line.
shell_files() {
	files '*' | while IFS= read -r file; do
		if head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE '^#!.*[/ ](ba)?sh( |$)'; then
			echo "$file"
		fi
	done
}

wrong=0
complain() {
	echo "$*"
	wrong=1
}

# complain_all TEXT: a complaint for each line of standard input
complain_all() {
	local line

	while IFS= read -r line; do
		[[ ! $line ]] || complain "$line: $1"
	done
}

cannot_tell() {
	echo "$*"
	exit 77
}

done_checking() {
	exit "$wrong"
}
