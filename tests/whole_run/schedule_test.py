# SPDX-License-Identifier: Apache-2.0
"""Schedules: answers do not depend on them, they match their names, and they can be replayed."""

import os

import whole_run

np = whole_run.import_numpy()

JOB_FAILED, WRONG_USAGE, COULD_NOT_START = 1, 2, 3
SCHEDULES = ["auto", "static", "dynamic", "guided", "factoring", "trapezoid", "adaptive"]
ROWS = 20_000


def read_schedule(path):
    """Returns for each run: the number of ranks, each job's chunks, [(rank, job, begin, end)]."""
    with open(path) as file:
        lines = file.read().splitlines()
    assert lines[0] == "mpaio schedule 1", lines[0]
    runs = []
    for line in lines[1:]:
        words = line.split()
        if words[0] == "run":
            runs.append((int(words[1]), [int(word) for word in words[2:]], []))
        else:
            runs[-1][2].append(tuple(int(word) for word in words))
    return runs


def done_by_rank(run):
    """{rank: [(job, chunk)]}, in the order of processing."""
    ranks, _, entries = run
    done = {rank: [] for rank in range(ranks)}
    for rank, job, begin, end in entries:
        done[rank] += [(job, chunk) for chunk in range(begin, end)]
    return done


class ScheduleTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        random = np.random.default_rng(whole_run.SEED)
        self.doubles = random.standard_normal(ROWS) * 10.0**random.integers(-9, 9, ROWS)
        self.ints = np.arange(ROWS, dtype=np.int64)
        np.save(self.path("doubles.npy"), self.doubles)
        np.save(self.path("ints.npy"), self.ints)

    def assert_whole(self, run):
        """Checks that every chunk was processed exactly once."""
        done = sorted(sum(done_by_rank(run).values(), []))
        self.assertEqual(done, [(job, chunk) for job, chunks in enumerate(run[1]) for chunk in range(chunks)])

    def test_every_schedule_gives_the_same_answer(self):
        answers = set()
        for schedule in SCHEDULES:
            for ranks in (None, 2, 3):
                done = self.run_in_folder(ranks, "--schedule=" + schedule, "--record=schedule.txt", "--chunk=7", "--format=json", "sum",
                                          "doubles.npy", "+", "spin", "ints.npy", "ns_per_row=50", "cost=linear", "+", "median", "doubles.npy")
                self.assert_done(done)
                answers.add(tuple(repr(job["result"]) for job in done.json["jobs"]))
                runs = read_schedule(self.path("schedule.txt"))
                self.assertGreaterEqual(len(runs), 2)  # a median takes several
                for run in runs:
                    self.assertEqual(run[0], ranks or 1)
                    self.assert_whole(run)
        self.assertEqual(len(answers), 1, answers)
        self.assertEqual(answers.pop()[1], repr(int(self.ints.sum())))

    def test_schedules_have_the_chunk_lengths_of_their_names(self):
        for schedule in SCHEDULES:
            done = self.run_in_folder(2, "--schedule=" + schedule, "--record=schedule.txt", "--chunk=100", "sum", "ints.npy")
            self.assert_done(done)
            run, = read_schedule(self.path("schedule.txt"))
            self.assert_whole(run)
            lengths = [end - begin for _, _, begin, end in sorted(run[2], key=lambda entry: entry[2])]
            if schedule == "static":
                self.assertEqual(done_by_rank(run), {rank: [(0, chunk) for chunk in range(100 * rank, 100 * rank + 100)] for rank in (0, 1)})
            elif schedule == "dynamic":
                self.assertEqual(lengths, [1] * 200)
            elif schedule == "guided":
                self.assertEqual(lengths, [100, 50, 25, 13, 6, 3, 2, 1])
            elif schedule == "factoring":
                self.assertEqual(lengths, [50, 50, 25, 25, 13, 13, 6, 6, 3, 3, 2, 2, 1, 1])
            elif schedule == "trapezoid":
                self.assertEqual(lengths[:3], [50, 43, 36])

    def test_a_recorded_schedule_runs_again(self):
        jobs = ["--chunk=50", "spin", "ints.npy", "ns_per_row=200", "cost=random", "+", "median", "doubles.npy"]
        for ranks in (None, 2, 3):
            first = self.run_in_folder(ranks, "--record=first.txt", *jobs)
            self.assert_done(first)
            for _ in range(2):
                again = self.run_in_folder(ranks, "--replay=first.txt", "--record=again.txt", *jobs)
                self.assert_done(again)
                self.assertEqual(again.text, first.text)
                self.assertEqual([done_by_rank(run) for run in read_schedule(self.path("again.txt"))],
                                 [done_by_rank(run) for run in read_schedule(self.path("first.txt"))])
            # The replayed file may also be the recorded one.
            self.assert_done(self.run_in_folder(ranks, "--replay=again.txt", "--record=again.txt", *jobs))

    def test_a_schedule_that_was_made_by_hand(self):
        with open(self.path("hand.txt"), "w") as file:
            file.write("mpaio schedule 1\nrun 3 20\n2 0 19 20\n1 0 5 10\n2 0 0 5\n0 0 15 19\n1 0 10 15\n")
        done = self.run_in_folder(3, "--replay=hand.txt", "--record=done.txt", "--chunk=1000", "--format=json", "sum", "ints.npy")
        if "rank 0 processed chunks" in str(done):
            self.skipTest("rank 0 does not work: there are fewer than 3 cores")
        self.assert_done(done)
        self.assertEqual(done.json["jobs"][0]["result"], int(self.ints.sum()))
        run, = read_schedule(self.path("done.txt"))
        self.assertEqual(done_by_rank(run), {0: [(0, c) for c in range(15, 19)], 1: [(0, c) for c in range(5, 15)],
                                             2: [(0, c) for c in (19, 0, 1, 2, 3, 4)]})

    def test_schedules_that_cannot_be_replayed(self):
        self.assert_done(self.run_in_folder(2, "--record=good.txt", "--chunk=1000", "sum", "ints.npy"))
        with open(self.path("good.txt")) as file:
            good = file.read()
        for name, text in {"empty": "", "cut": good[:good.rindex("\n", 0, -1) + 1], "other": "one line\n"}.items():
            with open(self.path(name + ".txt"), "w") as file:
                file.write(text)
        for ranks, words, says in [
            (3, "--replay=good.txt --chunk=1000 sum ints.npy", ["2 ranks", "there are 3"]),
            (2, "--replay=good.txt --chunk=999 sum ints.npy", ["20 chunks", "have 21"]),
            (2, "--replay=good.txt --chunk=1000 sum ints.npy + sum ints.npy", ["20 chunks", "have 20, 20"]),
            (2, "--replay=good.txt --chunk=1000 median ints.npy", ["1 run,", "takes more"]),
            (2, "--replay=missing.txt sum ints.npy", ["missing.txt"]),
            (2, "--replay=empty.txt sum ints.npy", ["empty.txt", "line 1"]),
            (2, "--replay=cut.txt sum ints.npy", ["cut.txt", "chunk"]),
            (2, "--replay=other.txt sum ints.npy", ["other.txt", "line 1"]),
            (2, "--record=nowhere/a.txt sum ints.npy", ["nowhere/a.txt"]),
            (2, "--record=. sum ints.npy", ["directory"]),
        ]:
            with self.subTest(words=words):
                done = self.run_in_folder(ranks, *words.split())
                if "median" in words:
                    # The first pass matches the recorded run; the error comes later.
                    self.assertNotEqual(done.status, 0)
                    for word in says:
                        self.assertIn(word, "".join(done.stderr))
                else:
                    self.assert_refused(done, COULD_NOT_START, "orchestrator: ", *says)
        for words, says in [
            ("--schedule=fast sum ints.npy", ["--schedule=fast", "auto|static|dynamic|guided|factoring|trapezoid|adaptive"]),
            ("--schedule=guided --replay=good.txt sum ints.npy", ["--replay", "--schedule"]),
            ("--record= sum ints.npy", ["--record="]),
            ("--replay= sum ints.npy", ["--replay="]),
            ("--record=ints.npy sum ints.npy", ["--record=ints.npy", "overwrite"]),
            ("--record=a.txt --cpu_usage=./a.txt sum ints.npy", ["--record", "--cpu_usage", "a.txt"]),
        ]:
            with self.subTest(words=words):
                self.assert_refused(self.run_in_folder(2, *words.split()), WRONG_USAGE, "orchestrator: ", *says)
        # More runs than this command takes: the run succeeds, but the command is not the recorded
        # one.
        with open(self.path("twice.txt"), "w") as file:
            file.write(good + good[good.index("run "):])
        done = self.run_in_folder(2, "--replay=twice.txt", "--chunk=1000", "sum", "ints.npy")
        self.assert_refused(done, JOB_FAILED, "twice.txt", "2 runs", "took 1")
        # A run that cannot start leaves the file of --record unchanged.
        self.assert_refused(self.run_in_folder(3, "--replay=good.txt", "--record=good.txt", "--chunk=1000", "sum", "ints.npy"), COULD_NOT_START, "2 ranks")
        with open(self.path("good.txt")) as file:
            self.assertEqual(file.read(), good)
        np.testing.assert_array_equal(np.load(self.path("ints.npy")), self.ints)
        self.assertFalse(os.path.exists(self.path("a.txt")))


whole_run.main()
