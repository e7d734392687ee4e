#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: hosts.sh HOSTS LEFT COMMAND [ARGUMENT]...
#
# Simulates HOSTS hosts on this machine, host0, host1, ..., and runs COMMAND on host0. Each host has
# its own network address (10.77.0.K on one switch), host name and /dev/shm; they share all other
# files. The environment of COMMAND makes mpirun start processes on the hosts. The file LEFT gets a
# line for each process, and each file in shared memory, that outlives COMMAND.
#
# If HOSTS_CUT names a FIFO, each line read from it is the number of a host, which is then
# disconnected from the network.
#
# Everything is in namespaces, which disappear when this script ends, however it ends. So the
# machine's own network is not changed, and any number of instances may run at once. Needs root,
# iproute2 and util-linux.
#
#   hosts.sh --check        checks that this machine allows it: status 0, or 1 with the reason on
#                           the standard output

set -u

refuse() {
  printf '%s\n' "$1"
  exit 1
}

check() {
  [ "$(id -u)" -eq 0 ] ||
    refuse "only root may make namespaces"
  local program
  for program in ip unshare nsenter mount; do
    command -v "$program" >/dev/null ||
      refuse "there is no program $program (Debian packages iproute2, util-linux, mount)"
  done
  unshare --mount --uts --net --pid --fork --mount-proc true 2>/dev/null ||
    refuse "the system does not let root make namespaces"
  unshare --net ip link add name switch0 type bridge 2>/dev/null ||
    refuse "the kernel has no network bridges (ip link, type bridge)"
  unshare --net ip link add name end0 type veth peer name end1 2>/dev/null ||
    refuse "the kernel has no virtual Ethernet pairs (ip link, type veth)"
  unshare --mount mount -t tmpfs tmpfs /dev/shm 2>/dev/null ||
    refuse "the system does not let root mount a tmpfs"
}

# Prints the other processes, after waiting for those that are about to end: Open MPI 5's daemons
# take seconds on a busy machine.
others() {
  local tries folder key state words found
  for ((tries = 0; tries < 150; tries++)); do
    found=()
    for folder in /proc/[0-9]*; do
      state=Z
      while read -r key state; do [ "$key" != State: ] || break; done 2>/dev/null <"$folder/status"
      [[ $folder == /proc/$$ || $state == Z* ]] && continue
      mapfile -d '' -t words 2>/dev/null <"$folder/cmdline"
      found+=("process ${folder#/proc/}: ${words[*]}")
    done
    [ "${#found[@]}" -gt 0 ] || return
    sleep 0.1
  done
  printf '%s\n' "${found[@]}"
}

# Runs a command and forwards SIGTERM and SIGINT to it, as SIGTERM.
run() {
  "$@" &
  trap "kill -TERM $! 2>/dev/null" TERM INT
  wait "$!"
  local status=$?
  # A trapped signal interrupts `wait`.
  kill -0 "$!" 2>/dev/null && wait "$!"
  return "$status"
}

# The first process of a host: sets the host's name and mounts its shared memory, then runs the
# command.
enter() {  # HOST COMMAND...
  local host=$1
  shift
  hostname "$host" && mount --bind "$hosts_folder/names" /etc/hosts && mount --bind "$hosts_folder/$host" /dev/shm || exit 1
  run "$@"
  local status=$?
  others >>"$hosts_left"
  exit "$status"
}

on() {  # HOST COMMAND...
  exec nsenter --net="/run/netns/$1" unshare --uts --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash "$hosts_script" --enter "$@"
}

make_hosts() {  # HOSTS
  local k
  # A private directory for the names of the network namespaces.
  mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up && ip link add name switch0 type bridge &&
    ip link set switch0 up || return 1
  echo "127.0.0.1 localhost" >"$hosts_folder/names"
  for ((k = 0; k < $1; k++)); do
    echo "10.77.0.$((k + 1)) host$k" >>"$hosts_folder/names"
    mkdir "$hosts_folder/host$k" && mount -t tmpfs -o size=512m tmpfs "$hosts_folder/host$k" && ip netns add "host$k" &&
      ip link add name "port$k" type veth peer name eth0 netns "host$k" && ip link set "port$k" master switch0 up &&
      ip -n "host$k" link set lo up && ip -n "host$k" address add "10.77.0.$((k + 1))/24" dev eth0 &&
      ip -n "host$k" link set eth0 up || return 1
  done
  # mpirun starts a daemon on another host by AGENT HOST COMMAND..., where COMMAND is meant for a
  # shell there.
  printf '#!/bin/bash\nhost=$1\nshift\nexec bash "$hosts_script" --on "$host" sh -c "$*"\n' >"$hosts_folder/agent"
  chmod +x "$hosts_folder/agent"
}

inside() {  # HOSTS COMMAND...
  local hosts=$1
  shift
  make_hosts "$hosts" || {
    echo "hosts.sh: cannot set up the hosts" >&2
    exit 1
  }
  # The first is for Open MPI 4, the second for 5 and later.
  export OMPI_MCA_plm_rsh_agent=$hosts_folder/agent PRTE_MCA_plm_ssh_agent=$hosts_folder/agent
  # Debian's Open MPI 6 uses only the loopback interface by default.
  export OMPI_MCA_btl_tcp_if_include=10.77.0.0/24
  if [ -n "${HOSTS_CUT-}" ]; then
    # Opened for reading and writing, so that it never reaches end of file.
    while read -r host <&3; do ip link set "port$host" down; done 3<>"$HOSTS_CUT" &
    cutter=$!
  fi
  run bash "$hosts_script" --on host0 "$@"
  local status=$?
  [ -z "${cutter-}" ] || kill "$cutter"
  others >>"$hosts_left"
  find "$hosts_folder" -mindepth 2 >>"$hosts_left"
  exit "$status"
}

case ${1-} in
  --check) check ;;
  --enter) shift && enter "$@" ;;
  --on) shift && on "$@" ;;
  --inside) shift && inside "$@" ;;
  [1-9]*)
    hosts=$1
    export hosts_script hosts_folder hosts_left
    hosts_script=$(realpath -- "${BASH_SOURCE[0]}")
    hosts_left=$(realpath -- "$2")
    shift 2
    : >"$hosts_left" || exit 1
    # A short path without spaces: mpirun splits the agent's path at spaces.
    hosts_folder=$(mktemp -d /tmp/hosts.XXXXXX) || exit 1
    run unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc \
      bash "$hosts_script" --inside "$hosts" "$@"
    status=$?
    rm -rf -- "$hosts_folder"
    exit "$status"
    ;;
  *)
    sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
