// SPDX-License-Identifier: Apache-2.0

// nanmax: the largest element that is not NaN or NaT; if there is none, NaN or NaT.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/extremes.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the largest element that is not NaN",
    .accepts = {RealTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/true); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      if (IsTime(context.chunks.dtype()))
        return MakeReduction<NanExtremeOfTimes<true>>(context, context.chunks.dtype());
      return MakeReductionFor<ExtremeOfInts<true>, ExtremeOfUints<true>,
                              ExtremeOf<double, true, true>, void,
                              ExtremeOf<long double, true, true>>(context, context.chunks.dtype());
    },
});

}  // namespace
}  // namespace mpaio
