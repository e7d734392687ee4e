// SPDX-License-Identifier: Apache-2.0

// nansum: the sum of the elements that are not NaN.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/sums.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "adds up the elements that are not NaN",
    .accepts = {RealTypes()},
    .parameters = ReductionParameters({ParameterInfo::Choice(
        "overflow", "if an integer result is too large: an error, or modulo 2^64 as in numpy",
        {"error", "wrap"})}),
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
