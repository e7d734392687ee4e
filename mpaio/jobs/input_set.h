// SPDX-License-Identifier: Apache-2.0

// The inputs of several jobs, by name: files that are loaded once, however many jobs read them, and
// arrays that the caller already has in memory.
#ifndef MPAIO_JOBS_INPUT_SET_H_
#define MPAIO_JOBS_INPUT_SET_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/format/array_file.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// How inputs are loaded.
struct LoadPolicy {
  // As requested by the user.
  Source source = Source::kAuto;
  // The time to read a chunk's data must not count against a deadline of the chunk, so with one
  // nothing is loaded on demand.
  bool has_chunk_deadline = false;
  // Inputs that must not change during the run (WorkerInfo::needs_constant_input): they are copied,
  // unless `source` is kMap.
  std::set<std::string> constant_inputs;

  // Returns the source of the input `name`.
  Source SourceOf(const std::string& name) const;
};

// Every rank makes the same calls, with the same names. The executor must outlive the set, and the
// set all views. Not thread-safe.
class InputSet {
 public:
  explicit InputSet(Executor& executor) : executor_(executor) {}

  // Adds an array that the caller owns, and keeps constant, as long as the set is used. Each rank
  // passes its own view of the same array: memory that the ranks of a node share
  // (SharedArray::Create), or in a thread pool any memory. The name takes precedence over a file of
  // the same name. Errors: InvalidArgument if the name is empty or taken.
  absl::Status AddArray(const std::string& name, const NdView& array);
  bool is_in_memory(const std::string& name) const { return in_memory_.count(name) != 0; }
  bool AnyInMemory(const std::vector<std::string>& names) const;

  // Collective. Reads the headers of the files among `names` that are not open yet. Errors: those
  // of SharedArray::Open, the same on every rank.
  absl::Status Open(const std::vector<std::string>& names);

  // Returns the type and shape of an open input, without data. Errors: NotFound if there is no such
  // input; InvalidArgument if the array is too large for this machine.
  absl::StatusOr<NdView> Header(const std::string& name) const;

  // Collective. Loads all open files. Errors: those of SharedArray::Load, the same on every rank.
  absl::Status Load(const LoadPolicy& policy);

  // After Load: the input as this rank sees it. Precondition: the input exists.
  const NdView& view(const std::string& name) const;
  // After Load: the sizes of all inputs; of those that were copied to shared memory; and of those
  // that are mapped from their files.
  Index size_bytes() const;
  Index copied_bytes() const;
  Index mapped_bytes() const;

  // Returns why some elements that chunks have read were not available; OK if there are none.
  // Cheap; not collective.
  absl::Status ReadFailure() const;

  // Collective, after the inputs have been read; with `is_broken`, when the ranks can no longer
  // communicate, on this rank alone. Records the inputs that have changed, for ChangeOf. Returns
  // OK, or the error of the first of them: DataLoss. `has_changed` tells whether results so far may
  // come from different versions of an input, so that none of them should be kept.
  absl::Status CheckUnchanged(bool is_broken, bool* has_changed);
  // Returns the error of the first of `names` that has changed, or nullptr.
  const absl::Status* ChangeOf(const std::vector<std::string>& names) const;

 private:
  Executor& executor_;
  std::map<std::string, NdView> in_memory_;
  std::map<std::string, ArrayFile> files_;  // until Load
  std::map<std::string, SharedArray> arrays_;
  std::map<std::string, absl::Status> changes_;
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_INPUT_SET_H_
