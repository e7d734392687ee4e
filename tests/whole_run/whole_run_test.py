# SPDX-License-Identifier: Apache-2.0
"""Tests of whole_run.py itself: it detects errors and leftovers of a run."""

import os
import time

import whole_run


class RunTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        timeout = whole_run.LEFTOVER_TIMEOUT_SECONDS
        self.addCleanup(setattr, whole_run, "LEFTOVER_TIMEOUT_SECONDS", timeout)

    def use_short_timeout(self):
        whole_run.LEFTOVER_TIMEOUT_SECONDS = 0.2

    def script(self, text):
        path = self.path("program")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def test_output_and_status_of_a_program(self):
        for ranks in (None, 1):
            done = whole_run.run(ranks, "two words", "x", program_path=self.script('echo "$1"; echo "$2" >&2; exit 5'))
            self.assertEqual((done.status, done.text, done.stderr, done.left), (5, "two words\n", ["x"], []), done)
            self.assertAlmostEqual(done.stderr_times[0], time.time(), delta=30)

    def test_banner_of_mpirun_is_left_out_and_lines_of_ranks_are_not(self):
        # As in the program, only rank 0 ends with a status other than 0. If several ranks did,
        # mpirun would choose one of their statuses.
        done = whole_run.run(3, program_path=self.script("echo a line >&2; [ $OMPI_COMM_WORLD_RANK != 0 ] || exit 4"))
        self.assertEqual(done.status, 4)
        self.assertIn("a line", done.stderr)
        self.assertEqual(set(done.stderr), {"a line"}, done)

    def test_warning_of_libevent_is_left_out_and_others_are_not(self):
        warning = ("[warn] Epoll MOD(1) on fd 27 failed. Old events were 6; read change was 0 (none); "
                   "write change was 2 (del); close change was 0 (none): Bad file descriptor")
        others = ["[warn] Epoll", warning.replace("Bad file descriptor", "No such file or directory"), "x " + warning, warning + " x",
                  warning.replace("MOD(1)", "DEL(1)")]
        of_reading = ("[warn] Epoll MOD(4) on fd 20 failed. Old events were 6; read change was 2 (del); "
                      "write change was 0 (none); close change was 0 (none): Bad file descriptor")
        lines = [warning, others[0], warning.replace("27", "9"), of_reading] + others[1:]
        self.assertEqual(whole_run.without_banner([(line, 0) for line in lines]), [(line, 0) for line in others])

    def test_run_without_end_is_stopped(self):
        for ranks in (None, 2):
            program = self.script("echo started >&2; sleep 1000")
            with self.assertRaisesRegex(AssertionError, r"no end after 2 s \(seed [0-9]+\)(.|\n)*started") as raised:
                whole_run.run(ranks, program_path=program, timeout=2)
            self.assertNotIn("left:", str(raised.exception))

    def test_process_that_is_left_is_found_and_ended(self):
        self.use_short_timeout()
        done = whole_run.run(None, program_path=self.script("sleep 1000 >/dev/null 2>&1 &"))
        self.assertEqual(len(done.left), 1, done)
        words = done.left[0].split()
        self.assertEqual((words[0], words[2:]), ("process", ["sleep", "1000"]))
        for _ in range(1000):
            if not os.path.exists("/proc/" + words[1]):
                break
            time.sleep(0.01)
        self.assertFalse(os.path.exists("/proc/" + words[1]))

    def test_temporary_file_that_is_left_is_found(self):
        self.use_short_timeout()
        done = whole_run.run(None, program_path=self.script('mkdir "$TMPDIR/a"; echo >"$TMPDIR/a/b"'))
        self.assertEqual([os.path.basename(name) for name in done.left], ["b"], done)
        self.assertFalse(os.path.exists(done.left[0]))

    def test_shared_memory_that_is_left_is_found(self):
        self.use_short_timeout()
        name = "/dev/shm/whole_run_test.%d" % os.getpid()
        self.addCleanup(os.remove, name)
        done = whole_run.run(None, name, program_path=self.script('echo >"$1"'))
        self.assertEqual(done.left, [name], done)
        # The file exists before the next run, which must not report it.
        self.assertEqual(whole_run.run(None, program_path=self.script("true")).left, [])


class ParseReportTest(whole_run.WholeRunTest):

    def test_tables(self):
        text = """\
stage    seconds  share       rate
read       0.512   34 %  1.56 GB/s
total      1.500

job  input     rows  chunks  seconds         rate
sum  ints.npy    10       2    0.900  1.11 rows/s

rank  node     chunks   rows  busy s  share
   0  0 alpha       4   5000   0.050    5 %"""
        report = whole_run.parse_report([line for line in text.split("\n") if line])
        self.assertEqual(report["stage"], [{"stage": "read", "seconds": "0.512", "share": "34_%", "rate": "1.56_GB/s"},
                                           {"stage": "total", "seconds": "1.500"}])
        self.assertEqual(report["job"], [{"job": "sum", "input": "ints.npy", "rows": "10", "chunks": "2",
                                          "seconds": "0.900", "rate": "1.11_rows/s"}])
        self.assertEqual(report["rank"], [{"rank": "0", "node": "0 alpha", "chunks": "4", "rows": "5000",
                                           "busy_s": "0.050", "share": "5_%"}])


if __name__ == "__main__":
    whole_run.main()
