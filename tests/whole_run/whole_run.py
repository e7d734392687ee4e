# SPDX-License-Identifier: Apache-2.0
"""Runs the orchestrator program as a user does, under mpirun or without, for the tests in this folder.

    done = whole_run.run(4, "sum", "ints.npy")
    done.status, done.stdout, done.stderr, done.seconds

The environment variable ORCHESTRATOR names the program. Every run has a time limit, after which
mpirun and all its ranks are stopped. Each run has its own temporary folder.
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

# Removes mpirun's delay after a rank has ended with a status other than 0. The first variable is
# for Open MPI 4, the second for 5 and later.
NO_GRACE = {"OMPI_MCA_odls_base_sigkill_timeout": "0", "PRTE_MCA_odls_base_sigkill_timeout": "0"}

# Time limit for leftovers of a run to disappear: the last process may end shortly after mpirun.
LEFTOVER_TIMEOUT_SECONDS = 5

# Messages of a failed mpirun. Prereleases of Open MPI 6 may miss the start of a program that ends
# at once, and report an error; Open MPI 4 may crash while it forwards standard input to a program
# that has ended.
_MPIRUN_FAILED = re.compile(r"^\[[^]]*\] PMIx_Spawn failed \(-1\): PMIX_ERROR$|mca_iof_hnp\.so\(orte_iof_hnp_read_local_handler")
# Variable in the environment of all processes of a run, by which remaining processes are found.
_MARK = "MPAIO_TEST_RUN"


class Outcome:
    """The outcome of a run.

    stdout: bytes.
    stderr: the lines, without mpirun's own messages.
    stderr_times: for each line, the time at which it was read (time.time()).
    left: files left in its temporary folder and in /dev/shm, and remaining processes.
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


# Occasional harmless warnings of mpirun: Open MPI 4, if the agent for another host starts very
# quickly; Open MPI 5, if a rank ends before it has received all messages; libevent in mpirun, if a
# connection is closed before its events are removed.
_MPIRUN_WARNING = re.compile(
    r"\[[^ ]+:[0-9]+\] (plm:(rsh|ssh): Warning: setpgid|PMIX ERROR: PMIX_ERR_UNREACH in file .*pmix_server\.c)|"
    r"\[warn\] Epoll MOD\([14]\) on fd [0-9]+ failed\. Old events were [0-9]+; read change was [02] \((none|del)\); "
    r"write change was [02] \((none|del)\); close change was 0 \(none\): Bad file descriptor$")


def without_banner(lines):
    """Returns `lines` without mpirun's own messages.

    These are warnings, blocks between dashed lines, such as after the failure of a rank, and empty
    lines. Takes and returns pairs (line, anything).
    """
    kept = []
    inside = False
    for line in lines:
        if re.fullmatch("-{60,}", line[0]):
            inside = not inside
        elif not inside and line[0] and not _MPIRUN_WARNING.match(line[0]):
            kept.append(line)
    return kept


def processes(mark):
    """Returns processes with the mark in their environment: "process PID COMMAND"; no zombies."""
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
    """Returns this user's files in /dev/shm that are not in `before` and that no process uses.

    A file that a process has mapped or open may belong to another program.
    """
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
    """Returns the files, sockets etc. below `directory`; Open MPI's empty folders do not count."""
    return [os.path.join(at, name) for at, _, names in os.walk(directory) for name in names]


def _wait_for_leftovers(mark, temporary, shared_memory_before):
    end = time.monotonic() + LEFTOVER_TIMEOUT_SECONDS
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


def _restore_signals():
    """Restores the default signal handling.

    A process that a shell starts in the background ignores SIGINT, and so do its children.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _stop(process):
    """Terminates mpirun, which terminates its ranks. If it does not end in time, kills it.

    The ranks of a killed mpirun lose their server and end.
    """
    for number, timeout in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout)
            return
        except subprocess.TimeoutExpired:
            pass


def wait_for_byte(pipes, timeout=30):
    """Waits until one of the pipes is readable. No writer needs to have opened them yet."""
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    if not poll.poll(timeout * 1000):
        raise AssertionError("nothing came within %g s (seed %d)" % (timeout, SEED))


class Running:
    """A run in progress. process: the subprocess.Popen of mpirun, or of the program without it."""

    def __init__(self, process, mark, timed_lines):
        self.process = process
        self._mark = mark
        self._timed_lines = timed_lines

    def wait_for_line(self, words, timeout=60):
        """Waits until a line on the standard error contains `words`."""
        end = time.monotonic() + timeout
        while not any(words in line for line, _ in list(self._timed_lines)):
            if time.monotonic() > end:
                raise AssertionError("%r was not printed within %g s (seed %d)" % (words, timeout, SEED))
            time.sleep(0.01)

    def rank(self, rank):
        """Returns the process id of a rank, or of its supervisor if it has one.

        Precondition: the run is under mpirun, and the rank has started.
        """
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
        # All other processes of the rank are descendants of the oldest.
        oldest, = (pid for pid, parent in found.items() if parent not in found)
        return oldest


def run(ranks, *arguments, program_path=None, timeout=60, env=None, cwd=None, launcher=(), mpirun_flags=(),
        stdin_file=os.devnull, stdout_file=None, meanwhile=None):
    """Runs `mpirun -n ranks PROGRAM arguments`, without mpirun if `ranks` is None.

    Returns the Outcome.

    launcher: words before `mpirun`.
    env: further variables; the value None removes a variable.
    stdin_file: file that the standard input is redirected from.
    stdout_file: file for the standard output, which is then not in the outcome.
    meanwhile: called with the Running run once it has been started.

    Stops a run that takes longer than `timeout` seconds, and raises an AssertionError. Starts the
    run again, up to four times, if mpirun itself failed.
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
            # Open MPI 5's mpirun may put a blank or a zero byte before a line that a rank prints
            # just before it aborts.
            timed_lines.append((text[1:] if re.match(r"[ \0](orchestrator: |rank \d)", text) else text, time.time()))

    start = time.monotonic()
    out = open(stdout_file, "wb") if stdout_file else tempfile.TemporaryFile()
    with out, open(stdin_file, "rb") as standard_input:
        process = subprocess.Popen(command, stdin=standard_input, stdout=out, stderr=subprocess.PIPE, cwd=cwd,
                                   env=environment, start_new_session=True, preexec_fn=_restore_signals)
        reader = threading.Thread(target=read_stderr, args=(process.stderr,))
        reader.start()
        timed_out = False
        try:
            if meanwhile:
                meanwhile(Running(process, mark, timed_lines))
            # The reader notices the end at once; process.wait() with a timeout polls.
            reader.join(timeout)
            process.wait(max(0.1, timeout - (time.monotonic() - start)))
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            seconds = time.monotonic() - start
            if process.poll() is None:
                _stop(process)
            # Bounded, because a remaining process may still hold the other end open.
            reader.join(10)
            if not reader.is_alive():
                process.stderr.close()
        stdout = b""
        if not stdout_file:
            out.seek(0)
            stdout = out.read()
    left = _wait_for_leftovers(mark.encode(), temporary, shared_memory_before)
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
    """A test whose runs take place in its own folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="w")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_in_folder(self, ranks, *arguments, **options):
        return run(ranks, *arguments, cwd=self.folder, **options)

    def assert_done(self, done):
        """Checks that the run succeeded, with an empty standard error and no leftovers."""
        self.assertEqual(done.status, 0, done)
        self.assertEqual(done.stderr, [], done)
        self.assertEqual(done.left, [], done)

    def assert_refused(self, done, status, *words):
        """Checks that the run ended with `status`, one error line with all words, no leftovers."""
        self.assertEqual(done.status, status, done)
        self.assertEqual(len(done.stderr), 1, done)
        for word in words:
            self.assertIn(word, done.stderr[0], done)
        self.assertEqual(done.left, [], done)


def parse_report(lines):
    """Returns the tables of --report by the heading of their first column.

    Each table is a list of dicts from heading to text.
    """
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
    """Ends a script that cannot test anything on this machine."""
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
    """Runs the tests of a script. SIGTERM raises SystemExit, so that the script cleans up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("seed %d" % SEED)
    result = unittest.main(module="__main__", verbosity=2, exit=False).result
    if result.skipped and len(result.skipped) == result.testsRun:
        skip("; ".join(sorted({why for _, why in result.skipped})))
    sys.exit(0 if result.wasSuccessful() else 1)
