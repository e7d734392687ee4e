# SPDX-License-Identifier: Apache-2.0
# What the scripts in tools/ share. Source it; it sets `root` to the top of the tree. Bash.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$(basename -- "$0"): $*"
  exit 1
}

# Bazel 4 refuses a workspace whose path has a space in it, and its rules' shell commands stumble over quotes. Such a
# tree is built through a folder of links to it.
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

# The directory to run Bazel in. Makes or renews the folder of links where one is needed.
bazel_workspace() {
  local workspace entry
  workspace=$(workspace_of "$root")
  if [ "$workspace" != "$root" ]; then
    mkdir -p -m 700 -- "$workspace"
    [ -O "$workspace" ] || die "$workspace belongs to someone else: remove it, or move the checkout to a path without a space"
    # Only what has changed is touched: another Bazel may be reading.
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

# Bazel keeps its files below the home directory; this is for when it cannot.
bazel_startup_options() {
  local base=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
  if [ -n "${MPAIO_BAZEL_STARTUP:-}" ]; then
    printf '%s\n' "$MPAIO_BAZEL_STARTUP"
  elif [[ $base = *[[:space:]]* ]] || ! mkdir -p -- "$base" 2>/dev/null || [ ! -w "$base" ]; then
    printf -- '--output_user_root=/var/tmp/bazel-%s\n' "$(id -u)"
  fi
}

# Runs Bazel on this tree, from wherever it is called. The variable MPAIO_BAZEL_STARTUP may hold startup options, for
# example --output_user_root=DIR.
run_bazel() {
  local workspace options
  workspace=$(bazel_workspace) || return
  read -r -a options < <(bazel_startup_options)
  (
    cd -- "$workspace" || exit
    # Left by a Bazel with other startup options, this link would be taken for a part of the tree by `//...`.
    [ ! -L "bazel-${workspace##*/}" ] || rm -f -- "bazel-${workspace##*/}"
    # Bazel gives up when nothing tells it the user's name, as in a container with a bare user id.
    [ -n "${USER:-}" ] || export USER="${LOGNAME:-$(id -un 2>/dev/null || id -u)}"
    exec bazel "${options[@]}" "$@"
  )
}

# Options with which Bazel tells that it is at work: on a terminal by lines that it renews, elsewhere by one every 20 s.
bazel_progress_options() {
  printf '%s\n' --noshow_loading_progress
  [ -t 2 ] || printf '%s\n' --curses=no --show_progress_rate_limit=20
}

is_installed() {  # DEBIAN PACKAGE
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The version of Bazel as one number. Debian's build of Bazel 4 does not know its own.
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

# A Python that has numpy; nothing if there is none. The first python3 on PATH may be one without it.
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
