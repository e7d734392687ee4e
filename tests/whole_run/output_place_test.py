# SPDX-License-Identifier: Apache-2.0
"""Outputs that cannot be replaced by a new file, and outputs named by symbolic links.

Mount points, and files in directories without write permission, are written in place or refused
before the run.
"""

import os
import shutil
import subprocess
import tempfile

import whole_run

np = whole_run.import_numpy()

WRONG_USAGE = 2
COULD_NOT_START = 3
RANKS = [None, 1, 3]
# A streamed output, a gathered output, and a saved answer.
JOBS = [
    ("map ints.npy out.npy expr=x*2", lambda ints: ints * 2),
    ("sort ints.npy out.npy", np.sort),
    ("unique ints.npy out.npy", np.unique),
]
_USER = 65534


def in_mount_namespace(command):
    """Returns a launcher: a shell command, then the program, in a private mount namespace."""
    return ["unshare", "--mount", "sh", "-c", command + ' && exec "$@"', "sh"]


def why_no_mounts():
    if os.geteuid() != 0:
        return "only root may make a mount namespace"
    if not shutil.which("unshare"):
        return "there is no program unshare (Debian package util-linux)"
    with tempfile.NamedTemporaryFile() as file:
        command = in_mount_namespace("mount --bind %s %s" % (file.name, file.name)) + ["true"]
        done = subprocess.run(command, stderr=subprocess.PIPE)
    return None if done.returncode == 0 else "no mount namespace: " + done.stderr.decode().strip()


def why_no_users():
    if os.geteuid() != 0:
        return "only root may become another user"
    if not shutil.which("setpriv"):
        return "there is no program setpriv (Debian package util-linux)"
    return None


class OutputPlaceTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.ints = np.arange(100_000)[::-1].copy()
        np.save(self.path("ints.npy"), self.ints)

    def write_old(self, name, size_bytes=10):
        with open(self.path(name), "wb") as file:
            file.write(b"o" * size_bytes)

    def assert_unchanged_file(self, name, size_bytes=10):
        with open(self.path(name), "rb") as file:
            self.assertEqual(file.read(), b"o" * size_bytes)

    def assert_array(self, name, expected):
        np.testing.assert_array_equal(np.load(self.path(name)), expected)

    def names_and_inode(self):
        return sorted(os.listdir(self.folder)), os.stat(self.path("out.npy")).st_ino

    def run_with_mount(self, ranks, *arguments, flags="", source="out.npy"):
        command = "mount --bind %s out.npy" % source
        if flags:
            command += " && mount -o remount,bind,%s out.npy" % flags
        return self.run_in_folder(ranks, *arguments, launcher=in_mount_namespace(command))

    def skip_without(self, why):
        if why:
            print("SKIPPED: " + why)
            self.skipTest(why)

    def test_output_that_is_a_mount_point_is_written_in_place(self):
        self.skip_without(why_no_mounts())
        # Shorter and longer than the new output.
        for old_bytes in (10, 5_000_000):
            for ranks in RANKS:
                for job, expected in JOBS:
                    with self.subTest(ranks=ranks, job=job, old_bytes=old_bytes):
                        self.write_old("out.npy", old_bytes)
                        before = self.names_and_inode()
                        done = self.run_with_mount(ranks, *job.split())
                        self.assert_done(done)
                        self.assert_array("out.npy", expected(self.ints))
                        self.assertEqual(self.names_and_inode(), before)

    def test_mount_of_another_file_system(self):
        self.skip_without(why_no_mounts())
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as elsewhere:
            elsewhere.write(b"old")
            elsewhere.flush()
            for job, expected in JOBS:
                self.write_old("out.npy")
                done = self.run_with_mount(3, *job.split(), source=elsewhere.name)
                self.assertEqual((done.status, done.stderr), (0, []), done)
                np.testing.assert_array_equal(np.load(elsewhere.name), expected(self.ints))
                self.assert_unchanged_file("out.npy")

    def test_mount_that_may_not_be_written_is_refused_before_the_run(self):
        self.skip_without(why_no_mounts())
        self.write_old("out.npy")
        for ranks in RANKS:
            for job, _ in JOBS:
                done = self.run_with_mount(ranks, *job.split(), flags="ro")
                self.assert_refused(done, COULD_NOT_START, "out.npy", "Read-only file system")
        self.assert_unchanged_file("out.npy")

    def test_mount_that_is_an_input_too_is_refused_before_the_run(self):
        self.skip_without(why_no_mounts())
        shutil.copy(self.path("ints.npy"), self.path("out.npy"))
        for job in ("map out.npy out.npy expr=x*2", "sort out.npy out.npy",
                    "where out.npy o.npy x=ints.npy y=ints.npy + sort ints.npy out.npy"):
            done = self.run_with_mount(3, *job.split())
            self.assert_refused(done, COULD_NOT_START, "out.npy is an input", "another output")
        np.testing.assert_array_equal(np.load(self.path("out.npy")), self.ints)

    def test_run_that_fails_leaves_a_mounted_output(self):
        self.skip_without(why_no_mounts())
        self.write_old("out.npy")
        done = self.run_with_mount(3, *"map ints.npy out.npy expr=x*2 + sum missing.npy".split())
        self.assert_refused(done, COULD_NOT_START, "missing.npy")
        self.assert_unchanged_file("out.npy")

    def use_folder_that_others_may_enter(self):
        """Uses a folder in /tmp; other users may not enter the parents of a test's own folder."""
        folder = tempfile.TemporaryDirectory(prefix="w", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o755)

    def run_as_user(self, *arguments):
        """Runs in `here` as an ordinary user, who also has a directory for temporary files."""
        here, temporary = self.path("here"), self.path("temporary")
        os.makedirs(temporary, exist_ok=True)
        os.chown(temporary, _USER, _USER)
        program = self.path("program")
        if not os.path.exists(program):
            shutil.copy(whole_run.program(), program)
            os.chmod(program, 0o755)
        user = ["--reuid=%d" % _USER, "--regid=%d" % _USER, "--clear-groups"]
        done = whole_run.run(None, *arguments, program_path=program, cwd=here,
                             env={"TMPDIR": temporary}, launcher=["setpriv"] + user)
        self.assertEqual(os.listdir(temporary), [])
        return done

    def make_here(self, mode, output_mode):
        shutil.rmtree(self.path("here"), ignore_errors=True)
        os.mkdir(self.path("here"))
        np.save(self.path("here/ints.npy"), self.ints)
        self.write_old("here/out.npy")
        os.chmod(self.path("here/out.npy"), output_mode)
        os.chmod(self.path("here"), mode)

    def test_file_that_its_directory_keeps_is_written_in_place(self):
        self.skip_without(why_no_users())
        self.use_folder_that_others_may_enter()
        # Both directories belong to root. In the first, other users may not create files; in the
        # second, they may not replace root's files.
        for mode in (0o755, 0o1777):
            for job, expected in JOBS:
                with self.subTest(mode=oct(mode), job=job):
                    self.make_here(mode, 0o666)
                    self.write_old("here/record", 100_000)
                    os.chmod(self.path("here/record"), 0o666)
                    done = self.run_as_user("--record=record", *job.split())
                    self.assert_done(done)
                    with open(self.path("here/record")) as file:
                        self.assertRegex(file.read(), r"^mpaio schedule 1\n[run0-9 \n]*$")
                    self.assert_array("here/out.npy", expected(self.ints))
                    self.assertEqual(sorted(os.listdir(self.path("here"))),
                                     ["ints.npy", "out.npy", "record"])

    def test_places_that_may_not_be_written_are_refused_before_the_run(self):
        self.skip_without(why_no_users())
        self.use_folder_that_others_may_enter()
        for mode, output, words in ((0o755, "out.npy", ["cannot write over out.npy"]),
                                    (0o1777, "out.npy", ["cannot write over out.npy"]),
                                    (0o755, "new.npy", ["cannot write to directory"])):
            for job, _ in JOBS:
                with self.subTest(mode=oct(mode), output=output, job=job):
                    self.make_here(mode, 0o644)
                    done = self.run_as_user(*job.replace("out.npy", output).split())
                    self.assert_refused(done, COULD_NOT_START, "Permission denied", *words)
                    self.assert_unchanged_file("here/out.npy")

    def test_link_to_a_file_of_another_file_system(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
            os.symlink(os.path.join(elsewhere, "out.npy"), self.path("out.npy"))
            for ranks in RANKS:
                for job, expected in JOBS:
                    with open(os.path.join(elsewhere, "out.npy"), "wb") as file:
                        file.write(b"old")
                    self.assert_done(self.run_in_folder(ranks, *job.split()))
                    self.assertTrue(os.path.islink(self.path("out.npy")))
                    self.assert_array("out.npy", expected(self.ints))
                    self.assertEqual(os.listdir(elsewhere), ["out.npy"])

    def test_link_to_a_file_that_does_not_exist_yet(self):
        os.mkdir(self.path("folder"))
        os.symlink("folder/new.npy", self.path("out.npy"))
        os.symlink("folder/record", self.path("record"))
        for ranks in RANKS:
            for job, expected in JOBS:
                with self.subTest(ranks=ranks, job=job):
                    self.assert_done(self.run_in_folder(ranks, "--record=record", *job.split()))
                    self.assertEqual(os.readlink(self.path("out.npy")), "folder/new.npy")
                    self.assert_array("folder/new.npy", expected(self.ints))
                    self.assertEqual(sorted(os.listdir(self.path("folder"))), ["new.npy", "record"])
                    for name in ("new.npy", "record"):
                        os.remove(self.path("folder/" + name))

    def test_link_that_leads_to_no_place_for_a_file(self):
        os.symlink("none/new.npy", self.path("out.npy"))
        for job, _ in JOBS:
            done = self.run_in_folder(None, *job.split())
            self.assert_refused(done, COULD_NOT_START, "directory none does not exist", "create it")

    def test_two_outputs_one_of_them_a_link_to_the_other(self):
        os.symlink("new.npy", self.path("out.npy"))
        done = self.run_in_folder(None, *"sort ints.npy out.npy + sort ints.npy new.npy".split())
        self.assert_refused(done, WRONG_USAGE, "new.npy", "two jobs")


if __name__ == "__main__":
    whole_run.main()
