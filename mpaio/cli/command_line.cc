// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/nearest.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/cli/flags.h"

namespace mpaio {
namespace {

// The flags for getopt_long, ended by an entry of zeros.
const option* Options() {
  static const std::vector<option> options = [] {
    std::vector<option> table;
    for (const FlagInfo& flag : Flags()) {
      const int takes = *flag.value == '\0'      ? no_argument
                        : flag.value_is_optional ? optional_argument
                                                 : required_argument;
      table.push_back({flag.name, takes, nullptr, static_cast<int>(flag.flag)});
    }
    table.push_back({nullptr, 0, nullptr, 0});
    return table;
  }();
  return options.data();
}

// Stands in the place of a worker; no worker can be registered under this name.
constexpr absl::string_view kDoctorWord = "doctor";

absl::Status UsageError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; see --help"));
}

// Returns the index of `value` in `words`, the values that the flag takes.
absl::StatusOr<std::size_t> OneOf(absl::string_view flag, absl::string_view value,
                                  const std::vector<std::string>& words) {
  const auto word = std::find(words.begin(), words.end(), std::string(value));
  if (word != words.end()) return static_cast<std::size_t>(std::distance(words.begin(), word));
  return UsageError(absl::StrCat("--", flag, "=", value, ": must be ", absl::StrJoin(words, "|")));
}

absl::StatusOr<std::string> FileName(absl::string_view flag, absl::string_view value) {
  if (value.empty()) return UsageError(absl::StrCat("--", flag, "= needs the name of a file"));
  return std::string(value);
}

absl::StatusOr<Partition> ParseChunk(absl::string_view value) {
  Index rows = 0;
  if (value == "auto") return Partition::Auto();
  if (!absl::SimpleAtoi(value, &rows) || rows < 1)
    return UsageError(
        absl::StrCat("--chunk=", value, ": must be auto, or a number of rows of at least 1"));
  return Partition::ChunkSize(rows);
}

absl::StatusOr<int> ParseRetries(absl::string_view value) {
  int retries = 0;
  if (!absl::SimpleAtoi(value, &retries) || retries < 0)
    return UsageError(absl::StrCat("--retries=", value, ": must be a whole number of at least 0"));
  return retries;
}

absl::StatusOr<absl::Duration> ParseChunkDeadline(absl::string_view value) {
  double seconds = 0;
  // A deadline of less than a millisecond would expire because of the machine's own delays. A year
  // in nanoseconds is far below the limit of an int64.
  if (!absl::SimpleAtod(value, &seconds) || !(seconds >= 0.001) || !(seconds <= 86400.0 * 365)) {
    return UsageError(absl::StrCat("--chunk_deadline=", value,
                                   ": must be a number of seconds from 0.001 to a year"));
  }
  return absl::Seconds(seconds);
}

// Returns the position of the `=` in "key=value"; npos if the word has another form.
std::size_t KeyLength(absl::string_view word) {
  std::size_t n = 0;
  while (n < word.size() &&
         (absl::ascii_isalnum(static_cast<unsigned char>(word[n])) || word[n] == '_'))
    ++n;
  return n > 0 && n < word.size() && word[n] == '=' ? n : absl::string_view::npos;
}

// Flags of mpirun, without their dashes, which users often put after the program by mistake. Open
// MPI accepts long flags with one dash as well as with two.
constexpr absl::string_view kFlagsOfMpirun =
    "allow-run-as-root bind-to c cpu-set display-allocation display-map do-not-launch gmca H "
    "host hostfile launch-agent machinefile map-by mca merge-stderr-to-stdout n N "
    "nooversubscribe np npernode npersocket oversubscribe output-filename pernode pmixmca "
    "prefix prtemca rank-by report-bindings rf rankfile stdin tag-output timeout "
    "timestamp-output use-hwthread-cpus v wd wdir x";

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const FlagInfo& flag : Flags()) names.emplace_back(flag.name);
  return names;
}

// Returns the error for `word`, which begins with a dash. `value`: getopt's optopt, which is the
// Flag if the word gives a value to a flag that takes none; else it is below 256.
absl::Status UnknownFlag(absl::string_view word, int value) {
  if (value >= static_cast<int>(Flag::kHelp)) {
    return UsageError(
        absl::StrCat(word, ": this flag takes no value; write ", word.substr(0, word.find('='))));
  }
  const absl::string_view without_dashes =
      word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const absl::string_view name = without_dashes.substr(0, without_dashes.find('='));
  const std::vector<absl::string_view> flags_of_mpirun =
      absl::StrSplit(kFlagsOfMpirun, ' ', absl::SkipEmpty());
  if (std::find(flags_of_mpirun.begin(), flags_of_mpirun.end(), name) != flags_of_mpirun.end()) {
    return UsageError(absl::StrCat("unknown flag ", word,
                                   ": it is mpirun's; put it before the program, as in "
                                   "mpirun -n 4 orchestrator sum a.npy"));
  }
  const std::string nearest = Nearest(name, FlagNames());
  return UsageError(
      absl::StrCat("unknown flag ", word,
                   nearest.empty() ? "" : absl::StrCat("; did you mean --", nearest, "?")));
}

absl::StatusOr<JobSpec> ParseJob(const std::vector<absl::string_view>& words) {
  if (words.empty())
    return UsageError("a job is missing: before and after each '+' there must be WORKER INPUT");
  JobSpec job;
  job.worker = std::string(words[0]);
  if (words.size() < 2)
    return UsageError(
        absl::StrCat("worker ", job.worker, ": the input file is missing: give WORKER INPUT"));
  job.input = std::string(words[1]);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t key_length = KeyLength(words[i]);
    if (key_length != absl::string_view::npos) {
      job.parameters.emplace_back(std::string(words[i].substr(0, key_length)),
                                  std::string(words[i].substr(key_length + 1)));
    } else if (i == 2) {
      job.output = std::string(words[i]);
    } else {
      return UsageError(
          absl::StrCat("worker ", job.worker, ": '", words[i],
                       "' is not key=value; an output file must directly follow the input"));
    }
  }
  return job;
}

// Sets `to` to the value of `values` that stands where `value` stands in `words`.
template <typename T>
absl::Status Choose(absl::string_view flag, absl::string_view value,
                    const std::vector<std::string>& words, const std::vector<T>& values, T* to) {
  MPAIO_ASSIGN_OR_RETURN(const std::size_t choice, OneOf(flag, value, words));
  *to = values[choice];
  return absl::OkStatus();
}

template <typename T>
absl::Status Set(absl::StatusOr<T> value, T* to) {
  if (value.ok()) *to = *std::move(value);
  return value.status();
}

// Sets what a flag with the value `value` means; `value` is null for a flag without one.
using Setter = absl::Status (*)(const char* value, CommandLine& line);

// The setters of the flags that name files.
std::map<Flag, Setter> FileSetters() {
  return {
      {Flag::kResults,
       [](const char* value, CommandLine& line) {
         return Set(FileName("results", value), &line.files.results);
       }},
      {Flag::kCpuUsage,
       [](const char* value, CommandLine& line) {
         return Set(FileName("cpu_usage", value), &line.files.cpu_usage);
       }},
      {Flag::kRecord,
       [](const char* value, CommandLine& line) {
         return Set(FileName("record", value), &line.files.record);
       }},
      {Flag::kReplay,
       [](const char* value, CommandLine& line) {
         return Set(FileName("replay", value), &line.files.replay);
       }},
      {Flag::kJournal,
       [](const char* value, CommandLine& line) {
         return Set(FileName("journal", value), &line.files.journal);
       }},
  };
}

// The setters of the flags that choose one of several words.
std::map<Flag, Setter> ChoiceSetters() {
  return {
      {Flag::kFormat,
       [](const char* value, CommandLine& line) {
         return Choose("format", value, {"text", "json"},
                       {OutputFormat::kText, OutputFormat::kJson}, &line.format);
       }},
      {Flag::kProgress,
       [](const char* value, CommandLine& line) {
         return Choose("progress", value, {"auto", "always", "never"},
                       {ProgressMode::kAuto, ProgressMode::kAlways, ProgressMode::kNever},
                       &line.progress);
       }},
      {Flag::kSource,
       [](const char* value, CommandLine& line) {
         return Choose("source", value, {"auto", "window", "map"},
                       {Source::kAuto, Source::kWindow, Source::kMap}, &line.source);
       }},
      {Flag::kHugePages,
       [](const char* value, CommandLine& line) {
         return Choose("huge_pages", value, {"auto", "always", "never"},
                       {HugePages::kAuto, HugePages::kAlways, HugePages::kNever}, &line.huge_pages);
       }},
      {Flag::kBind,
       [](const char* value, CommandLine& line) {
         return Choose("bind", value, {"auto", "never"}, {true, false}, &line.binds_ranks);
       }},
      {Flag::kIsolate,
       [](const char* value, CommandLine& line) {
         return Choose("isolate", value, {"auto", "always", "never"},
                       {Isolate::kAuto, Isolate::kAlways, Isolate::kNever}, &line.isolate);
       }},
      {Flag::kSpeculate,
       [](const char* value, CommandLine& line) {
         return Choose("speculate", value == nullptr ? "auto" : value, {"auto", "never"},
                       {true, false}, &line.speculates);
       }},
      {Flag::kPreflight,
       [](const char* value, CommandLine& line) {
         return Choose("preflight", value, {"auto", "never"}, {true, false}, &line.preflight);
       }},
  };
}

absl::Status SetSchedule(const char* value, CommandLine& line) {
  MPAIO_ASSIGN_OR_RETURN(const std::size_t choice, OneOf("schedule", value, ScheduleNames()));
  line.schedule = static_cast<ScheduleKind>(choice);
  return absl::OkStatus();
}

// Returns the setters of all flags but those that are actions.
const std::map<Flag, Setter>& Setters() {
  static const std::map<Flag, Setter> setters = [] {
    std::map<Flag, Setter> all = {
        {Flag::kChunk, [](const char* value,
                          CommandLine& line) { return Set(ParseChunk(value), &line.partition); }},
        {Flag::kRetries, [](const char* value,
                            CommandLine& line) { return Set(ParseRetries(value), &line.retries); }},
        {Flag::kChunkDeadline,
         [](const char* value, CommandLine& line) {
           return Set(ParseChunkDeadline(value), &line.chunk_deadline);
         }},
        {Flag::kSchedule, SetSchedule},
        {Flag::kReport,
         [](const char*, CommandLine& line) { return Set<bool>(true, &line.report); }},
        {Flag::kFailFast,
         [](const char*, CommandLine& line) { return Set<bool>(true, &line.fail_fast); }},
        {Flag::kResume,
         [](const char*, CommandLine& line) { return Set<bool>(true, &line.resumes); }},
    };
    all.merge(FileSetters());
    all.merge(ChoiceSetters());
    return all;
  }();
  return setters;
}

// The words of a command line, as getopt_long finds them. One at a time exists, because
// getopt_long has global state.
class Scanner {
 public:
  // The result of Next for a word that is not a flag.
  static constexpr int kWord = 1;
  static constexpr int kEnd = -1;

  Scanner(int argc, const char* const* argv) : words_(argc > 0 ? 1 : 0, const_cast<char*>("")) {
    for (int i = 1; i < argc; ++i) words_.push_back(const_cast<char*>(argv[i]));
    words_.push_back(nullptr);
    optind = 0;  // glibc: restarts the scan
    opterr = 0;  // errors are reported once, by rank 0
  }

  // Returns a Flag, 'h', kWord, kEnd, ':' for a missing value, or another number for an unknown
  // flag. '-' in the option string: flags may be anywhere, and other words are returned as kWord,
  // in order. ':' distinguishes a missing value from an unknown flag. Each flag of one letter ends
  // the scan, so getopt never stops in the middle of a word: each call begins with the word at
  // optind, which is the word that an error names.
  int Next() {
    at_ = optind;
    return getopt_long(count(), words_.data(), "-:h", Options(), nullptr);
  }
  // The word that Next has read last.
  absl::string_view word() const { return words_[static_cast<std::size_t>(std::max(at_, 1))]; }
  // The words after "--".
  std::vector<absl::string_view> Rest() const {
    return {words_.begin() + std::min(optind, count()), words_.end() - 1};
  }

 private:
  int count() const { return static_cast<int>(words_.size()) - 1; }

  std::vector<char*> words_;
  int at_ = 1;
};

// Reads the rest of a command line whose action ignores everything after it, except --results.
absl::Status ParseAfterAction(Action action, Scanner& scanner, CommandLine& line) {
  line.action = action;
  for (int flag; (flag = scanner.Next()) != Scanner::kEnd;) {
    if (flag != static_cast<int>(Flag::kResults)) continue;
    MPAIO_RETURN_IF_ERROR(Set(FileName("results", optarg), &line.files.results));
  }
  return absl::OkStatus();
}

// Returns the action of a flag that is one, else kRun. -host and the like are no -h.
Action ActionOf(int flag, absl::string_view word) {
  switch (flag) {
    case 'h':
      return word == "-h" ? Action::kHelp : Action::kRun;
    case static_cast<int>(Flag::kHelp):
      return Action::kHelp;
    case static_cast<int>(Flag::kVersion):
      return Action::kVersion;
    case static_cast<int>(Flag::kList):
      return Action::kList;
    default:
      return Action::kRun;
  }
}

// Reads all flags, and puts the other words into `plain`. Stops after an action.
absl::Status ParseFlags(Scanner& scanner, CommandLine& line,
                        std::vector<absl::string_view>* plain) {
  for (int flag; (flag = scanner.Next()) != Scanner::kEnd;) {
    if (flag == Scanner::kWord) {
      plain->push_back(optarg);
      continue;
    }
    const Action action = ActionOf(flag, scanner.word());
    if (action != Action::kRun) return ParseAfterAction(action, scanner, line);
    if (flag == ':') return UsageError(absl::StrCat("flag ", scanner.word(), " needs a value"));
    const auto setter = Setters().find(static_cast<Flag>(flag));
    if (setter == Setters().end()) return UnknownFlag(scanner.word(), flag == 'h' ? flag : optopt);
    MPAIO_RETURN_IF_ERROR(setter->second(optarg, line));
  }
  const std::vector<absl::string_view> rest = scanner.Rest();
  plain->insert(plain->end(), rest.begin(), rest.end());
  return absl::OkStatus();
}

absl::Status CheckCombinations(const CommandLine& line) {
  if (!line.files.replay.empty() && line.schedule != ScheduleKind::kAuto)
    return UsageError("--replay has its own schedule: leave --schedule out");
  if (line.resumes && line.files.journal.empty())
    return UsageError("--resume needs a journal: give --journal=FILE, too");
  if (line.chunk_deadline != absl::InfiniteDuration() && line.isolate == Isolate::kNever) {
    return UsageError(
        "--chunk_deadline ends the process that a chunk runs in, and there is none with "
        "--isolate=never: leave one of them out");
  }
  return absl::OkStatus();
}

absl::Status ParseDoctor(const std::vector<absl::string_view>& plain, CommandLine& line) {
  line.action = Action::kDoctor;
  for (std::size_t i = 1; i < plain.size(); ++i) line.doctor_inputs.emplace_back(plain[i]);
  if (std::find(plain.begin(), plain.end(), "+") == plain.end()) return absl::OkStatus();
  return UsageError("doctor takes inputs, one after the other: leave the '+' out");
}

absl::Status ParseJobs(const std::vector<absl::string_view>& plain, CommandLine& line) {
  std::vector<absl::string_view> words;
  for (std::size_t i = 0; i <= plain.size(); ++i) {
    const bool ends_job = i == plain.size() || plain[i] == "+";
    if (!ends_job) {
      words.push_back(plain[i]);
      continue;
    }
    MPAIO_ASSIGN_OR_RETURN(JobSpec job, ParseJob(words));
    line.jobs.push_back(std::move(job));
    words.clear();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::vector<absl::string_view> plain;
  Scanner scanner(argc, argv);
  MPAIO_RETURN_IF_ERROR(ParseFlags(scanner, line, &plain));
  if (line.action != Action::kRun) return line;
  MPAIO_RETURN_IF_ERROR(CheckCombinations(line));
  if (plain.empty()) return UsageError("nothing to do: give WORKER INPUT");
  MPAIO_RETURN_IF_ERROR(plain.front() == kDoctorWord ? ParseDoctor(plain, line)
                                                     : ParseJobs(plain, line));
  return line;
}

}  // namespace mpaio
