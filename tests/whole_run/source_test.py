# SPDX-License-Identifier: Apache-2.0
"""--source: windows and mapped files give the same answers; changes during a run are detected."""

import os
import shutil
import threading
import time

import whole_run

np = whole_run.import_numpy()

JOB_FAILED, WRONG_USAGE, COULD_NOT_START = 1, 2, 3


def num_mapped(path):
    """Returns the number of processes that have the file mapped."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/maps" % pid, errors="replace") as file:
                count += any(line.rstrip().endswith(path) for line in file)
        except OSError:
            pass
    return count


class SourceTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)
        # Large enough to be loaded on demand if it is not mapped.
        self.doubles = self.random.standard_normal(600_000)
        self.ints = np.arange(600_000)
        np.save(self.path("doubles.npy"), self.doubles)
        np.save(self.path("ints.npy"), self.ints)
        np.save(self.path("swapped.npy"), self.doubles.astype(">f8"))
        np.save(self.path("fortran.npy"), np.asfortranarray(self.doubles.reshape(6000, 100)))
        np.save(self.path("none.npy"), self.doubles[:0])
        np.savez(self.path("archive.npz"), x=self.doubles)
        self.doubles.tofile(self.path("raw.bin"))

    def test_every_source_gives_the_same_answers(self):
        answers = set()
        for source in ("auto", "window", "map"):
            for ranks in (None, 1, 2, 3):
                inputs = ["doubles.npy", "raw:<f8:6000x100:raw.bin"] + ([] if source == "map" else ["swapped.npy", "fortran.npy", "archive.npz", "none.npy"])
                words = sum((["+", "sum", name] for name in inputs), [])[1:]
                done = self.run_in_folder(ranks, "--source=" + source, "--format=json", *words, "+", "median", "doubles.npy",
                                          "+", "sort", "doubles.npy", "sorted.npy", "+", "where", "ints.npy", "chosen.npy", "x=doubles.npy", "yvalue=0")
                self.assert_done(done)
                results = [repr(job["result"]) for job in done.json["jobs"]]
                answers.add((results[0], results[1], results[len(inputs)]))
                self.assertEqual(np.load(self.path("sorted.npy")).tobytes(), np.sort(self.doubles).tobytes())
                self.assertEqual(np.load(self.path("chosen.npy")).tobytes(), np.where(self.ints, self.doubles, 0).tobytes())
        self.assertEqual(len(answers), 1, answers)

    def test_inputs_that_cannot_be_mapped(self):
        for ranks in (None, 3):
            for name, why in [("swapped.npy", "byte order"), ("fortran.npy", "Fortran"), ("archive.npz", "archive"), ("none.npy", "no elements")]:
                done = self.run_in_folder(ranks, "--source=map", "sum", name)
                self.assert_refused(done, COULD_NOT_START, "orchestrator: ", name, "cannot be mapped", why)
            done = self.run_in_folder(ranks, "--source=map", "sum", "-", stdin_file=self.path("doubles.npy"))
            self.assert_refused(done, COULD_NOT_START, "standard input", "cannot be mapped", "pipe")
            done = self.run_in_folder(ranks, "--source=disk", "sum", "doubles.npy")
            self.assert_refused(done, WRONG_USAGE, "--source=disk", "auto|window|map")

    def test_file_that_is_open_for_writing(self):
        if not self.has_leases():
            self.skipTest("the file system has no leases")
        with open(self.path("ints.npy"), "r+b"):
            for ranks in (None, 2):
                done = self.run_in_folder(ranks, "--source=map", "sum", "ints.npy")
                self.assert_refused(done, COULD_NOT_START, "ints.npy", "cannot be mapped", "has it open to write")
                done = self.run_in_folder(ranks, "--format=json", "sum", "ints.npy")
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], int(self.ints.sum()))

    def test_journal_of_a_file_that_was_written_during_the_run(self):
        """The journal is emptied, because its results may come from the old or the new contents."""
        for ranks in (None, 3):
            np.save(self.path("ints.npy"), self.ints)
            journal = self.path("journal")

            def has_begun():
                return os.path.exists(journal) and os.path.getsize(journal) > 2000

            def write():
                with open(self.path("ints.npy"), "r+b") as file:
                    file.seek(1000)
                    file.write(bytes(1000))

            done = self.run_while(write, has_begun, ranks, "--source=window", "--chunk=2000", "--journal=journal", *self.spin(ranks))
            self.assert_refused(done, JOB_FAILED, "ints.npy was written while it was read", "the journal journal was emptied")
            np.save(self.path("ints.npy"), self.ints)
            done = self.run_in_folder(ranks, "--chunk=2000", "--journal=journal", "--resume", *self.spin(ranks))
            self.assert_refused(done, COULD_NOT_START, "journal is empty")
            done = self.run_in_folder(ranks, "--chunk=2000", "--journal=journal", "--format=json", *self.spin(ranks))
            self.assert_done(done)
            self.assertEqual(done.json["jobs"][0]["result"], int(self.ints.sum()))
            os.remove(journal)

    def run_while_truncated(self, ranks, *arguments, when=None, **options):
        """Runs a command, and truncates ints.npy once `when()` is true.

        Default of `when`: all ranks have the file mapped. A lease may delay the truncation until
        the run ends.
        """
        path = os.path.realpath(self.path("ints.npy"))
        when = when or (lambda: num_mapped(path) >= (ranks or 1))
        try:
            return self.run_while(lambda: os.truncate(path, 100), when, ranks, *arguments, **options)
        finally:
            self.assertEqual(os.path.getsize(path), 100)

    def run_while(self, action, when, ranks, *arguments, **options):
        """Runs a command, and calls `action` once `when()` is true."""
        ended = threading.Event()

        def act():
            while not when():
                if ended.is_set():
                    return
                time.sleep(0.001)
            action()

        actor = threading.Thread(target=act)
        actor.start()
        try:
            return self.run_in_folder(ranks, *arguments, **options)
        finally:
            ended.set()
            actor.join()

    def spin(self, ranks):
        """A job that takes half a second."""
        return ["spin", "ints.npy", "ns_per_row=%d" % (5 * 10**8 * min(ranks or 1, 2) // len(self.ints))]

    def test_file_that_another_process_tries_to_truncate(self):
        if not self.has_leases():
            self.skipTest("the file system has no leases")
        for source in ("auto", "map"):
            for ranks in (None, 3):
                np.save(self.path("ints.npy"), self.ints)
                done = self.run_while_truncated(ranks, "--source=" + source, "--chunk=100", "--format=json", *self.spin(ranks))
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], int(self.ints.sum()))

    def test_file_that_is_truncated_while_it_is_loaded(self):
        """A file is truncated while it is loaded into a window and the loaded part is processed."""
        for ranks in (None, 3):
            for isolate in ("never", "always"):
                np.save(self.path("ints.npy"), self.ints)
                journal = self.path("journal")

                def has_begun():
                    return os.path.exists(journal) and os.path.getsize(journal) > 2000

                done = self.run_while_truncated(ranks, "--source=window", "--chunk=2000", "--isolate=" + isolate, "--journal=journal", "--format=json",
                                          *self.spin(ranks), "+", "sum", "doubles.npy", when=has_begun)
                self.assert_refused(done, JOB_FAILED, "ints.npy shrank while it was read", "start again", "the journal journal was emptied")
                self.assertNotEqual(done.json["jobs"][0]["status"], "ok")
                self.assertEqual(os.path.getsize(journal), 0)
                os.remove(journal)

    def has_leases(self):
        with open(self.path("doubles.npy"), "r+b"):
            return self.run_in_folder(None, "--source=map", "sum", "doubles.npy").status == COULD_NOT_START

    # Without CAP_LEASE the program gets no lease on another user's file, so that a writer does not
    # wait.
    WITHOUT_LEASES = ("setpriv", "--bounding-set=-lease", "--inh-caps=-lease")

    def save_file_of_another_user(self):
        np.save(self.path("ints.npy"), self.ints)
        os.chown(self.path("ints.npy"), 65534, 65534)

    def test_a_file_of_another_user(self):
        if os.getuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("needs root, to make another user's file, and setpriv, to drop a right")
        for ranks in (None, 3):
            self.save_file_of_another_user()
            for source in ("auto", "map", "window"):
                done = self.run_in_folder(ranks, "--source=" + source, "--format=json", "sum", "ints.npy", launcher=self.WITHOUT_LEASES)
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], int(self.ints.sum()))
            done = self.run_while_truncated(ranks, "--source=map", "--chunk=100", "--format=json", "map", "ints.npy", "out.npy", "fn=sqrt",
                                      "+", *self.spin(ranks), "+", "sum", "doubles.npy", launcher=self.WITHOUT_LEASES)
            self.assert_refused(done, JOB_FAILED, "ints.npy shrank while it was read", "start again")
            self.assertEqual([job["status"] == "ok" for job in done.json["jobs"]][:2], [False, False])
            self.assertFalse(os.path.exists(self.path("out.npy")))
            # The second pass no longer finds the rows that the first pass has read.
            self.save_file_of_another_user()
            done = self.run_while_truncated(ranks, "--source=map", "median", "ints.npy", "+", *self.spin(ranks), launcher=self.WITHOUT_LEASES)
            self.assert_refused(done, JOB_FAILED, "ints.npy shrank while it was read", "start again")


whole_run.main()
