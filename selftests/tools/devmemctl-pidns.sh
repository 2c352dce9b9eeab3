#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# devmemctl in a container: processes have the numbers of its pid namespace, so that they can be found and told from others.
exec unshare --pid --fork --mount-proc "$(dirname "$0")/devmemctl-exact.py"
