// SPDX-License-Identifier: Apache-2.0

// any: true if any element is nonzero. NaN is nonzero.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/nonzero.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "whether any element is nonzero",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<AnyOf<std::int64_t>, AnyOf<std::uint64_t>, AnyOf<double>,
                              AnyOf<std::complex<double>>, AnyOf<long double>>(context,
                                                                               DType::Of<bool>());
    },
});

}  // namespace
}  // namespace mpaio
