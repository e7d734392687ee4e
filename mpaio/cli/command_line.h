// SPDX-License-Identifier: Apache-2.0

// The command line of an orchestrator program, read.
//
//   orchestrator [flags] WORKER INPUT [OUTPUT] [key=value ...] [+ WORKER INPUT [OUTPUT] [key=value
//   ...]] ...
//   orchestrator [flags] doctor [INPUT ...]
#ifndef MPAIO_CLI_COMMAND_LINE_H_
#define MPAIO_CLI_COMMAND_LINE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/executor/huge_pages.h"
#include "mpaio/telemetry/progress.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// What a run of the program is for.
enum class Action { kRun, kHelp, kVersion, kList, kDoctor };
enum class OutputFormat { kText, kJson };
// Which jobs' chunks are processed in processes of their own; auto: as each worker's target says.
enum class Isolate { kAuto, kAlways, kNever };

// One job as it was written. Whether the worker exists and takes these is not looked at here.
struct JobSpec {
  std::string worker;
  std::string input;
  std::string output;  // empty: none given
  std::vector<std::pair<std::string, std::string>> parameters;
};

struct CommandLine {
  Action action = Action::kRun;
  Partition partition = Partition::Auto();
  OutputFormat format = OutputFormat::kText;
  ProgressMode progress = ProgressMode::kAuto;
  std::string results_file;    // empty: the standard output
  std::string cpu_usage_file;  // empty: not asked for
  Source source = Source::kAuto;
  HugePages huge_pages = HugePages::kAuto;
  bool binds_ranks = true;
  ScheduleKind schedule = ScheduleKind::kAuto;
  std::string record_file;  // empty: not asked for
  std::string replay_file;  // likewise
  Isolate isolate = Isolate::kAuto;
  int retries = 3;
  absl::Duration chunk_deadline = absl::InfiniteDuration();
  bool fail_fast = false;
  bool speculates = true;
  std::string journal_file;  // empty: not asked for
  bool resumes = false;
  bool report = false;
  bool preflight = true;
  std::vector<JobSpec> jobs;
  std::vector<std::string> doctor_inputs;
};

// Reads argv[1..argc). A word behind INPUT that begins like `key=` is put among the parameters;
// PlanJobs, which knows the keys, may take it for the output. Errors: InvalidArgument, one line
// that says what is wrong and what would do.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

// The text of --help.
std::string HelpText();

}  // namespace mpaio

#endif  // MPAIO_CLI_COMMAND_LINE_H_
