# SPDX-License-Identifier: Apache-2.0
"""Injects faults into runs of the program, each generated from a seed, and checks their outcomes.

    python3 chaos.py --runs=200 --seed=1        see tools/chaos, which builds the program first

A seed determines the run (ranks, jobs, flags, one host or several) and its faults: signals to ranks
and to the child processes that process chunks for them, at random times; workers that exit, hang or
take all memory in chosen chunks; the end of rank 0, of a supervisor or of mpirun; a death before
the run has begun. The same seed repeats the same run, except for the exact timing, which depends on
the machine.

Each run must end within a time limit; with the expected exit status and with answers that are
identical, to the bit, to those of an undisturbed single process; with each output file written
completely or not at all; and without leftover processes, shared memory or files. A stopped run with
a journal is resumed (--resume) and must produce the same answers.
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

# Most runs take a second or two, and a few as long as the sum of their chunks' deadlines. A run
# that takes longer hangs.
TIME_LIMIT_SECONDS = 40

_MARK = "MPAIO_CHAOS_RUN"


class MemoryLimit:
    """Context manager of a memory cgroup. `launcher`: words that start a command in the cgroup."""

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
    """Outcome of a run.

    failure: the error, or None.
    notes: noteworthy facts that are no errors.
    disturbances: number of faults that reached the run.
    """

    def __init__(self, scenario):
        self.scenario = scenario
        self.failure = None
        self.disturbances = 0
        self.notes = []
        self.details = ""
        self.seconds = 0


class Chaos:
    """Runs scenarios in `folder`, which the caller owns."""

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
    """One run, and the run that resumes it, if any."""

    def __init__(self, chaos, scenario, folder, result):
        self.chaos = chaos
        self.scenario = scenario
        self.folder = folder
        self.result = result
        self.faults_folder = os.path.join(folder, "faults")
        os.mkdir(self.faults_folder)
        self.outputs = os.path.join(folder, "outputs")
        os.mkdir(self.outputs)
        self.journal = os.path.join(folder, "journal")
        self.schedule = os.path.join(folder, "schedule")

    def check(self):
        scenario = self.scenario
        if scenario.replays:
            self._record_schedule()
        self._write_plan(scenario.plan)
        done, fault_injector = self._run(scenario.faults)
        self.result.details = "\n".join([str(scenario)] + fault_injector.log + ["harm done: " + line for line in self._events()] +
                                        [str(done) if done else ""] + ([fault_injector.evidence] if fault_injector.evidence else []))
        self.result.disturbances = fault_injector.hits + len(self._events())
        if fault_injector.error:
            raise fault_injector.error
        if done is None:
            raise AssertionError("the run did not end within %d s" % TIME_LIMIT_SECONDS)
        # Open MPI 4's mpirun has two defects at its end. mpirun no longer handles SIGPIPE while it
        # still writes to the processes that it has ended. And if a process died while connecting to
        # mpirun, mpirun waits in PMIx_server_finalize for a lock of PMIx whose thread has ended. In
        # both cases mpirun leaves its files.
        if scenario.kind in ENDINGS and (done.status == -signal.SIGPIPE or fault_injector.is_mpirun_stuck):
            self.result.notes.append("mpirun itself did not end" if fault_injector.is_mpirun_stuck else "mpirun itself was killed by SIGPIPE")
            self._remove_what_mpirun_left(done)
        self._expect(done.left == [], "left behind: %s" % done.left)
        if scenario.faults and not fault_injector.hits:
            self.result.notes.append("the run was over before a fault reached it")
        if scenario.kind == "start":
            # A run survives a death that comes late enough, and must then be entirely correct.
            if fault_injector.hits and done.status != 0:
                return self._check_no_output()
            self._expect(0 not in fault_injector.harmed, "rank 0 was killed, and the exit status is 0")
            return self._check_survived(done, fault_injector)
        ended = any(fault.target not in ("ranks", "children") for fault in scenario.faults) and self._was_ended(fault_injector)
        if not ended:
            return self._check_survived(done, fault_injector)
        if scenario.kind == "signal":
            self._check_stopped(done, fault_injector)
        elif done.status == 0:
            # The fault came when the program was already printing its answer.
            return self._check_survived(done, fault_injector)
        else:
            self._check_no_output()
        if scenario.has_journal:
            self._check_resume()

    def _was_ended(self, fault_injector):
        last = self.scenario.faults[-1]
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
        with open(os.path.join(self.faults_folder, "plan"), "w") as file:
            for chunk, (how, times) in plan.items():
                file.write("%d %s %d\n" % (chunk, how, times))

    def _events(self):
        return (bytes_of(os.path.join(self.faults_folder, "events")) or b"").decode().splitlines()

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
            words += ["folder=" + self.faults_folder] if job.is_chaos else []
        return words

    def _output(self, index):
        return os.path.join(self.outputs, "%d.npy" % index)

    def _record_schedule(self):
        self._write_plan({})
        done, fault_injector = self._run([])
        self._expect(done is not None and done.status == 0, "the undisturbed run that records the schedule failed: %s" % (done or fault_injector.log))
        self._clear()

    def _clear(self):
        """Removes the files of the run, except for its journal and schedule."""
        for folder in (self.faults_folder, self.outputs):
            shutil.rmtree(folder)
            os.mkdir(folder)

    def _run(self, faults, *more):
        """Returns the outcome, or None if the run does not end, and the fault injector."""
        scenario = self.scenario
        name = "%d-%d-%d" % (os.getpid(), scenario.seed, random.getrandbits(32))
        kind = scenario.kind if faults is scenario.faults else "outside"
        fault_injector = FaultInjector(scenario.seed, scenario.ranks, kind, faults, ("%s=%s" % (_MARK, name)).encode(), self.faults_folder)
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
        """Checks the answer and the output of a completed job."""
        expected, output = self.chaos.answers.of(self.scenario.jobs[index])
        name = "job %d (%s)" % (index, self.scenario.jobs[index].worker)
        # Compared as text, so that 0.0 and -0.0 differ.
        self._expect(json.dumps(answer["result"]) == json.dumps(expected), "%s: the answer is %.300s instead of %.300s" %
                     (name, answer["result"], expected))
        if self.scenario.jobs[index].writes:
            self._expect(bytes_of(self._output(index)) == output, "%s: the output differs from the expected one" % name)

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
                self._expect(answer["status"] != "ok" and answer["result"] is None, "%s is incomplete, but does not say so" % name)
                self._expect(not os.path.exists(self._output(index)), "%s is incomplete, but has written its output" % name)
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
        """Checks that every rank reported as lost was affected by a fault."""
        harmed = set(fault_injector.harmed)
        harmed |= {int(line.split()[0]) for line in self._events() if line.split()[1] == "rank" or line.split()[3] in ("hang", "stop")}
        for loss in done.json.get("lost", []):
            if loss["rank"] in harmed:
                continue
            if "did not answer" in loss["cause"]:
                # Possible on a machine that is busy with other work.
                self.result.notes.append("rank %d did not answer, although no fault had reached it" % loss["rank"])
                continue
            raise AssertionError("rank %d was reported as lost (%s), but no fault had reached it" % (loss["rank"], loss["cause"]))

    def _check_files(self, outputs):
        there = {os.path.join(self.outputs, name) for name in os.listdir(self.outputs)}
        self._expect(there <= outputs, "files left: %s" % sorted(there - outputs))
        known = {"faults", "outputs", "left", "schedule"} | ({"journal"} if self.scenario.has_journal else set())
        others = set(os.listdir(self.folder)) - known
        self._expect(not others, "files left: %s" % sorted(others))

    def _check_no_output(self):
        """Checks that no output is left.

        If mpirun had to end the job, complete outputs are allowed: the fault may have come after
        the run.
        """
        if self.scenario.kind not in ENDINGS:
            return self._check_files(set())
        there = {self._output(index) for index in range(len(self.scenario.jobs)) if os.path.exists(self._output(index))}
        for index, job in enumerate(self.scenario.jobs):
            if self._output(index) in there:
                self._expect(bytes_of(self._output(index)) == self.chaos.answers.of(job)[1], "job %d (%s): an incomplete output is left" %
                             (index, job.worker))
        self._check_files(there)

    def _check_stopped(self, done, fault_injector):
        number = self.scenario.faults[-1].number
        if done.status == 0:
            # The run was complete when the signal came.
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
                self._expect(partial["result"] == expected, "the answer for the first %d rows is %s instead of %s" %
                             (partial["rows"], partial["result"], expected))
        self._expect(any("stopped by signal" in line for line in done.stderr), "no message says that the run was stopped by a signal")
        self._check_losses(done, fault_injector)
        self._check_no_output()

    def _check_resume(self):
        if os.path.exists(self.journal):
            self._clear()
            self._write_plan({})
            again, fault_injector = self._run(self.scenario.resume_faults, "--resume")
            self.result.details += "\nresumed:\n%s" % (again or "\n".join(fault_injector.log + [fault_injector.evidence or ""]))
            self._expect(again is not None, "--resume: the run did not end within %d s" % TIME_LIMIT_SECONDS)
            self._expect(again.left == [], "--resume: left behind: %s" % again.left)
            try:
                self._check_survived(again, fault_injector)
            except AssertionError as error:
                raise AssertionError("--resume: %s" % error) from None


def _is_of_another_mpi_job(name, mpi_job):
    """True if a file in shared memory belongs to another Open MPI 4 job on this machine.

    Such files are left by jobs that were killed.
    """
    segment = re.fullmatch(r"/dev/shm/vader_segment\..*\.([0-9a-f]+)\.[0-9]+", name)
    return bool(segment and mpi_job and mpi_job.isdigit() and int(segment.group(1), 16) != int(mpi_job))


def describe(result):
    """Returns one line that describes a failed run."""
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
        for reason in chaos.skipped:
            print("SKIPPED: " + reason, flush=True)
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
        print("details of the failed runs: %s/seed*.txt" % options.out)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
