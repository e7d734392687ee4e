# SPDX-License-Identifier: Apache-2.0
"""A failing worker ends the run at once, with one line that names the cause, and no leftovers."""

import os
import re
import shutil
import threading
import time

import whole_run

np = whole_run.import_numpy()

RANKS = [None, 1, 2, 4, 5]
CHUNKS = 1000
CAUSES = {
    "throw": "threw std::runtime_error: fails as it was told to",
    "throw_int": "threw int",
    "error": "fails as it was told to",
    "bad_alloc": "bad_alloc",
}


class FaultsTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        np.save(self.path("ints.npy"), np.arange(CHUNKS))

    def fail(self, ranks, *arguments, chunk_us, **options):
        """Runs `fails` with chunks of `chunk_us` each, and checks how the run ends.

        Returns the outcome, and the seconds from the failure to the line that reports it.
        """
        stamp = self.path("stamp")
        if os.path.exists(stamp):
            os.remove(stamp)
        done = self.run_in_folder(ranks, "--chunk=1", "fails", "ints.npy", "chunk_us=%d" % chunk_us, "stamp=" + stamp,
                                  *arguments, **options)
        self.assert_refused(done, 1, "fails", "chunk 17")
        with open(stamp) as file:
            stamps = file.read().split()
        self.assertEqual(len(stamps), 1, done)
        return done, done.stderr_times[0] - int(stamps[0]) / 1e6

    def test_throwing_on_chunk_17_of_1000_ends_the_run_within_a_second(self):
        # The other 982 chunks would take more than five seconds.
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                done, seconds = self.fail(ranks, "at_chunk=17", chunk_us=30_000)
                self.assertLess(seconds, 1, done)
                self.assertRegex(done.stderr[0], "rank [0-9]")
                self.assertIn(CAUSES["throw"], done.stderr[0])
                self.assertEqual(done.stdout, b"", done)
                print("ranks %s: %.3f s from the failure to the line, %.2f s in all: %s" %
                      (ranks, seconds, done.seconds, done.stderr[0]))

    def test_every_way_to_fail_names_worker_chunk_rank_and_cause(self):
        for ranks in (None, 2, 4):
            for where in ("process", "callback"):
                for how, cause in CAUSES.items():
                    with self.subTest(ranks=ranks, where=where, how=how):
                        done, _ = self.fail(ranks, "at_chunk=17", "how=" + how, "where=" + where, chunk_us=1000)
                        line = done.stderr[0]
                        self.assertIn(cause, line)
                        rank = int(re.search("rank ([0-9]+)", line).group(1))
                        self.assertLess(rank, ranks or 1, line)
                        if where == "callback":
                            self.assertEqual(rank, 0, line)
                        if how != "error":
                            self.assertIn("ProcessCallback" if where == "callback" else "Process ", line)

    def test_mpirun_with_its_default_grace_period(self):
        # By default mpirun waits for the remaining ranks, so it may take longer to end.
        environment = {name: None for name in whole_run.NO_GRACE}
        done, seconds = self.fail(4, "at_chunk=17", chunk_us=30_000, env=environment)
        self.assertLess(seconds, 1, done)

    def test_first_and_last_chunk(self):
        for ranks in (1, 4):
            for chunk in (0, CHUNKS - 1):
                for where in ("process", "callback"):
                    done = self.run_in_folder(ranks, "--chunk=1", "fails", "ints.npy", "at_chunk=%d" % chunk,
                                              "where=" + where)
                    self.assert_refused(done, 1, "fails", "chunk %d" % chunk)

    def test_only_chunk(self):
        for ranks in (1, 4):
            done = self.run_in_folder(ranks, "--chunk=5000", "fails", "ints.npy", "at_chunk=0")
            self.assert_refused(done, 1, "fails", "chunk 0")

    def test_job_that_fails_ends_the_others_and_is_named(self):
        for ranks in (1, 2, 5):
            for position in (0, 1, 2):
                with self.subTest(ranks=ranks, position=position):
                    jobs = [["fails", "ints.npy", "chunk_us=2000"], ["map", "ints.npy", "squares.npy", "fn=square"]]
                    jobs.insert(position, ["fails", "ints.npy", "at_chunk=17", "chunk_us=2000"])
                    arguments = sum((["+"] + job for job in jobs), [])[1:]
                    before = sorted(os.listdir(self.folder))
                    done = self.run_in_folder(ranks, "--chunk=1", "--format=json", *arguments)
                    self.assert_refused(done, 1, "job %d" % position, "fails", "chunk 17", CAUSES["throw"])
                    # No complete or partial output, and no temporary file.
                    self.assertEqual(sorted(os.listdir(self.folder)), before, done)
                    answers = done.json["jobs"]
                    self.assertEqual([answer["worker"] for answer in answers], [job[0] for job in jobs])
                    self.assertIn("chunk 17", answers[position]["status"])
                    self.assertIsNone(answers[position]["result"])
                    for answer in answers:
                        if answer["status"] == "ok":
                            self.assertEqual(answer["rows"], CHUNKS)
                            self.assertIsNotNone(answer["result"])
                        else:
                            self.assertIsNone(answer["result"], done)

    def test_previous_output_is_kept_when_the_run_fails(self):
        with open(self.path("squares.npy"), "wb") as file:
            file.write(b"of before")
        done = self.run_in_folder(2, "fails", "ints.npy", "at_chunk=0", "+", "map", "ints.npy", "squares.npy", "fn=square")
        self.assert_refused(done, 1, "chunk 0")
        with open(self.path("squares.npy"), "rb") as file:
            self.assertEqual(file.read(), b"of before")

    def test_output_that_can_no_longer_be_written_at_the_end(self):
        for ranks in (1, 4):
            os.mkdir(self.path("out"))
            remover = threading.Thread(target=self.remove_output_folder_during_the_run)
            remover.start()
            done = self.run_in_folder(ranks, "--chunk=1", "fails", "ints.npy", "chunk_us=4000", "+", "map", "ints.npy",
                                      "out/squares.npy", "fn=square")
            remover.join()
            self.assertEqual(done.status, 1, done)
            self.assertEqual(len(done.stderr), 1, done)
            self.assertIn("out/squares.npy", done.stderr[0])
            # Only the result is left, in the file that the message names.
            kept, = re.findall("the result is in (.*), whole: put it in its place yourself", done.stderr[0])
            self.assertEqual(done.left, [kept], done)
            self.assertFalse(os.path.exists(self.path("out")))

    def remove_output_folder_during_the_run(self):
        # The run has begun once the output file is open in the folder; it then takes more than a
        # second.
        end = time.monotonic() + 60
        while not self.is_open_somewhere(self.path("out") + "/") and time.monotonic() < end:
            time.sleep(0.01)
        shutil.rmtree(self.path("out"))

    def is_open_somewhere(self, prefix):
        """True if a process has a file with this prefix open, even an unlinked one."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                folder = "/proc/%s/fd" % pid
                if any(os.readlink(os.path.join(folder, fd)).startswith(prefix) for fd in os.listdir(folder)):
                    return True
            except OSError:
                pass
        return False

    def test_functions_of_a_worker_that_throw(self):
        # If a function of the registration throws, the run does not start. If one of the job
        # throws, the job fails.
        functions = [("output", "output", 3), ("output_later", "output", 3), ("make", "make", 3), ("result", "result", 1),
                     ("job_output", "output", 1)]
        causes = {
            "runtime_error": "threw std::runtime_error: throws as it was told to",
            "int": "threw int",
            "bad_alloc": "std::bad_alloc",
        }
        for ranks in (None, 1, 3):
            for where, function, status in functions:
                for how, cause in causes.items():
                    with self.subTest(ranks=ranks, where=where, how=how):
                        done = self.throw(ranks, status, "where=" + where, "how=" + how)
                        self.assertRegex(done.stderr[0], "throws.*: %s .*%s" % (function, re.escape(cause)))
                        if status == 3:
                            self.assertEqual(done.stdout, b"", done)
                            continue
                        throws, squares = done.json["jobs"]
                        self.assertIn(cause, throws["status"], done)
                        self.assertIsNone(throws["result"], done)
                        # If saving one output fails, the other outputs are saved and reported. If a
                        # job fails earlier, no output is saved.
                        self.assertEqual(squares["status"] == "ok", where == "job_output", done)
                        self.assertEqual(os.path.exists(self.path("squares.npy")), where == "job_output", done)
                        if where == "job_output":
                            os.remove(self.path("squares.npy"))

    def test_functions_that_throw_on_one_rank_alone(self):
        for where in ("output", "output_later", "make"):
            done = self.throw(3, 3, "where=" + where, "rank=1")
            self.assertIn("std::runtime_error: throws as it was told to", done.stderr[0])

    def test_worker_that_does_not_fit_its_input(self):
        for ranks in (None, 1, 3):
            for where, *words in (("other_type", "int64", "float64"), ("no_worker", "no worker")):
                done = self.throw(ranks, 3, "where=" + where)
                self.assertEqual(done.stdout, b"", done)
                for word in words:
                    self.assertIn(word, done.stderr[0])

    def throw(self, ranks, status, *arguments):
        """Runs `throws` and another job; checks that the run fails and keeps the old output."""
        with open(self.path("zeros.npy"), "wb") as file:
            file.write(b"of before")
        before = set(os.listdir(self.folder))
        done = self.run_in_folder(ranks, "--chunk=100", "--format=json", "throws", "ints.npy", "zeros.npy", *arguments, "+",
                                  "map", "ints.npy", "squares.npy", "fn=square")
        self.assert_refused(done, status, "throws")
        self.assertLessEqual(set(os.listdir(self.folder)) - before, {"squares.npy"} if status == 1 else set(), done)
        with open(self.path("zeros.npy"), "rb") as file:
            self.assertEqual(file.read(), b"of before")
        return done

    def test_run_without_failure_prints_no_error(self):
        for ranks in (1, 4):
            done = self.run_in_folder(ranks, "--chunk=7", "--format=json", "fails", "ints.npy")
            self.assert_done(done)
            self.assertEqual(done.json["jobs"][0]["result"], CHUNKS * (CHUNKS - 1) // 2)


if __name__ == "__main__":
    whole_run.main()
