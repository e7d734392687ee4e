#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/format.sh [FILE]...
#
# Checks that the C++ files, all of them or those named, are as clang-format makes them by .clang-format. Versions of
# clang-format differ under the same settings; the files follow that of Debian 12. Elsewhere the check is skipped.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
version=14

clang_format=
for name in "clang-format-$version" clang-format; do
  if "$name" --version 2>/dev/null | grep -q "version $version\."; then
    clang_format=$name
    break
  fi
done
if [ -z "$clang_format" ]; then
  say "clang-format $version is not installed: on Debian 12, apt-get install clang-format"
  printf 'SKIP format: clang-format %s is not installed\n' "$version"
  exit 0
fi

files=("$@")
if [ $# -eq 0 ]; then
  cd -- "$root" || exit 1
  mapfile -d '' files < <(find benchmarks mpaio tests tools workers -name '*.cc' -print0 -o -name '*.h' -print0 | sort -z)
fi
[ ${#files[@]} -gt 0 ] || die "there are no files"

different=0
for file in "${files[@]}"; do
  if ! "$clang_format" --style=file --dry-run --Werror -- "$file" 2>/dev/null; then
    say "$file: $clang_format -i $file"
    different=$((different + 1))
  fi
done
if [ "$different" -gt 0 ]; then
  printf 'FAIL format: %s of %s files are not as clang-format makes them\n' "$different" "${#files[@]}"
  exit 1
fi
printf 'PASS format: %s files are as clang-format makes them\n' "${#files[@]}"
