#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where packages come from: the mirror rule, pinned files and what happens when one is gone. The host's apt is never touched.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
. selftests/vm/archive.sh
unset DEBIAN_MIRROR

sources() { host_sources() { printf '%s\n' "$SOURCES"; }; }
sources

SOURCES=$'http://deb.example.org/debian bookworm main\nhttp://deb.example.org/debian-security bookworm-security main'
check_eq "the archive is the machine's own" "$(archive_uri)" http://deb.example.org/debian
check_eq "so is the security archive" "$(security_uri)" http://deb.example.org/debian-security
SOURCES=$'http://ubuntu.example.org/ubuntu noble main'
check_not "a machine with no Debian archive is told so" archive_uri
check_eq "in one line with what to do" "$(archive_uri 2>&1)" \
	"${0##*/}: no Debian archive among this machine's apt sources: set DEBIAN_MIRROR=http://HOST/debian"
SOURCES=$'http://sec.example.org/debian-security trixie-security main\nhttp://b.example.org/debian/ trixie-backports main'
check_eq "security is not taken for the main archive" "$(archive_uri)" http://b.example.org/debian
export DEBIAN_MIRROR=http://mirror.example.org/debian/
check_eq "DEBIAN_MIRROR comes first" "$(archive_uri)" http://mirror.example.org/debian
check_eq "with its security archive beside it" "$(security_uri)" http://mirror.example.org/debian-security
check_eq "sources.list lines name both" "$(archive_sources trixie trixie-security | awk '{ print $3, $4 }' | xargs)" \
	"http://mirror.example.org/debian trixie http://mirror.example.org/debian-security trixie-security"
unset DEBIAN_MIRROR

bad=$(awk '!/^#/ && (NF != 5 || length($4) != 64 || $5 !~ /^pool\//)' "$PINS")
check_eq "every pin names package, version, hash and file" "$bad" ""
for k in debian-6.12 debian-6.18 debian-7.2 debian-7.3; do
	check "$k has an image and headers" grep -qE "^$k linux-(image|binary)" "$PINS"
	check "$k has headers" grep -qE "^$k linux-headers-[^ ]*cloud-amd64" "$PINS"
done

copy=$(mktemp -d)
mkdir "$copy/selftests" "$copy/kernel"
cp -a selftests/vm "$copy/selftests/"
cp -a kernel/configs "$copy/kernel/"
built=$(selftests/vm/debug-kernel --name)
check_eq "a kernel that is built has its name from what goes into it" "$("$copy/selftests/vm/debug-kernel" --name)" "$built"
echo "# CONFIG_WLAN is not set" >>"$copy/kernel/configs/debug"
check_not "another configuration makes another" [ "$("$copy/selftests/vm/debug-kernel" --name)" = "$built" ]
rm -rf "$copy"
check_eq "no option is asked for twice" "$(grep -ohE '^(# )?CONFIG_[A-Z0-9_]+' kernel/configs/* | sed 's/^# //' | sort | uniq -d)" ""

# An archive of one file, in a directory.
archive=$(mktemp -d)
mkdir "$archive/pool"
echo package >"$archive/pool/a.deb"
SOURCES="copy:$archive trixie main"$'\n'"copy:$archive trixie-security main"
fetch() { archive_fetch pool/a.deb "$1" "$archive/got"; }
again() { (sleep() { :; }; fetch "$1") 2>&1 | grep -c 'again in'; }
right=$(sha256sum <"$archive/pool/a.deb" | cut -d' ' -f1)
wrong=$(printf '0%.0s' {1..64})
check "a file is fetched" fetch "$right"
check "and is the right one" cmp "$archive/pool/a.deb" "$archive/got"
rm -f "$archive/got"
check_not "a file with another hash is refused" fetch "$wrong"
check_eq "at once" "$(again "$wrong")" 0
rm -r "$archive/pool"
check_eq "an archive that cannot say is asked again, twice" "$(again "$right")" 2
rm -rf "$archive"
tap_end
