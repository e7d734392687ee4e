# SPDX-License-Identifier: Apache-2.0
"""Writes a compilation database of the sources that Bazel compiles, for clang-tidy and clangd.

Usage: compile_commands.py DIRECTORY OUTPUT < AQUERY

AQUERY: output of `bazel aquery 'mnemonic("CppCompile", //...)' --output=jsonproto`.
DIRECTORY: working directory of the commands, `bazel info execution_root`.
Flags that clang does not know are removed.
"""

import json
import sys

# Clang warns of these macros, which Bazel defines.
_BUILTIN_MACROS = ("-D__DATE__=", "-D__TIME__=", "-D__TIMESTAMP__=")
_GCC_ONLY = {"-fno-canonical-system-headers", "-Wno-free-nonheap-object", "-Wunused-but-set-parameter"}


def entries(actions, directory):
    seen = set()
    for action in actions:
        arguments = action["arguments"]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        if source in seen or not source.endswith(".cc"):
            continue
        seen.add(source)
        kept = [word for word in arguments if word not in _GCC_ONLY and not word.startswith(_BUILTIN_MACROS)]
        yield {"directory": directory, "file": source, "arguments": kept + ["-Wno-unknown-warning-option"]}


def main():
    directory, output = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as file:
        json.dump(list(entries(json.load(sys.stdin).get("actions", []), directory)), file, indent=1)


if __name__ == "__main__":
    main()
