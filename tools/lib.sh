# SPDX-License-Identifier: Apache-2.0
# Functions that the scripts in tools/ share. Source it from Bash; it sets `root` to the top of the
# tree.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$(basename -- "$0"): $*"
  exit 1
}

# Bazel 4 refuses a workspace whose path contains a space, and the shell commands of its rules fail
# if it contains a quote. Such a tree is built in a folder of links to it.
workspace_of() {  # DIRECTORY -> prints the directory to run Bazel in
  case $1 in
    *[!A-Za-z0-9_./+,=@~%:-]*) ;;
    *) printf '%s\n' "$1" && return ;;
  esac
  local base=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
  case $base in
    *[[:space:]]*) base=/var/tmp ;;
  esac
  mkdir -p -- "$base" 2>/dev/null && [ -w "$base" ] || base=/var/tmp
  printf '%s/mpaio-%s-%s\n' "$base" "$(id -u)" "$(printf '%s' "$1" | cksum | tr ' ' -)"
}

# Prints the directory to run Bazel in. Makes or updates the folder of links if one is needed.
bazel_workspace() {
  local workspace entry
  workspace=$(workspace_of "$root")
  if [ "$workspace" != "$root" ]; then
    mkdir -p -m 700 -- "$workspace"
    [ -O "$workspace" ] || die "$workspace belongs to another user: remove it, or move the checkout to a path without a space"
    # Changes only the links that differ, because another Bazel may be reading the folder.
    find "$workspace" -mindepth 1 -maxdepth 1 -xtype l ! -name 'bazel-*' -delete
    for entry in "$root"/* "$root"/.[!.]*; do
      case ${entry##*/} in
        bazel-* | .git | .cache | '*' | '.[!.]*') ;;
        *) [ -L "$workspace/${entry##*/}" ] || ln -s -- "$entry" "$workspace/" ;;
      esac
    done
    for entry in bazel-bin bazel-out bazel-testlogs; do
      [ "$(readlink -- "$root/$entry")" = "$workspace/$entry" ] || ln -sfn -- "$workspace/$entry" "$root/$entry"
    done
  fi
  printf '%s\n' "$workspace"
}

# Prints Bazel's startup options: those of the user (MPAIO_BAZEL_STARTUP) or, if there are none and
# the cache directory is not writable or its path contains a space, a directory for Bazel's files.
bazel_startup_options() {
  local base=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
  if [ -n "${MPAIO_BAZEL_STARTUP:-}" ]; then
    printf '%s\n' "$MPAIO_BAZEL_STARTUP"
  elif [[ $base = *[[:space:]]* ]] || ! mkdir -p -- "$base" 2>/dev/null || [ ! -w "$base" ]; then
    printf -- '--output_user_root=/var/tmp/bazel-%s\n' "$(id -u)"
  fi
}

# Runs Bazel on this tree, from any working directory. The user may give startup options in the
# variable MPAIO_BAZEL_STARTUP, for example --output_user_root=DIR.
run_bazel() {
  local workspace options
  workspace=$(bazel_workspace) || return
  read -r -a options < <(bazel_startup_options)
  (
    cd -- "$workspace" || exit
    # A Bazel with other startup options may have left this link, which `//...` would treat as a
    # part of the tree.
    [ ! -L "bazel-${workspace##*/}" ] || rm -f -- "bazel-${workspace##*/}"
    # Bazel fails if it cannot find the user's name, as in a container whose user id has no name.
    [ -n "${USER:-}" ] || export USER="${LOGNAME:-$(id -un 2>/dev/null || id -u)}"
    exec bazel "${options[@]}" "$@"
  )
}

# Options that make Bazel show its progress: on a terminal by lines that it updates, otherwise by a
# line every 20 s.
bazel_progress_options() {
  printf '%s\n' --noshow_loading_progress
  [ -t 2 ] || printf '%s\n' --curses=no --show_progress_rate_limit=20
}

is_installed() {  # DEBIAN PACKAGE
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints the major version of Bazel, 0 if unknown. Debian's build of Bazel 4 cannot report its own
# version.
bazel_major() {
  local version
  version=$(dpkg-query -W -f '${Version}' bazel-bootstrap 2>/dev/null)
  [ -n "$version" ] || version=$(bazel --version 2>/dev/null | sed -n 's/^bazel //p')
  version=${version%%.*}
  case $version in
    '' | *[!0-9]*) printf '0\n' ;;
    *) printf '%s\n' "$version" ;;
  esac
}

# Prints the path of a Python with numpy; nothing if there is none. It is not always the first
# python3 in PATH.
python_with_numpy() {
  local python
  for python in "${MPAIO_PYTHON:-}" python3 /usr/bin/python3 /usr/local/bin/python3; do
    python=$(command -v -- "$python" 2>/dev/null) || continue
    if "$python" -c 'import numpy' >/dev/null 2>&1; then
      printf '%s\n' "$python"
      return
    fi
  done
}
