# SPDX-License-Identifier: Apache-2.0
"""orchestrator doctor: its findings, their output and exit status; and the warning of a run."""

import os
import re
import shutil
import socket
import subprocess
import time

import whole_run

np = whole_run.import_numpy()

WRONG_USAGE = 2
COULD_NOT_START = 3
SUBJECTS = ["shared memory", "memory", "dead jobs", "limits", "cores", "launcher", "huge pages", "clock"]


def why_no_mounts():
    """Returns the reason why no mount namespace can be made here, or None."""
    if os.geteuid() != 0:
        return "only root may make a mount namespace"
    if not shutil.which("unshare"):
        return "there is no program unshare (Debian package util-linux)"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /dev/shm"], stderr=subprocess.PIPE)
    return None if done.returncode == 0 else "no mount namespace: " + done.stderr.decode().strip()


class DoctorTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        np.save(self.path("ints.npy"), np.arange(1_000_000))
        np.save(self.path("swapped.npy"), np.arange(1000, dtype=">i4"))

    def examine(self, ranks, *arguments, **options):
        """Returns the findings of `doctor --format=json`, and the outcome."""
        done = self.run_in_folder(ranks, "--format=json", "doctor", *arguments, **options)
        self.assertEqual((done.stderr, done.left), ([], []), done)
        findings = done.json
        for finding in findings:
            self.assertEqual(list(finding), ["severity", "subject", "host", "text", "remedy"], done)
            self.assertIn(finding["severity"], ("ok", "note", "warning", "refusal"), done)
        refuses = any(finding["severity"] == "refusal" for finding in findings)
        self.assertEqual(done.status, COULD_NOT_START if refuses else 0, done)
        return findings, done

    def of(self, findings, subject):
        return [finding for finding in findings if finding["subject"] == subject]

    def test_every_subject_is_reported_with_and_without_mpirun(self):
        for ranks in (None, 1, 2, 4):
            findings, done = self.examine(ranks)
            subjects = list(dict.fromkeys(finding["subject"] for finding in findings))
            self.assertEqual(subjects, SUBJECTS, done)
            self.assertEqual({finding["host"] for finding in findings}, {socket.gethostname()}, done)
            self.assertEqual(done.status, 0, done)

    def test_text_has_a_line_for_each_finding_and_for_its_remedy(self):
        for ranks in (None, 2):
            findings, _ = self.examine(ranks)
            done = self.run_in_folder(ranks, "doctor")
            self.assert_done(done)
            lines = done.text.splitlines()
            finding_lines = [line for line in lines if not line.startswith("         remedy: ")]
            self.assertEqual([re.split("  +", line, maxsplit=2)[:2] for line in finding_lines if not line.startswith("warning")],
                             [[finding["severity"], finding["subject"]] for finding in findings if finding["severity"] != "warning"])
            self.assertEqual(len(lines) - len(finding_lines), sum(1 for finding in findings if finding["remedy"]))

    def test_inputs_are_examined(self):
        for ranks in (None, 3):
            findings, done = self.examine(ranks, "ints.npy", "swapped.npy", "raw:<f8:10x100000:ints.npy", "-")
            inputs = self.of(findings, "input")
            self.assertEqual([finding["severity"] for finding in inputs], ["ok", "ok", "refusal", "note"], done)
            self.assertRegex(inputs[0]["text"], r"^ints\.npy: <i8 .*8000000 bytes: can be mapped$")
            self.assertRegex(inputs[1]["text"], r"^swapped\.npy: .*: is copied to shared memory$")
            self.assertIn("ints.npy", inputs[2]["text"])
            findings, _ = self.examine(ranks, "missing.npy")
            self.assertIn("there is no file missing.npy", self.of(findings, "input")[0]["text"])
            self.assertEqual(self.of(findings, "input")[0]["severity"], "refusal")

    def test_ranks_are_reported(self):
        for ranks in (2, 5):
            findings, _ = self.examine(ranks)
            self.assertEqual(self.of(findings, "launcher")[0]["text"], "%d ranks" % ranks)
            self.assertIn("%d ranks on " % ranks, self.of(findings, "cores")[0]["text"])

    def test_files_of_dead_jobs_and_their_removal(self):
        names = "vader_segment.%s.%d.1.%%d" % (socket.gethostname(), os.geteuid())
        shared = self.path("it's shared")
        dead = subprocess.Popen(["true"])
        dead.wait()
        session = self.path("tmp/ompi.%s.%d/pid.%d" % (socket.gethostname(), os.geteuid(), dead.pid))
        living = self.path("tmp/ompi.%s.%d/pid.%d" % (socket.gethostname(), os.geteuid(), os.getpid()))
        for folder in (shared, session, living):
            os.makedirs(folder)
        stale, in_use, new = [os.path.join(shared, names % i) for i in range(3)]
        for name in (stale, in_use, new, session + "/contact.txt"):
            with open(name, "wb") as file:
                file.write(b"x" * 100_000)
        hour_ago = time.time() - 3600
        for name in (stale, in_use, session, living):
            os.utime(name, (hour_ago, hour_ago))
        environment = {"OMPI_MCA_osc_sm_backing_directory": shared, "TMPDIR": self.path("tmp")}
        with open(in_use, "rb"):
            for ranks in (None, 2):
                findings, done = self.examine(ranks, env=environment)
                found = self.of(findings, "dead jobs")
                if "cannot be examined" in found[0]["text"]:
                    self.skipTest(found[0]["text"])
                remedies = "\n".join(finding["remedy"] for finding in found)
                for name, is_listed in ((stale.replace("'", "'\\''"), True), (session, True), (in_use.replace("'", "'\\''"), False),
                                      (new.replace("'", "'\\''"), False), (living, False)):
                    self.assertEqual("'%s'" % name in remedies, is_listed, (name, str(done)))
                self.assertEqual(done.status, 0, done)
        # The printed remedies remove the files. Files of other jobs on this machine are not
        # touched.
        own = [word for finding in found for word in self.own_words(finding["remedy"])]
        subprocess.run(["sh", "-c", "rm -rf -- " + " ".join(own)], check=True)
        self.assertEqual([os.path.exists(name) for name in (stale, session, in_use, new, living)], [False, False, True, True, True])

    def own_words(self, remedy):
        return [word for word in re.findall(r"'(?:[^']|'\\'')*'", remedy) if word.startswith("'" + self.folder)]

    def in_namespace(self, mount, ranks, *arguments):
        launcher = ["unshare", "--mount", "sh", "-c", mount + ' && exec "$@"', "sh"]
        return self.examine(ranks, *arguments, launcher=launcher)

    def test_shared_memory_that_is_too_small(self):
        if why_no_mounts():
            self.skipTest(why_no_mounts())
        mount = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
        np.save(self.path("large.npy"), np.zeros(10_000_000, ">i8"))
        np.save(self.path("mapped.npy"), np.zeros(10_000_000))
        for ranks in (None, 2):
            for inputs, severity in (([], "ok"), (["ints.npy"], "ok"), (["mapped.npy"], "note"), (["large.npy"], "refusal")):
                findings, done = self.in_namespace(mount, ranks, *inputs)
                found = self.of(findings, "shared memory")
                self.assertEqual([finding["severity"] for finding in found], [severity], done)
                self.assertIn(" of 64 MiB", found[0]["text"])
                self.assertEqual("remount,size=" in found[0]["remedy"], severity != "ok", done)

    def test_shared_memory_that_cannot_be_written(self):
        if why_no_mounts():
            self.skipTest(why_no_mounts())
        findings, _ = self.in_namespace("mount -t tmpfs -o ro tmpfs /dev/shm", None)
        found = self.of(findings, "shared memory")
        self.assertEqual([finding["severity"] for finding in found], ["refusal"])
        self.assertIn("read-only file system", found[0]["text"])

    def test_runs_without_writable_shared_memory(self):
        """Regression test: these runs hung, as Open MPI does without writable shared memory."""
        missing = {"OMPI_MCA_osc_sm_backing_directory": self.path("missing")}
        for ranks in (2, 4):
            done = self.run_in_folder(ranks, "sum", "ints.npy", env=missing)
            self.assert_done(done)
            self.assertEqual(done.text, "sum ints.npy: 499999500000\n")
            self.assert_refused(self.run_in_folder(ranks, "--source=window", "sum", "ints.npy", env=missing), COULD_NOT_START, "no room for",
                                self.path("missing"), "no such file", "OMPI_MCA_osc_sm_backing_directory")
            self.assertFalse(os.path.exists(self.path("missing")))

    def test_limits(self):
        launcher = ["sh", "-c", 'ulimit -n 70 && exec "$@"', "sh"]
        findings, done = self.examine(None, launcher=launcher)
        found = self.of(findings, "limits")
        self.assertEqual([(finding["severity"], finding["remedy"].split(" ")[:2]) for finding in found], [("warning", ["ulimit", "-n"])], done)

    def test_launcher_that_does_not_know_the_ranks(self):
        findings, _ = self.examine(None, env={"PMI_SIZE": "4"})
        self.assertEqual(self.of(findings, "launcher")[0]["severity"], "refusal")
        self.assertIn("started 4 ranks, each of which is alone", self.of(findings, "launcher")[0]["text"])

    def warnings_of_launcher(self, findings):
        return [finding["text"] for finding in self.of(findings, "launcher") if finding["severity"] == "warning"]

    def test_host_name_that_is_too_long_for_mpirun(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "--uts", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("only root may give a host another name, in a namespace of its own")
        if b"Open MPI) 4." not in subprocess.run(["mpirun", "--version"], stdout=subprocess.PIPE).stdout:
            self.skipTest("only Open MPI 4 limits the length")
        for length in (56, 57, 64):
            launcher = ["unshare", "--uts", "sh", "-c", "hostname %s && exec \"$@\"" % ("h" * length), "sh"]
            findings, done = self.examine(None, launcher=launcher)
            warnings = self.warnings_of_launcher(findings)
            self.assertEqual(len(warnings), 1 if length > 56 else 0, done)
            if length > 56:
                self.assertIn("this one has %d" % length, warnings[0])

    def test_a_user_without_a_home(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root may start a program as another user")
        # Other users may not enter the folders of the program and of the test.
        shutil.copy(whole_run.program(), self.path("orchestrator"))
        os.chmod(self.folder, 0o755)
        stranger = ["setpriv", "--reuid", "1234567", "--clear-groups"]
        for launcher, home, expected in ((stranger, None, 1), (stranger, "/nowhere", 0), ([], None, 0)):
            done = self.run_in_folder(None, "--format=json", "doctor", program_path=self.path("orchestrator"), launcher=launcher,
                                      env={"HOME": home, "TMPDIR": "/tmp"})
            warnings = [text for text in self.warnings_of_launcher(done.json) if "passwd" in text]
            self.assertEqual(len(warnings), expected, done)
            if expected:
                self.assertIn("user 1234567 ", warnings[0])

    def test_wrong_usage(self):
        self.assert_refused(self.run_in_folder(2, "--results=./ints.npy", "doctor", "ints.npy"), WRONG_USAGE, "--results=./ints.npy", "overwrite")
        self.assert_refused(self.run_in_folder(None, "doctor", "ints.npy", "+", "sum", "ints.npy"), WRONG_USAGE, "doctor", "'+'")
        self.assert_refused(self.run_in_folder(2, "--preflight=always", "sum", "ints.npy"), WRONG_USAGE, "--preflight=always", "auto|never")

    def test_ranks_that_share_a_core_cause_one_warning(self):
        if os.sysconf("SC_NPROCESSORS_ONLN") < 2 or 0 not in os.sched_getaffinity(0):
            self.skipTest("there is one core")
        # Binds the ranks to one core, as mpirun may do. With the usual `--bind-to none`, doctor
        # would take the binding for the user's choice.
        crowd = ["mpirun", "-n", "3", "taskset", "-c", "0"]
        done = self.run_in_folder(None, "sum", "ints.npy", launcher=crowd)
        self.assertEqual((done.status, done.text), (0, "sum ints.npy: 499999500000\n"), done)
        self.assertEqual(len(done.stderr), 1, done)
        for words in ("orchestrator: warning: ", "3 ranks", "share 1 CPU", "--bind-to none", "--preflight=never"):
            self.assertIn(words, done.stderr[0])
        self.assert_done(self.run_in_folder(None, "--preflight=never", "sum", "ints.npy", launcher=crowd))
        self.assert_done(self.run_in_folder(3, "sum", "ints.npy"))
        findings, _ = self.examine(None, launcher=crowd)
        self.assertEqual([finding["severity"] for finding in self.of(findings, "cores")], ["warning"])


if __name__ == "__main__":
    whole_run.main()
