# SPDX-License-Identifier: Apache-2.0
"""More inputs and outputs than the limit of open files."""

import shutil

import whole_run

np = whole_run.import_numpy()

COULD_NOT_START = 3


def with_limit(files):
    """Returns a launcher that sets a limit of open files which the program cannot raise."""
    return ["prlimit", "--nofile=%d:%d" % (files, files)]


class ManyFilesTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        if not shutil.which("prlimit"):
            whole_run.skip("there is no program prlimit (Debian package util-linux)")

    def save_inputs(self, count):
        for i in range(count):
            np.save(self.path("%d.npy" % i), np.arange(i, i + 3))

    def joined(self, count, job):
        words = []
        for i in range(count):
            words += ["+"] + [word.replace("#", str(i)) for word in job.split()]
        return words[1:]

    def sums(self, count):
        return "".join("sum %d.npy: %d\n" % (i, 3 * i + 3) for i in range(count))

    def test_1500_inputs_under_a_limit_of_1024(self):
        self.save_inputs(1500)
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                done = self.run_in_folder(ranks, *self.joined(1500, "sum #.npy"),
                                          launcher=with_limit(1024), timeout=500)
                self.assert_done(done)
                self.assertEqual(done.text, self.sums(1500))

    def test_the_limit_is_raised_as_far_as_it_may_be(self):
        self.save_inputs(300)
        for flags in ([], ["--source=map"]):
            done = self.run_in_folder(None, *flags, *self.joined(300, "sum #.npy"),
                                      launcher=["prlimit", "--nofile=64:4096"], timeout=200)
            self.assert_done(done)
            self.assertEqual(done.text, self.sums(300))

    def test_more_outputs_than_may_be_open(self):
        self.save_inputs(100)
        # The limits suffice for the inputs alone, or for the outputs alone, but not for both.
        for ranks, limit in ((None, 150), (2, 200)):
            with self.subTest(ranks=ranks):
                done = self.run_in_folder(ranks, *self.joined(100, "map #.npy out_#.npy expr=x*2"),
                                          launcher=with_limit(limit), timeout=200)
                self.assert_done(done)
                for i in range(100):
                    written = np.load(self.path("out_%d.npy" % i))
                    np.testing.assert_array_equal(written, 2 * np.arange(i, i + 3))

    def test_too_low_a_limit_is_named_with_the_remedy(self):
        self.save_inputs(100)
        for flags in ([], ["--source=map"]):
            done = self.run_in_folder(None, *flags, *self.joined(100, "sum #.npy"),
                                      launcher=with_limit(40))
            self.assert_refused(done, COULD_NOT_START, ".npy", "Too many open files",
                                "this process may have 40", "ulimit -n")
        done = self.run_in_folder(None, "--source=map", *self.joined(30, "sum #.npy"),
                                  launcher=with_limit(40))
        self.assert_refused(done, COULD_NOT_START, ".npy", "half of the limit of 40", "ulimit -n")


if __name__ == "__main__":
    whole_run.main()
