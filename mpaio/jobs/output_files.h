// SPDX-License-Identifier: Apache-2.0

// The output files of several jobs: those that workers write during the run, and those that rank 0
// writes from its memory afterwards. The files of a job get their names together, or none does.
#ifndef MPAIO_JOBS_OUTPUT_FILES_H_
#define MPAIO_JOBS_OUTPUT_FILES_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/window/output_array.h"

namespace mpaio {

// A job's outputs are named by their keys, as PlannedJob::Outputs gives them: "" is OUTPUT. The
// executor and the plan must outlive this. Not thread-safe.
class OutputFiles {
 public:
  // With `is_journaled`, rows that workers write outside of chunk results travel in the results
  // too, so that a journal contains them.
  OutputFiles(Executor& executor, const std::vector<PlannedJob>& plan, bool is_journaled)
      : executor_(executor), plan_(plan), is_journaled_(is_journaled) {}

  // On rank 0, before anything large is read: checks that a file of `size_bytes` can be put at
  // `path` when the run has ended. Errors: those of CheckWritable; InvalidArgument if it could only
  // be written in place, and is an input.
  absl::Status Check(const std::string& path, Index size_bytes) const;

  // Collective. Allocates an array of zeros in the shared memory of each node, with
  // PagePolicy::kNow (Allocate) or with pages on request (Reserve). Errors: those of OutputArray.
  absl::StatusOr<OutputArray> Allocate(DType dtype, std::vector<Index> shape);
  absl::StatusOr<OutputArray> Reserve(DType dtype, std::vector<Index> shape);
  // Collective. Creates the file of output `key` of job `j`, which workers write. Errors: those of
  // OutputArray::CreateInFile; FailedPrecondition if the job has no such output.
  absl::StatusOr<OutputArray> CreateInFile(std::size_t j, const std::string& key, DType dtype,
                                           std::vector<Index> shape);

  // On rank 0. True if workers have written the output to its file.
  bool is_in_file(std::size_t j, const std::string& key) const {
    return in_files_.count({j, key}) != 0;
  }
  // On rank 0: keeps an array, to be saved or given to the caller.
  void Keep(std::size_t j, const std::string& key, AnswerArray array);
  // On rank 0: the array that was kept for the output, or nullptr.
  const AnswerArray* Kept(std::size_t j, const std::string& key) const;
  // On rank 0: the output as an array in memory. Precondition: it is not in its file, and was kept
  // or is what `job` writes (Job::output).
  NdView View(std::size_t j, const std::string& key, const Job& job) const;

  // On rank 0: saves all outputs of the job, each complete before the first one gets its name, so
  // that they appear together. If one cannot be written, all are kept in other files, which the
  // message names. Errors: those of NpyFile.
  absl::Status Save(std::size_t j, const Job& job);

 private:
  using Key = std::pair<std::size_t, std::string>;

  absl::StatusOr<OutputArray> Journaled(absl::StatusOr<OutputArray> array) const;
  // Returns a complete file that does not have its name yet.
  absl::StatusOr<std::shared_ptr<NpyFile>> Written(std::size_t j, const std::string& key,
                                                   const std::string& path, const Job& job) const;

  Executor& executor_;
  const std::vector<PlannedJob>& plan_;
  bool is_journaled_;
  std::map<Key, std::shared_ptr<NpyFile>> in_files_;
  std::map<Key, AnswerArray> kept_;
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_OUTPUT_FILES_H_
