// SPDX-License-Identifier: Apache-2.0

// max: the largest element. If any element is NaN or NaT, the answer is too, as in numpy.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/extremes.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the largest element",
    .accepts = {RealTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/true); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<ExtremeOfInts<true>, ExtremeOfUints<true>, ExtremeOfFloats<true>,
                              void, ExtremeOf<long double, true, false>>(context,
                                                                         context.chunks.dtype());
    },
});

}  // namespace
}  // namespace mpaio
