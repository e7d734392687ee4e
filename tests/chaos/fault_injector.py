# SPDX-License-Identifier: Apache-2.0
"""Injects the faults of a run: signals its processes, found by a mark in their environment."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time

from scenario import ENDINGS

# A run that takes longer is examined: the state of its processes is recorded.
EVIDENCE_SECONDS = 25

_RANK = b"OMPI_COMM_WORLD_RANK="
_MPI_JOB = b"PMIX_NAMESPACE="
_SUPERVISOR = "mpaio:watch"


class Process:
    """A process of a run.

    role: "rank", "child" (of a rank), "supervisor", "starting" (its role is not known yet), or
    "other" (mpirun and its daemons).
    """

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


def send_signal(process, number, mark):
    """Signals the process, never another one that reuses its id. Returns False if it has ended."""
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
    """Returns a description of what the processes of a hanging run are doing."""
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
    """Injects `faults` into the run of a scenario.

    folder: where the workers leave a file for each rank that has begun a chunk.
    """

    def __init__(self, seed, ranks, kind, faults, mark, folder):
        super().__init__()
        self.ranks = ranks
        self.kind = kind
        self.faults = faults
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
                    self._note("only mpirun is left, and does not end:\n" + evidence(self.mark))
                    for process in processes_of(self.mark):
                        send_signal(process, signal.SIGKILL, self.mark)
                elif self.evidence is None and time.monotonic() - self.start_time > EVIDENCE_SECONDS:
                    self.evidence = evidence(self.mark)
        except Exception as error:  # raised by the thread that joins this one
            self.error = error

    def _is_mpirun_stuck(self):
        """True if mpirun has been the only process of the run for 5 seconds."""
        if self.mpi_job is None or any(process.role != "other" for process in processes_of(self.mark)):
            self.alone_since = None
            return False
        self.alone_since = self.alone_since or time.monotonic()
        return time.monotonic() - self.alone_since > 5

    def _note(self, text):
        self.log.append("%.2f s: %s" % (time.monotonic() - self.start_time, text))

    def _begin(self):
        self.mpi_job = self._wait_for(lambda processes: next((one.mpi_job for one in processes if one.mpi_job), None))
        if not self.faults:
            return
        if self.kind == "start":
            return self._disturb_start()
        begun = self._wait_for(lambda processes: self._ready(processes))
        if not begun:
            return
        start = time.monotonic()
        pending = [(fault.at, index, fault, None) for index, fault in enumerate(self.faults)]
        while pending and not self.is_over.is_set():
            pending.sort(key=lambda item: item[:2])
            at, index, fault, stopped = pending.pop(0)
            if self.is_over.wait(max(0, start + at - time.monotonic())):
                return
            if stopped is not None:
                for process in stopped:
                    send_signal(process, signal.SIGCONT, self.mark)
                continue
            hit = self._inject(fault)
            if fault.cont is not None and hit:
                pending.append((at + fault.cont, index, fault, hit))

    def _wait_for(self, condition):
        while not self.is_over.is_set() and time.monotonic() - self.start_time < EVIDENCE_SECONDS:
            found = condition(processes_of(self.mark))
            if found:
                return found
            self.is_over.wait(0.005)
        return None

    def _ready(self, processes):
        """Returns the worker ranks that have started: they have begun a chunk or have a child."""
        ready = {process.rank for process in processes if process.role == "child"}
        for name in os.listdir(self.folder):
            if name.startswith("ready."):
                ready.add(int(name[len("ready."):]))
        # Rank 0 may begin a chunk before any other rank has started.
        return {rank for rank in ready if rank > 0}

    def _inject(self, fault):
        processes = processes_of(self.mark)
        ready = self._ready(processes)
        if fault.target == "ranks":
            victims = [one for one in processes if one.role == "rank" and one.rank in ready]
        elif fault.target == "children":
            victims = [one for one in processes if one.role == "child"]
        elif fault.target == "supervisors":
            victims = [one for one in processes if one.role == "supervisor"]
        elif fault.target == "rank 0":
            victims = [one for one in processes if one.role == "rank" and one.rank == 0]
        else:
            victims = [one for one in processes if one.comm == "mpirun" or one.comm.startswith("prterun")]
        victims.sort(key=lambda one: (one.rank or 0, one.pid))
        if fault.count:
            victims = self.random.sample(victims, min(fault.count, len(victims)))
        hit = [one for one in victims if send_signal(one, fault.number, self.mark)]
        self.hits += len(hit)
        for one in hit:
            self._note("%s to %s %s (process %d)" % (signal.Signals(fault.number).name, one.role, one.rank, one.pid))
            if one.rank is not None:
                self.harmed.add(one.rank)
        return hit

    def _disturb_start(self):
        rank = self.random.randrange(self.ranks)
        fault = self.faults[0]
        if not self._wait_for(lambda processes: [one for one in processes if one.rank == rank]) or self.is_over.wait(fault.at):
            return
        victims = [one for one in processes_of(self.mark) if one.rank == rank and one.role != "child"]
        if victims:
            victim = self.random.choice(victims)
            if send_signal(victim, fault.number, self.mark):
                self.hits += 1
                self.harmed.add(rank)
                self._note("%s to %s %d (process %d)" % (signal.Signals(fault.number).name, victim.role, rank, victim.pid))
