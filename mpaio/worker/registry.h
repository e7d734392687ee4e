// Workers by name: what `orchestrator WORKER INPUT` finds.
//
// A worker target (the macro mpaio_worker) registers itself under the target's name: its .cc ends in
//
//   MPAIO_REGISTER_WORKER({
//       .summary = "adds up the elements",
//       .accepts = {mpaio::AcceptedType::Of<std::int64_t>()},
//       .make = [](mpaio::JobContext& context) -> absl::StatusOr<mpaio::Job> { ... },
//   });
//
// and every program that links the target has the worker.
#ifndef MPAIO_WORKER_REGISTRY_H_
#define MPAIO_WORKER_REGISTRY_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/window/output_array.h"
#include "mpaio/worker/parameters.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// A type of element that a worker reads.
struct AcceptedType {
  std::string description;
  bool (*accepts)(const DType&);

  template <typename Element>
  static AcceptedType Of() {
    return {ElementTraits<Element>::Describe(), &ElementTraits<Element>::Accepts};
  }
};

// The type and shape of the array that a job writes.
struct OutputSpec {
  DType dtype;
  std::vector<Index> shape;
};

// What a job is made from, on every rank.
struct JobContext {
  DataIterator chunks;
  const Parameters& parameters;
  // Zeros, of the type and shape that WorkerInfo::output says; empty where that is null. To be moved into the worker.
  OutputArray output;
};

// A worker made for one job.
struct Job {
  std::unique_ptr<WorkerBase> worker;
  // On rank 0, after all chunks have been delivered: the answer. May fail where the answer cannot be stated (a sum over 64 bits).
  std::function<absl::StatusOr<nlohmann::ordered_json>()> result;
  // On rank 0, after the run: the array to save. Null where the job writes none.
  std::function<const NdView&()> output;
};

// Every member has an initialiser, so that those that a worker has no use for can be left out without a warning.
struct WorkerInfo {
  // One line for --list.
  std::string summary = {};
  std::vector<AcceptedType> accepts = {};
  std::vector<ParameterInfo> parameters = {};
  // Not null: the job writes an array, of this type and shape. Called on every rank.
  std::function<absl::StatusOr<OutputSpec>(const NdView& input, const Parameters& parameters)> output = {};
  // Called on every rank, with a context of the same values.
  std::function<absl::StatusOr<Job>(JobContext& context)> make = {};

  // Errors: InvalidArgument, naming `dtype` and what is accepted.
  absl::Status CheckAccepts(const DType& dtype) const;
};

// For MPAIO_REGISTER_WORKER. Ends the program if two workers have one name, which is a mistake in a BUILD file.
bool RegisterWorker(absl::string_view name, WorkerInfo info);

// The worker of that name, or nullptr.
const WorkerInfo* FindWorker(absl::string_view name);

// All names, sorted.
std::vector<std::string> RegisteredWorkers();

// For a name that is not there: a line that says so and names the nearest ones.
absl::Status UnknownWorker(absl::string_view name);

}  // namespace mpaio

// Once in a worker's .cc, at namespace scope. MPAIO_WORKER_NAME is defined by the macro mpaio_worker.
#define MPAIO_REGISTER_WORKER(...) \
  [[maybe_unused]] static const bool mpaio_is_registered = ::mpaio::RegisterWorker(MPAIO_WORKER_NAME, ::mpaio::WorkerInfo __VA_ARGS__)

#endif  // MPAIO_WORKER_REGISTRY_H_
