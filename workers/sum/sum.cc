// SPDX-License-Identifier: Apache-2.0

// sum: the sum of all elements. Integers are summed exactly, and it is an error if the sum does not
// fit in 64 bits; floating-point numbers over a fixed tree, so that the answer is the same to the
// bit however the array is divided.
#include <complex>
#include <cstdint>

#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/sums.h"
#include "mpaio/worker/registry.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "adds up the elements; integers exactly, floating point the same to the bit however "
               "it is run",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType(), TimedeltaType()},
    .parameters = ReductionParameters({ParameterInfo::Choice(
        "overflow", "of integers: an error, or numpy's remainder of 2^64", {"error", "wrap"})}),
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
