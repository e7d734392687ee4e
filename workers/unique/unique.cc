// SPDX-License-Identifier: Apache-2.0

// unique: the distinct values, sorted, with their counts.
//
// If there are few values, one pass suffices: each chunk's values are sent to rank 0, which merges
// them. If there are many, chunks report that, and three more passes follow, whose chunks do not
// depend on the number of ranks. First, each range of the array is reduced by one rank to a sorted
// run of distinct values with their counts, in memory that the ranks share. Then the values of each
// part of the merged runs are counted, each part by one rank. When the lengths of all parts are
// known, each part is merged and written to its position in the output files. Rank 0 itself
// receives only lengths, unless the result is printed.
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"
#include "workers/order/element_order.h"
#include "workers/unique/find_few_values.h"
#include "workers/unique/merge_many_values.h"
#include "workers/unique/unique_state.h"

namespace mpaio {
namespace {

// Returns the values that rank 0 has: all of them if they are few or gathered, otherwise none.
AnswerArray ValuesOf(UniqueState& state) {
  const std::string& values =
      state.pass == UniquePass::kFew ? state.few.Total().values : state.gathered_values;
  const Index count = state.dtype().itemsize_bytes() == 0
                          ? static_cast<Index>(state.few.Total().counts.size())
                          : static_cast<Index>(values.size()) / state.dtype().itemsize_bytes();
  AnswerArray array(state.dtype(), {count});
  if (!values.empty()) std::memcpy(array.mutable_data(), values.data(), values.size());
  return array;
}

const std::vector<Index>& CountsOf(UniqueState& state) {
  return state.pass == UniquePass::kFew ? state.few.Total().counts : state.gathered_counts;
}

Answer SummaryOf(UniqueState& state) {
  const Index distinct = state.pass == UniquePass::kFew
                             ? static_cast<Index>(CountsOf(state).size())
                             : state.part_begins.back() + state.part_lengths.back();
  return {{"dtype", state.dtype().ToString()},
          {"shape", std::vector<Index>{distinct}},
          {"distinct", distinct}};
}

absl::StatusOr<Job> Make(JobContext& context) {
  auto state = std::make_shared<UniqueState>(context.chunks.array());
  state->values_to.saves = context.saves_answer;
  state->counts_to.saves = !context.parameters.Text("counts").empty();
  MPAIO_RETURN_IF_ERROR(PrepareForManyValues(context, *state));
  Job job;
  job.worker = FindFewValues(std::move(context.chunks), state);
  if (state->may_be_many) {
    job.next_pass = [state] { return PlanNextPass(*state); };
    job.begin_pass = [state, create_output = context.create_output](absl::string_view plan) {
      return BeginNextPass(state, create_output, plan);
    };
  }
  job.result = [state]() -> absl::StatusOr<Answer> {
    return Answer{{"values", ValuesOf(*state)}, {"counts", CountsOf(*state)}};
  };
  job.array = [state]() -> absl::StatusOr<AnswerArray> { return ValuesOf(*state); };
  job.extra_outputs["counts"] = [state]() -> absl::StatusOr<AnswerArray> {
    return AnswerArray::Of<Index>(CountsOf(*state));
  };
  job.summary = [state]() -> absl::StatusOr<Answer> { return SummaryOf(*state); };
  return job;
}

MPAIO_REGISTER_WORKER({
    .summary = "the distinct values, sorted, and how often each occurs; all NaNs are one value",
    .accepts = {AcceptsOrdered()},
    .parameters = {ParameterInfo::Output("counts", "the file to save the counts to, as int64")},
    .answers_with_array = true,
    .make = Make,
});

}  // namespace
}  // namespace mpaio
