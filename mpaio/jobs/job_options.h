// SPDX-License-Identifier: Apache-2.0

// The options of a JobRun.
#ifndef MPAIO_JOBS_JOB_OPTIONS_H_
#define MPAIO_JOBS_JOB_OPTIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/jobs/run_extension.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// Selects the jobs whose chunks run in separate processes. kAuto: as each worker's build target
// says. Ignored where the pool's ranks are threads, which cannot fork (Executor::can_isolate).
enum class Isolate { kAuto, kAlways, kNever };

// Every rank passes the same options, but for `extensions`, which only rank 0 needs.
struct JobOptions {
  // How the input of each job is divided into chunks.
  Partition partition = Partition::Auto();
  // Where inputs that are files are loaded.
  Source source = Source::kAuto;
  Isolate isolate = Isolate::kAuto;
  // See RunOptions for these four. With a deadline, which pools of threads refuse, all jobs are
  // isolated.
  int retries = 3;
  absl::Duration chunk_deadline = absl::InfiniteDuration();
  bool fail_fast = false;
  bool speculates = true;
  // The file of the journal; empty: none. With `resumes`, chunks that the journal contains are not
  // processed again. All inputs must be files.
  std::string journal_file;
  bool resumes = false;
  // Returns why the run was cancelled, for its message: "stopped by signal 2 (SIGINT)". Called on
  // rank 0 after a cancelled run. Null: "cancelled".
  std::function<std::string()> cancel_reason = nullptr;
  // Called in order; they must outlive the JobRun.
  std::vector<RunExtension*> extensions;
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_JOB_OPTIONS_H_
