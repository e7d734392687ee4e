# SPDX-License-Identifier: Apache-2.0
"""A worker that ends its process, or never ends, affects only its own chunks."""

import os
import re
import shutil

import whole_run

np = whole_run.import_numpy()

ROWS = 1000
TOTAL = ROWS * (ROWS - 1) // 2
# A single rank; a rank 0 that processes chunks on two cores; more ranks than cores.
RANKS = [None, 2, 3]
CAUSES = {
    "segv": "was killed by signal 11 (SIGSEGV",
    "abort": "was killed by signal 6 (SIGABRT",
    "kill": "was killed by signal 9 (SIGKILL",
    "exit0": "ended with exit status 0",
    "exit1": "ended with exit status 1",
    "hang": "took longer than 0.2 s and was ended",
    "spin": "took longer than 0.2 s and was ended",
}


class IsolationTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        np.save(self.path("ints.npy"), np.arange(ROWS))
        os.mkdir(self.path("counters"))

    def deadline(self, how):
        return ["--chunk_deadline=0.2"] if how in ("hang", "spin") else []

    def counts(self):
        """Returns how often each chunk, by its first row, ended its process; resets the counts."""
        counts = {int(name): os.path.getsize(self.path("counters/" + name)) for name in os.listdir(self.path("counters"))}
        shutil.rmtree(self.path("counters"))
        os.mkdir(self.path("counters"))
        return counts

    def assert_counts(self, attempts):
        """Checks that each chunk ended at least as many processes as it had attempts.

        It may have ended more: a crash while several chunks are in flight is not counted as an
        attempt, and the chunks of a rank that does not answer are also given to another rank.
        """
        counts = self.counts()
        self.assertEqual(counts.keys(), attempts.keys())
        for row, count in counts.items():
            self.assertGreaterEqual(count, attempts[row])

    def assert_quarantined(self, done, job, how, chunks, attempts, ranks):
        """Checks that exactly these chunks, of 10 rows each, are quarantined."""
        quarantined = sorted(job["quarantined"], key=lambda one: one["chunk"])
        self.assertEqual([one["chunk"] for one in quarantined], chunks, done)
        for one in quarantined:
            self.assertEqual(list(one), ["chunk", "rows", "attempts", "cause"])
            self.assertEqual(one["rows"], [10 * one["chunk"], 10 * one["chunk"] + 10])
            self.assertEqual(one["attempts"], attempts)
            self.assertIn(CAUSES[how], one["cause"])
            self.assertLess(int(re.search("rank ([0-9]+)", one["cause"]).group(1)), ranks or 1)
        self.assertIsNone(job["result"])
        self.assertEqual(job["status"], "%d of %d chunks %s quarantined" % (len(chunks), ROWS // 10, "was" if len(chunks) == 1 else "were"))

    def test_every_crash_costs_one_chunk(self):
        for ranks in RANKS:
            for how, cause in CAUSES.items():
                with self.subTest(ranks=ranks, how=how):
                    done = self.run_in_folder(ranks, "--chunk=10", "--retries=1", "--format=json", *self.deadline(how), "crashes", "ints.npy",
                                              "rows=555", "how=" + how, "counters=counters", "+", "sum", "ints.npy", "+", "map", "ints.npy",
                                              "squares.npy", "fn=square")
                    self.assert_refused(done, 1, "job 0 (crashes), chunk 55 (rows 550 to 559)", "2 attempts", cause)
                    crashes, total, squares = done.json["jobs"]
                    self.assert_quarantined(done, crashes, how, [55], 2, ranks)
                    self.assert_counts({550: 2})
                    # The other jobs are not affected.
                    self.assertEqual((total["status"], total["result"]), ("ok", TOTAL))
                    self.assertEqual(squares["status"], "ok")
                    self.assertTrue(np.array_equal(np.load(self.path("squares.npy")), np.arange(ROWS)**2))
                    self.assertNotIn("quarantined", total)
                    self.assertNotIn("lost", done.json)
                    os.remove(self.path("squares.npy"))

    def test_retries(self):
        for ranks in (None, 2, 3):
            for retries in (0, 1, 3, 7):
                done = self.run_in_folder(ranks, "--chunk=10", "--retries=%d" % retries, "--format=json", "crashes", "ints.npy", "rows=3,997",
                                          "counters=counters")
                self.assertEqual((done.status, len(done.stderr)), (1, 1), done)
                self.assert_quarantined(done, done.json["jobs"][0], "segv", [0, 99], retries + 1, ranks)
                self.assert_counts({0: retries + 1, 990: retries + 1})
                self.assertIn("(and 1 more chunk)", done.stderr[0])

    def test_default_is_three_retries(self):
        done = self.run_in_folder(2, "--chunk=10", "--format=json", "crashes", "ints.npy", "rows=500", "counters=counters")
        self.assertEqual(done.status, 1, done)
        self.assert_quarantined(done, done.json["jobs"][0], "segv", [50], 4, 2)
        self.assert_counts({500: 4})

    def test_crash_that_does_not_recur_costs_nothing(self):
        for ranks in RANKS:
            for how in ("segv", "exit0", "hang"):
                for times in (1, 2):
                    with self.subTest(ranks=ranks, how=how, times=times):
                        done = self.run_in_folder(ranks, "--chunk=10", "--retries=2", "--format=json", *self.deadline(how), "crashes", "ints.npy",
                                                  "rows=0,123,999", "how=" + how, "times=%d" % times, "counters=counters")
                        self.assert_done(done)
                        self.assertEqual(done.json["jobs"][0]["result"], TOTAL)
                        self.assertNotIn("quarantined", done.json["jobs"][0])
                        self.assertEqual(self.counts(), {0: times, 120: times, 990: times})

    def test_every_chunk_crashes(self):
        for ranks in (None, 3):
            done = self.run_in_folder(ranks, "--chunk=10", "--retries=1", "--format=json", "crashes", "ints.npy", "every=1", "+", "sum", "ints.npy")
            self.assertEqual((done.status, len(done.stderr)), (1, 1), done)
            self.assert_quarantined(done, done.json["jobs"][0], "segv", list(range(100)), 2, ranks)
            self.assertEqual(done.json["jobs"][1]["result"], TOTAL)

    def test_every_seventh_chunk_crashes_once(self):
        for ranks in RANKS:
            done = self.run_in_folder(ranks, "--chunk=10", "--format=json", "crashes", "ints.npy", "every=70", "times=1", "counters=counters")
            self.assert_done(done)
            self.assertEqual(done.json["jobs"][0]["result"], TOTAL)
            self.assertEqual(self.counts(), {row: 1 for row in range(0, ROWS, 70)})

    def test_several_jobs_that_crash(self):
        done = self.run_in_folder(3, "--chunk=10", "--retries=0", "--format=json", "crashes", "ints.npy", "rows=5", "how=abort", "+", "sum",
                                  "ints.npy", "+", "crashes", "ints.npy", "rows=15,25", "how=exit1")
        self.assertEqual((done.status, len(done.stderr)), (1, 1), done)
        first, total, second = done.json["jobs"]
        self.assert_quarantined(done, first, "abort", [0], 1, 3)
        self.assert_quarantined(done, second, "exit1", [1, 2], 1, 3)
        self.assertEqual(total["result"], TOTAL)

    def test_fail_fast(self):
        for ranks in (None, 2, 3):
            done = self.run_in_folder(ranks, "--chunk=10", "--retries=1", "--fail_fast", "--format=json", "crashes", "ints.npy", "rows=5",
                                      "counters=counters", "chunk_us=2000", "+", "map", "ints.npy", "squares.npy", "fn=square")
            self.assert_refused(done, 1, "job 0 (crashes), chunk 0 (rows 0 to 9)", "2 attempts", CAUSES["segv"])
            self.assert_counts({0: 2})
            self.assertIsNone(done.json["jobs"][0]["result"])
            # Chance decides which jobs are complete when the run ends, so no output is written.
            self.assertFalse(os.path.exists(self.path("squares.npy")))

    def test_exception_is_a_failure_and_not_a_crash(self):
        for ranks in (None, 3):
            for how, cause in (("throw", "std::runtime_error: throws as it was told to"), ("allocate", "bad_alloc")):
                done = self.run_in_folder(ranks, "--chunk=10", "crashes", "ints.npy", "rows=555", "how=" + how, "counters=counters")
                self.assert_refused(done, 1, "crashes", "chunk 55 (rows 550 to 559)", cause)
                # An exception is not retried, because it would be thrown again.
                self.assertEqual(self.counts(), {550: 1})

    def test_chunk_that_is_quicker_than_the_deadline_is_left_alone(self):
        for ranks in (None, 3):
            done = self.run_in_folder(ranks, "--chunk=100", "--chunk_deadline=20", "crashes", "ints.npy", "chunk_us=10000")
            self.assert_done(done)
            self.assertEqual(done.text, "crashes ints.npy: %d\n" % TOTAL)

    def test_deadline_isolates_workers_that_come_with_mpaio(self):
        for ranks in (None, 2):
            done = self.run_in_folder(ranks, "--chunk=500", "--chunk_deadline=0.1", "--retries=0", "--format=json", "spin", "ints.npy",
                                      "ns_per_row=100000000", "+", "sum", "ints.npy")
            self.assertEqual((done.status, done.left), (1, []), done)
            spin, total = done.json["jobs"]
            self.assertEqual(sorted(one["chunk"] for one in spin["quarantined"]), [0, 1])
            self.assertEqual(total["result"], TOTAL)

    def test_isolated_workers_give_the_same_bits(self):
        generator = np.random.default_rng(whole_run.SEED)
        np.save(self.path("doubles.npy"), generator.standard_normal(100_000))
        np.save(self.path("words.npy"), np.array(["foo_%d" % i for i in range(3000)]))
        jobs = ("sum doubles.npy + var doubles.npy + concat words.npy + map doubles.npy squares.npy fn=square + median doubles.npy + "
                "sort doubles.npy sorted.npy + min_max doubles.npy").split()
        answers = set()
        for isolate in ("never", "auto", "always"):
            for ranks in (None, 2, 3):
                done = self.run_in_folder(ranks, "--isolate=" + isolate, "--chunk=1000", *jobs)
                self.assert_done(done)
                outputs = []
                for name in ("squares.npy", "sorted.npy"):
                    with open(self.path(name), "rb") as file:
                        outputs.append(file.read())
                    os.remove(self.path(name))
                answers.add((done.stdout, *outputs))
        self.assertEqual(len(answers), 1)

    def test_run_survives_a_rank_killed_by_its_worker(self):
        for ranks in (2, 4):
            for how in ("segv", "kill", "exit1"):
                with self.subTest(ranks=ranks, how=how):
                    done = self.run_in_folder(ranks, "--isolate=never", "--chunk=10", "--format=json", "crashes", "ints.npy", "rows=555", "how=" + how,
                                              "times=1", "counters=counters", "spares_rank_0=1", "chunk_us=1000", "+", "map", "ints.npy",
                                              "squares.npy", "fn=square")
                    self.assertEqual((done.status, done.left), (0, []), done)
                    crashes, squares = done.json["jobs"]
                    self.assertEqual((crashes["result"], squares["status"]), (TOTAL, "ok"))
                    self.assertTrue(np.array_equal(np.load(self.path("squares.npy")), np.arange(ROWS)**2))
                    self.assert_lost(done, how, self.counts())

    def assert_lost(self, done, how, counts):
        """Checks the report of the lost rank. No rank is lost if rank 0 had the chunk."""
        if not counts:
            self.assertEqual(done.stderr, [], done)
            self.assertNotIn("lost", done.json)
            return
        self.assertEqual(counts, {550: 1})
        lost, = done.json["lost"]
        self.assertEqual(list(lost), ["rank", "cause"])
        self.assertIn(CAUSES[how], lost["cause"])
        self.assertGreater(lost["rank"], 0)
        line, = [line for line in done.stderr if line.startswith("orchestrator: ")]
        self.assertIn("rank %d %s" % (lost["rank"], lost["cause"]), line)

    def test_chunk_that_has_killed_a_rank_is_isolated(self):
        for ranks in (2, 3):
            done = self.run_in_folder(ranks, "--isolate=never", "--chunk=10", "--retries=1", "--format=json", "crashes", "ints.npy", "every=1",
                                      "counters=counters", "spares_rank_0=1", "chunk_us=1000")
            # Every chunk kills the worker rank that processes it, until none is left. The chunks of
            # lost ranks are isolated from then on and do not crash on rank 0.
            self.assertEqual((done.status, done.left), (0, []), done)
            self.assertEqual(done.json["jobs"][0]["result"], TOTAL)
            self.assertEqual(sorted(lost["rank"] for lost in done.json["lost"]), list(range(1, ranks)))


if __name__ == "__main__":
    whole_run.main()
