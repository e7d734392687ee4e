// SPDX-License-Identifier: Apache-2.0

// The passes of unique for an array of many values: sorted runs, the lengths of the parts of the
// merged runs, and the parts.
#ifndef MPAIO_WORKERS_UNIQUE_MERGE_MANY_VALUES_H_
#define MPAIO_WORKERS_UNIQUE_MERGE_MANY_VALUES_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/worker/worker.h"
#include "workers/unique/unique_state.h"

namespace mpaio {

// Reserves the memory of the passes after the first, which is possible only before any rank has
// died. Sets may_be_many. Collective.
absl::Status PrepareForManyValues(JobContext& context, UniqueState& state);

// Encodes the findings of a pass that the other ranks need for the next; nothing after the last
// pass. Called on rank 0.
absl::StatusOr<std::optional<NextPass>> PlanNextPass(UniqueState& state);

// Returns the worker of the next pass, and makes it the current one. `plan` is that of
// PlanNextPass. Collective.
absl::StatusOr<std::unique_ptr<WorkerBase>> BeginNextPass(
    const std::shared_ptr<UniqueState>& state,
    const decltype(JobContext::create_output)& create_output, absl::string_view plan);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_UNIQUE_MERGE_MANY_VALUES_H_
