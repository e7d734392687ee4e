# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM: the run stops cleanly, reports its progress, and leaves only its journal.

Behaviour of mpirun (Open MPI 4.1): If only rank 0 is signalled, mpirun ends with rank 0's status,
128 + signal. If mpirun itself receives SIGINT or SIGTERM, it sends SIGTERM to all ranks, SIGKILL
after `odls_base_sigkill_timeout` seconds, and ends with status 1. With a timeout of 0, as in
tools/bazel/mpi_env.sh, the ranks are killed before they can stop cleanly; they print nothing, and
only the journal is left. With a timeout of a second or more, which is mpirun's default, the run
stops cleanly; mpirun itself takes some seconds longer to end.
"""

import fcntl
import os
import shutil
import signal
import struct
import termios
import time

import whole_run

np = whole_run.import_numpy()

ROWS = 100_000
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Limit from the signal to the end of all processes.
PROMPT_SECONDS = 2


class StopTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        np.save(self.path("ints.npy"), np.arange(ROWS))
        os.mkdir(self.path("counters"))

    def stop(self, ranks, to, number, *arguments, rows, again=False, **options):
        """Runs a command that includes `crashes` with counters, and signals rank 0 or mpirun.

        The signal is sent while one of the chunks that begin with `rows` is being processed.
        Returns the outcome, and the seconds from the signal to the end.
        """
        shutil.rmtree(self.path("counters"), ignore_errors=True)
        os.mkdir(self.path("counters"))
        names = [self.path("counters/%d" % row) for row in rows]
        for name in names:
            os.mkfifo(name)
        pipes = [os.open(name, os.O_RDONLY | os.O_NONBLOCK) for name in names]
        at = []

        def signal_it(running):
            whole_run.wait_for_byte(pipes)
            pid = running.process.pid if to == "mpirun" or ranks is None else running.rank(0)
            at.append(time.monotonic())
            os.kill(pid, number)
            if again:
                # While the first signal is pending, a second one of the same number is dropped.
                while self.is_pending(pid, number):
                    os.sched_yield()
                os.kill(pid, number)

        def begin(running):
            try:
                signal_it(running)
            finally:
                for pipe in pipes:
                    os.close(pipe)
                for name in names:
                    os.remove(name)

        done = self.run_in_folder(ranks, *arguments, meanwhile=begin, **options)
        return done, time.monotonic() - at[0]

    def is_pending(self, pid, number):
        with open("/proc/%d/status" % pid) as file:
            pending = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(mask >> (number - 1) & 1 for mask in pending)

    def assert_stopped(self, done, number):
        self.assertEqual(done.status, 128 + number, done)
        self.assertEqual(done.left, [], done)
        self.assertEqual(len(done.stderr), 1, done)
        self.assertIn("stopped by signal %d (%s)" % (number, number.name), done.stderr[0])
        self.assertRegex(done.stderr[0], "[0-9]+ of [0-9]+ chunks were processed")

    # About 100 s of work for one rank.
    LONG = "--format=json --chunk=10 crashes ints.npy how=nothing rows=3000 counters=counters chunk_us=10000".split()

    def test_rank_0_is_signalled(self):
        for ranks in (None, 1, 2, 3):
            for number in SIGNALS:
                with self.subTest(ranks=ranks, number=number):
                    done, seconds = self.stop(ranks, "rank 0", number, *self.LONG, "+", "map", "ints.npy", "squares.npy", "fn=square", rows=[3000])
                    self.assert_stopped(done, number)
                    self.assertLess(seconds, PROMPT_SECONDS, done)
                    job = done.json["jobs"][0]
                    self.assertIsNone(job["result"])
                    self.assertIn("stopped by signal", job["status"])
                    # Results are delivered in order, so the partial result covers the first rows.
                    rows = job["partial"]["rows"]
                    self.assertGreater(rows, 0)
                    self.assertLess(rows, ROWS)
                    self.assertEqual(job["partial"]["result"], rows * (rows - 1) // 2)
                    self.assertEqual(sorted(os.listdir(self.folder)), ["counters", "ints.npy"], "an output, or a temporary file")

    def test_partial_result_is_printed_as_partial(self):
        done, _ = self.stop(2, "rank 0", signal.SIGTERM, *self.LONG[1:], rows=[3000])
        self.assert_stopped(done, signal.SIGTERM)
        self.assertRegex(done.text, r"^crashes ints.npy \(partial, rows 0 to [0-9]+\): [0-9]+\n$")

    def test_previous_output_is_kept(self):
        with open(self.path("squares.npy"), "wb") as file:
            file.write(b"of before")
        for ranks in (None, 2):
            done, _ = self.stop(ranks, "rank 0", signal.SIGINT, *self.LONG, "+", "map", "ints.npy", "squares.npy", "fn=square", rows=[3000])
            self.assert_stopped(done, signal.SIGINT)
            with open(self.path("squares.npy"), "rb") as file:
                self.assertEqual(file.read(), b"of before")

    def test_stopped_run_is_resumed_from_its_journal(self):
        arguments = "--chunk=10 crashes ints.npy how=nothing rows=3000 counters=counters chunk_us=100 + map ints.npy squares.npy fn=square".split()
        for ranks in (None, 2, 3):
            for number in SIGNALS:
                with self.subTest(ranks=ranks, number=number):
                    done, _ = self.stop(ranks, "rank 0", number, "--journal=j", *arguments, rows=[3000])
                    self.assert_stopped(done, number)
                    self.assertIn("what was done is in j", done.stderr[0])
                    self.assertIn("--resume", done.stderr[0])
                    again = self.run_in_folder(None, "--journal=j", "--resume", "--report", *arguments)
                    self.assertEqual((again.status, again.left), (0, []), again)
                    self.assertIn("crashes ints.npy: %d\n" % (ROWS * (ROWS - 1) // 2), again.text)
                    processed = int(whole_run.parse_report(again.stderr)["rank"][0]["chunks"])
                    self.assertLess(processed, 2 * ROWS // 10 - 300)
                    self.assertTrue(np.array_equal(np.load(self.path("squares.npy")), np.arange(ROWS)**2))
                    for name in ("j", "squares.npy"):
                        os.remove(self.path(name))

    def test_chunk_without_end_on_another_rank(self):
        # Rank 0 processes the other chunks, then waits for the chunks that hang on other ranks, in
        # an isolated process or not.
        for isolate in ("auto", "never"):
            for ranks in (2, 4):
                for how in ("hang", "spin"):
                    with self.subTest(isolate=isolate, ranks=ranks, how=how):
                        done, seconds = self.stop(ranks, "rank 0", signal.SIGTERM, "--isolate=" + isolate, "--chunk=1000", "--speculate=never", "crashes",
                                                  "ints.npy", "how=" + how, "every=1", "counters=counters", "spares_rank_0=1", rows=range(0, ROWS, 1000))
                        self.assertLess(seconds, PROMPT_SECONDS, done)
                        self.assertEqual((done.status, done.left), (128 + signal.SIGTERM, []), done)
                        self.assertIn("stopped by signal 15 (SIGTERM)", done.stderr[0])

    def test_second_signal_ends_the_run_at_once(self):
        # Rank 0 is in a chunk that never ends, so it does not react to the first signal.
        for ranks in (None, 2):
            for number in SIGNALS:
                with self.subTest(ranks=ranks, number=number):
                    done, seconds = self.stop(ranks, "rank 0", number, "--isolate=never", "--chunk=%d" % ROWS, "crashes", "ints.npy", "how=hang", "rows=0",
                                              "counters=counters", rows=[0], again=True)
                    self.assertLess(seconds, PROMPT_SECONDS, done)
                    self.assertEqual(done.status, -number if ranks is None else 128 + number, done)
                    self.assertEqual([name for name in done.left if name.startswith("process ")], [], done)

    def test_signal_while_the_input_is_loaded(self):
        os.mkfifo(self.path("pipe"))
        for number in SIGNALS:
            with open(self.path("pipe"), "r+b", buffering=0) as pipe, open(self.path("ints.npy"), "rb") as ints:
                pipe.write(ints.read(10_000))

                def signal_it(running):
                    # The program has then read the first part of the input and waits for the rest.
                    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0] > 0:
                        os.sched_yield()
                    running.process.send_signal(number)

                done = self.run_in_folder(None, "map", "-", "squares.npy", "fn=square", stdin_file=self.path("pipe"), meanwhile=signal_it)
            self.assertIn(done.status, (-number, 128 + number), done)
            self.assertEqual((done.stdout, done.left), (b"", []), done)
            self.assertEqual(sorted(os.listdir(self.folder)), ["counters", "ints.npy", "pipe"])

    def test_mpirun_is_signalled(self):
        for number in SIGNALS:
            for grace in ("0", "1"):
                with self.subTest(grace=grace, number=number):
                    environment = {name: grace for name in whole_run.NO_GRACE}
                    arguments = ("--chunk=100 crashes ints.npy how=nothing rows=3000 counters=counters chunk_us=3000 + map ints.npy squares.npy "
                                 "fn=square").split()
                    done, _ = self.stop(2, "mpirun", number, "--journal=j", *arguments, rows=[3000], env=environment)
                    self.assertNotEqual(done.status, 0, done)
                    self.assertEqual([name for name in done.left if name.startswith("process ")], [], done)
                    # The run leaves no output and no temporary file, whether it stopped cleanly or
                    # was killed.
                    self.assertEqual(sorted(os.listdir(self.folder)), ["counters", "ints.npy", "j"])
                    for line in done.stderr:
                        self.assertRegex(line, "stopped by signal|^mpirun: |Terminated|Killed", done)
                    again = self.run_in_folder(None, "--journal=j", "--resume", "--report", *arguments)
                    self.assertEqual((again.status, again.left), (0, []), again)
                    self.assertIn("crashes ints.npy: %d\n" % (ROWS * (ROWS - 1) // 2), again.text)
                    # The signal came in the 31st chunk; the chunks committed before it are not
                    # processed again.
                    self.assertLess(int(whole_run.parse_report(again.stderr)["rank"][0]["chunks"]), 2 * ROWS // 100)
                    os.remove(self.path("squares.npy"))
                    os.remove(self.path("j"))


if __name__ == "__main__":
    whole_run.main()
