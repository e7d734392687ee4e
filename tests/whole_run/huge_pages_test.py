# SPDX-License-Identifier: Apache-2.0
"""--huge_pages, on file systems with and without huge pages."""

import os
import subprocess

import whole_run

np = whole_run.import_numpy()

COULD_NOT_START = 3


class HugePagesTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.numbers = np.random.default_rng(whole_run.SEED).integers(-1000, 1000, 2_000_000)
        np.save(self.path("numbers.npy"), self.numbers)

    def run_sum(self, ranks, wish, directory=None):
        env = {"OMPI_MCA_osc_sm_backing_directory": directory} if directory else {}
        return self.run_in_folder(ranks, "--huge_pages=" + wish, "--source=window", "--format=json", "sum", "numbers.npy", env=env)

    def test_huge_pages_change_no_answer(self):
        for ranks in (None, 2, 3):
            for wish in ("auto", "never"):
                done = self.run_sum(ranks, wish)
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], int(self.numbers.sum()))

    def test_error_without_huge_pages_names_the_remedy(self):
        # /proc is not a tmpfs with huge pages.
        self.assert_refused(self.run_sum(2, "always", "/proc"), COULD_NOT_START, "/proc", "mount -o remount,huge=advise", "--huge_pages=auto")

    def test_file_system_with_huge_pages(self):
        directory = self.path("huge")
        os.mkdir(directory)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "huge=advise,size=256m", "tmpfs", directory], stderr=subprocess.PIPE, text=True)
        if mounted.returncode != 0:
            self.skipTest("no tmpfs with huge pages can be mounted: " + mounted.stderr.strip())
        try:
            for ranks in (2, 3):
                done = self.run_sum(ranks, "always", directory)
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], int(self.numbers.sum()))
            self.assertEqual(os.listdir(directory), [])
        finally:
            subprocess.run(["umount", directory], check=True)


whole_run.main()
