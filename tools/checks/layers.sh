#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/layers.sh
#
# Checks that each package of mpaio/ uses only packages above it in the table of docs/design.md.
# Tests may also use what is below, and testing/.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
cd -- "$root" || exit 1
python3 - <<'PYTHON'
import pathlib
import re
import sys

page = pathlib.Path("docs/design.md").read_text(encoding="utf-8")
order = re.findall(r"^\| `(\w+)` \|", page[page.index("## Packages"):page.index("## Data flow")], re.M)
folders = {path.parent.name for path in pathlib.Path("mpaio").glob("*/BUILD")}
findings = [f"docs/design.md does not have the package {name}" for name in sorted(folders - set(order))]
findings += [f"there is no package {name}, which docs/design.md has" for name in sorted(set(order) - folders)]
for name in sorted(folders & set(order)):
    if name == "testing":
        continue
    text = pathlib.Path("mpaio", name, "BUILD").read_text(encoding="utf-8")
    for rule in re.findall(r"^\w+\(\n(?:.*\n)*?\)$", text, re.M):
        target = re.search(r'name = "([^"]+)"', rule)
        if target is None or "testonly = True" in rule or re.match(r"\w*(_test|_fuzzer|_script_test)\(", rule):
            continue
        for used in sorted(set(re.findall(r'"//mpaio/(\w+)[":]', rule))):
            if used not in order or order.index(used) > order.index(name):
                findings.append(f"mpaio/{name}:{target.group(1)} uses mpaio/{used}, which is not above it in docs/design.md")
for finding in findings:
    print(finding, file=sys.stderr)
print("FAIL layers: %d findings" % len(findings) if findings else "PASS layers: %d packages" % len(order))
sys.exit(1 if findings else 0)
PYTHON
