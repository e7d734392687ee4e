# SPDX-License-Identifier: Apache-2.0
"""Counts the tests of one `bazel test` from the events written with --build_event_json_file.

Usage: count_tests.py EVENTS_FILE BAZEL_EXIT_STATUS

Each case of a GoogleTest counts as one test; a test of any other kind counts as one. A test that
fails without a failed case, for example because it crashes or times out, counts as one failed test,
and so does a target that could not be built. Prints the failed tests, and the skipped tests
with the reasons; then, as the last line, three numbers: passed, failed, skipped.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree

# Exit statuses of Bazel that only tell how the tests ended: 0, all passed; 3, some failed; 4, none
# found.
_STATUSES_OF_TESTS = (0, 3, 4)


def read_events(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:  # incomplete last line, written by a Bazel that was killed
                    return
    except FileNotFoundError:
        return


def path_of(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_result(self, name, status, files):
        """Adds one run of one test; `files` maps "test.xml" and "test.log" to paths."""
        failed_before = len(self.failed)
        cases = []
        is_googletest = False
        try:
            root = xml.etree.ElementTree.parse(files["test.xml"]).getroot()
            is_googletest = root.get("name") == "AllTests"
            cases = list(root.iter("testcase")) if is_googletest else []
        except (KeyError, OSError, xml.etree.ElementTree.ParseError):
            pass
        for case in cases:
            case_name = "{} {}.{}".format(name, case.get("classname"), case.get("name"))
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed.append(case_name)
            elif case.get("status") == "notrun":
                self.skipped.append(case_name + ": disabled")
            elif skip is not None or case.get("result") == "skipped":
                # The message is "file:line", a line break, and the reason.
                message = skip.get("message", "") if skip is not None else ""
                self.skipped.append(case_name + ": " + (message.partition("\n")[2] or message or "skipped").strip())
            else:
                self.passed += 1
        if status != "PASSED":
            if len(self.failed) == failed_before:
                self.failed.append("{} ({})".format(name, status.lower().replace("_", " ")))
        elif not is_googletest:
            reason = self._skip_reason(files.get("test.log"))
            if reason is None:
                self.passed += 1
            else:
                self.skipped.append("{}: {}".format(name, reason))

    @staticmethod
    def _skip_reason(log):
        try:
            with open(log, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith("SKIPPED:"):
                        return line.partition(":")[2].strip()
        except (OSError, TypeError):
            pass
        return None


def count(events):
    counts = Counts()
    results = {}  # (label, configuration, run, shard) -> the last attempt's (attempt, status, files)
    tested = set()
    built = {}  # label -> whether it was built
    expected = set()  # tests that Bazel said it would run
    for event in events:
        kind, identity = next(iter(event.get("id", {}).items()), ("", {}))
        label = identity.get("label", "") if isinstance(identity, dict) else ""
        if kind == "testResult":
            result = event.get("testResult")
            if result is None:
                continue  # aborted; its target counts as not run
            key = (label, str(identity.get("configuration")), identity.get("run", 1), identity.get("shard", 1))
            attempt = identity.get("attempt", 1)
            if attempt >= results.get(key, (0,))[0]:
                files = {output["name"]: path_of(output.get("uri", "")) for output in result.get("testActionOutput", [])}
                results[key] = (attempt, result.get("status", "NO_STATUS"), files)
            tested.add(label)
        elif kind == "targetCompleted":
            built[label] = built.get(label, True) and event.get("completed", {}).get("success", False)
            if any("testSummary" in child for child in event.get("children", [])):
                expected.add(label)
            if event.get("aborted", {}).get("reason") == "SKIPPED":
                del built[label]  # not meant for this platform
    for (label, _, run, shard), (_, status, files) in sorted(results.items()):
        shown = label + (" run {}".format(run) if run > 1 else "") + (" shard {}".format(shard) if shard > 1 else "")
        counts.add_result(shown, status, files)
    for label, success in sorted(built.items()):
        if not success and label not in tested:
            counts.failed.append(label + " (could not be built)")
        elif label in expected and label not in tested:
            counts.failed.append(label + " (did not run)")
    return counts


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    counts = count(read_events(path))
    if status not in _STATUSES_OF_TESTS and not counts.failed:
        counts.failed.append("bazel (ended with status {})".format(status))
    elif status == 3 and not counts.failed:
        counts.failed.append("bazel (reported a failed test, but its events contain none)")
    for name in counts.failed:
        print("FAILED  " + name)
    for name in counts.skipped:
        print("SKIPPED " + name)
    print(counts.passed, len(counts.failed), len(counts.skipped))


if __name__ == "__main__":
    main()
