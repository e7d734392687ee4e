# SPDX-License-Identifier: Apache-2.0
"""Tests of runs over several hosts, which are simulated by namespaces of this machine (hosts.sh).

Every host has its own copy of the arrays and processes some of the chunks. The answers must be
those of a single process.
"""

import os
import re
import signal
import subprocess
import time
import zlib

import whole_run

np = whole_run.import_numpy()

HOSTS_SCRIPT = os.path.abspath(os.environ["HOSTS_SCRIPT"])

# Numbers of hosts, and of ranks on each. A node with a single rank does not share its memory.
CLUSTERS = [(3, 2), (2, 1), (3, 1)]


class NodesTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)

    def run_on_hosts(self, cluster, *arguments, before="", after="", **options):
        """Like `run`, on `cluster`. `before` and `after` are shell commands for the first host."""
        hosts, ranks_each = cluster
        left = self.path("left")
        launcher = ["bash", HOSTS_SCRIPT, str(hosts), left]
        if before or after:
            launcher += ["sh", "-c", '%s; "$@"; status=$?; %s; exit $status' % (before or ":", after or ":"), "sh"]
        slots = ",".join("host%d:%d" % (host, ranks_each) for host in range(hosts))
        done = self.run_in_folder(hosts * ranks_each, *arguments, launcher=launcher, mpirun_flags=["--host", slots],
                                  timeout=90, **options)
        with open(left) as file:
            done.left += file.read().splitlines()
        os.remove(left)
        return done

    def save(self, name, array):
        np.save(self.path(name), array)
        return array

    def test_answers_are_those_of_one_process(self):
        ints = self.save("ints.npy", self.random.integers(-2**50, 2**50, size=200_003))
        self.save("doubles.npy", self.random.standard_normal((2003, 211)) * 10.0**self.random.integers(-9, 9, (2003, 211)))
        words = self.save("words.npy", np.array(["w\xf6rd_%d_\U0001f600" % i for i in range(20_000)]))
        jobs = "sum ints.npy + sum doubles.npy + concat words.npy + min_max doubles.npy + map doubles.npy out.npy fn=square"
        alone = self.run_in_folder(None, "--format=json", *jobs.split())
        self.assert_done(alone)
        expected = [job["result"] for job in alone.json["jobs"]]
        self.assertEqual(expected[0], int(ints.sum()))
        self.assertEqual(expected[2], "".join(words.tolist()))
        np.testing.assert_array_equal(np.load(self.path("out.npy")), np.square(np.load(self.path("doubles.npy"))))
        with open(self.path("out.npy"), "rb") as file:
            output = file.read()
        for cluster in CLUSTERS:
            for chunk in ("auto", "333"):
                with self.subTest(cluster=cluster, chunk=chunk):
                    os.remove(self.path("out.npy"))
                    done = self.run_on_hosts(cluster, "--format=json", "--chunk=" + chunk, *jobs.split())
                    self.assert_done(done)
                    self.assertEqual(done.json["ranks"], cluster[0] * cluster[1])
                    self.assertEqual([job["result"] for job in done.json["jobs"]], expected)
                    with open(self.path("out.npy"), "rb") as file:
                        self.assertTrue(file.read() == output)

    def test_every_host_takes_chunks(self):
        self.save("ints.npy", np.arange(3000))
        for hosts, ranks_each in CLUSTERS:
            with self.subTest(hosts=hosts, ranks_each=ranks_each):
                done = self.run_on_hosts((hosts, ranks_each), "--chunk=5", "--report", "spin", "ints.npy",
                                         "ns_per_row=200000")
                self.assertEqual((done.status, done.left), (0, []), done)
                self.assertEqual(done.text, "spin ints.npy: 4498500\n")
                ranks = whole_run.parse_report(done.stderr)["rank"]
                self.assertEqual([int(rank["rank"]) for rank in ranks], list(range(hosts * ranks_each)))
                self.assertEqual([rank["node"] for rank in ranks],
                                 ["%d host%d" % (host, host) for host in range(hosts) for _ in range(ranks_each)])
                chunks = [int(rank["chunks"]) for rank in ranks]
                print("chunks of each rank: %s" % chunks)
                self.assertEqual(sum(chunks), 600)
                for host in range(hosts):
                    self.assertGreater(sum(chunks[host * ranks_each:(host + 1) * ranks_each]), 0, done)

    def test_large_results_and_outputs_come_from_other_hosts(self):
        # 64 MB of rows, most of them written by other hosts, and 24 MB of text.
        values = self.save("values.npy", self.random.standard_normal(8_000_000))
        words = self.save("words.npy", np.full(120_000, "\U0001f600" * 50))
        done = self.run_on_hosts((3, 2), "--chunk=20000", "--format=json", "map", "values.npy", "out.npy", "fn=abs", "+",
                                 "digest", "words.npy")
        self.assert_done(done)
        self.assertTrue(np.array_equal(np.load(self.path("out.npy")), np.abs(values)))
        data = "".join(words.tolist()).encode()
        self.assertEqual(done.json["jobs"][1]["result"], {"bytes": len(data), "adler32": zlib.adler32(data)})

    def test_unique_of_many_values_is_merged_on_every_host(self):
        array = self.save("many.npy", self.random.integers(0, 2**20, 600_007))
        values, counts = np.unique(array, return_counts=True)
        for cluster in CLUSTERS:
            with self.subTest(cluster=cluster):
                done = self.run_on_hosts(cluster, "--format=json", "unique", "many.npy", "values.npy", "counts=counts.npy", "+", "unique", "many.npy")
                self.assert_done(done)
                self.assertTrue(np.array_equal(np.load(self.path("values.npy")), values))
                self.assertTrue(np.array_equal(np.load(self.path("counts.npy")), counts))
                self.assertEqual(done.json["jobs"][1]["result"], {"values": values.tolist(), "counts": counts.tolist()})

    def test_failure_anywhere_ends_the_run(self):
        self.save("ints.npy", np.arange(1000))
        for cluster in CLUSTERS:
            for where in ("process", "callback"):
                for how in ("throw", "error"):
                    with self.subTest(cluster=cluster, where=where, how=how):
                        # Without the failure the run would take more than three seconds.
                        done = self.run_on_hosts(cluster, "--chunk=1", "fails", "ints.npy", "at_chunk=17", "chunk_us=20000",
                                                 "how=" + how, "where=" + where)
                        self.assert_refused(done, 1, "fails", "chunk 17", "rank ", "fails as it was told to")
                        self.assertEqual(done.stdout, b"")

    def test_run_survives_a_lost_host(self):
        ints = self.save("ints.npy", np.arange(1000))
        os.mkdir(self.path("counters"))
        started, cut, answer = self.path("counters/300"), self.path("cut"), self.path("answer")
        for fifo in (started, cut):
            os.mkfifo(fifo)

        def cut_the_last_host_off(running):
            pipe = os.open(started, os.O_RDONLY | os.O_NONBLOCK)
            try:
                whole_run.wait_for_byte([pipe])
                with open("/proc/%d/stat" % running.rank(0)) as file:
                    mpirun = int(file.read().rpartition(")")[2].split()[1])
                with open(cut, "w") as file:
                    file.write("2\n")
                # This line is printed when the run is complete, but mpirun still waits for the host.
                running.wait_for_line("Ctrl-C twice ends it")
                end = time.monotonic() + 30
                while not os.path.getsize(answer) and time.monotonic() < end:
                    os.sched_yield()
                os.kill(mpirun, signal.SIGKILL)
            finally:
                os.close(pipe)

        done = self.run_on_hosts((3, 2), "--chunk=1", "crashes", "ints.npy", "how=nothing", "rows=300", "counters=counters",
                                 "chunk_us=20000", "+", "map", "ints.npy", "out.npy", "fn=square", env={"HOSTS_CUT": cut},
                                 stdout_file=answer, meanwhile=cut_the_last_host_off)
        with open(answer) as file:
            self.assertIn("crashes ints.npy: %d\n" % ints.sum(), file.read(), done)
        np.testing.assert_array_equal(np.load(self.path("out.npy")), np.square(ints))
        for rank in (4, 5):
            self.assertIn("orchestrator: rank %d is out of reach, as its host does not answer; the others did its work" % rank, done.stderr)
        # mpirun's daemon and the supervisors on the disconnected host are not ended by anything.
        ours = [line for line in done.left if "_orchestrator --" in line or "supervisor" in line]
        self.assertEqual([line for line in ours if not re.search(r"supervisor of rank [45]\b", line)], [], done)

    def test_no_output_is_left_by_a_run_that_failed(self):
        self.save("ints.npy", np.arange(1000))
        before = sorted(os.listdir(self.folder))
        done = self.run_on_hosts((3, 2), "--chunk=1", "fails", "ints.npy", "at_chunk=500", "chunk_us=1000", "+", "map",
                                 "ints.npy", "out.npy", "fn=abs")
        self.assert_refused(done, 1, "chunk 500")
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_doctor_examines_every_host(self):
        self.save("ints.npy", np.arange(1000))
        for hosts, ranks_each in CLUSTERS:
            with self.subTest(hosts=hosts, ranks_each=ranks_each):
                done = self.run_on_hosts((hosts, ranks_each), "--format=json", "doctor", "ints.npy")
                self.assert_done(done)
                findings = [(finding["host"], finding["subject"]) for finding in done.json]
                for host in range(hosts):
                    for subject in ("input", "shared memory", "cores", "clock"):
                        self.assertIn(("host%d" % host, subject), findings, done)
                self.assertEqual([finding["severity"] for finding in done.json if finding["subject"] == "wall clock"], ["ok"], done)
                text = self.run_on_hosts((hosts, ranks_each), "doctor").text
                self.assertRegex(text, r"(?m)^ok       host0  clock ")
                self.assertRegex(text, r"(?m)^ok       host%d  clock " % (hosts - 1))

    def test_start_error_is_printed_once(self):
        self.save("words.npy", np.array(["a", "b"]))
        for cluster in CLUSTERS:
            self.assert_refused(self.run_on_hosts(cluster, "sum", "missing.npy"), 3, "missing.npy")
            self.assert_refused(self.run_on_hosts(cluster, "sum", "words.npy"), 3, "words.npy", "str (<U1)")
            self.assert_refused(self.run_on_hosts(cluster, "sums", "words.npy"), 2, "sums")

    def test_input_that_only_the_first_host_has(self):
        # Each host has its own /dev/shm.
        self.save("ints.npy", np.arange(100))
        for cluster in CLUSTERS:
            done = self.run_on_hosts(cluster, "sum", "/dev/shm/only_here.npy", before="cp ints.npy /dev/shm/only_here.npy",
                                     after="rm /dev/shm/only_here.npy")
            self.assert_refused(done, 3, "/dev/shm/only_here.npy")

    def test_array_that_does_not_fit_on_the_hosts(self):
        # Each host has 512 MiB of shared memory.
        size_bytes = 600_000_000
        with open(self.path("zeros.npy"), "wb") as file:
            np.lib.format.write_array_header_1_0(file,
                                                 {"descr": "<i8", "fortran_order": False, "shape": (size_bytes // 8,)})
            file.truncate(file.tell() + size_bytes)
        done = self.run_on_hosts((3, 2), "--source=window", "sum", "zeros.npy")
        self.assert_refused(done, 3, "no room for 0.60 GB", "/dev/shm has")


if __name__ == "__main__":
    check = subprocess.run(["bash", HOSTS_SCRIPT, "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check.returncode:
        whole_run.skip(check.stdout.decode().strip())
    whole_run.main()
