#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/text.sh
#
# Checks the text of all sources: no line of C++ is longer than 100 characters, each source has its license line, no
# comment begins with a word that hides its subject, only mpaio/launcher and mpaio/mpi name the variables of launchers,
# and no page is longer than 300 lines.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
cd -- "$root" || exit 1
# Otherwise `check`, the last command of a pipe, would set `status` in a subshell.
shopt -s lastpipe
status=0

check() {  # NAME: the lines on standard input are findings
  local findings
  findings=$(cat)
  if [ -z "$findings" ]; then
    printf 'PASS text: %s\n' "$1"
  else
    printf '%s\n' "$findings" | head -n 20 >&2
    printf 'FAIL text: %s: %s findings\n' "$1" "$(printf '%s\n' "$findings" | wc -l)"
    status=1
  fi
}

# Uses find, because there is no git in an unpacked archive.
files() {  # NAME-PATTERN...
  local arguments=() name
  for name; do arguments+=(-o -name "$name"); done
  find . \( -path ./.git -o -path ./.cache -o -name 'bazel-*' \) -prune -o -type f \( "${arguments[@]:1}" \) -print0
}
sources=('*.cc' '*.h' '*.yy' '*.py' '*.sh' '*.bzl' BUILD WORKSPACE)

# In UTF-8, grep counts characters instead of bytes.
files '*.cc' '*.h' | LC_ALL=C.UTF-8 xargs -0 grep -nE '^.{101,}$' |
  check 'no line of C++ is longer than 100 characters'
files "${sources[@]}" | xargs -0 grep -L 'SPDX-License-Identifier: Apache-2.0' | check 'every source names its license'
files "${sources[@]}" | xargs -0 grep -nE '^ *(//|#) *(What|Of|Who|Whose|That)\b' |
  check 'no comment line begins with What, Of, Who, Whose or That'
# The prefix of a variable, also in a comment: a reader who follows it would look for a second place that reads it.
files "${sources[@]}" | grep -zE '^\./(mpaio|workers)/' | grep -zvE '^\./mpaio/(launcher|mpi)/' |
  xargs -0 grep -nE '(OMPI|PMIX|PRTE|SLURM)_' |
  check 'no launcher or Open MPI variable is named outside mpaio/launcher and mpaio/mpi'
files '*.md' | xargs -0 awk 'FNR == 301 { print FILENAME ": more than 300 lines" }' | check 'no page is longer than 300 lines'
exit "$status"
