// SPDX-License-Identifier: Apache-2.0

// nanmin: the smallest element that is not NaN or NaT; if there is none, NaN or NaT.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/extremes.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the smallest element that is not NaN",
    .accepts = {RealTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/true); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      if (IsTime(context.chunks.dtype()))
        return MakeReduction<NanExtremeOfTimes<false>>(context, context.chunks.dtype());
      return MakeReductionFor<ExtremeOfInts<false>, ExtremeOfUints<false>,
                              ExtremeOf<double, false, true>, void,
                              ExtremeOf<long double, false, true>>(context, context.chunks.dtype());
    },
});

}  // namespace
}  // namespace mpaio
