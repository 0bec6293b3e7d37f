#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline map --watch: in terminals of tmux, whose screens can be looked at.
bats_require_minimum_version 1.5.0
load cli
load map

setup() {
	command -v tmux >/dev/null || skip "tmux is not installed"
	export TMUX_TMPDIR=$BATS_TEST_TMPDIR
	unset TMUX
	map_machine
}

teardown() {
	TMUX_TMPDIR=$BATS_TEST_TMPDIR tmux kill-server 2>/dev/null || true
}

# watch NAME WIDTH HEIGHT OPTION...: in a terminal of its own; then its exit status, and whether the terminal echoes
watch() {
	tmux -f /dev/null new-session -d -s "$1" -x "$2" -y "$3" "export TERM=${term-screen-256color} LC_ALL=C.UTF-8
		$memoffline map -s $tree --watch ${*:4}
		echo status \$? \$(stty -a | grep -o '[-]*echo ') \$(stty -a | grep -o '[-]*icanon')
		echo ended >>$BATS_TEST_TMPDIR/ended; exec sleep 600"
}

screen() {
	tmux capture-pane -p -t "$1"
}

# see NAME PATTERN: waits until the screen is of that pattern
see() {
	local i

	for ((i = 0; i < 200; i++)); do
		# shellcheck disable=SC2053 # a pattern
		[[ $(screen "$1") != $2 ]] || return 0
		read -rt 0.1 <> <(:) || true
	done
	echo "not seen: $2"
	screen "$1"
	return 1
}

# press NAME KEY...
press() {
	tmux send-keys -t "$1" "${@:2}"
}

has_colours() {
	tmux capture-pane -e -p -t "$1" | grep -qE $'\x1b\\[([0-9;]*;)?[34][0-8](;[0-9;]*)?m'
}

# pid_of NAME: of the command in it
pid_of() {
	pgrep -P "$(tmux display-message -p -t "$1" '#{pane_pid}')" -x memoffline
}

set_state() {	# BLOCK STATE
	echo "$2" >"$tree/sys/devices/system/memory/memory$1/state"
}

@test "it draws the picture, the legend and the keys; q leaves the terminal as it was" {
	watch a 80 24
	see a $'640M in 40 blocks of 16M: 37 online, 2 offline, going offline: 1\nnode 0, boot memory: 384M in 24 blocks\n 0 RRRRKS.. *'
	see a $'*//////// ////////\[ttaac...\]aac!....*R reserved*memory38 is going offline: 10M left'
	press a q
	see a 'status 0 echo icanon*'
	[[ $(screen a) != *640M* ]]
}

@test "what changes is seen: states, contents, blocks that go" {
	watch a 80 24
	see a '*memory38 is going offline: 10M left*'
	fill 38 t.......
	see a '*\[t.......\]*memory38 is going offline: 2M left*'
	set_state 38 offline
	see a '640M in 40 blocks of 16M: 37 online, 3 offline*//////// //////// //////// aac!....*q quit  b by kind*'
	set_state 33 going-offline
	see a '* ttttttaa\[tttaaac.\]mmmaac..*memory33 is going offline: 14M left*'
	fill 22 cccccccc
	see a '* hhhhhhhh hhhhhhhh cccccccc *'
	set_state 33 online
	rm -r "$tree"/sys/devices/system/memory/memory{52,53,54,55} "$tree"/sys/devices/system/node/node2/memory5[2-5]
	see a '576M in 36 blocks*dax0.0: 64M in 4 blocks*'
}

@test "keys: b shows by what else, ? the keys, arrows and pages scroll" {
	set_state 38 online
	watch a 40 7
	see a '*q quit  b by kind  \? help  arrows scroll*'
	press a b
	see a '*N never*b by movability*'
	press a b b b b
	see a '*R reserved*b by kind*'
	[[ $(screen a) != *dax0.0* ]]
	press a End
	see a '*dax0.0*'
	press a Home
	see a $'640M in 40 blocks of 16M: 38 online, 2 o\nnode 0, boot*'
	press a Down
	see a $'640M in 40 blocks of 16M: 38 online, 2 o\n 0 *'
	press a Up
	see a $'640M in 40 blocks of 16M: 38 online, 2 o\nnode 0, boot*'
	press a NPage
	see a '*dax0.0*'
	press a PPage
	see a '*node 0, boot*'
	press a '?'
	see a '*q         quit*'
	press a NPage NPage
	see a '*Lower case can move, UPPER CASE stays.*'
	press a '?'
	see a '*node 0, boot*'
	press a q
	see a 'status 0 *'
}

@test "20 columns, and terminals that change their size" {
	watch a 20 12
	see a $'640M in 40 blocks of*node 0*R ?*memory38 is going of*'
	tmux resize-window -t a -x 120 -y 40
	see a '* RRRRRRKKSS*PNP0C80:00: 128M in 8 blocks, 2 offline*R reserved*memory38 is going offline: 10M left*'
	tmux resize-window -t a -x 20 -y 4
	see a $'640M in 40 blocks of\n*'
	tmux resize-window -t a -x 20 -y 2
	tmux resize-window -t a -x 80 -y 24
	see a '* RRRRKS.. *memory38 is going offline: 10M left*'
	press a q
	see a '*status 0 echo icanon*'
}

@test "signals end it, and leave the terminal as it was" {
	for signal in INT TERM HUP QUIT; do
		watch $signal 80 24
		see $signal '*memory38 is going offline*'
		kill -$signal "$(pid_of $signal)"
		see $signal 'status 0 echo icanon*'
	done
	watch key 80 24
	see key '*memory38 is going offline*'
	press key C-c
	see key 'status 0 echo icanon*'
}

@test "two watch at once, and one more command looks" {
	watch a 80 24
	watch b 60 20 --by movability
	see a '*memory38 is going offline: 10M left*'
	see b '* NNNNNNNNNNNNN *'
	"$memoffline" map -s "$tree" >/dev/null
	fill 38 t.......
	see a '*going offline: 2M left*'
	see b '*going offline: 2M left*'
	press a q
	see a 'status 0 *'
	set_state 38 online
	see b '*b by movability*'
}

@test "without colours, or with few, it is the same picture" {
	for name in vt100 xterm screen-256color; do
		term=$name watch $name 80 24
		see $name '* RRRRKS.. *memory38 is going offline: 10M left*'
	done
	[[ $(tmux capture-pane -e -p -t screen-256color) == *'48;5;'* ]]
	has_colours xterm
	! has_colours vt100
	watch no 80 24 --color never
	see no '* RRRRKS.. *'
	! has_colours no
}

@test "a terminal of no known type is told, and one that goes away ends it" {
	term=no-such-terminal watch a 80 24
	see a "memoffline: can't draw on a terminal of type 'no-such-terminal'*status 1 *"
	watch b 80 24
	see b '*memory38 is going offline*'
	pid=$(pid_of b)
	tmux kill-session -t b
	timeout 20 tail --pid="$pid" -f /dev/null
}

@test "without page flags it watches states, and says that not all is known" {
	rm "$tree/proc/kpageflags"
	set_state 38 online
	watch a 80 24
	see a '* MMMMMMMM *q quit  b by zone  \? help  not all could be read, see \?*'
	press a '?'
	see a '*there is no /proc/kpageflags below*'
}

@test "names do not reach the terminal as they are" {
	tree evil block-size=1000000 blocks=32,online,Movable,0 dimm=$'PNP0C80:\x1b[2J\n\xff,32-32'
	watch a 80 24
	see a '*node 0, PNP0C80:\\x1b\[2J\\x0a\\xff: 16M in 1 block*'
}

@test "it needs a terminal, for itself" {
	usage_error map -s "$tree" --watch
	usage_error map -s "$tree" --watch --json
	usage_error map -s "$tree" --watch --html page
	run script -qec "$memoffline map -s $tree --watch </dev/null" /dev/null
	[ "$status" -eq 2 ]
}
