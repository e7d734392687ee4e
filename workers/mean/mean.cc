// SPDX-License-Identifier: Apache-2.0

// mean: the arithmetic mean.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/sums.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the arithmetic mean of the elements",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType(), TimedeltaType()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      if (IsTimedelta(context.chunks.dtype()))
        return MakeReduction<MeanOfTimedeltas>(context, context.chunks.dtype());
      return MakeReductionFor<MeanOfInts, MeanOfUints, MeanOfFloats, MeanOfComplex,
                              MeanOfLongDoubles>(context, MeanType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
