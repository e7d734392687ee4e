// SPDX-License-Identifier: Apache-2.0

// std: the standard deviation.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/variance.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the standard deviation of the elements",
    .accepts = {RealTypes(), ComplexTypes()},
    .parameters = ReductionParameters({DdofParameter()}),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<VarianceOf<std::int64_t, true>, VarianceOf<std::uint64_t, true>,
                              VarianceOf<double, true>, VarianceOf<std::complex<double>, true>>(
          context, RealMeanType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
