// SPDX-License-Identifier: Apache-2.0

// sum: the sum of all elements. Integers are summed exactly, and a sum that does not fit in 64 bits
// is an error unless overflow=wrap. Floating-point numbers are summed over a fixed tree, so that
// the answer has the same bits however the array is divided.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/sums.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary =
        "adds up the elements; integers exactly, floats with the same bits for every number of "
        "ranks",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType(), TimedeltaType()},
    .parameters = ReductionParameters({OverflowParameter()}),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      if (IsTimedelta(context.chunks.dtype()))
        return MakeReduction<SumOfTimedeltas>(context, context.chunks.dtype());
      return MakeReductionFor<SumOfInts, SumOfUints, SumOfFloats, SumOfComplex, SumOfLongDoubles>(
          context, SumType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
