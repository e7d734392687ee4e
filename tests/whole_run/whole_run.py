# SPDX-License-Identifier: Apache-2.0
"""Runs the orchestrator program as a user does, under mpirun or without, for the tests in this folder.

    done = whole_run.run(4, "sum", "ints.npy")
    done.status, done.stdout, done.stderr, done.seconds

The environment variable ORCHESTRATOR names the program. Every run is bounded in time: the mpirun that does not end is
stopped with all its ranks. Each has a temporary folder of its own.
"""

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SEED = int(os.environ.get("TEST_RANDOM_SEED") or int.from_bytes(os.urandom(4), "little"))

# A rank that ends with a status other than 0 makes mpirun wait a while before it ends itself: Open MPI 4; 5 and later.
NO_GRACE = {"OMPI_MCA_odls_base_sigkill_timeout": "0", "PRTE_MCA_odls_base_sigkill_timeout": "0"}

# How long what outlives a run may take to go: the last process may be a moment behind mpirun.
PATIENCE_SECONDS = 5

# mpirun itself has failed. Open MPI 6 before its release may not notice that a program has been started which ends at once, and says so; Open MPI 4 may crash
# while it passes on the standard input of a program that has ended.
_MPIRUN_FAILED = re.compile(r"^\[[^]]*\] PMIx_Spawn failed \(-1\): PMIX_ERROR$|mca_iof_hnp\.so\(orte_iof_hnp_read_local_handler")
# In the environment of all processes of one run, so that those that are left are found.
_MARK = "MPAIO_TEST_RUN"


class Outcome:
    """How a run ended.

    stdout: bytes. stderr: the lines, without what mpirun says on its own behalf. stderr_times: for each of them, when it
    was read (time.time()). left: what it left behind in its temporary folder and in /dev/shm, and its processes.
    """

    def __init__(self, command, status, stdout, stderr, stderr_times, seconds, left):
        self.command = command
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        self.stderr_times = stderr_times
        self.seconds = seconds
        self.left = left

    @property
    def text(self):
        return self.stdout.decode()

    @property
    def json(self):
        return json.loads(self.stdout)

    def __str__(self):
        return "\n".join(
            ["%s" % " ".join(self.command), "ended with status %s after %.2f s" % (self.status, self.seconds),
             "stdout: %r" % self.stdout[:2000]] + ["stderr: " + line for line in self.stderr] +
            ["left: " + name for name in self.left])


def program():
    return os.path.abspath(os.environ["ORCHESTRATOR"])


# What mpirun says now and then though nothing is wrong: Open MPI 4, of an agent for another host that is quicker than it
# thought; 5, of a rank that is gone before it has been told all; libevent, in it, of a connection that is closed before
# it is told that there is nothing more to read or to write.
_MPIRUN_WARNING = re.compile(
    r"\[[^ ]+:[0-9]+\] (plm:(rsh|ssh): Warning: setpgid|PMIX ERROR: PMIX_ERR_UNREACH in file .*pmix_server\.c)|"
    r"\[warn\] Epoll MOD\([14]\) on fd [0-9]+ failed\. Old events were [0-9]+; read change was [02] \((none|del)\); "
    r"write change was [02] \((none|del)\); close change was 0 \(none\): Bad file descriptor$")


def without_banner(lines):
    """`lines` less what mpirun says on its own behalf: blocks between dashed lines, as when a rank failed, and the empty
    lines around them. Takes and gives (line, anything) pairs."""
    kept = []
    inside = False
    for line in lines:
        if re.fullmatch("-{60,}", line[0]):
            inside = not inside
        elif not inside and line[0] and not _MPIRUN_WARNING.match(line[0]):
            kept.append(line)
    return kept


def processes(mark):
    """The processes, as "pid command", that have the mark in their environment; zombies have none."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if mark not in file.read().split(b"\0"):
                    continue
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                found.append("process %s %s" % (pid, file.read().replace(b"\0", b" ").decode(errors="replace")))
        except OSError:
            pass
    return found


def _unused_shared_memory(before):
    """The files in /dev/shm that are there since `before`, are ours, and that no process has mapped or open. Other
    programs may be at work there too."""
    new = {}
    for name in set(os.listdir("/dev/shm")) - before:
        try:
            status = os.stat("/dev/shm/" + name)
        except OSError:
            continue
        if status.st_uid == os.geteuid():
            new["/dev/shm/" + name] = status
    if not new:
        return []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/maps" % pid, errors="replace") as file:
                mapped = {line.split(maxsplit=5)[-1].rstrip("\n") for line in file}
            opened = {os.readlink("/proc/%s/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%s/fd" % pid)}
        except OSError:
            continue
        for name in mapped | opened:
            new.pop(name, None)
    return sorted(new)


def _files(directory):
    """Files, sockets and so on below `directory`; empty folders of Open MPI's do not count."""
    return [os.path.join(at, name) for at, _, names in os.walk(directory) for name in names]


def _look_for_what_is_left(mark, temporary, shared_memory_before):
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        left = processes(mark) + _files(temporary) + _unused_shared_memory(shared_memory_before)
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def _end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _heed_signals():
    """What a shell starts in the background ignores SIGINT, and so does what that starts."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _stop(process):
    """Ends an mpirun, which ends its ranks; should it not, ends it the hard way: its ranks then find their server gone."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            pass


def wait_for_byte(pipes, timeout=30):
    """Until there is something to read from one of some pipes, though nobody may have opened their other ends yet."""
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    if not poll.poll(timeout * 1000):
        raise AssertionError("nothing came within %g s (seed %d)" % (timeout, SEED))


class Running:
    """A run that goes on. process: a subprocess.Popen, of mpirun or, without it, of the program."""

    def __init__(self, process, mark, timed_lines):
        self.process = process
        self._mark = mark
        self._timed_lines = timed_lines

    def wait_for_line(self, words, timeout=60):
        """Until there are `words` in a line on the standard error."""
        end = time.monotonic() + timeout
        while not any(words in line for line, _ in list(self._timed_lines)):
            if time.monotonic() > end:
                raise AssertionError("%r was not said within %g s (seed %d)" % (words, timeout, SEED))
            time.sleep(0.01)

    def rank(self, rank):
        """The process of a rank; of a rank that has a supervisor, the supervisor. Under mpirun, once it is there."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/environ" % pid, "rb") as file:
                    environment = file.read().split(b"\0")
                with open("/proc/%s/stat" % pid) as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if self._mark.encode() in environment and b"OMPI_COMM_WORLD_RANK=%d" % rank in environment:
                found[int(pid)] = parent
        # Others are its children, or theirs.
        oldest, = (pid for pid, parent in found.items() if parent not in found)
        return oldest


def run(ranks, *arguments, program_path=None, timeout=60, env=None, cwd=None, launcher=(), mpirun_flags=(),
        stdin_file=os.devnull, stdout_file=None, meanwhile=None):
    """Runs `mpirun -n ranks PROGRAM arguments`, without mpirun where `ranks` is None.

    launcher: words before `mpirun`. env: further variables; None takes one away. stdin_file: what the standard input is
    redirected from. stdout_file: a file for the standard output, which is then not in the outcome. meanwhile: called with
    what is Running, when it has been started. A run that takes longer than `timeout` seconds is stopped and raises an
    AssertionError.
    """
    for _ in range(5):
        done = _run_once(ranks, arguments, program_path, timeout, env, cwd, launcher, mpirun_flags, stdin_file, stdout_file,
                         meanwhile)
        if not any(_MPIRUN_FAILED.search(line) for line in done.stderr):
            break
    return done


def _run_once(ranks, arguments, program_path, timeout, env, cwd, launcher, mpirun_flags, stdin_file, stdout_file, meanwhile):
    command = [program_path or program()] + [str(argument) for argument in arguments]
    if ranks is not None:
        command = ["mpirun", "-n", str(ranks), "--bind-to", "none"] + list(mpirun_flags) + command
    command = list(launcher) + command
    mark = "%s=%d-%d" % (_MARK, os.getpid(), random.getrandbits(32))
    temporary = tempfile.mkdtemp(prefix="r")
    environment = dict(os.environ, TMPDIR=temporary, **NO_GRACE)
    environment.update(env or {})
    environment.update([mark.split("=")])
    environment = {name: value for name, value in environment.items() if value is not None}
    shared_memory_before = set(os.listdir("/dev/shm"))
    timed_lines = []

    def read_stderr(stream):
        for line in stream:
            text = line.decode(errors="replace").rstrip("\n")
            # mpirun of Open MPI 5 may put a blank, or a byte of 0, in front of what a rank says just before it aborts.
            timed_lines.append((text[1:] if re.match(r"[ \0](orchestrator: |rank \d)", text) else text, time.time()))

    start = time.monotonic()
    out = open(stdout_file, "wb") if stdout_file else tempfile.TemporaryFile()
    with out, open(stdin_file, "rb") as standard_input:
        process = subprocess.Popen(command, stdin=standard_input, stdout=out, stderr=subprocess.PIPE, cwd=cwd,
                                   env=environment, start_new_session=True, preexec_fn=_heed_signals)
        reader = threading.Thread(target=read_stderr, args=(process.stderr,))
        reader.start()
        timed_out = False
        try:
            if meanwhile:
                meanwhile(Running(process, mark, timed_lines))
            # Its end is seen here at once; process.wait() alone would look for it every now and then.
            reader.join(timeout)
            process.wait(max(0.1, timeout - (time.monotonic() - start)))
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            seconds = time.monotonic() - start
            if process.poll() is None:
                _stop(process)
            # Whoever still holds the other end must not keep this waiting.
            reader.join(10)
            if not reader.is_alive():
                process.stderr.close()
        stdout = b""
        if not stdout_file:
            out.seek(0)
            stdout = out.read()
    left = _look_for_what_is_left(mark.encode(), temporary, shared_memory_before)
    for name in left:
        if name.startswith("process "):
            _end(int(name.split()[1]))
    shutil.rmtree(temporary, ignore_errors=True)
    lines = without_banner(timed_lines)
    done = Outcome(command, process.returncode, stdout, [line for line, _ in lines], [at for _, at in lines], seconds,
                   left)
    if timed_out:
        raise AssertionError("no end after %g s (seed %d):\n%s" % (timeout, SEED, done))
    return done


class WholeRunTest(unittest.TestCase):
    """A test with a folder of its own, in which runs take place."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="w")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_in_folder(self, ranks, *arguments, **options):
        return run(ranks, *arguments, cwd=self.folder, **options)

    def assert_done(self, done):
        """It ended well, said nothing but the answer, and left nothing."""
        self.assertEqual(done.status, 0, done)
        self.assertEqual(done.stderr, [], done)
        self.assertEqual(done.left, [], done)

    def assert_refused(self, done, status, *words):
        """It ended with `status` and one line on the standard error, with all the words, and left nothing."""
        self.assertEqual(done.status, status, done)
        self.assertEqual(len(done.stderr), 1, done)
        for word in words:
            self.assertIn(word, done.stderr[0], done)
        self.assertEqual(done.left, [], done)


def parse_report(lines):
    """The tables of --report, by the heading of their first column: each a list of dicts from heading to text. Columns
    are told apart by their headings: texts are aligned left under them, numbers right."""
    tables = {}
    rows = None
    for line in lines:
        first = line.split()[0]
        if first in ("stage", "job", "rank"):
            # "busy s" is one heading.
            headings = line.replace("busy s", "busy_s").split()
            rows = tables.setdefault(first, [])
            continue
        # "34 %" and "1.56 GB/s" are one text; "0 alpha" are the node's index and its name.
        words = re.sub(r"(\d) (%|[kMGT]?(?:B|rows)/s)", r"\1_\2", line).split()
        if "node" in headings:
            words[1:3] = [" ".join(words[1:3])]
        rows.append(dict(zip(headings, words)))
    return tables


def skip(why):
    """Ends a script that cannot test anything here."""
    print("SKIPPED: " + why)
    sys.exit(0)


def import_numpy():
    try:
        import numpy
    except ImportError as error:
        skip("numpy is not installed (%s)" % error)
    return numpy


def save_somehow(path, array, random):
    """Saves a numpy array as numpy.save does, in a byte order and an order of elements that `random` chooses."""
    np = import_numpy()
    if random.integers(2) and array.dtype.char not in "gG":
        array = array.astype(array.dtype.newbyteorder(">"))
    if random.integers(2):
        array = np.asarray(array, order="F")
    np.save(path, array)


def main():
    """What a test script ends with. Being told to stop, it still tidies up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("seed %d" % SEED)
    result = unittest.main(module="__main__", verbosity=2, exit=False).result
    if result.skipped and len(result.skipped) == result.testsRun:
        skip("; ".join(sorted({why for _, why in result.skipped})))
    sys.exit(0 if result.wasSuccessful() else 1)
