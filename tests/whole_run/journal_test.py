# SPDX-License-Identifier: Apache-2.0
"""--journal and --resume.

After any damage to a run or its journal, --resume either gives the right answer and processes only
those chunks that the journal does not contain, or prints one line with the reason why it cannot.
"""

import concurrent.futures
import fcntl
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import time

import whole_run

np = whole_run.import_numpy()

WRONG_USAGE = 2
COULD_NOT_START = 3
KILLS = int(os.environ.get("MPAIO_TEST_KILLS", 40))
HEADER_BYTES = 48
HEAD_BYTES = 56


class Journal:
    """Contents of a journal (format: mpaio/ledger/journal.h). Does not verify checksums."""

    def __init__(self, data):
        self.identity_end = HEADER_BYTES + struct.unpack_from("=Q", data, 24)[0]
        self.identity = json.loads(data[HEADER_BYTES:self.identity_end])
        # (pass, job, first chunk, one past the last chunk)
        self.records = []
        # The beginning of the first record, then the end of each record.
        self.ends = [self.identity_end]
        while self.ends[-1] + HEAD_BYTES <= len(data):
            _, of_pass, job, begin, end, size = struct.unpack_from("=QiiqqQ", data, self.ends[-1])
            if self.ends[-1] + HEAD_BYTES + size > len(data):
                break
            self.records.append((of_pass, job, begin, end))
            self.ends.append(self.ends[-1] + HEAD_BYTES + size)

    def num_chunks(self, records=None):
        return sum(end - begin for _, _, begin, end in (self.records[:records]))

    def chunks(self):
        """Returns (pass, job, chunk) of every recorded chunk, once per record."""
        return sorted((of_pass, job, chunk) for of_pass, job, begin, end in self.records for chunk in range(begin, end))


class Done:
    """A run without mpirun and without whole_run's search for leftovers, which is slow."""

    def __init__(self, arguments, folder, limit_bytes=None, launcher=()):

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        command = list(launcher) + [whole_run.program()] + list(arguments)
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              preexec_fn=None if limit_bytes is None else limit)
        self.status = done.returncode
        self.stdout = done.stdout
        self.stderr = [line for line in done.stderr.decode(errors="replace").splitlines() if line]

    def __str__(self):
        return "status %s, stdout %r, stderr %s" % (self.status, self.stdout[:1000], self.stderr)


class JournalCase(whole_run.WholeRunTest):

    # Several passes, results of different lengths, and two outputs.
    SMALL = ("--chunk=4 sum ../doubles.npy + concat ../words.npy + map ../doubles.npy squares.npy fn=square + "
             "median ../doubles.npy + sort ../doubles.npy sorted.npy").split()
    # About 2 MB of journal, in some dozens of writes.
    LARGE = ("--chunk=1000 sum ../many.npy + concat ../many_words.npy + sort ../many.npy sorted.npy").split()

    def setUp(self):
        super().setUp()
        self.random = random.Random(whole_run.SEED)
        generator = np.random.default_rng(whole_run.SEED)
        np.save(self.path("doubles.npy"), generator.standard_normal(12))
        np.save(self.path("words.npy"), np.array(["foo_%d" % i for i in range(6)]))
        np.save(self.path("many.npy"), generator.standard_normal(100_000))
        np.save(self.path("many_words.npy"), np.array(["bar_%d" % i for i in range(20_000)]))
        np.save(self.path("ints.npy"), np.arange(1000))
        np.save(self.path("more_ints.npy"), np.arange(20_000))

    def make_folder(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    def read(self, *names):
        with open(os.path.join(self.folder, *names), "rb") as file:
            return file.read()

    def write(self, data, *names):
        with open(os.path.join(self.folder, *names), "wb") as file:
            file.write(data)

    def outputs(self, folder):
        """Returns the contents of the output files, and removes them."""
        found = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith(".npy"):
                found[name] = self.read(folder, name)
                os.remove(os.path.join(folder, name))
        return found

    def run_uninterrupted(self, arguments):
        """Returns the standard output, the outputs and the journal."""
        folder = self.make_folder("uninterrupted")
        plain = Done(arguments, folder)
        self.assertEqual((plain.status, plain.stderr), (0, []), plain)
        outputs = self.outputs(folder)
        done = Done(["--journal=j"] + arguments, folder)
        self.assertEqual((done.status, done.stderr), (0, []), done)
        # A journal does not change the results.
        self.assertEqual(done.stdout, plain.stdout)
        self.assertEqual(self.outputs(folder), outputs)
        return done.stdout, outputs, self.read(folder, "j")

    def assert_resumed(self, folder, arguments, before, kept_bytes, kept_chunks, right):
        """Resumes with the journal `before`, of which `kept_bytes` and `kept_chunks` are valid."""
        stdout, outputs, complete = right
        self.write(before, folder, "j")
        done = Done(["--journal=j", "--resume", "--report"] + arguments, folder)
        self.assertEqual(done.status, 0, done)
        self.assertEqual(done.stdout, stdout, done)
        self.assertEqual(self.outputs(folder), outputs, done)
        after = self.read(folder, "j")
        self.assertEqual(after[:kept_bytes], before[:kept_bytes])
        self.assertEqual(Journal(after).chunks(), Journal(complete).chunks())
        # Chunks in the journal are not processed again.
        processed = sum(int(row["chunks"]) for row in whole_run.parse_report(done.stderr)["rank"])
        self.assertEqual(processed, Journal(complete).num_chunks() - kept_chunks, done)

    def assert_refused_in(self, folder, arguments, before, *words):
        self.write(before, folder, "j")
        done = Done(["--journal=j", "--resume"] + arguments, folder)
        self.assertEqual((done.status, len(done.stderr), done.stdout), (COULD_NOT_START, 1, b""), done)
        for word in words:
            self.assertIn(word, done.stderr[0], done)
        self.assertEqual(sorted(os.listdir(folder)), ["j"])
        self.assertEqual(self.read(folder, "j"), before)
        return done.stderr[0]


class DamageTest(JournalCase):

    def at_every_byte(self, check, size):
        """Calls check(folder, position) for each position, two at a time, each with a folder of its own."""
        threads = 2

        def run_some(thread):
            folder = self.make_folder("thread_%d" % thread)
            for position in range(thread, size, threads):
                try:
                    check(folder, position)
                except AssertionError as error:
                    raise AssertionError("at byte %d of %d (seed %d): %s" % (position, size, whole_run.SEED, error)) from error

        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(run_some, thread) for thread in range(threads)]:
                done.result()

    def test_cut_at_every_byte(self):
        right = self.run_uninterrupted(self.SMALL)
        data = right[2]
        journal = Journal(data)
        self.assertGreater(len({record[0] for record in journal.records}), 1, "one pass only")
        self.assertEqual({record[1] for record in journal.records}, set(range(5)))
        self.assertEqual(journal.ends[-1], len(data))

        def check(folder, size):
            if size < journal.identity_end:
                self.assert_refused_in(folder, self.SMALL, data[:size], "nothing has been done", "without --resume")
            else:
                whole = max(k for k, end in enumerate(journal.ends) if end <= size)
                self.assert_resumed(folder, self.SMALL, data[:size], journal.ends[whole], journal.num_chunks(whole), right)

        self.at_every_byte(check, len(data) + 1)

    def test_a_bit_flipped_at_every_byte(self):
        right = self.run_uninterrupted(self.SMALL)
        data = right[2]
        journal = Journal(data)
        bits = [self.random.randrange(8) for _ in data]

        def check(folder, position):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bits[position]
            if position < journal.identity_end:
                self.assert_refused_in(folder, self.SMALL, bytes(flipped), "j")
            else:
                whole = max(k for k, end in enumerate(journal.ends) if end <= position)
                self.assert_resumed(folder, self.SMALL, bytes(flipped), journal.ends[whole], journal.num_chunks(whole), right)

        self.at_every_byte(check, len(data))

    def test_garbage_after_a_torn_record(self):
        right = self.run_uninterrupted(self.SMALL)
        data = right[2]
        journal = Journal(data)
        other = self.run_uninterrupted(self.SMALL)[2] if not os.remove(self.path("uninterrupted/j")) else b""
        folder = self.make_folder("torn")
        for whole in range(len(journal.records) + 1):
            end = journal.ends[whole]
            for tail in (bytes(500), self.random.randbytes(500), data[:500], data[journal.ends[0]:], other[end:], data[journal.ends[max(0, whole - 1)]:end]):
                if tail and tail != data[end:end + len(tail)]:
                    self.assert_resumed(folder, self.SMALL, data[:end] + tail, end, journal.num_chunks(whole), right)


class FullDiskTest(JournalCase):

    def assert_full(self, done, folder, journal_name="j"):
        """Checks that one line names the journal on the full disk, and that there is no output."""
        self.assertIn(done.status, (1, COULD_NOT_START), done)
        self.assertEqual(len(done.stderr), 1, done)
        self.assertIn("journal " + journal_name, done.stderr[0], done)
        self.assertEqual([name for name in os.listdir(folder) if name.endswith(".npy")], [], done)

    def assert_resumes_with_more_space(self, folder, arguments, done, right):
        """Checks that --resume continues after the committed records once there is space again."""
        if done.status == COULD_NOT_START:
            self.assertFalse(os.path.exists(os.path.join(folder, "j")), done)
            again = Done(["--journal=j", "--resume"] + arguments, folder)
            self.assertEqual((again.status, again.stderr, again.stdout), (0, [], right[0]), again)
            self.assertEqual(self.outputs(folder), right[1])
            return 0
        self.assertIn("--resume", done.stderr[0])
        before = self.read(folder, "j")
        journal = Journal(before)
        self.assertEqual(journal.ends[-1], len(before), "a torn record is left")
        self.assertIn("%d record" % len(journal.records), done.stderr[0])
        self.assert_resumed(folder, arguments, before, len(before), journal.num_chunks(), right)
        return len(journal.records)

    def test_files_that_may_not_grow(self):
        right = self.run_uninterrupted(self.SMALL)
        journal = Journal(right[2])
        size = len(right[2])
        limits = {size - 1, journal.identity_end - 1, journal.identity_end}
        limits.update(end + more for end in journal.ends[1:] for more in (-1, 0, 1, HEAD_BYTES))
        limits.update(self.random.randrange(400, size) for _ in range(40))
        for limit in sorted(limits):
            with self.subTest(limit=limit, size=size, seed=whole_run.SEED):
                folder = self.make_folder("limited_%d" % limit)
                done = Done(["--journal=j"] + self.SMALL, folder, limit_bytes=limit)
                if done.status == 0:
                    # The number of chunks in a record, and so the size, depends on their processing
                    # time.
                    self.assertEqual(done.stderr, [], done)
                    self.assertLessEqual(len(self.read(folder, "j")), limit)
                    self.assertGreater(limit, size // 2)
                else:
                    self.assert_full(done, folder)
                    self.assertEqual(done.status == COULD_NOT_START, limit < journal.identity_end, done)
                    self.assert_resumes_with_more_space(folder, self.SMALL, done, right)

    def test_files_that_may_not_grow_in_a_long_run(self):
        # Without the jobs that write outputs, which the limit would affect as well.
        arguments = self.LARGE[:self.LARGE.index("sort") - 1]
        right = self.run_uninterrupted(arguments)
        size = len(right[2])
        kept = []
        for step in range(1, 12):
            limit = size * step // 12
            with self.subTest(limit=limit, size=size, seed=whole_run.SEED):
                folder = self.make_folder("limited_%d" % limit)
                done = Done(["--journal=j"] + arguments, folder, limit_bytes=limit)
                self.assert_full(done, folder)
                self.assertEqual(done.status, 1, done)
                kept.append(self.assert_resumes_with_more_space(folder, arguments, done, right))
        self.assertGreater(kept[-1], kept[0])

    def test_disk_full(self):
        if os.geteuid() != 0:
            self.skipTest("only root may make a mount namespace")
        if not shutil.which("unshare"):
            self.skipTest("there is no program unshare (Debian package util-linux)")
        disk = self.make_folder("disk")
        probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", disk], stderr=subprocess.PIPE)
        if probe.returncode != 0:
            self.skipTest("no mount namespace: " + probe.stderr.decode().strip())
        right = self.run_uninterrupted(self.LARGE)
        size = len(right[2])
        kept = []
        for step in range(16):
            disk_bytes = 4096 + size * step // 16
            folder = self.make_folder("run_%d" % disk_bytes)
            # Copies the journal before the mount namespace ends; the exit status is the program's.
            script = ('mount -t tmpfs -o size=%d tmpfs "$0" && "$@"; status=$?; [ ! -e "$0/j" ] || cp "$0/j" saved; exit $status' %
                      disk_bytes)
            done = Done(["--journal=" + disk + "/j"] + self.LARGE, folder, launcher=["unshare", "--mount", "sh", "-c", script, disk])
            with self.subTest(disk_bytes=disk_bytes, size=size, seed=whole_run.SEED):
                self.assert_full(done, folder, disk + "/j")
                self.assertEqual(done.status, 1, done)
                os.rename(os.path.join(folder, "saved"), os.path.join(folder, "j"))
                kept.append(self.assert_resumes_with_more_space(folder, self.LARGE, done, right))
        self.assertGreater(kept[-1], kept[0])

    def test_disk_too_full_for_the_header(self):
        done = Done(["--journal=/dev/full"] + self.SMALL, self.make_folder("run"))
        self.assertEqual((done.status, len(done.stderr)), (COULD_NOT_START, 1), done)
        self.assertIn("/dev/full", done.stderr[0])


class KillTest(JournalCase):

    # Several passes, and a run time that exceeds the start-up time.
    KILLED = ["--chunk=100", "sum", "../many.npy", "+", "sort", "../many.npy", "sorted.npy", "+", "fails", "../more_ints.npy", "chunk_us=3000"]

    def test_mpirun_killed_at_random_moments(self):
        right = self.run_uninterrupted(self.KILLED)
        folder = self.make_folder("killed")
        journal = os.path.join(folder, "j")
        done = whole_run.run(2, "--report", *self.KILLED, cwd=folder)
        self.assertEqual((done.status, self.outputs(folder)), (0, right[1]), done)
        num_restarted = num_resumed = complete = 0
        for kill in range(KILLS):
            ranks = 2 + kill % 2
            moment = self.random.uniform(0, done.seconds)
            with self.subTest(kill=kill, ranks=ranks, moment=moment, seed=whole_run.SEED):
                self.kill_mpirun(ranks, moment, folder)
                before = b""
                if os.path.exists(journal):
                    before = self.read(folder, "j")
                    if len(before) < HEADER_BYTES or len(before) < Journal(before).identity_end:
                        # The run was killed while it created the file. --resume would report this
                        # and ask the user to remove the file.
                        os.remove(journal)
                        before = b""
                outputs = self.outputs(folder)
                if outputs:
                    self.assertEqual(outputs, right[1], "an output that is not whole")
                    complete += 1
                if before:
                    num_resumed += 1
                else:
                    num_restarted += 1
                # The number of ranks may change.
                arguments = ["--journal=j", "--resume"] + self.KILLED
                again = Done(arguments, folder) if kill % 6 else whole_run.run(4 - kill % 4, *arguments, cwd=folder)
                self.assertEqual((again.status, again.stderr, again.stdout), (0, [], right[0]), again)
                self.assertEqual(self.outputs(folder), right[1])
                after = self.read(folder, "j")
                kept = Journal(before).ends[-1] if before else 0
                self.assertEqual(after[:kept], before[:kept])
                os.remove(journal)
                self.assertEqual(os.listdir(folder), [])
        print("of %d, %d restarted, %d resumed, %d had an output when they were killed" % (KILLS, num_restarted, num_resumed, complete))
        self.assertGreater(num_resumed, 0)

    def kill_mpirun(self, ranks, moment, folder):
        """Starts a run; kills mpirun after `moment` seconds. Returns when the journal is closed."""
        # This folder also takes the files that a killed mpirun leaves.
        temporary = self.make_folder("temporary")
        mark = "MPAIO_JOURNAL_TEST=%d-%d" % (os.getpid(), self.random.getrandbits(32))
        environment = dict(os.environ, TMPDIR=temporary, OMPI_MCA_btl_vader_backing_directory=temporary,
                           OMPI_MCA_btl_sm_backing_directory=temporary, OMPI_MCA_osc_sm_backing_directory=temporary)
        environment.update([mark.split("=")])
        process = subprocess.Popen(["mpirun", "-n", str(ranks), "--bind-to", "none", whole_run.program(), "--journal=j"] + self.KILLED,
                                   cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # Three times in four all processes are killed; otherwise the ranks may continue for a
        # second, and may complete the run.
        if self.random.randrange(4):
            self.end_processes(mark)
        journal = os.path.join(folder, "j")
        if os.path.exists(journal):
            # The process that writes the journal holds a lock on it.
            with open(journal, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
        # Ranks that lost mpirun while they started may take longer to notice it.
        self.end_processes(mark)
        shutil.rmtree(temporary, ignore_errors=True)

    def end_processes(self, mark):
        for name in whole_run.processes(mark.encode()):
            try:
                os.kill(int(name.split()[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_one_rank_killed_at_random_moments_again_and_again(self):
        """Each run resumes the killed one before it, until one completes."""
        arguments = ["--chunk=500", "sort", "../many.npy", "sorted.npy", "+", "spin", "../ints.npy", "ns_per_row=200000"]
        right = self.run_uninterrupted(arguments)
        folder = self.make_folder("killed")
        for _ in range(8):
            kills = 0
            size = 0
            while True:
                process = subprocess.Popen([whole_run.program(), "--journal=j", "--resume"] + arguments, cwd=folder,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                try:
                    stdout, stderr = process.communicate(timeout=self.random.uniform(0.01, 0.2) + kills * 0.005)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    kills += 1
                    journal = os.path.join(folder, "j")
                    # A run that is killed while it creates the file leaves one that --resume
                    # refuses with a remedy.
                    if os.path.exists(journal):
                        data = self.read(folder, "j")
                        if len(data) < HEADER_BYTES or len(data) < Journal(data).identity_end:
                            os.remove(journal)
                            data = b""
                        # The complete records of the previous runs are kept.
                        now = Journal(data).ends[-1] if data else 0
                        self.assertGreaterEqual(now, size)
                        size = now
            self.assertEqual((process.returncode, stderr, stdout), (0, b"", right[0]), "after %d kills, seed %d" % (kills, whole_run.SEED))
            self.assertEqual(self.outputs(folder), right[1])
            self.assertEqual(Journal(self.read(folder, "j")).chunks(), Journal(right[2]).chunks())
            os.remove(os.path.join(folder, "j"))


class CommandTest(JournalCase):

    def test_complete_journal(self):
        # Short words, because Open MPI 5's mpirun mixes parts of a very long line with the report.
        arguments = [word.replace("many_words", "words") for word in self.LARGE]
        stdout, outputs, journal = self.run_uninterrupted(arguments)
        folder = self.make_folder("again")
        for ranks in (None, 1, 2, 3):
            self.write(journal, folder, "j")
            done = whole_run.run(ranks, "--journal=j", "--resume", "--report", *arguments, cwd=folder)
            self.assertEqual((done.status, done.stdout, done.left), (0, stdout, []), done)
            self.assertEqual(self.outputs(folder), outputs)
            self.assertEqual(self.read(folder, "j"), journal)
            self.assertEqual({row["chunks"] for row in whole_run.parse_report(done.stderr)["rank"]}, {"0"}, done)

    def test_another_number_of_ranks(self):
        """Resumes with another number of ranks; an automatic chunk size stays the journal's."""
        arguments = ["--chunk=auto"] + self.LARGE[1:]
        folder = self.make_folder("ranks")
        for of_journal in (None, 1, 4):
            done = whole_run.run(of_journal, "--journal=j", *arguments, cwd=folder)
            self.assert_done(done)
            outputs = self.outputs(folder)
            data = self.read(folder, "j")
            complete = Journal(data)
            self.assertEqual(complete.identity["parallelism"], of_journal or 1)
            for ranks in (None, 2, 3):
                for whole in (0, len(complete.records) // 2, len(complete.records)):
                    self.write(data[:complete.ends[whole]], folder, "j")
                    again = whole_run.run(ranks, "--journal=j", "--resume", *arguments, cwd=folder)
                    self.assert_done(again)
                    self.assertEqual(again.stdout, done.stdout)
                    self.assertEqual(self.outputs(folder), outputs)
                    after = self.read(folder, "j")
                    self.assertEqual(after[:complete.ends[whole]], data[:complete.ends[whole]])
                    self.assertEqual(Journal(after).chunks(), complete.chunks())
            os.remove(os.path.join(folder, "j"))

    def test_another_command_is_refused_with_the_difference(self):
        arguments = "--chunk=100 sum ints.npy + map ints.npy out.npy fn=square".split()
        done = self.run_in_folder(None, "--journal=j", *arguments)
        self.assert_done(done)
        data = self.read("j")
        os.remove(self.path("out.npy"))
        for ranks in (None, 3):
            for other, *words in [
                ("--chunk=100 min_max ints.npy + map ints.npy out.npy fn=square", "min_max ints.npy", "sum ints.npy"),
                ("--chunk=100 sum ints.npy", "sum ints.npy + map ints.npy out.npy", "sum ints.npy"),
                ("--chunk=100 sum ints.npy + map ints.npy out.npy fn=square + sum ints.npy", "sum ints.npy + map ints.npy out.npy"),
                ("--chunk=100 map ints.npy out.npy fn=square + sum ints.npy", "sum ints.npy", "map ints.npy out.npy"),
                ("--chunk=100 sum many.npy + map ints.npy out.npy fn=square", "sum many.npy", "sum ints.npy"),
                ("--chunk=100 sum ints.npy + map ints.npy other.npy fn=square", "out.npy", "other.npy"),
                ("--chunk=100 sum ints.npy + map ints.npy out.npy fn=abs", "fn", "square", "abs"),
                ("--chunk=100 sum ints.npy overflow=wrap + map ints.npy out.npy fn=square", "overflow", "error", "wrap"),
                ("--chunk=50 sum ints.npy + map ints.npy out.npy fn=square", "--chunk=100", "--chunk=50"),
                ("sum ints.npy + map ints.npy out.npy fn=square", "--chunk=100", "--chunk=auto"),
            ]:
                with self.subTest(ranks=ranks, other=other):
                    done = self.run_in_folder(ranks, "--journal=j", "--resume", *other.split())
                    self.assert_refused(done, COULD_NOT_START, *words)
                    self.assertEqual(done.stdout, b"")
                    self.assertEqual(self.read("j"), data)
            # Flags that do not change the results may differ.
            done = self.run_in_folder(ranks, "--journal=j", "--resume", "--format=json", "--isolate=always", "--schedule=guided",
                                      "--source=window", *arguments)
            self.assert_done(done)
            self.assertEqual(self.read("j"), data)
            os.remove(self.path("out.npy"))

    def test_another_input_is_refused_with_the_difference(self):
        arguments = "--chunk=100 sum ints.npy".split()
        before = os.stat(self.path("ints.npy"))
        for change, *words in [
            ("content", "ints.npy"),
            ("size", "ints.npy"),
            ("dtype", "ints.npy", "<f8"),
            ("removed", "ints.npy"),
        ]:
            with self.subTest(change=change):
                np.save(self.path("ints.npy"), np.arange(1000))
                os.utime(self.path("ints.npy"), ns=(before.st_atime_ns, before.st_mtime_ns))
                self.assert_done(self.run_in_folder(None, "--journal=j", *arguments))
                if change == "content":
                    np.save(self.path("ints.npy"), np.arange(1, 1001))
                    # Size and time of the file are unchanged.
                    os.utime(self.path("ints.npy"), ns=(before.st_atime_ns, before.st_mtime_ns))
                elif change == "size":
                    np.save(self.path("ints.npy"), np.arange(1001))
                elif change == "dtype":
                    np.save(self.path("ints.npy"), np.arange(1000.))
                else:
                    os.remove(self.path("ints.npy"))
                for ranks in (None, 3):
                    self.assert_refused(self.run_in_folder(ranks, "--journal=j", "--resume", *arguments), COULD_NOT_START, *words)
            os.remove(self.path("j"))

    def test_input_with_another_modification_time(self):
        # All bytes of a small file are compared, so it is known to be unchanged. Only some bytes of
        # a large file are compared.
        os.mkdir(self.path("large"))
        np.save(self.path("large/small.npy"), np.arange(1000))
        with open(self.path("large/large.npy"), "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (9_000_000,)})
            file.truncate(file.tell() + 72_000_000)
        for name, is_refused in (("large/small.npy", False), ("large/large.npy", True)):
            self.assert_done(self.run_in_folder(None, "--journal=j", "sum", name))
            was = os.stat(self.path(name)).st_mtime_ns
            os.utime(self.path(name), ns=(was + 10**9, was + 10**9))
            done = self.run_in_folder(None, "--journal=j", "--resume", "sum", name)
            if is_refused:
                self.assert_refused(done, COULD_NOT_START, name, "touch -d")
            else:
                self.assert_done(done)
            os.utime(self.path(name), ns=(was, was))
            self.assert_done(self.run_in_folder(None, "--journal=j", "--resume", "sum", name))
            os.remove(self.path("j"))

    def test_existing_journal_is_not_overwritten(self):
        for ranks in (None, 1, 3):
            self.assert_done(self.run_in_folder(ranks, "--journal=j", "sum", "ints.npy"))
            data = self.read("j")
            for arguments in ("sum ints.npy", "sum many.npy"):
                done = self.run_in_folder(ranks, "--journal=j", *arguments.split())
                self.assert_refused(done, COULD_NOT_START, "journal j", "--resume", "remove it")
                self.assertEqual(self.read("j"), data)
            os.remove(self.path("j"))

    def test_resume_without_a_journal_begins_one(self):
        for ranks in (None, 1, 3):
            done = self.run_in_folder(ranks, "--journal=j", "--resume", "sum", "ints.npy")
            self.assert_done(done)
            self.assertEqual(done.text, "sum ints.npy: 499500\n")
            self.assertEqual(Journal(self.read("j")).chunks()[-1][2], Journal(self.read("j")).identity["jobs"][0]["chunks"] - 1)
            os.remove(self.path("j"))

    def test_journal_that_is_something_else(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        self.write(b"", "empty")
        self.write(b"1, 2, 3\n" * 100, "text")
        self.write(b"\x89mpa", "short")
        shutil.copy(self.path("ints.npy"), self.path("other.npy"))
        before = sorted(os.listdir(self.folder))
        for ranks in (None, 3):
            for name, resumed, fresh in [
                ("folder", "directory", "directory"),
                ("pipe", "pipe", "pipe"),
                ("text", "not a journal", "--resume"),
                ("short", "nothing has been done", "--resume"),
                ("other.npy", "not a journal", "--resume"),
                ("nowhere/j", "nowhere/j", "nowhere/j"),
                ("ints.npy/j", "ints.npy/j", "ints.npy/j"),
                ("/dev/null", "/dev/null", "/dev/null"),
            ]:
                for flags, word in (["--resume"], resumed), ([], fresh):
                    with self.subTest(ranks=ranks, name=name, flags=flags):
                        done = self.run_in_folder(ranks, "--journal=" + name, *flags, "sum", "ints.npy")
                        self.assert_refused(done, COULD_NOT_START, name, word)
                        self.assertEqual(done.stdout, b"")
            self.assert_refused(self.run_in_folder(ranks, "--journal=empty", "--resume", "sum", "ints.npy"), COULD_NOT_START,
                                "empty", "without --resume")
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        self.assertEqual(self.read("text"), b"1, 2, 3\n" * 100)
        # An empty file, such as mktemp makes, counts as no journal.
        self.assert_done(self.run_in_folder(None, "--journal=empty", "sum", "ints.npy"))
        self.assert_done(self.run_in_folder(None, "--journal=empty", "--resume", "sum", "ints.npy"))

    def test_standard_input_cannot_be_read_again(self):
        for ranks in (None, 3):
            for flags in ([], ["--resume"]):
                for jobs in ("sum -", "sum many.npy + sum -", "sum raw:<i8:1000:-"):
                    done = self.run_in_folder(ranks, "--journal=j", *flags, *jobs.split(), stdin_file=self.path("ints.npy"))
                    self.assert_refused(done, COULD_NOT_START, "standard input", "name of a file")
                    self.assertFalse(os.path.exists(self.path("j")))

    def test_two_runs_with_one_journal(self):
        arguments = "--chunk=10 crashes ints.npy how=nothing rows=0,999 counters=counters".split()
        for ranks in (None, 2):
            os.mkdir(self.path("counters"))
            for chunk in ("0", "990"):
                os.mkfifo(self.path("counters/" + chunk))
            has_begun = os.open(self.path("counters/0"), os.O_RDONLY | os.O_NONBLOCK)
            others = []

            def try_others(_):
                whole_run.wait_for_byte([has_begun])
                for flags in ([], ["--resume"]):
                    others.append(self.run_in_folder(None, "--journal=j", *flags, *arguments))
                # The last chunk waits until this reader opens the pipe.
                with open(self.path("counters/990"), "rb") as may_end:
                    may_end.read()

            done = self.run_in_folder(ranks, "--journal=j", *arguments, meanwhile=try_others)
            os.close(has_begun)
            self.assert_done(done)
            self.assertEqual(done.text, "crashes ints.npy: 499500\n")
            for other in others:
                self.assert_refused(other, COULD_NOT_START, "journal j", "another run")
            self.assertEqual(Journal(self.read("j")).num_chunks(), 100)
            shutil.rmtree(self.path("counters"))
            os.remove(self.path("j"))


if __name__ == "__main__":
    whole_run.main()
