// SPDX-License-Identifier: Apache-2.0

// The table of the program's flags. The parser, --help and docs/program.md are made from it.
#ifndef MPAIO_CLI_FLAGS_H_
#define MPAIO_CLI_FLAGS_H_

#include <span>
#include <string>

namespace mpaio {

// The values begin above those of characters, which getopt_long returns for short flags.
enum class Flag : int {
  kHelp = 256,
  kVersion,
  kList,
  kChunk,
  kFormat,
  kResults,
  kProgress,
  kCpuUsage,
  kReport,
  kSource,
  kHugePages,
  kBind,
  kSchedule,
  kRecord,
  kReplay,
  kIsolate,
  kRetries,
  kChunkDeadline,
  kFailFast,
  kSpeculate,
  kJournal,
  kResume,
  kPreflight,
};

struct FlagInfo {
  Flag flag;
  const char* name;
  const char* value;          // "auto|ROWS"; empty if the flag takes none
  const char* default_value;  // empty if there is none
  const char* help;           // one sentence, without a full stop
  bool value_is_optional = false;
};

// Returns all flags, in the order of --help.
std::span<const FlagInfo> Flags();

// Returns the flags' part of --help: a paragraph for each flag, at most 100 columns wide.
std::string FlagsText();

// Returns the text of --help.
std::string HelpText();

}  // namespace mpaio

#endif  // MPAIO_CLI_FLAGS_H_
