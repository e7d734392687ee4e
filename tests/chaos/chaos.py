"""Runs of the program that are disturbed, each made from a number (its seed), and what must be true of them.

    python3 chaos.py --runs=200 --seed=1        see tools/chaos, which builds the program first

A seed says what is run (ranks, jobs, flags; on one host or on several) and what happens to it: signals to ranks and to the processes that
process chunks for them, at random moments; workers that end, hang or take all memory in chosen chunks; the end of rank 0, of a supervisor or of
mpirun; a death before the run has begun. The same seed gives the same run again, but for the moments, which are the machine's.

Of every run it is checked how it ends: within a time limit; with the exit status and the answers that it must have, to the bit those of one
process that nobody disturbs; with output files written whole or not at all; with no process, no shared memory and no file left. A run that was
stopped and has a journal is gone on with (--resume), and must come to the same answers.
"""

import argparse
import concurrent.futures
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import whole_run

np = whole_run.import_numpy()

# Most runs take a second or two, and a few as long as the deadlines of their chunks together. Whatever takes longer hangs.
TIME_LIMIT_SECONDS = 40
# Before that there is a look at what it is doing.
EVIDENCE_SECONDS = 25

_MARK = "MPAIO_CHAOS_RUN"
_RANK = b"OMPI_COMM_WORLD_RANK="
_MPI_JOB = b"PMIX_NAMESPACE="
_SUPERVISOR = "mpaio:watch"

# The kinds of runs in which mpirun has to end a job.
ENDINGS = ("start", "rank0", "supervisor", "mpirun")


# ---- what is run -----------------------------------------------------------------------------------------------------

# (worker, input, whether it writes an output, parameters)
_JOBS = [
    ("sum", "doubles", False, []),
    ("sum", "table", False, ["axis=0"]),
    ("mean", "table", False, []),
    ("var", "doubles", False, []),
    ("std", "table", True, ["axis=1"]),
    ("min_max", "doubles", False, []),
    ("count", "small", False, ["value=3"]),
    ("unique", "small", False, []),
    ("median", "doubles", False, []),
    ("quantile", "table", False, ["q=0.3", "axis=0"]),
    ("histogram", "doubles", False, ["bins=17"]),
    ("concat", "words", False, []),
    ("upper", "words", True, []),
    ("sort", "doubles", True, []),
    ("sort", "table", True, ["axis=0"]),
    ("argsort", "doubles", True, []),
    ("map", "doubles", True, ["fn=square"]),
    ("map", "table", True, ["expr=sin(x)*3+x"]),
    ("filter", "small", True, ["expr=x>5"]),
    ("spin", "small", False, ["ns_per_row=3000"]),
]
# Of these it is known when a rank has started up, and they do the harm.
_CHAOS_JOBS = [("chaos_sum", "ints", False, []), ("chaos_map", "ints", True, [])]
_INT_ROWS = 4001


def make_inputs(folder):
    """The same for all seeds."""
    generator = np.random.default_rng(20240607)
    arrays = {
        "ints": generator.integers(-2**40, 2**40, size=_INT_ROWS),
        "small": generator.integers(0, 20, size=30_000),
        "doubles": generator.standard_normal(60_000) * 10.0**generator.integers(-9, 9, 60_000),
        "table": generator.standard_normal((2003, 23)),
        "words": np.array(["w\xf6rd_%d_\U0001f600" % i for i in range(4000)]),
    }
    for name, array in arrays.items():
        np.save(os.path.join(folder, name + ".npy"), array)


class Job:
    def __init__(self, kind, parameters=()):
        self.worker, self.input, self.writes, fixed = kind
        self.fixed = fixed
        self.parameters = list(parameters)

    @property
    def is_chaos(self):
        return self.worker.startswith("chaos_")

    def words(self, inputs, output):
        return ([self.worker, os.path.join(inputs, self.input + ".npy")] + ([output] if self.writes else []) + self.fixed +
                self.parameters)


class Answers:
    """What one process gives that nobody disturbs: the answer and the bytes of the output, if there is one."""

    def __init__(self, inputs):
        self.inputs = inputs
        self.known = {}
        self.lock = threading.Lock()
        ints = np.load(os.path.join(inputs, "ints.npy"))
        self.prefix_sums = np.concatenate([[0], np.cumsum(ints)])
        self.prefix_digests = [0]
        for x in ints.tolist():
            self.prefix_digests.append((self.prefix_digests[-1] * 0x9E3779B97F4A7C15 + x) % 2**64)

    def of(self, job):
        with self.lock:
            key = (job.worker, job.input, *job.fixed)
            if key not in self.known:
                with tempfile.TemporaryDirectory(prefix="a") as folder:
                    output = os.path.join(folder, "out.npy")
                    plain = Job((job.worker, job.input, job.writes, job.fixed))
                    done = whole_run.run(None, "--format=json", *plain.words(self.inputs, output))
                    if done.status != 0:
                        raise AssertionError("the reference fails: %s" % done)
                    self.known[key] = (done.json["jobs"][0]["result"], _bytes_of(output))
            return self.known[key]

    def of_first_rows(self, rows):
        return {"sum": int(self.prefix_sums[rows]), "digest": self.prefix_digests[rows]}


def _bytes_of(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Blow:
    """Something that happens to processes from outside. at: seconds after the run has begun. count: of how many; 0: of all. cont: seconds until
    SIGCONT, after SIGSTOP; None: never."""

    def __init__(self, at, target, number, count, cont=None):
        self.at = at
        self.target = target
        self.number = number
        self.count = count
        self.cont = cont

    def __str__(self):
        text = "%s to %s %s at %.2f s" % (signal.Signals(self.number).name, self.count or "all", self.target, self.at)
        return text + (", continued %.2f s later" % self.cont if self.cont is not None else "")


class Scenario:
    """What a seed says."""

    KINDS = {"outside": 34, "inside": 22, "both": 18, "start": 5, "rank0": 7, "signal": 8, "supervisor": 2, "mpirun": 4}

    def __init__(self, seed, may_use_hosts, may_limit_memory, kind=None):
        self.seed = seed
        self.random = random.Random("chaos %d" % seed)
        self.kind = self.random.choices(list(self.KINDS), self.KINDS.values())[0]
        if kind:
            self.kind = kind
        # Drawn always, so that what follows is the same with and without.
        is_on_hosts = self.random.random() < 0.12
        hosts, ranks_each = self.random.choice([(2, 1), (2, 2), (3, 1), (3, 2)])
        self.ranks = self.random.randint(2, 6)
        self.hosts = 1
        if is_on_hosts and may_use_hosts:
            self.hosts, self.ranks_each = hosts, ranks_each
            self.ranks = hosts * ranks_each
        self.may_limit_memory = may_limit_memory and self.hosts == 1
        self.limits_memory = False
        self.blows = []
        self.plan = {}  # chunk: (how, times)
        self.flags = []
        self.retries = 3
        self.chunk_deadline = None
        self.has_journal = False
        self._choose_run()
        if self.kind in ("outside", "both"):
            self._choose_blows()
        if self.kind in ("inside", "both"):
            self._choose_plan()
        if self.kind in ("rank0", "signal", "supervisor", "mpirun"):
            self._choose_end()
        if self.kind == "start":
            self.blows = [Blow(self.random.choice([0, 0.02, 0.05, 0.1, 0.2, 0.3]) * self.random.random(), "start",
                               self.random.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]), 1)]
        self._choose_retries()

    def _choose_run(self):
        choice, uniform = self.random.choice, self.random.random
        self.isolate = choice(["auto", "auto", "always", "never"])
        num_others = choice([0, 0, 1, 1, 2, 3])
        others = [Job(kind) for kind in self.random.sample(_JOBS, num_others)]
        # Where all are processed in children, these show that a rank has started up.
        has_chaos = not others or self.kind in ("inside", "both") or self.isolate != "always" or uniform() < 0.7
        self.chunk = choice(["auto", int(10**self.random.uniform(0.7, 3.6))])
        self.jobs = others
        if has_chaos:
            # "auto" makes some 256 for each rank.
            chunks = -(-_INT_ROWS // (self.chunk if self.chunk != "auto" else -(-_INT_ROWS // (256 * self.ranks))))
            total_seconds = choice([0.05, 0.2, 0.4, 0.6])
            chunk_us = int(total_seconds * 1e6 * max(1, self.ranks - 1) / chunks)
            job = Job(choice(_CHAOS_JOBS), ["chunk_us=%d" % min(chunk_us, 300_000)])
            job.num_chunks = chunks
            self.jobs.insert(self.random.randint(0, len(self.jobs)), job)
        self.flags = ["--format=json", "--isolate=" + self.isolate, "--chunk=%s" % self.chunk]
        if uniform() < 0.5:
            self.flags.append("--schedule=" + choice(["static", "dynamic", "guided", "factoring", "trapezoid", "adaptive"]))
        if uniform() < 0.6:
            self.flags.append("--source=" + choice(["window", "map"]))
        self.has_journal = uniform() < (0.75 if self.kind in ("rank0", "signal", "mpirun") else 0.15)
        if uniform() < 0.2 and self.isolate != "never":
            self._set_deadline()

    def _set_deadline(self):
        if self.chunk_deadline is None:
            self.chunk_deadline = 1.0
            self.flags.append("--chunk_deadline=%g" % self.chunk_deadline)

    @property
    def chaos_job(self):
        return next((job for job in self.jobs if job.is_chaos), None)

    def _choose_blows(self):
        uniform = self.random.random
        deaths = [signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]
        for _ in range(self.random.choice([1, 1, 1, 2, 3, 5])):
            target = self.random.choice(["ranks", "ranks", "children"])
            number = self.random.choice(deaths + [signal.SIGSTOP, signal.SIGSTOP])
            cont = self.random.choice([None, 0.05, 0.4, 1.0]) if number == signal.SIGSTOP else None
            if target == "children" and number == signal.SIGSTOP and cont is None:
                # Without a deadline a chunk may take as long as it likes.
                if self.isolate == "never":
                    cont = 0.4
                else:
                    self._set_deadline()
            count = self.random.choice([1, 1, 1, 2, 0])
            self.blows.append(Blow(self.random.choice([0.02, 0.1, 0.5]) * uniform(), target, number, count, cont))
        if uniform() < 0.1:
            # The end of all workers at once.
            self.blows = [Blow(0.3 * uniform(), "ranks", signal.SIGKILL, 0)]

    def _choose_plan(self):
        job = self.chaos_job
        hows = ["exit0", "exit1", "_exit0", "abort", "segv", "kill"]
        if self.isolate != "never":
            hows += ["hang", "stop"]
            if self.may_limit_memory:
                hows.append("alloc")
        for _ in range(self.random.choice([1, 1, 2, 4])):
            how = self.random.choice(hows)
            times = self.random.choice([1, 1, 2, -1])
            if how in ("hang", "stop"):
                # Nothing else ends them.
                self._set_deadline()
                times = min(times, 1) if times > 0 else times
            if how == "alloc":
                self.limits_memory = True
            self.plan[self.random.randrange(job.num_chunks)] = (how, times)
        # Chunks that hang every time cost four deadlines each.
        poisons = [chunk for chunk, (how, times) in self.plan.items() if how in ("hang", "stop") and times < 0]
        for chunk in poisons[1:]:
            self.plan[chunk] = ("abort", -1)

    def _choose_end(self):
        uniform = self.random.random
        if self.kind == "rank0":
            number, target = self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]), "rank 0"
        elif self.kind == "signal":
            number, target = self.random.choice([signal.SIGTERM, signal.SIGINT]), "rank 0"
        elif self.kind == "supervisor":
            number, target = signal.SIGKILL, "supervisors"
        else:
            number, target = self.random.choice([signal.SIGTERM, signal.SIGINT]), "mpirun"
        self.blows = [Blow(self.random.choice([0.02, 0.1, 0.3]) * uniform(), target, number, 1)]
        if uniform() < 0.3:
            # Somebody has died before.
            self.blows.insert(0, Blow(self.blows[0].at * uniform(), "ranks", signal.SIGKILL, self.random.choice([1, 2])))

    def _choose_retries(self):
        """So many that only a chunk is given up that does harm every time: each blow to a child may hit the same chunk."""
        at_children = sum(blow.count or self.ranks for blow in self.blows if blow.target == "children" or blow.number == signal.SIGSTOP)
        needed = at_children + max([times for _, times in self.plan.values()], default=0)
        if needed >= self.retries or self.random.random() < 0.2:
            self.retries = needed + self.random.randint(1, 3)
            self.flags.append("--retries=%d" % self.retries)

    def __str__(self):
        text = "%s; %d ranks" % (self.kind, self.ranks)
        if self.hosts > 1:
            text += " on %d hosts" % self.hosts
        jobs = " + ".join(" ".join([job.worker, job.input] + job.fixed + job.parameters) for job in self.jobs)
        text += "; %s%s %s" % (" ".join(self.flags), " --journal" if self.has_journal else "", jobs)
        for blow in self.blows:
            text += "; %s" % blow
        for chunk, (how, times) in sorted(self.plan.items()):
            text += "; chunk %d: %s %s" % (chunk, how, "always" if times < 0 else "%d times" % times)
        return text


# ---- what happens to it ----------------------------------------------------------------------------------------------


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


class Tormentor(threading.Thread):
    """Does to the run what the scenario says."""

    def __init__(self, scenario, mark, folder):
        super().__init__()
        self.scenario = scenario
        self.mark = mark
        self.folder = folder
        self.random = random.Random("blows %d" % scenario.seed)
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
                if self.scenario.kind in ENDINGS and self._is_mpirun_stuck():
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
        if not self.scenario.blows:
            return
        if self.scenario.kind == "start":
            return self._disturb_start()
        begun = self._wait_for(lambda processes: self._ready(processes))
        if not begun:
            return
        start = time.monotonic()
        pending = [(blow.at, index, blow, None) for index, blow in enumerate(self.scenario.blows)]
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
        scenario = self.scenario
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
        rank = self.random.randrange(self.scenario.ranks)
        blow = self.scenario.blows[0]
        if not self._wait_for(lambda processes: [one for one in processes if one.rank == rank]) or self.is_over.wait(blow.at):
            return
        victims = [one for one in processes_of(self.mark) if one.rank == rank and one.role != "child"]
        if victims:
            victim = self.random.choice(victims)
            if strike(victim, blow.number, self.mark):
                self.hits += 1
                self.harmed.add(rank)
                self._note("%s to %s %d (process %d)" % (signal.Signals(blow.number).name, victim.role, rank, victim.pid))


# ---- what must be true of it -----------------------------------------------------------------------------------------


class MemoryLimit:
    """A memory cgroup; a context. `launcher`: what puts a command into it."""

    LIMIT_BYTES = 900 << 20

    def __init__(self):
        self.folder = None

    @staticmethod
    def _root():
        for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            if os.path.exists(os.path.join(root, "cgroup.procs")):
                return root, limit
        return None, None

    @classmethod
    def why_not(cls):
        root, _ = cls._root()
        if root is None:
            return "there are no memory cgroups"
        try:
            with cls():
                return None
        except OSError as error:
            return "no memory cgroup can be made (%s)" % error

    def __enter__(self):
        root, limit = self._root()
        self.folder = tempfile.mkdtemp(prefix="mpaio-chaos-", dir=root)
        try:
            with open(os.path.join(self.folder, limit), "w") as file:
                file.write(str(self.LIMIT_BYTES))
        except OSError:
            os.rmdir(self.folder)
            raise
        return self

    def __exit__(self, *_):
        end = time.monotonic() + 5
        while True:
            try:
                return os.rmdir(self.folder)
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > end:
                    raise
            time.sleep(0.02)

    @property
    def launcher(self):
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', os.path.join(self.folder, "cgroup.procs")]


class Result:
    """failure: None, or what is wrong. notes: of interest, and not wrong. disturbances: how often something happened to it."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.failure = None
        self.disturbances = 0
        self.notes = []
        self.details = ""
        self.seconds = 0


class Chaos:
    """Runs scenarios in `folder`, which is the caller's."""

    def __init__(self, folder, uses_hosts=False, kind=None):
        self.folder = folder
        self.kind = kind
        self.inputs = os.path.join(folder, "inputs")
        os.mkdir(self.inputs)
        make_inputs(self.inputs)
        self.answers = Answers(self.inputs)
        self.skipped = []
        self.uses_hosts = uses_hosts
        if uses_hosts:
            check = subprocess.run(["bash", os.environ["HOSTS_SCRIPT"], "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if check.returncode:
                self.uses_hosts = False
                self.skipped.append("several hosts: " + check.stdout.decode().strip())
        why_not = MemoryLimit.why_not()
        self.limits_memory = why_not is None
        if why_not:
            self.skipped.append("no memory left: " + why_not)

    def run(self, seed):
        scenario = Scenario(seed, self.uses_hosts, self.limits_memory, self.kind)
        result = Result(scenario)
        start = time.monotonic()
        folder = os.path.join(self.folder, "run%d" % seed)
        os.mkdir(folder)
        try:
            Trial(self, scenario, folder, result).check()
        except AssertionError as error:
            result.failure = str(error)
        finally:
            shutil.rmtree(folder)
        result.seconds = time.monotonic() - start
        return result


class Trial:
    """One run, and the one that goes on with it."""

    def __init__(self, chaos, scenario, folder, result):
        self.chaos = chaos
        self.scenario = scenario
        self.folder = folder
        self.result = result
        self.torments = os.path.join(folder, "torments")
        os.mkdir(self.torments)
        self.outputs = os.path.join(folder, "outputs")
        os.mkdir(self.outputs)
        self.journal = os.path.join(folder, "journal")

    def check(self):
        scenario = self.scenario
        self._write_plan(scenario.plan)
        done, tormentor = self._run()
        self.result.details = "\n".join([str(scenario)] + tormentor.log + ["harm done: " + line for line in self._events()] +
                                        [str(done) if done else ""] + ([tormentor.evidence] if tormentor.evidence else []))
        self.result.disturbances = tormentor.hits + len(self._events())
        if tormentor.error:
            raise tormentor.error
        if done is None:
            raise AssertionError("no end within %d s" % TIME_LIMIT_SECONDS)
        # Open MPI 4's, on its way out: it no longer heeds SIGPIPE when it still writes to those that it has ended; or, after somebody has died
        # who was just connecting, it waits for a lock of PMIx that a thread had which is gone (in PMIx_server_finalize). It leaves its files then.
        if scenario.kind in ENDINGS and (done.status == -signal.SIGPIPE or tormentor.is_mpirun_stuck):
            self.result.notes.append("mpirun itself did not end" if tormentor.is_mpirun_stuck else "mpirun itself was killed by SIGPIPE")
            self._remove_what_mpirun_left(done)
        self._expect(done.left == [], "left behind: %s" % done.left)
        if scenario.blows and not tormentor.hits:
            self.result.notes.append("over before anything could happen to it")
        if scenario.kind == "start":
            # Late enough, it is survived, and then everything must be right.
            if tormentor.hits and done.status != 0:
                return self._check_no_output()
            self._expect(0 not in tormentor.harmed, "rank 0 was killed, and the exit status is 0")
            return self._check_survived(done, tormentor)
        ended = any(blow.target not in ("ranks", "children") for blow in scenario.blows) and self._was_ended(tormentor)
        if not ended:
            return self._check_survived(done, tormentor)
        if scenario.kind == "signal":
            self._check_stopped(done, tormentor)
        elif done.status == 0:
            # It was printing its answer.
            return self._check_survived(done, tormentor)
        else:
            self._check_no_output()
        if scenario.has_journal:
            self._check_resume()

    def _was_ended(self, tormentor):
        last = self.scenario.blows[-1]
        word = {"rank 0": "to rank 0 ", "supervisors": "to supervisor ", "mpirun": "to other "}[last.target]
        return any(word in line for line in tormentor.log)

    @staticmethod
    def _expect(condition, text):
        if not condition:
            raise AssertionError(text)

    @staticmethod
    def _remove_what_mpirun_left(done):
        for name in list(done.left):
            if name.startswith("/dev/shm/vader_segment."):
                os.remove(name)
                done.left.remove(name)
            elif "/ompi." in name:
                done.left.remove(name)

    def _write_plan(self, plan):
        with open(os.path.join(self.torments, "plan"), "w") as file:
            for chunk, (how, times) in plan.items():
                file.write("%d %s %d\n" % (chunk, how, times))

    def _events(self):
        return (_bytes_of(os.path.join(self.torments, "events")) or b"").decode().splitlines()

    def _arguments(self):
        words = list(self.scenario.flags)
        if self.scenario.has_journal:
            words.append("--journal=" + self.journal)
        for index, job in enumerate(self.scenario.jobs):
            words += ["+"] if index else []
            words += job.words(self.chaos.inputs, self._output(index))
            words += ["folder=" + self.torments] if job.is_chaos else []
        return words

    def _output(self, index):
        return os.path.join(self.outputs, "%d.npy" % index)

    def _run(self, *more):
        """The outcome, or None where it does not come to an end, and the tormentor."""
        scenario = self.scenario
        name = "%d-%d-%d" % (os.getpid(), scenario.seed, random.getrandbits(32))
        tormentor = Tormentor(scenario, ("%s=%s" % (_MARK, name)).encode(), self.torments)
        if more:
            tormentor.scenario = _Undisturbed(scenario)
        options = {"timeout": TIME_LIMIT_SECONDS, "env": {_MARK: name}}
        left = os.path.join(self.folder, "left")
        limit = None
        if scenario.hosts > 1:
            slots = ",".join("host%d:%d" % (host, scenario.ranks_each) for host in range(scenario.hosts))
            options["launcher"] = ["bash", os.environ["HOSTS_SCRIPT"], str(scenario.hosts), left]
            options["mpirun_flags"] = ["--host", slots]
        if scenario.limits_memory:
            limit = MemoryLimit()
            limit.__enter__()
            options["launcher"] = limit.launcher
        tormentor.start()
        done = None
        try:
            done = whole_run.run(scenario.ranks, *self._arguments(), *more, cwd=self.folder, **options)
        except AssertionError as error:
            tormentor.log.append(str(error))
        finally:
            tormentor.is_over.set()
            tormentor.join()
            if limit:
                limit.__exit__()
        if done is not None:
            done.left = [name for name in done.left if not _is_of_another_mpi_job(name, tormentor.mpi_job)]
        if scenario.hosts > 1 and done is not None:
            with open(left) as file:
                done.left += file.read().splitlines()
        return done, tormentor

    def _check_answer(self, index, answer):
        """Of a job that is done."""
        expected, output = self.chaos.answers.of(self.scenario.jobs[index])
        name = "job %d (%s)" % (index, self.scenario.jobs[index].worker)
        # As text, so that 0.0 is not -0.0.
        self._expect(json.dumps(answer["result"]) == json.dumps(expected), "%s: the answer is %.300s instead of %.300s" %
                     (name, answer["result"], expected))
        if self.scenario.jobs[index].writes:
            self._expect(_bytes_of(self._output(index)) == output, "%s: the output is not what it should be" % name)

    def _check_survived(self, done, tormentor):
        scenario = self.scenario
        try:
            jobs = done.json["jobs"]
        except ValueError:
            raise AssertionError("exit status %d, and no answer" % done.status) from None
        poisoned = set()
        for index, (job, answer) in enumerate(zip(scenario.jobs, jobs)):
            name = "job %d (%s)" % (index, job.worker)
            if job.is_chaos:
                poisoned = self._poisoned(answer["chunks"])
            given_up = {one["chunk"]: one for one in answer.get("quarantined", [])}
            expected = poisoned if job.is_chaos else set()
            spared = {int(line.split()[2]) for line in self._events() if line.endswith(" spared")} if job.is_chaos else set()
            self._expect(expected - spared <= set(given_up) <= expected, "%s: the chunks given up are %s instead of %s" %
                         (name, sorted(given_up), sorted(expected)))
            for chunk, one in given_up.items():
                self._expect(one["attempts"] == scenario.retries + 1, "%s: chunk %d was given up after %d attempts" %
                             (name, chunk, one["attempts"]))
                self._check_rows(one)
            if given_up:
                self._expect(answer["status"] != "ok" and answer["result"] is None, "%s is incomplete, and says nothing of it" % name)
                self._expect(not os.path.exists(self._output(index)), "%s is incomplete, and has written its output" % name)
            else:
                self._expect(answer["status"] == "ok", "%s: %s" % (name, answer["status"]))
                self._check_answer(index, answer)
        any_given_up = any("quarantined" in answer for answer in jobs)
        self._expect(done.status == (1 if any_given_up else 0), "the exit status is %d" % done.status)
        self._check_losses(done, tormentor)
        self._check_files({self._output(index) for index, answer in enumerate(jobs) if answer["status"] == "ok"})

    def _poisoned(self, num_chunks):
        return {chunk for chunk, (_, times) in self.scenario.plan.items() if times < 0 and chunk < num_chunks}

    def _check_rows(self, one):
        chunk = self.scenario.chunk
        if chunk != "auto":
            rows = [one["chunk"] * chunk, min((one["chunk"] + 1) * chunk, _INT_ROWS)]
            self._expect(one["rows"] == rows, "chunk %d has rows %s instead of %s" % (one["chunk"], one["rows"], rows))

    def _check_losses(self, done, tormentor):
        """Whoever is lost has been harmed."""
        harmed = set(tormentor.harmed)
        harmed |= {int(line.split()[0]) for line in self._events() if line.split()[1] == "rank" or line.split()[3] in ("hang", "stop")}
        for loss in done.json.get("lost", []):
            if loss["rank"] in harmed:
                continue
            if "did not answer" in loss["cause"]:
                # On a machine that is busy with something else this may be so.
                self.result.notes.append("rank %d did not answer, though nothing had happened to it" % loss["rank"])
                continue
            raise AssertionError("rank %d is said to have been lost (%s), and nothing had happened to it" % (loss["rank"], loss["cause"]))

    def _check_files(self, outputs):
        there = {os.path.join(self.outputs, name) for name in os.listdir(self.outputs)}
        self._expect(there <= outputs, "files left: %s" % sorted(there - outputs))
        known = {"torments", "outputs", "left"} | ({"journal"} if self.scenario.has_journal else set())
        others = set(os.listdir(self.folder)) - known
        self._expect(not others, "files left: %s" % sorted(others))

    def _check_no_output(self):
        """Or the whole of it, where the end came when all was done but the rest of the program."""
        if self.scenario.kind not in ENDINGS:
            return self._check_files(set())
        there = {self._output(index) for index in range(len(self.scenario.jobs)) if os.path.exists(self._output(index))}
        for index, job in enumerate(self.scenario.jobs):
            if self._output(index) in there:
                self._expect(_bytes_of(self._output(index)) == self.chaos.answers.of(job)[1], "job %d (%s): half an output is left" %
                             (index, job.worker))
        self._check_files(there)

    def _check_stopped(self, done, tormentor):
        number = self.scenario.blows[-1].number
        if done.status == 0:
            # All was done when the signal came.
            return self._check_survived(done, tormentor)
        self._expect(done.status == 128 + number, "the exit status is %d instead of %d" % (done.status, 128 + number))
        try:
            jobs = done.json["jobs"]
        except ValueError:
            raise AssertionError("no answer, after signal %d" % number) from None
        for index, (job, answer) in enumerate(zip(self.scenario.jobs, jobs)):
            if answer["status"] == "ok":
                self._check_answer(index, answer)
            partial = answer.get("partial")
            if partial and job.worker == "chaos_sum":
                expected = self.chaos.answers.of_first_rows(partial["rows"])
                self._expect(partial["result"] == expected, "of the first %d rows the answer is %s instead of %s" %
                             (partial["rows"], partial["result"], expected))
        self._expect(any("stopped by signal" in line for line in done.stderr), "it does not say that it was stopped")
        self._check_losses(done, tormentor)
        self._check_no_output()

    def _check_resume(self):
        if os.path.exists(self.journal):
            self._write_plan({})
            again, tormentor = self._run("--resume")
            self.result.details += "\ngone on with:\n%s" % (again or "\n".join(tormentor.log + [tormentor.evidence or ""]))
            self._expect(again is not None, "--resume: no end within %d s" % TIME_LIMIT_SECONDS)
            self._expect(again.left == [], "--resume: left behind: %s" % again.left)
            try:
                self._check_survived(again, tormentor)
            except AssertionError as error:
                raise AssertionError("--resume: %s" % error) from None


def _is_of_another_mpi_job(name, mpi_job):
    """Whether a file in shared memory is of Open MPI 4, and of another job on this machine: where one was ended by force, it stays."""
    segment = re.fullmatch(r"/dev/shm/vader_segment\..*\.([0-9a-f]+)\.[0-9]+", name)
    return bool(segment and mpi_job and mpi_job.isdigit() and int(segment.group(1), 16) != int(mpi_job))


class _Undisturbed:
    """A scenario in which nothing happens."""

    def __init__(self, scenario):
        self.seed, self.kind, self.blows = scenario.seed, "outside", []


def describe(result):
    """A line; and what is known of it."""
    return "FAIL seed %d: %s [%s]" % (result.scenario.seed, result.failure.splitlines()[0], result.scenario)


def main():
    parser = argparse.ArgumentParser(prog="tools/chaos")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--hosts", action="store_true")
    parser.add_argument("--kind", choices=list(Scenario.KINDS))
    parser.add_argument("--out", required=True)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "little")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(options.out, exist_ok=True)
    kinds, failures, notes = {}, 0, {}
    start = time.monotonic()
    print("seeds %d to %d" % (seed, seed + options.runs - 1), flush=True)
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        chaos = Chaos(folder, options.hosts, options.kind)
        for what in chaos.skipped:
            print("SKIPPED: " + what, flush=True)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            pending = [pool.submit(chaos.run, number) for number in range(seed, seed + options.runs)]
            try:
                for future in pending:
                    result = future.result()
                    kind = result.scenario.kind + (", hosts" if result.scenario.hosts > 1 else "")
                    kinds[kind] = kinds.get(kind, 0) + 1
                    for note in result.notes:
                        note = note if not note.startswith("rank") else "a rank" + note[note.index(" did"):]
                        notes[note] = notes.get(note, 0) + 1
                    if options.verbose or options.runs == 1:
                        print("%s seed %d, %.1f s: %s%s" % ("bad " if result.failure else "good", result.scenario.seed, result.seconds,
                                                            result.scenario, "".join(" (%s)" % note for note in result.notes)), flush=True)
                    if options.runs == 1:
                        print(result.details)
                    if result.failure:
                        failures += 1
                        print(describe(result), flush=True)
                        with open(os.path.join(options.out, "seed%d.txt" % result.scenario.seed), "w") as file:
                            file.write("%s\n%s\n" % (result.failure, result.details))
            finally:
                for future in pending:
                    future.cancel()
    print("%s" % ", ".join("%s: %d" % item for item in sorted(kinds.items())))
    for note, count in sorted(notes.items()):
        print("of note: %s: %d" % (note, count))
    print("%d runs, %d failed, %.0f s" % (options.runs, failures, time.monotonic() - start))
    if failures:
        print("what is known of them: %s/seed*.txt" % options.out)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
