#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/demo.sh
#
# Runs tools/demo with a small array; checks its answers, and that it shows Bazel's progress while
# it builds.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf -- "$scratch"' EXIT
status=0

if "$root/tools/demo" 50000 >"$scratch/printed" 2>"$scratch/said" </dev/null &&
  grep -qx 'sum .cache/demo/ints.npy: 1250025000' "$scratch/printed" &&
  [ "$(grep -c '^concat .cache/demo/' "$scratch/printed")" -eq 2 ]; then
  printf 'PASS demo: its answers\n'
else
  cat -- "$scratch/printed" "$scratch/said" >&2
  printf 'FAIL demo: its answers\n'
  status=1
fi
# Without this line, the user would see no sign of a build that takes minutes.
if grep -q '//mpaio:orchestrator' "$scratch/said"; then
  printf 'PASS demo: it shows what Bazel does\n'
else
  cat -- "$scratch/said" >&2
  printf 'FAIL demo: it shows what Bazel does\n'
  status=1
fi
exit "$status"
