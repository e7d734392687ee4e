// SPDX-License-Identifier: Apache-2.0

// Parses the command line of an orchestrator program:
//
//   orchestrator [flags] JOB [+ JOB ...]
//   orchestrator [flags] doctor [INPUT ...]
//
// where JOB is WORKER INPUT [OUTPUT] [key=value ...].
#ifndef MPAIO_CLI_COMMAND_LINE_H_
#define MPAIO_CLI_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/host/huge_pages.h"
#include "mpaio/jobs/file_checks.h"
#include "mpaio/jobs/job_options.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/telemetry/progress.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// The action that the command line requests.
enum class Action { kRun, kHelp, kVersion, kList, kDoctor };
enum class OutputFormat { kText, kJson };
struct CommandLine {
  Action action = Action::kRun;
  Partition partition = Partition::Auto();
  OutputFormat format = OutputFormat::kText;
  ProgressMode progress = ProgressMode::kAuto;
  // Files of the run, each empty unless it is requested. Without `files.results`, results go to the
  // standard output.
  RunFiles files;
  Source source = Source::kAuto;
  HugePages huge_pages = HugePages::kAuto;
  bool binds_ranks = true;
  ScheduleKind schedule = ScheduleKind::kAuto;
  Isolate isolate = Isolate::kAuto;
  int retries = 3;
  absl::Duration chunk_deadline = absl::InfiniteDuration();
  bool fail_fast = false;
  bool speculates = true;
  bool resumes = false;
  bool report = false;
  bool preflight = true;
  std::vector<JobSpec> jobs;
  std::vector<std::string> doctor_inputs;
};

// Parses argv[1..argc). A word after INPUT that begins like `key=` is taken as a parameter;
// PlanJobs, which knows the workers' keys, may take it as the output instead. Errors:
// InvalidArgument, one line that says what is wrong and what is accepted.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace mpaio

#endif  // MPAIO_CLI_COMMAND_LINE_H_
