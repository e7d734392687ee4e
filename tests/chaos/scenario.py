# SPDX-License-Identifier: Apache-2.0
"""Runs and their faults, generated from seeds, and the expected answers."""

import os
import random
import signal
import tempfile
import threading

import whole_run

np = whole_run.import_numpy()

# The kinds of runs in which mpirun has to end a job.
ENDINGS = ("start", "rank0", "supervisor", "mpirun")

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
    ("unique", "many", True, []),
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
    ("sum", "many", False, []),
    ("map", "swapped", True, ["expr=x*x"]),
]
# These workers report that their rank has started, and inject faults into chunks.
_CHAOS_JOBS = [("chaos_sum", "ints", False, []), ("chaos_map", "ints", True, [])]
INT_ROWS = 4001


def make_inputs(folder):
    """Writes the inputs, which are the same for all seeds."""
    generator = np.random.default_rng(20240607)
    arrays = {
        "ints": generator.integers(-2**40, 2**40, size=INT_ROWS),
        # These two are large enough to be read while they are being processed.
        "many": generator.integers(-2**40, 2**40, size=700_000),
        "swapped": generator.standard_normal(650_000).astype(">f8"),
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
    """The answers of an undisturbed single process, and the bytes of its outputs, if any."""

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
                        raise AssertionError("the undisturbed single process fails: %s" % done)
                    self.known[key] = (done.json["jobs"][0]["result"], bytes_of(output))
            return self.known[key]

    def of_first_rows(self, rows):
        return {"sum": int(self.prefix_sums[rows]), "digest": self.prefix_digests[rows]}


def bytes_of(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Fault:
    """A signal to processes of a run.

    at: seconds after the run has begun.
    count: number of processes; 0: all.
    cont: seconds from SIGSTOP until SIGCONT; None: no SIGCONT.
    """

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
    """The run and the faults that a seed determines."""

    KINDS = {"outside": 34, "inside": 22, "both": 18, "start": 5, "rank0": 7, "signal": 8, "supervisor": 2, "mpirun": 4}

    def __init__(self, seed, may_use_hosts, may_limit_memory, kind=None):
        self.seed = seed
        self.random = random.Random("chaos %d" % seed)
        self.kind = self.random.choices(list(self.KINDS), self.KINDS.values())[0]
        if kind:
            self.kind = kind
        # Drawn in any case, so that the following random numbers do not depend on `may_use_hosts`.
        is_on_hosts = self.random.random() < 0.12
        hosts, ranks_each = self.random.choice([(2, 1), (2, 2), (3, 1), (3, 2)])
        self.ranks = self.random.randint(2, 6)
        self.hosts = 1
        if is_on_hosts and may_use_hosts:
            self.hosts, self.ranks_each = hosts, ranks_each
            self.ranks = hosts * ranks_each
        self.may_limit_memory = may_limit_memory and self.hosts == 1
        self.limits_memory = False
        self.faults = []
        self.plan = {}  # chunk: (how, times)
        self.flags = []
        self.retries = 3
        self.chunk_deadline = None
        self.has_journal = False
        self._choose_run()
        if self.kind in ("outside", "both"):
            self._choose_faults()
        if self.kind in ("inside", "both"):
            self._choose_plan()
        if self.kind in ("rank0", "signal", "supervisor", "mpirun"):
            self._choose_end()
        if self.kind == "start":
            self.faults = [Fault(self.random.choice([0, 0.02, 0.05, 0.1, 0.2, 0.3]) * self.random.random(), "start",
                               self.random.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]), 1)]
        self._choose_retries()
        # True if the run replays the schedule of an undisturbed run.
        self.replays = self.kind in ("outside", "inside", "both") and self.random.random() < 0.08
        if self.replays:
            self.flags = [flag for flag in self.flags if not flag.startswith("--schedule=")]
        # Faults of the run that resumes this one.
        self.resume_faults = []
        if self.has_journal and self.random.random() < 0.4:
            self.resume_faults = [Fault(0.1 * self.random.random(), "ranks", signal.SIGKILL, self.random.choice([1, 2]))]
        # Without speculative copies, the run would wait for ever for a rank that stays stopped.
        if self.random.random() < 0.15 and all(fault.number != signal.SIGSTOP or fault.cont is not None for fault in self.faults):
            self.flags.append("--speculate=never")

    def _choose_run(self):
        choice, uniform = self.random.choice, self.random.random
        self.isolate = choice(["auto", "auto", "always", "never"])
        num_others = choice([0, 0, 1, 1, 2, 3])
        others = [Job(kind) for kind in self.random.sample(_JOBS, num_others)]
        # With --isolate=always the child processes show that a rank has started; otherwise only the
        # chaos workers do.
        has_chaos = not others or self.kind in ("inside", "both") or self.isolate != "always" or uniform() < 0.7
        self.chunk = choice(["auto", int(10**self.random.uniform(0.7, 3.6))])
        self.jobs = others
        if has_chaos:
            # "auto" makes about 256 chunks for each rank.
            chunks = -(-INT_ROWS // (self.chunk if self.chunk != "auto" else -(-INT_ROWS // (256 * self.ranks))))
            total_seconds = choice([0.05, 0.2, 0.4, 0.6])
            chunk_us = int(total_seconds * 1e6 * max(1, self.ranks - 1) / chunks)
            job = Job(choice(_CHAOS_JOBS), ["chunk_us=%d" % min(chunk_us, 300_000)])
            job.num_chunks = chunks
            self.jobs.insert(self.random.randint(0, len(self.jobs)), job)
        self.flags = ["--format=json", "--isolate=" + self.isolate, "--chunk=%s" % self.chunk]
        if uniform() < 0.5:
            self.flags.append("--schedule=" + choice(["static", "dynamic", "guided", "factoring", "trapezoid", "adaptive"]))
        if uniform() < 0.6:
            can_map = all(job.input != "swapped" for job in self.jobs)
            self.flags.append("--source=" + choice(["window", "map"] if can_map else ["window"]))
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

    def _choose_faults(self):
        uniform = self.random.random
        deaths = [signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]
        for _ in range(self.random.choice([1, 1, 1, 2, 3, 5])):
            target = self.random.choice(["ranks", "ranks", "children"])
            number = self.random.choice(deaths + [signal.SIGSTOP, signal.SIGSTOP])
            cont = self.random.choice([None, 0.05, 0.4, 1.0]) if number == signal.SIGSTOP else None
            if target == "children" and number == signal.SIGSTOP and cont is None:
                # Without a deadline, a chunk whose process stays stopped would never end.
                if self.isolate == "never":
                    cont = 0.4
                else:
                    self._set_deadline()
            count = self.random.choice([1, 1, 1, 2, 0])
            self.faults.append(Fault(self.random.choice([0.02, 0.1, 0.5]) * uniform(), target, number, count, cont))
        if uniform() < 0.1:
            # All workers die at once.
            self.faults = [Fault(0.3 * uniform(), "ranks", signal.SIGKILL, 0)]

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
                # Only a deadline ends these chunks.
                self._set_deadline()
                times = min(times, 1) if times > 0 else times
            if how == "alloc":
                self.limits_memory = True
            self.plan[self.random.randrange(job.num_chunks)] = (how, times)
        # A chunk that hangs every time costs four deadlines, so there is at most one.
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
        self.faults = [Fault(self.random.choice([0.02, 0.1, 0.3]) * uniform(), target, number, 1)]
        if uniform() < 0.3:
            # Other ranks die before that.
            self.faults.insert(0, Fault(self.faults[0].at * uniform(), "ranks", signal.SIGKILL, self.random.choice([1, 2])))

    def _choose_retries(self):
        """Chooses enough retries that only a chunk that fails every time is quarantined.

        All signals to children may hit the same chunk.
        """
        at_children = sum(fault.count or self.ranks for fault in self.faults if fault.target == "children" or fault.number == signal.SIGSTOP)
        needed = at_children + max([times for _, times in self.plan.values()], default=0)
        if needed >= self.retries or self.random.random() < 0.2:
            self.retries = needed + self.random.randint(1, 3)
            self.flags.append("--retries=%d" % self.retries)

    def __str__(self):
        text = "%s; %d ranks" % (self.kind, self.ranks)
        if self.hosts > 1:
            text += " on %d hosts" % self.hosts
        jobs = " + ".join(" ".join([job.worker, job.input] + job.fixed + job.parameters) for job in self.jobs)
        text += "; %s%s%s %s" % (" ".join(self.flags), " --journal" if self.has_journal else "", " --replay" if self.replays else "", jobs)
        for fault in self.faults:
            text += "; %s" % fault
        for chunk, (how, times) in sorted(self.plan.items()):
            text += "; chunk %d: %s %s" % (chunk, how, "always" if times < 0 else "%d times" % times)
        return text
