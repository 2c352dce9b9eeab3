# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# TAP for the bash tests: a test prints one line per assertion and the plan at its end; its exit status is that of the worst.

TAP_COUNT=0
TAP_FAILED=0

tap_ok() { TAP_COUNT=$((TAP_COUNT + 1)); echo "ok $TAP_COUNT - $1"; }

tap_fail() # TEXT WHY…
{
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | head -40 | sed 's/^/# /'
}

# A skip needs its reason in selftests/skips: any other one fails the run.
tap_skip() { TAP_COUNT=$((TAP_COUNT + 1)); echo "ok $TAP_COUNT - $1 # SKIP $2"; }

# check TEXT COMMAND…: ok when COMMAND succeeds; else its output is shown.
check()
{
	local text=$1 output

	shift
	if output=$("$@" 2>&1); then
		tap_ok "$text"
	else
		tap_fail "$text" "exit $? of: $*" "$output"
		return 1
	fi
}

check_not()
{
	local text=$1 output

	shift
	if output=$("$@" 2>&1); then
		tap_fail "$text" "succeeded, and should not have: $*" "$output"
		return 1
	fi
	tap_ok "$text"
}

# check_eq TEXT GOT WANTED
check_eq()
{
	if [ "$2" = "$3" ]; then
		tap_ok "$1"
	else
		tap_fail "$1" "got: $2" "wanted: $3"
		return 1
	fi
}

# wait_for SECONDS COMMAND…: polls until COMMAND succeeds, in silence, or shows what its last try said. The bound is for a quiet
# machine; a busy one gets three times as long.
wait_for()
{
	local wait_for_end=$((SECONDS + 3 * $1)) wait_for_output

	shift
	until wait_for_output=$("$@" 2>&1); do
		if [ $SECONDS -ge $wait_for_end ]; then
			[ -z "$wait_for_output" ] || echo "$wait_for_output"
			return 1
		fi
		sleep 0.2
	done
}

# prints TEXT COMMAND…: what COMMAND prints is TEXT; else it is shown. For wait_for.
prints()
{
	local prints_wanted=$1 prints_got

	shift
	prints_got=$("$@")
	[ "$prints_got" = "$prints_wanted" ] || { echo "got: $prints_got"; echo "wanted: $prints_wanted"; return 1; }
}

tap_end()
{
	echo "1..$TAP_COUNT"
	exit $((TAP_FAILED != 0))
}
