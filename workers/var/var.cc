// SPDX-License-Identifier: Apache-2.0

// var: the variance.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/variance.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the variance of the elements",
    .accepts = {RealTypes(), ComplexTypes()},
    .parameters = ReductionParameters({DdofParameter()}),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<VarianceOf<std::int64_t, false>, VarianceOf<std::uint64_t, false>,
                              VarianceOf<double, false>, VarianceOf<std::complex<double>, false>>(
          context, RealMeanType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
