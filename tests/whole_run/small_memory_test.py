# SPDX-License-Identifier: Apache-2.0
"""Arrays that do not fit in shared memory: one line names required and free size and the remedy.

No run hangs or is killed by a signal. Uses a /dev/shm of 64 MiB in a private mount namespace.
"""

import os
import shutil
import subprocess

import whole_run

np = whole_run.import_numpy()

_MOUNT = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
# Exits with the program's status; writes the names of the files left in /dev/shm to the file $LEFT.
_LAUNCHER = ["unshare", "--mount", "sh", "-c", _MOUNT + ' && "$@"; status=$?; ls -A /dev/shm >"$LEFT"; exit $status', "sh"]


def why_not():
    """Returns the reason why this machine does not allow the tests, or None."""
    if os.geteuid() != 0:
        return "only root may make a mount namespace"
    if not shutil.which("unshare"):
        return "there is no program unshare (Debian package util-linux)"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", _MOUNT], stderr=subprocess.PIPE)
    return None if done.returncode == 0 else "no mount namespace: " + done.stderr.decode().strip()


class SmallMemoryTest(whole_run.WholeRunTest):

    def save_zeros(self, name, size_bytes):
        with open(self.path(name), "wb") as file:
            np.lib.format.write_array_header_1_0(file,
                                                 {"descr": "<i8", "fortran_order": False, "shape": (size_bytes // 8,)})
            file.truncate(file.tell() + size_bytes)

    def run_in_small_memory(self, ranks, *arguments, env=None):
        environment = dict(env or {}, LEFT=self.path("left"))
        done = self.run_in_folder(ranks, *arguments, launcher=_LAUNCHER, env=environment)
        with open(self.path("left")) as file:
            done.left += file.read().splitlines()
        return done

    def assert_memory_refused(self, done, wanted_bytes):
        self.assert_refused(done, 3, "no room for %.2f GB" % (wanted_bytes / 1e9), "/dev/shm has", "remount,size=", "--shm-size=")
        self.assertEqual(done.stdout, b"")

    def test_array_that_does_not_fit(self):
        self.save_zeros("ints.npy", 100_000_000)
        for ranks in (2, 4):
            self.assert_memory_refused(self.run_in_small_memory(ranks, "--source=window", "sum", "ints.npy"), 100_000_000)

    def test_one_rank_needs_no_shared_memory(self):
        self.save_zeros("ints.npy", 100_000_000)
        for ranks in (None, 1):
            done = self.run_in_small_memory(ranks, "sum", "ints.npy")
            self.assert_done(done)
            self.assertEqual(done.text, "sum ints.npy: 0\n")

    def test_mapped_array_needs_no_shared_memory(self):
        self.save_zeros("ints.npy", 100_000_000)
        for ranks in (2, 4):
            done = self.run_in_small_memory(ranks, "sum", "ints.npy")
            self.assert_done(done)
            self.assertEqual(done.text, "sum ints.npy: 0\n")

    def test_array_that_fits(self):
        self.save_zeros("ints.npy", 30_000_000)
        for ranks in (2, 4):
            done = self.run_in_small_memory(ranks, "--source=window", "sum", "ints.npy")
            self.assert_done(done)
            self.assertEqual(done.text, "sum ints.npy: 0\n")

    def test_second_array_that_does_not_fit_beside_the_first(self):
        self.save_zeros("a.npy", 40_000_000)
        self.save_zeros("b.npy", 40_000_000)
        for ranks in (2, 4):
            self.assert_memory_refused(self.run_in_small_memory(ranks, "--source=window", "sum", "a.npy", "+", "sum", "b.npy"), 40_000_000)

    def test_memory_that_another_program_takes_while_an_array_is_loaded(self):
        np.save(self.path("a.npy"), np.arange(5_000_000))
        taker = _MOUNT + '; (until test -s journal; do :; done; head -c 64m /dev/zero >/dev/shm/taken 2>/dev/null) & "$@"; exit'
        for ranks in (2, 4):
            done = self.run_in_folder(ranks, "--source=window", "--journal=journal", "--chunk=5000", "spin", "a.npy", "ns_per_row=100",
                                      launcher=["unshare", "--mount", "sh", "-c", taker, "sh"])
            self.assert_refused(done, 1, "shared memory ran out", "go on with --resume")
            # The journal has no results of rows that could not be read.
            done = self.run_in_folder(ranks, "--source=map", "--journal=journal", "--resume", "--chunk=5000", "--format=json", "spin", "a.npy", "ns_per_row=1")
            self.assert_refused(done, 3, "ns_per_row")
            done = self.run_in_folder(ranks, "--source=map", "--journal=journal", "--resume", "--chunk=5000", "--format=json", "spin", "a.npy",
                                      "ns_per_row=100")
            self.assert_done(done)
            self.assertEqual(done.json["jobs"][0]["result"], int(np.load(self.path("a.npy"), mmap_mode="r").sum()))
            os.remove(self.path("journal"))

    def test_output_that_does_not_fit_beside_the_input(self):
        self.save_zeros("a.npy", 40_000_000)
        for ranks in (2, 4):
            self.assert_memory_refused(self.run_in_small_memory(ranks, "--source=window", "sort", "a.npy", "out.npy"), 40_000_000)
            self.assertFalse(os.path.exists(self.path("out.npy")))

    def test_output_that_is_written_to_its_file_needs_no_shared_memory(self):
        self.save_zeros("a.npy", 40_000_000)
        for ranks in (2, 4):
            self.assert_done(self.run_in_small_memory(ranks, "map", "a.npy", "out.npy", "fn=sqrt"))
            self.assertEqual(np.count_nonzero(np.load(self.path("out.npy"), mmap_mode="r")), 0)
            os.remove(self.path("out.npy"))

    def test_unique_without_shared_memory_merges_on_rank_0(self):
        self.save_zeros("zeros.npy", 100_000_000)
        many = np.random.default_rng(whole_run.SEED).integers(0, 2**60, 8_000_000)
        np.save(self.path("many.npy"), many)
        values, counts = np.unique(many, return_counts=True)
        for ranks in (2, 4):
            done = self.run_in_small_memory(ranks, "unique", "zeros.npy", "+", "sum", "zeros.npy")
            self.assert_done(done)
            self.assertEqual(done.text, "unique zeros.npy: values [0], counts [12500000]\nsum zeros.npy: 0\n")
            done = self.run_in_small_memory(ranks, "unique", "many.npy", "values.npy", "counts=counts.npy")
            self.assert_done(done)
            np.testing.assert_array_equal(np.load(self.path("values.npy")), values)
            np.testing.assert_array_equal(np.load(self.path("counts.npy")), counts)
            os.remove(self.path("values.npy"))
            os.remove(self.path("counts.npy"))

    def test_remedy_of_another_directory(self):
        self.save_zeros("ints.npy", 100_000_000)
        os.mkdir(self.path("larger"))
        done = self.run_in_small_memory(4, "--source=window", "sum", "ints.npy",
                                        env={"OMPI_MCA_osc_sm_backing_directory": self.path("larger")})
        self.assert_done(done)
        self.assertEqual(done.text, "sum ints.npy: 0\n")
        self.assertEqual(os.listdir(self.path("larger")), [])


if __name__ == "__main__":
    if why_not():
        whole_run.skip(why_not())
    whole_run.main()
