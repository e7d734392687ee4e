# SPDX-License-Identifier: Apache-2.0
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
import time

import whole_run
from scenario import ENDINGS, INT_ROWS, Answers, Scenario, bytes_of, make_inputs
from fault_injector import FaultInjector

# Most runs take a second or two, and a few as long as the deadlines of their chunks together. Whatever takes longer hangs.
TIME_LIMIT_SECONDS = 40

_MARK = "MPAIO_CHAOS_RUN"


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
        self.schedule = os.path.join(folder, "schedule")

    def check(self):
        scenario = self.scenario
        if scenario.replays:
            self._record_schedule()
        self._write_plan(scenario.plan)
        done, fault_injector = self._run(scenario.blows)
        self.result.details = "\n".join([str(scenario)] + fault_injector.log + ["harm done: " + line for line in self._events()] +
                                        [str(done) if done else ""] + ([fault_injector.evidence] if fault_injector.evidence else []))
        self.result.disturbances = fault_injector.hits + len(self._events())
        if fault_injector.error:
            raise fault_injector.error
        if done is None:
            raise AssertionError("no end within %d s" % TIME_LIMIT_SECONDS)
        # Open MPI 4's, on its way out: it no longer heeds SIGPIPE when it still writes to those that it has ended; or, after somebody has died
        # who was just connecting, it waits for a lock of PMIx that a thread had which is gone (in PMIx_server_finalize). It leaves its files then.
        if scenario.kind in ENDINGS and (done.status == -signal.SIGPIPE or fault_injector.is_mpirun_stuck):
            self.result.notes.append("mpirun itself did not end" if fault_injector.is_mpirun_stuck else "mpirun itself was killed by SIGPIPE")
            self._remove_what_mpirun_left(done)
        self._expect(done.left == [], "left behind: %s" % done.left)
        if scenario.blows and not fault_injector.hits:
            self.result.notes.append("over before anything could happen to it")
        if scenario.kind == "start":
            # Late enough, it is survived, and then everything must be right.
            if fault_injector.hits and done.status != 0:
                return self._check_no_output()
            self._expect(0 not in fault_injector.harmed, "rank 0 was killed, and the exit status is 0")
            return self._check_survived(done, fault_injector)
        ended = any(blow.target not in ("ranks", "children") for blow in scenario.blows) and self._was_ended(fault_injector)
        if not ended:
            return self._check_survived(done, fault_injector)
        if scenario.kind == "signal":
            self._check_stopped(done, fault_injector)
        elif done.status == 0:
            # It was printing its answer.
            return self._check_survived(done, fault_injector)
        else:
            self._check_no_output()
        if scenario.has_journal:
            self._check_resume()

    def _was_ended(self, fault_injector):
        last = self.scenario.blows[-1]
        word = {"rank 0": "to rank 0 ", "supervisors": "to supervisor ", "mpirun": "to other "}[last.target]
        return any(word in line for line in fault_injector.log)

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
        return (bytes_of(os.path.join(self.torments, "events")) or b"").decode().splitlines()

    def _arguments(self):
        words = list(self.scenario.flags)
        is_recording = self.scenario.replays and not os.path.exists(self.schedule)
        if self.scenario.replays:
            words.append(("--record=" if is_recording else "--replay=") + self.schedule)
        if self.scenario.has_journal and not is_recording:
            words.append("--journal=" + self.journal)
        for index, job in enumerate(self.scenario.jobs):
            words += ["+"] if index else []
            words += job.words(self.chaos.inputs, self._output(index))
            words += ["folder=" + self.torments] if job.is_chaos else []
        return words

    def _output(self, index):
        return os.path.join(self.outputs, "%d.npy" % index)

    def _record_schedule(self):
        self._write_plan({})
        done, fault_injector = self._run([])
        self._expect(done is not None and done.status == 0, "a run that nobody disturbs fails: %s" % (done or fault_injector.log))
        self._clear()

    def _clear(self):
        """So that another run begins as this one did, but for the journal and the schedule."""
        for folder in (self.torments, self.outputs):
            shutil.rmtree(folder)
            os.mkdir(folder)

    def _run(self, blows, *more):
        """The outcome, or None where it does not come to an end, and the fault_injector."""
        scenario = self.scenario
        name = "%d-%d-%d" % (os.getpid(), scenario.seed, random.getrandbits(32))
        kind = scenario.kind if blows is scenario.blows else "outside"
        fault_injector = FaultInjector(scenario.seed, scenario.ranks, kind, blows, ("%s=%s" % (_MARK, name)).encode(), self.torments)
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
        fault_injector.start()
        done = None
        try:
            done = whole_run.run(scenario.ranks, *self._arguments(), *more, cwd=self.folder, **options)
        except AssertionError as error:
            fault_injector.log.append(str(error))
        finally:
            fault_injector.is_over.set()
            fault_injector.join()
            if limit:
                limit.__exit__()
        if done is not None:
            done.left = [name for name in done.left if not _is_of_another_mpi_job(name, fault_injector.mpi_job)]
        if scenario.hosts > 1 and done is not None:
            with open(left) as file:
                done.left += file.read().splitlines()
        return done, fault_injector

    def _check_answer(self, index, answer):
        """Of a job that is done."""
        expected, output = self.chaos.answers.of(self.scenario.jobs[index])
        name = "job %d (%s)" % (index, self.scenario.jobs[index].worker)
        # As text, so that 0.0 is not -0.0.
        self._expect(json.dumps(answer["result"]) == json.dumps(expected), "%s: the answer is %.300s instead of %.300s" %
                     (name, answer["result"], expected))
        if self.scenario.jobs[index].writes:
            self._expect(bytes_of(self._output(index)) == output, "%s: the output is not what it should be" % name)

    def _check_survived(self, done, fault_injector):
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
        self._check_losses(done, fault_injector)
        self._check_files({self._output(index) for index, answer in enumerate(jobs) if answer["status"] == "ok"})

    def _poisoned(self, num_chunks):
        return {chunk for chunk, (_, times) in self.scenario.plan.items() if times < 0 and chunk < num_chunks}

    def _check_rows(self, one):
        chunk = self.scenario.chunk
        if chunk != "auto":
            rows = [one["chunk"] * chunk, min((one["chunk"] + 1) * chunk, INT_ROWS)]
            self._expect(one["rows"] == rows, "chunk %d has rows %s instead of %s" % (one["chunk"], one["rows"], rows))

    def _check_losses(self, done, fault_injector):
        """Whoever is lost has been harmed."""
        harmed = set(fault_injector.harmed)
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
        known = {"torments", "outputs", "left", "schedule"} | ({"journal"} if self.scenario.has_journal else set())
        others = set(os.listdir(self.folder)) - known
        self._expect(not others, "files left: %s" % sorted(others))

    def _check_no_output(self):
        """Or the whole of it, where the end came when all was done but the rest of the program."""
        if self.scenario.kind not in ENDINGS:
            return self._check_files(set())
        there = {self._output(index) for index in range(len(self.scenario.jobs)) if os.path.exists(self._output(index))}
        for index, job in enumerate(self.scenario.jobs):
            if self._output(index) in there:
                self._expect(bytes_of(self._output(index)) == self.chaos.answers.of(job)[1], "job %d (%s): half an output is left" %
                             (index, job.worker))
        self._check_files(there)

    def _check_stopped(self, done, fault_injector):
        number = self.scenario.blows[-1].number
        if done.status == 0:
            # All was done when the signal came.
            return self._check_survived(done, fault_injector)
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
        self._check_losses(done, fault_injector)
        self._check_no_output()

    def _check_resume(self):
        if os.path.exists(self.journal):
            self._clear()
            self._write_plan({})
            again, fault_injector = self._run(self.scenario.resume_blows, "--resume")
            self.result.details += "\ngone on with:\n%s" % (again or "\n".join(fault_injector.log + [fault_injector.evidence or ""]))
            self._expect(again is not None, "--resume: no end within %d s" % TIME_LIMIT_SECONDS)
            self._expect(again.left == [], "--resume: left behind: %s" % again.left)
            try:
                self._check_survived(again, fault_injector)
            except AssertionError as error:
                raise AssertionError("--resume: %s" % error) from None


def _is_of_another_mpi_job(name, mpi_job):
    """Whether a file in shared memory is of Open MPI 4, and of another job on this machine: where one was ended by force, it stays."""
    segment = re.fullmatch(r"/dev/shm/vader_segment\..*\.([0-9a-f]+)\.[0-9]+", name)
    return bool(segment and mpi_job and mpi_job.isdigit() and int(segment.group(1), 16) != int(mpi_job))


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
