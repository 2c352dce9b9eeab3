# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The cache and the Debian archive, for the scripts beside this file. Everything fetched or made lives below $CACHE and
# survives `make clean`; the host's own apt configuration is read to find an archive, never changed.

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=$(cd "$VM_DIR/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/devmemkit
PINS=$VM_DIR/pins
KEYRING=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
# Users other than root have no sbin in their PATH: depmod lives there.
PATH=$PATH:/usr/sbin:/sbin

die() { echo "${0##*/}: $*" >&2; exit 1; }
say() { echo "${0##*/}: $*" >&2; }

# cache_lock NAME: one maker at a time per object; the lock is held until this process ends.
cache_lock()
{
	mkdir -p "$CACHE/locks" || die "$CACHE cannot be made: set XDG_CACHE_HOME to a place that can be written"
	exec 9>"$CACHE/locks/$1"
	flock -n 9 || { say "$1 is being made by another process: waiting"; flock 9; }
}

# cache_space GB: refuse early instead of failing half way.
cache_space()
{
	local free

	mkdir -p "$CACHE" || die "$CACHE cannot be made: set XDG_CACHE_HOME to a place that can be written"
	free=$(df -Pk "$CACHE" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge "$1" ] || die "$CACHE: $free GB free, $1 GB needed: free some, or set XDG_CACHE_HOME"
}

# One line "URI SUITE" per Debian `main` archive in the machine's own apt sources.
host_sources()
{
	command -v apt-get >/dev/null || return 0
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk '$3 == "main" { print $1, $2 }'
}

# The archive that holds the suites: DEBIAN_MIRROR, else the first Debian URI among the machine's sources.
archive_uri()
{
	local uri

	uri=${DEBIAN_MIRROR:-$(host_sources | awk '
		$2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)(-backports|-updates)?$/ { print $1; exit }')}
	[ -n "$uri" ] || die "no Debian archive among this machine's apt sources: set DEBIAN_MIRROR=http://HOST/debian"
	echo "${uri%/}"
}

# The security archive: beside the mirror when one is named, else the machine's own.
security_uri()
{
	local uri

	[ -n "${DEBIAN_MIRROR:-}" ] || uri=$(host_sources | awk '$2 ~ /-security$/ { print $1; exit }')
	[ -n "${uri:-}" ] || uri=$(archive_uri)-security || return 1
	echo "${uri%/}"
}

# archive_sources SUITE…: lines for a sources.list.
archive_sources()
{
	local uri security suite

	uri=$(archive_uri) || return 1
	security=$(security_uri) || return 1
	for suite; do
		case $suite in
		*-security) echo "deb [signed-by=$KEYRING] $security $suite main" ;;
		*) echo "deb [signed-by=$KEYRING] $uri $suite main" ;;
		esac
	done
}

# archive_apt COMMAND…: an apt tool under the private configuration.
archive_apt()
{
	APT_CONFIG=$CACHE/apt/apt.conf "$@"
}

# patiently COMMAND…: up to three times, as an archive may be out of reach, or change while it is read.
patiently()
{
	local pause

	for pause in 10 30; do
		"$@" && return
		say "$1 failed: again in $pause s"
		sleep $pause
	done
	"$@"
}

archive_indexes() { archive_apt apt-get -q update >"$CACHE/apt/update.log" 2>&1; }

# The private apt directory, its indexes at most a day old.
archive_update()
{
	local apt=$CACHE/apt

	command -v apt-get >/dev/null || die "apt is needed to look packages up: install it (it is packaged for Fedora, too)"
	[ -r "$KEYRING" ] || die "$KEYRING is missing: install debian-archive-keyring"
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	: >"$apt/status"
	archive_sources trixie trixie-updates trixie-security trixie-backports sid >"$apt/sources.list.new" || exit 1
	cat >"$apt/apt.conf" <<-EOF
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Update::Error-Mode "any";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
	EOF
	if ! cmp -s "$apt/sources.list.new" "$apt/sources.list" || [ -z "$(find "$apt/stamp" -mmin -1440 2>/dev/null)" ]; then
		mv "$apt/sources.list.new" "$apt/sources.list"
		patiently archive_indexes || die "apt-get update failed: see $apt/update.log"
		touch "$apt/stamp"
	fi
	rm -f "$apt/sources.list.new"
}

# archive_try POOLPATH SHA256 DEST: once, from each place where it may be. Returns 1 when none has it, 2 when one could not say.
archive_try()
{
	local path=$1 sha=$2 dest=$3 base tried said status=1

	for base in "$(archive_uri)" "$(security_uri)"; do
		for tried in "$path" "${path/pool\/updates\//pool/}"; do
			if said=$(LC_ALL=C /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=3 \
				  download-file "$base/$tried" "$dest.part" "SHA256:$sha" 2>&1); then
				mv "$dest.part" "$dest"
				return 0
			fi
			grep -qE ' (403|404|410)  |Hash Sum mismatch' <<<"$said" || status=2
		done
	done
	rm -f "$dest.part"
	return $status
}

# archive_fetch POOLPATH SHA256 DEST: from the main or the security archive's pool; fails silently when neither has it.
archive_fetch()
{
	local path=$1 sha=$2 dest=$3 pause status

	[ -f "$dest" ] && echo "$sha  $dest" | sha256sum --status -c && return 0
	for pause in 10 30 ""; do
		status=0
		archive_try "$path" "$sha" "$dest" || status=$?
		[ $status = 2 ] && [ -n "$pause" ] || return $status
		say "${path##*/}: the archive is out of reach: again in $pause s"
		sleep $pause
	done
}
