// SPDX-License-Identifier: Apache-2.0
#include "workers/order/sort_job.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/reduction/geometry.h"
#include "workers/order/axis.h"
#include "workers/order/element_order.h"
#include "workers/order/many_lane_sort.h"
#include "workers/order/run_merge_sort.h"
#include "workers/order/sort_state.h"

namespace mpaio {
namespace {

absl::StatusOr<LaneGeometry> LanesOf(const JobInputs& inputs) {
  MPAIO_ASSIGN_OR_RETURN(const std::optional<Index> axis,
                         ParseAxis(inputs.parameters.Text("axis")));
  return LaneGeometry::Of(inputs.array.shape(), axis, /*keepdims=*/false);
}

absl::StatusOr<Job> MakeSort(JobContext& context, SortResult result) {
  MPAIO_ASSIGN_OR_RETURN(LaneGeometry lanes, LanesOf(context.inputs()));
  auto state = std::make_shared<SortState>();
  state->input = context.chunks.array();
  state->result = result;
  state->output = std::move(context.output);
  Job job;
  job.output = [state]() -> const NdView& { return state->output.view(); };
  // An array without elements may have too many lanes to iterate over: it is sorted as one empty
  // lane.
  if (state->output.view().num_dimensions() == 1 || state->input.num_elements() == 0) {
    MPAIO_RETURN_IF_ERROR(SortOneLane(context, state, &job));
  } else if (lanes.outer == 1 && lanes.inner == state->input.row_elements() &&
             lanes.length == state->input.num_rows()) {
    MPAIO_RETURN_IF_ERROR(SortAlongFirstAxis(context, lanes, state, &job));
  } else {
    job.worker = SortWithinRows(std::move(context.chunks), std::move(lanes), state);
  }
  return job;
}

}  // namespace

WorkerInfo SortWorkerInfo(SortResult result) {
  return {
      .summary = result == SortResult::kValues
                     ? "sorts along an axis, stable, NaN last"
                     : "positions that would sort along an axis, stable, NaN last",
      .accepts = {AcceptsOrdered()},
      .parameters = {ParameterInfo::Text(
          "axis", "the axis to sort along, or none: all elements as one lane", "-1")},
      .check = [](const JobInputs& inputs) { return LanesOf(inputs).status(); },
      .output = [result](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
        const bool is_flat = inputs.parameters.Text("axis") == "none";
        return OutputSpec{
            result == SortResult::kValues ? inputs.array.dtype() : DType::Of<Index>(),
            is_flat ? std::vector<Index>{inputs.array.num_elements()} : inputs.array.shape()};
      },
      .needs_constant_input = true,
      .make = [result](JobContext& context) { return MakeSort(context, result); },
  };
}

}  // namespace mpaio
