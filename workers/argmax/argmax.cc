// SPDX-License-Identifier: Apache-2.0

// argmax: the index of the first largest element, or of the first NaN or NaT.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/extremes.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the index of the first largest element",
    .accepts = {RealTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/true); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<ArgExtremeOf<std::int64_t, true>, ArgExtremeOf<std::uint64_t, true>,
                              ArgExtremeOf<double, true>, void, ArgExtremeOf<long double, true>>(
          context, DType::Of<std::int64_t>());
    },
});

}  // namespace
}  // namespace mpaio
