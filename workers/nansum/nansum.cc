// SPDX-License-Identifier: Apache-2.0

// nansum: the sum of the elements that are not NaN.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/sums.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "adds up the elements that are not NaN",
    .accepts = {RealTypes()},
    .parameters = ReductionParameters({OverflowParameter()}),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<SumOfInts, SumOfUints, NansumOfFloats>(
          context, SumType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
