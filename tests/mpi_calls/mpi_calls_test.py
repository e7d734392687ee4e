# SPDX-License-Identifier: Apache-2.0
"""A failing MPI call ends the program with a status that names the call, and no rank hangs.

Each function that mpaio calls is made to fail (failing_calls.cc): at its first call on a rank, its
second, its last and one in between; on rank 0, on another rank and on all ranks. Each case runs a
small program (life.cc) or the orchestrator from start to end. If the failing rank can inform the
others, all ranks end in order; otherwise it aborts the job.
"""

import concurrent.futures
import glob
import os
import random
import re
import signal
import tempfile

import whole_run

np = whole_run.import_numpy()

RANKS = 3
# Far longer than any run takes.
LIMIT_SECONDS = 30

FUNCTIONS = """
    MPI_Init_thread MPI_Finalize MPI_Comm_rank MPI_Comm_size MPI_Comm_set_errhandler MPI_Comm_dup MPI_Comm_split_type
    MPI_Comm_free MPI_Barrier MPI_Bcast MPI_Allreduce MPI_Allgather MPI_Isend MPI_Irecv MPI_Testsome MPI_Test MPI_Get_count
    MPI_Cancel MPI_Request_free MPI_Win_allocate_shared MPI_Win_free MPI_Win_set_errhandler MPI_Win_shared_query
    MPI_Win_lock_all MPI_Win_unlock_all MPI_Win_sync
""".split()

# These are called only after a failure, or their failure has no effect: _exit follows MPI_Abort,
# and neither an error's text nor the library's name is essential.
NOT_MADE_TO_FAIL = {"MPI_Abort", "MPI_Initialized", "MPI_Finalized", "MPI_Error_class", "MPI_Error_string",
                    "MPI_Get_library_version"}

# The number of these calls depends on the timing of the ranks.
VARYING = {"MPI_Isend", "MPI_Irecv", "MPI_Testsome", "MPI_Test", "MPI_Get_count"}

# mpaio abandons a cancelled receive whatever MPI_Test returns, so this failure is not reported.
TOLERATED = {"MPI_Test"}

# These release resources at the end, after the answer has been printed; if they fail, the system
# releases the resources. Close() and Finalize() return the error; the orchestrator ignores it.
OF_THE_END = {"MPI_Comm_free", "MPI_Cancel", "MPI_Request_free", "MPI_Win_unlock_all", "MPI_Win_free", "MPI_Finalize"}

# Windows are freed only without supervision: MPI_Win_free is collective, and under supervision some
# of the ranks may be dead.
ONLY_UNSUPERVISED = {"MPI_Win_unlock_all", "MPI_Win_free", "MPI_Finalize"}

# MPI_Request_free is called only if a request could not be cancelled, so the function named here
# must fail before it.
ONLY_AFTER = {"MPI_Request_free": "MPI_Test"}


def remove_segments(job):
    """Removes files that Open MPI 4 has left in shared memory. `job`: PMIx's name of the job."""
    if job.isdigit():
        for path in glob.glob("/dev/shm/vader_segment.*.%d.%x.*" % (os.getuid(), int(job))):
            os.remove(path)


class FailingRun:
    """One mpirun of a program, in which a call of `function`, if given, fails."""

    def __init__(self, program, arguments, function="", call=1, rank="*", unsupervised=False):
        names = [name for name in (ONLY_AFTER.get(function), function) if name]
        self.fail = fail = ",".join("%s:%d:%s" % (name, call, rank) for name in names)
        with tempfile.TemporaryDirectory(prefix="c") as calls:
            env = {"MPAIO_FAIL": fail, "MPAIO_CALLS_DIRECTORY": calls, "MPAIO_UNSUPERVISED": "1" if unsupervised else None}
            for attempt in range(3):
                try:
                    self.done = whole_run.run(RANKS, *arguments, program_path=os.path.abspath(program), timeout=LIMIT_SECONDS, env=env)
                    break
                except AssertionError:
                    # Occasionally, Open MPI 4's mpirun waits for ever for a rank that ends while
                    # mpirun sets up the connection to it. A defect of mpaio would hang each time.
                    if function != "MPI_Init_thread" or attempt == 2:
                        raise
                    for name in os.listdir(calls):
                        os.remove(os.path.join(calls, name))
            # The ranks on which the call has failed, and how often each function was called, by rank.
            self.failed = sorted(int(name.split("_")[1]) for name in os.listdir(calls)
                                 if name.startswith("failed_") and name.endswith("_" + function))
            self.counts = {}
            for rank in range(RANKS):
                path = os.path.join(calls, "calls_%d" % rank)
                if os.path.exists(path):
                    with open(path) as file:
                        self.counts[rank] = {name: int(count) for name, count in map(str.split, file)}
            # Open MPI 4's mpirun may die of SIGPIPE if a rank ends while mpirun sets up the
            # connections to the others. Its output and its cleanup are then incomplete.
            self.mpirun_has_died = function == "MPI_Init_thread" and self.done.status == -signal.SIGPIPE
            self.done.left = [name for name in self.done.left if not self.is_mpis_own(name)]
            if self.mpirun_has_died:
                self.done.left = [name for name in self.done.left if name.startswith("process ")]
            if os.path.exists(os.path.join(calls, "job")):
                with open(os.path.join(calls, "job")) as file:
                    remove_segments(file.read())

    @staticmethod
    def is_mpis_own(name):
        """True for Open MPI's own memory, which a job may leave if mpirun ends it."""
        return name.startswith("/dev/shm/vader_segment.")

    def __str__(self):
        return "MPAIO_FAIL=%s, failed on ranks %s\n%s" % (self.fail, self.failed, self.done)


class MpiCallsTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = random.Random(whole_run.SEED)
        np.save(self.path("ints.npy"), np.arange(1000))
        self.programs = {
            "life": (os.environ["LIFE"], [self.path("ints.npy")]),
            "orchestrator": (os.environ["ORCHESTRATOR"], ["--source=window", "sum", self.path("ints.npy")]),
        }

    def undisturbed(self, program):
        """Returns the counts of calls by rank, unsupervised and supervised."""
        counts = {}
        for unsupervised in (False, True):
            run = FailingRun(*self.programs[program], unsupervised=unsupervised)
            self.assert_done(run.done)
            self.assertEqual(sorted(run.counts), list(range(RANKS)), run)
            counts[unsupervised] = run.counts
        return counts

    def cases(self, counts, wheres, numbers):
        """Yields FailingRun's arguments for each function, each of `wheres`, and each call number.

        `numbers` maps the number of calls to the numbers of those that fail.
        """
        for function in FUNCTIONS:
            for where in wheres:
                unsupervised = function in ONLY_UNSUPERVISED or self.random.random() < 0.5
                rank = self.random.randrange(1, RANKS) if where == "other" else where
                count = counts[unsupervised][0 if rank == "*" else rank].get(ONLY_AFTER.get(function, function), 0)
                if count == 0:
                    # Some functions are called by one rank of a node only, or not by rank 0.
                    continue
                # A function with a varying number of calls may be called less often next time, but
                # at least once.
                first = {1} if function in VARYING or function in ONLY_AFTER else set()
                for number in sorted(first | set(numbers(count))):
                    yield {"function": function, "call": number, "rank": rank, "unsupervised": unsupervised}

    def run_all(self, program, cases, check):
        def run_case(case):
            return FailingRun(*self.programs[program], **case)

        cases = list(cases)
        # A run mostly waits, so several of them run at a time.
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(run_case, case) for case in cases]
        seen = set()
        for case, future in zip(cases, futures):
            with self.subTest(**case):
                run = future.result()
                function = case["function"]
                self.assertEqual(run.done.left, [], run)
                if not run.failed:
                    # The function was not called often enough to reach the failing call.
                    self.assertIn(function, VARYING | set(ONLY_AFTER), run)
                    self.assert_done(run.done)
                    continue
                seen.add(function)
                if not run.mpirun_has_died:
                    check(function, run)
        print("%s: %d runs" % (program, len(cases)))
        self.assertEqual(seen, set(FUNCTIONS))

    def check_life(self, function, run):
        if function in TOLERATED:
            return self.assert_done(run.done)
        # 3: in order; 4: aborted.
        self.assertIn(run.done.status, (3, 4), run)
        said = [int(line.split()[1].rstrip(":")) for line in run.done.stderr
                if re.match(r"rank [0-9]+: [a-z]+: [A-Z_]+: %s failed" % function, line)]
        # If the call fails on all ranks, the first rank that ends may end the others.
        self.assertTrue(set(said) & set(run.failed), run)
        return None

    def check_orchestrator(self, function, run):
        if function in TOLERATED | OF_THE_END:
            self.assert_done(run.done)
            return self.assertEqual(run.done.text.split()[-1], str(sum(range(1000))), run)
        self.assertIn(run.done.status, (1, 3), run)
        # One line, printed by the rank that failed or, if all were informed, by rank 0. mpirun may
        # add its own messages about an aborted job.
        lines = [line for line in run.done.stderr if line.startswith("orchestrator: ")]
        self.assertEqual(len(lines), 1, run)
        self.assertRegex(lines[0], r"^orchestrator: (rank %d: )?%s failed" % (run.failed[0], function), run)
        return None

    def test_all_functions_that_are_called_are_made_to_fail(self):
        for program, _ in self.programs.values():
            with open(program, "rb") as file:
                called = set(name.decode() for name in re.findall(rb"(?<=\0)MPI_[A-Z][a-z]\w*(?=\0)", file.read()))
            # The program asks only some versions of Open MPI for their name.
            self.assertEqual(called | NOT_MADE_TO_FAIL, set(FUNCTIONS) | NOT_MADE_TO_FAIL)

    def test_each_call_that_fails_ends_the_program_with_a_status(self):
        counts = self.undisturbed("life")
        few = list(self.cases(counts, ["*"], lambda count: [self.random.randint(1, max(1, count))]))
        many = list(self.cases(counts, [0, "other"],
                               lambda count: [1, min(2, max(1, count)), max(1, count), self.random.randint(1, max(1, count))]))
        self.run_all("life", few + many, self.check_life)

    def test_each_call_that_fails_ends_the_orchestrator_with_one_line(self):
        counts = self.undisturbed("orchestrator")
        self.run_all("orchestrator", self.cases(counts, [0, "other"], lambda count: [self.random.choice([1, self.random.randint(1, max(1, count))])]),
                      self.check_orchestrator)


if __name__ == "__main__":
    whole_run.main()
