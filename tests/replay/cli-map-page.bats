#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline map --html and --svg: looked at in a browser, by where things stand and by pixels; and written as a whole.
# MEMOFFLINE_PICTURE=FILE keeps the picture of the manual.
bats_require_minimum_version 1.5.0
load cli
load map

setup() {
	page=$BATS_TEST_TMPDIR/page.html
}

draw() {
	"$memoffline" map -s "$tree" "$@"
}

# browse OPTION...: it opens our own files alone
browse() {
	command -v chromium >/dev/null || skip "chromium is not installed"
	timeout -k 5 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
		--user-data-dir="$BATS_TEST_TMPDIR/browser" "$@" 2>"$BATS_TEST_TMPDIR/browser.log"
}

# ask FILE WIDTH EXPRESSION: what the browser says of a page, as JSON in $answer
ask() {
	{
		cat "$1"
		printf '<script>onload = async () => {\nlet answer\ntry { answer = await (async () => (%s))() } catch (e) { answer = String(e) }\n' "$3"
		printf 'document.body.setAttribute("data-answer", btoa(unescape(encodeURIComponent(JSON.stringify(answer)))))\n}</script>\n'
	} >"$BATS_TEST_TMPDIR/asked.html"
	browse --window-size="$2,900" --virtual-time-budget=10000 --dump-dom "file://$BATS_TEST_TMPDIR/asked.html" \
		>"$BATS_TEST_TMPDIR/dom"
	answer=$(sed -n 's/.*data-answer="\([^"]*\)".*/\1/p' "$BATS_TEST_TMPDIR/dom" | head -n 1 | base64 -d)
	echo "$answer"
	[ "$answer" ]
}

# shoot FILE NAME OPTION...: a picture of 1000 by 880 pixels
shoot() {
	browse --window-size=1000,880 --screenshot="$BATS_TEST_TMPDIR/$2" "${@:3}" "file://$1" >/dev/null
	[ -s "$BATS_TEST_TMPDIR/$2" ]
}

# colours IMAGE-TYPE FILE X,Y...: the colours of an image there, as JSON in $answer
colours() {
	local points

	printf -v points '[%s],' "${@:3}"
	printf '<!DOCTYPE html><body><img src="data:%s;base64,%s">' "$1" "$(base64 -w 0 "$2")" >"$BATS_TEST_TMPDIR/image.html"
	ask "$BATS_TEST_TMPDIR/image.html" 1000 '(() => {
		const image = document.images[0], canvas = document.createElement("canvas")
		canvas.width = image.naturalWidth; canvas.height = image.naturalHeight
		const context = canvas.getContext("2d")
		context.drawImage(image, 0, 0)
		return ['"$points"'].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3)
			.map(v => v.toString(16).padStart(2, "0")).join(""))
	})()'
}

value() { jq -r "$1" <<<"$answer"; }

@test "the page has each block where it can be seen, filled to the brim, and needs nothing from elsewhere" {
	map_machine
	draw --html "$page"
	for width in 400 1000; do
		ask "$page" $width '({
			tiles: [...document.querySelectorAll(".b")].map(b => {
				const r = b.firstChild.getBoundingClientRect()
				return { id: b.id, w: r.width, h: r.height, at: [r.x, r.y].join(), inside: r.left >= 0 && r.right <= innerWidth,
					filled: [...b.querySelectorAll("path")].reduce((sum, p) => sum + p.getBBox().height, 0) }
			}),
			missing: [...document.querySelectorAll("[fill^=url]")].filter(e =>
				!document.querySelector(e.getAttribute("fill").slice(4, -1))).length,
			wide: document.documentElement.scrollWidth > innerWidth,
			scripts: document.scripts.length - 1,
			foreign: document.querySelectorAll("[src],link,iframe,image,use").length + performance.getEntriesByType("resource").length,
			groups: [...document.querySelectorAll("h2")].map(h => h.textContent),
		})'
		[ "$(value '.tiles | length')" -eq 40 ]
		[ "$(value '[.tiles[] | select(.w == 64 and .h == 64 and .inside and .filled == 64)] | length')" -eq 40 ]
		[ "$(value '[.tiles[].at] | unique | length')" -eq 40 ]
		[ "$(value '[.missing, .wide, .scripts, .foreign] | join(" ")')" = "0 false 0 0" ]
		[ "$(value '.groups[1]')" = "node 1, PNP0C80:00 128M in 8 blocks, 2 offline" ]
	done
}

@test "a block that is pointed at shows its figures" {
	map_machine
	draw --html "$page"
	ask "$page" 1000 '(() => {
		const card = id => getComputedStyle(document.getElementById(id), "::after")
		const before = card("memory33").content
		location.hash = "memory33"
		const rules = [...document.styleSheets[0].cssRules].map(rule => rule.selectorText || "")
		return { before, after: card("memory33").content, position: card("memory33").position,
			hover: rules.some(s => s.includes(".b:hover::after") && s.includes(":target::after")),
			label: document.querySelector("#memory37 svg").getAttribute("aria-label") }
	})()'
	[ "$(value .before)" = none ]
	[[ $(value .after) == *"memory33: 0x21000000-0x21ffffff"*"online, zone Movable, node 1, PNP0C80:00"* ]]
	[[ $(value .after) =~ anonymous\ +6M\ +38%.*transparent\ huge\ pages\ +6M\ +38%.*page\ cache\ +2M\ +12% ]]
	[ "$(value .position)" = fixed ]
	[ "$(value .hover)" = true ]
	[ "$(value .label)" = $'memory37: 0x25000000-0x25ffffff\noffline, node 1, PNP0C80:00' ]
}

# Tile 21 is full of huge pages, 55 is empty; beside the strokes of a hatching is the colour alone.
@test "the picture has the colours that it says, dark and light" {
	map_machine
	draw --html "$page"
	ask "$page" 1000 '["memory21", "memory55", "memory37"].map(id => {
		const r = document.getElementById(id).firstChild.getBoundingClientRect()
		return [Math.round(r.x) + 9, Math.round(r.y) + 9].join()
	})'
	mapfile -t at < <(value '.[]')
	shoot "$page" light.png --blink-settings=preferredColorScheme=1
	colours image/png "$BATS_TEST_TMPDIR/light.png" 2,2 "${at[@]}"
	[ "$(value 'join(" ")' | cut -d ' ' -f 1-3)" = "fbfcfd 8069c9 e4e8ed" ]
	shoot "$page" dark.png --blink-settings=preferredColorScheme=0
	colours image/png "$BATS_TEST_TMPDIR/dark.png" 2,2 "${at[@]}"
	[ "$(value 'join(" ")' | cut -d ' ' -f 1-3)" = "14181d 8069c9 2a323b" ]
	[ ! "${MEMOFFLINE_PICTURE-}" ] || cp "$BATS_TEST_TMPDIR/light.png" "$MEMOFFLINE_PICTURE"
}

@test "the SVG is a picture by itself" {
	map_machine
	draw --svg "$BATS_TEST_TMPDIR/map.svg"
	read -r x y < <(sed -n 's/.*id="memory21" transform="translate(\([0-9.]*\),\([0-9.]*\))".*/\1 \2/p' "$BATS_TEST_TMPDIR/map.svg")
	colours image/svg+xml "$BATS_TEST_TMPDIR/map.svg" 2,2 $((x + 9)),$((y + 9))
	[ "$(value 'join(" ")')" = "fbfcfd 8069c9" ]
	grep -q '<g id="memory33".*<title>memory33: 0x21000000-0x21ffffff&#10;online, zone Movable' "$BATS_TEST_TMPDIR/map.svg"
	[ "$(grep -c '<g id="memory' "$BATS_TEST_TMPDIR/map.svg")" -eq 40 ]
	! grep -qE 'href|<script|@import|url\([^#]' "$BATS_TEST_TMPDIR/map.svg"
}

@test "names are no markup" {
	tree evil block-size=1000000 blocks=32,online,Movable,0 dimm=$'PNP0C80:<script>x=1<!--&amp;"\x1b\xff\'>\xe2\x80\xae]]>ä,32-32'
	draw --html "$page" --svg "$BATS_TEST_TMPDIR/map.svg"
	ask "$page" 1000 '({ scripts: document.scripts.length, title: document.querySelector("h2").firstChild.data,
		tip: document.querySelector(".b").dataset.tip, elements: document.querySelectorAll(".b *").length })'
	[ "$(value .scripts)" -eq 1 ]
	name='PNP0C80:<script>x=1<!--&amp;"\x1b\xff'"'"'>\xe2\x80\xae]]>ä'
	[ "$(value .title)" = "node 0, $name " ]
	[[ $(value .tip) == *", $name"* ]]
	colours image/svg+xml "$BATS_TEST_TMPDIR/map.svg" 2,2
	[ "$(value '.[0]')" = fbfcfd ]
	# The same in any locale, but for the time.
	sed -i /--by/d "$page"
	LC_ALL=C "$memoffline" map -s "$tree" --html - | sed /--by/d | cmp - "$page"
}

@test "where contents are not known the page says so" {
	map_machine
	rm "$tree/proc/kpageflags"
	draw --html "$page"
	ask "$page" 1000 '({ note: document.querySelector(".note").textContent, tip: document.getElementById("memory33").dataset.tip })'
	[[ $(value .note) == "Note: there is no /proc/kpageflags below "* ]]
	[[ $(value .tip) == *"what it holds is not known" ]]
}

@test "a file is written as a whole, or stays as it was" {
	map_machine
	for option in --svg --html; do
		file=$BATS_TEST_TMPDIR/kept
		echo old >"$file"
		chmod 640 "$file"
		run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 4; exec "$@"' - "$memoffline" map -s "$tree" $option "$file"
		echo "$stderr"
		[ "$status" -eq 1 ]
		[ "$stderr" = "memoffline: can't write $file: File too large; nothing there was changed" ]
		[ "$(<"$file")" = old ]
		[ "$(ls "$BATS_TEST_TMPDIR" | grep -c '^kept')" -eq 1 ]
		ln -sf kept "$BATS_TEST_TMPDIR/link"
		draw $option "$BATS_TEST_TMPDIR/link"
		[ -L "$BATS_TEST_TMPDIR/link" ]
		[ "$(wc -c <"$file")" -gt 10000 ]
		[ "$(stat -c %a "$file")" = 640 ]
		(umask 027; draw $option "$BATS_TEST_TMPDIR/new")
		[ "$(stat -c %a "$BATS_TEST_TMPDIR/new")" = 640 ]
		run "$memoffline" map -s "$tree" $option "$BATS_TEST_TMPDIR/none/file"
		[ "$status" -eq 1 ]
		[[ $output == *"No such file or directory"* ]]
		run "$memoffline" map -s "$tree" $option /dev/full
		[ "$status" -eq 1 ]
		[[ $output == *"No space left on device"* ]]
		run bash -c '"$@" >/dev/full' - "$memoffline" map -s "$tree" $option -
		[ "$status" -eq 1 ]
		rm "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/link"
	done
}

@test "one picture goes to standard output, others beside it to files" {
	map_machine
	usage_error map -s "$tree" --svg - --html -
	usage_error map -s "$tree" --svg - --json
	[[ $("$memoffline" map -s "$tree" --svg - --html "$page") == "<svg "*"</svg>" ]]
	[ -s "$page" ]
	[ "$("$memoffline" map -s "$tree" --json --html "$page" | jq -r .by)" = kind ]
	[ -z "$("$memoffline" map -s "$tree" --html "$page")" ]
}

@test "8,192 blocks: less than 100 MiB, and a page that a browser draws" {
	tree large blocks=0-31,online,Normal,0 blocks=32-8223,online,Movable,1 node=0,0-1,4194304,0,0,10+20 \
		node=1,-,1073741824,0,0,20+10 "iomem=00000000-1010fffffff : System RAM"
	truncate -s $((8224 * 32768 * 8)) "$tree/proc/kpageflags"
	/usr/bin/time -o "$BATS_TEST_TMPDIR/kib" -f %M "$memoffline" map -s "$tree" --html "$page" --svg "$BATS_TEST_TMPDIR/map.svg"
	[ "$(<"$BATS_TEST_TMPDIR/kib")" -lt 102400 ]
	ask "$page" 1000 '[...document.querySelectorAll(".b svg")].filter(e => e.getBoundingClientRect().width == 10).length'
	[ "$answer" -eq 8224 ]
}
