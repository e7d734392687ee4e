#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the sources that are too large to be read in one go.

usage: oversized.py ROOT MOST_LINES MOST_FUNCTION_LINES MOST_MEMBERS DIRECTORY...

Prints a line for each file with more than MOST_LINES lines, each C++ function with more than
MOST_FUNCTION_LINES lines and each C++ class with more than MOST_MEMBERS data members, in the
directories under ROOT. Tests do not count, nor do sources that only testonly targets of Bazel
contain. The last line that it prints is the number of files it has read.

A lambda counts as a part of the function around it.
"""

import ast
import os
import re
import sys
from typing import Iterator, List, Set, Tuple

# A comment, a preprocessor directive with its continuation lines, a raw string, a string, or a
# character.
OPAQUE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*|R"([^()\\\s]*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|(?<![0-9a-zA-Z_])'(?:[^'\\\n]|\\.)+'""",
    re.DOTALL | re.MULTILINE,
)
# A use of a macro that stands alone on its line, without a semicolon.
MACRO_LINE = re.compile(r"^[A-Z][A-Z0-9_]*\([^;{}\n]*\)$", re.MULTILINE)
ATTRIBUTE = re.compile(r"\[\[.*?\]\]|(?:alignas|__attribute__)\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", re.DOTALL)
TEMPLATE = re.compile(r"<[^<>;{}]*>")


def blank(match: "re.Match[str]") -> str:
    # "0" stands for a literal, so that an initializer keeps a value.
    text = match.group()
    return ("0" if text[0] in "\"'R" else " ") + "\n" * text.count("\n")


def without_templates(text: str) -> str:
    previous = None
    while previous != text:
        previous, text = text, TEMPLATE.sub(" ", text)
    return text


class Scanner:
    """Finds the functions and classes of a C++ source by its brackets."""

    def __init__(self, source: str):
        self.text = MACRO_LINE.sub(" ", OPAQUE.sub(blank, source))
        # (first line, name, number of lines)
        self.functions: List[Tuple[int, str, int]] = []
        # (last line, name, number of data members)
        self.classes: List[Tuple[int, str, int]] = []
        self.scope(0, "")

    def line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def closing(self, position: int) -> int:
        """Returns the position after the bracket that closes the one at `position`."""
        depth = 0
        for match in re.compile(r"[(){}\[\]]").finditer(self.text, position):
            depth += 1 if match.group() in "({[" else -1
            if depth == 0:
                return match.end()
        return len(self.text)

    def scope(self, position: int, class_name: str) -> int:
        """Reads the declarations of a file, a namespace or a class. Returns the position after it."""
        members = 0
        begin = position
        bracket = re.compile(r"[(\[{};]|\b(?:public|private|protected):")
        while True:
            match = bracket.search(self.text, position)
            if match is None or match.group() == "}":
                if class_name:
                    self.classes.append((self.line(position), class_name, members))
                return len(self.text) if match is None else match.end()
            position = match.end()
            header = ATTRIBUTE.sub(" ", self.text[begin : match.start()]).strip()
            if match.group() in "([":
                position = self.closing(match.start())
                continue
            if match.group() == "{":
                position, ended = self.block(begin, match.start(), header)
                if not ended:
                    continue
            elif match.group() == ";":
                members += self.data_members(header) if class_name else 0
            begin = position

    def block(self, begin: int, brace: int, header: str) -> Tuple[int, bool]:
        """Reads a block in braces. Returns the position after it, and whether the declaration ends there."""
        plain = without_templates(header)
        kind = re.search(r"\b(class|struct|union|namespace|extern)\b", plain)
        if kind and "(" not in plain and not plain.endswith("="):
            name = (re.findall(r"[\w:]+", plain[kind.end() :].split(" : ")[0].replace(" final", "")) or ["unnamed"])[-1]
            end = self.scope(brace + 1, name if kind.group() in ("class", "struct", "union") else "")
            # A class may be followed by the names of variables, a namespace by nothing.
            return end, kind.group() in ("namespace", "extern")
        is_value = "(" not in plain or plain.endswith("=") or re.search(r"\)\s*(?:noexcept\s*)?:\s.*[\w>]$", plain, re.DOTALL)
        end = self.closing(brace)
        if is_value:
            return end, False
        before = self.text[begin:brace]
        first = self.line(begin + len(before) - len(before.lstrip()))
        name = (re.findall(r"([\w:~]+|operator\S+)\s*\(", plain) or ["function"])[0]
        self.functions.append((first, name, self.line(end - 1) - first + 1))
        return end, True

    @staticmethod
    def data_members(declaration: str) -> int:
        plain = re.sub(r"\{.*\}", "", without_templates(declaration), flags=re.DOTALL).split("=")[0].strip()
        if not plain or "(" in plain or re.match(r"(using|typedef|friend|static|template|enum|class|struct|union|constexpr)\b", plain):
            return 0
        return plain.count(",") + 1 if " " in plain else 0


def test_sources(build: str) -> Set[str]:
    """Returns the sources that only tests and testonly targets of a BUILD file contain."""
    of_tests: Set[str] = set()
    others: Set[str] = set()
    with open(build, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        is_test = getattr(call.func, "id", "").endswith("_test") or getattr(keywords.get("testonly"), "value", False) is True
        for value in (keywords[key] for key in ("srcs", "hdrs") if key in keywords):
            names = {node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
            (of_tests if is_test else others).update(names)
    return of_tests - others


def sources(root: str, directory: str) -> Iterator[str]:
    for folder, folders, names in os.walk(os.path.join(root, directory)):
        folders.sort()
        tests = test_sources(os.path.join(folder, "BUILD")) if "BUILD" in names else set()
        for name in sorted(names):
            if re.search(r"\.(cc|h|yy|py|sh)$", name) and name not in tests and not re.search(r"_test\.\w+$", name):
                yield os.path.relpath(os.path.join(folder, name), root)


def main(root: str, most_lines: int, most_function_lines: int, most_members: int, directories: List[str]) -> None:
    num_files = 0
    for path in (path for directory in directories for path in sources(root, directory)):
        num_files += 1
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        if lines > most_lines:
            print(f"{path}: {lines} lines")
        if not path.endswith((".cc", ".h")):
            continue
        found = Scanner(text)
        for line, name, length in found.functions:
            if length > most_function_lines:
                print(f"{path}:{line}: {name} has {length} lines")
        for line, name, members in found.classes:
            if members > most_members:
                print(f"{path}:{line}: {name} has {members} data members")
    print(num_files)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5:])
