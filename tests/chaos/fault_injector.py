# SPDX-License-Identifier: Apache-2.0
"""What happens to a run: its processes, found by a mark in their environment, and the signals that they get."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time

from scenario import ENDINGS

# A run that takes so long is looked at: what its processes are doing.
EVIDENCE_SECONDS = 25

_RANK = b"OMPI_COMM_WORLD_RANK="
_MPI_JOB = b"PMIX_NAMESPACE="
_SUPERVISOR = "mpaio:watch"


class Process:
    """One of a run's: role is "rank", "child" (of a rank), "supervisor", "starting" (it is not known yet what it will be), or "other" (mpirun and its
    daemons)."""

    def __init__(self, pid, parent, comm, state, rank, mpi_job):
        self.pid, self.parent, self.comm, self.state, self.rank, self.mpi_job = pid, parent, comm, state, rank, mpi_job
        self.role = "other" if rank is None else "supervisor" if comm == _SUPERVISOR else "starting"


def processes_of(mark):
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                environment = file.read().split(b"\0")
            if mark not in environment:
                continue
            with open("/proc/%s/stat" % pid) as file:
                text = file.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        rank, mpi_job = (next((word[len(name):].decode() for word in environment if word.startswith(name)), None)
                         for name in (_RANK, _MPI_JOB))
        found[int(pid)] = Process(int(pid), int(fields[1]), text[text.index("(") + 1:text.rindex(")")], fields[0],
                                  None if rank is None else int(rank), mpi_job)
    # Rank 0 has no supervisor.
    for process in found.values():
        parent = found.get(process.parent)
        if process.role == "starting" and (parent.role == "supervisor" if process.rank and parent else
                                           process.rank == 0 and (parent is None or parent.rank is None)):
            process.role = "rank"
    for process in found.values():
        parent = found.get(process.parent)
        if process.role == "starting" and parent and parent.role == "rank":
            process.role = "child"
    return list(found.values())


def strike(process, number, mark):
    """Signals that very process, not one that has its number by now. Returns whether it was there."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        with open("/proc/%d/environ" % process.pid, "rb") as file:
            if mark not in file.read().split(b"\0"):
                return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def evidence(mark):
    """What the processes of a run that hangs are doing."""
    lines = []
    for process in sorted(processes_of(mark), key=lambda one: (one.rank is None, one.rank or 0, one.role)):
        try:
            with open("/proc/%d/wchan" % process.pid) as file:
                where = file.read()
        except OSError:
            where = "?"
        lines.append("  process %d (child of %d) %s: rank %s, %s, state %s, waits in %s" %
                     (process.pid, process.parent, process.comm, process.rank, process.role, process.state, where))
        if process.role != "supervisor" and shutil.which("gdb"):
            try:
                stack = subprocess.run(["gdb", "-q", "-batch", "-p", str(process.pid), "-ex", "thread apply all bt 12"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
                lines += ["      " + line[:200] for line in stack.stdout.decode(errors="replace").splitlines()
                          if line.startswith(("#", "Thread "))]
            except subprocess.TimeoutExpired:
                lines.append("      no answer from gdb")
    return "\n".join(lines)


class FaultInjector(threading.Thread):
    """Does to a run what a scenario of this kind says: its blows. `folder` is where workers note that their rank has begun."""

    def __init__(self, seed, ranks, kind, blows, mark, folder):
        super().__init__()
        self.ranks = ranks
        self.kind = kind
        self.blows = blows
        self.mark = mark
        self.folder = folder
        self.random = random.Random("blows %d" % seed)
        self.is_over = threading.Event()
        self.start_time = time.monotonic()
        self.log = []
        self.harmed = set()  # ranks
        self.hits = 0
        self.mpi_job = None
        self.alone_since = None
        self.is_mpirun_stuck = False
        self.evidence = None
        self.error = None

    def run(self):
        try:
            self._begin()
            while not self.is_over.wait(0.5):
                if self.kind in ENDINGS and self._is_mpirun_stuck():
                    self.is_mpirun_stuck = True
                    self._note("mpirun alone is left, and does not end:\n" + evidence(self.mark))
                    for process in processes_of(self.mark):
                        strike(process, signal.SIGKILL, self.mark)
                elif self.evidence is None and time.monotonic() - self.start_time > EVIDENCE_SECONDS:
                    self.evidence = evidence(self.mark)
        except Exception as error:  # told by whoever joins
            self.error = error

    def _is_mpirun_stuck(self):
        """There has been nobody but mpirun for some seconds."""
        if self.mpi_job is None or any(process.role != "other" for process in processes_of(self.mark)):
            self.alone_since = None
            return False
        self.alone_since = self.alone_since or time.monotonic()
        return time.monotonic() - self.alone_since > 5

    def _note(self, text):
        self.log.append("%.2f s: %s" % (time.monotonic() - self.start_time, text))

    def _begin(self):
        self.mpi_job = self._wait_for(lambda processes: next((one.mpi_job for one in processes if one.mpi_job), None))
        if not self.blows:
            return
        if self.kind == "start":
            return self._disturb_start()
        begun = self._wait_for(lambda processes: self._ready(processes))
        if not begun:
            return
        start = time.monotonic()
        pending = [(blow.at, index, blow, None) for index, blow in enumerate(self.blows)]
        while pending and not self.is_over.is_set():
            pending.sort(key=lambda item: item[:2])
            at, index, blow, stopped = pending.pop(0)
            if self.is_over.wait(max(0, start + at - time.monotonic())):
                return
            if stopped is not None:
                for process in stopped:
                    strike(process, signal.SIGCONT, self.mark)
                continue
            hit = self._strike(blow)
            if blow.cont is not None and hit:
                pending.append((at + blow.cont, index, blow, hit))

    def _wait_for(self, condition):
        while not self.is_over.is_set() and time.monotonic() - self.start_time < EVIDENCE_SECONDS:
            found = condition(processes_of(self.mark))
            if found:
                return found
            self.is_over.wait(0.005)
        return None

    def _ready(self, processes):
        """The worker ranks that have started up: they have begun a chunk, or have a child to process it."""
        ready = {process.rank for process in processes if process.role == "child"}
        for name in os.listdir(self.folder):
            if name.startswith("ready."):
                ready.add(int(name[len("ready."):]))
        # Rank 0 may begin before another has.
        return {rank for rank in ready if rank > 0}

    def _strike(self, blow):
        processes = processes_of(self.mark)
        ready = self._ready(processes)
        if blow.target == "ranks":
            victims = [one for one in processes if one.role == "rank" and one.rank in ready]
        elif blow.target == "children":
            victims = [one for one in processes if one.role == "child"]
        elif blow.target == "supervisors":
            victims = [one for one in processes if one.role == "supervisor"]
        elif blow.target == "rank 0":
            victims = [one for one in processes if one.role == "rank" and one.rank == 0]
        else:
            victims = [one for one in processes if one.comm == "mpirun" or one.comm.startswith("prterun")]
        victims.sort(key=lambda one: (one.rank or 0, one.pid))
        if blow.count:
            victims = self.random.sample(victims, min(blow.count, len(victims)))
        hit = [one for one in victims if strike(one, blow.number, self.mark)]
        self.hits += len(hit)
        for one in hit:
            self._note("%s to %s %s (process %d)" % (signal.Signals(blow.number).name, one.role, one.rank, one.pid))
            if one.rank is not None:
                self.harmed.add(one.rank)
        return hit

    def _disturb_start(self):
        rank = self.random.randrange(self.ranks)
        blow = self.blows[0]
        if not self._wait_for(lambda processes: [one for one in processes if one.rank == rank]) or self.is_over.wait(blow.at):
            return
        victims = [one for one in processes_of(self.mark) if one.rank == rank and one.role != "child"]
        if victims:
            victim = self.random.choice(victims)
            if strike(victim, blow.number, self.mark):
                self.hits += 1
                self.harmed.add(rank)
                self._note("%s to %s %d (process %d)" % (signal.Signals(blow.number).name, victim.role, rank, victim.pid))
