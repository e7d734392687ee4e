// SPDX-License-Identifier: Apache-2.0

// count_nonzero: the number of nonzero elements. NaN is nonzero.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/nonzero.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "how many elements are nonzero",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType(), TimeTypes()},
    .parameters = ReductionParameters(),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<CountNonzeroOf<std::int64_t>, CountNonzeroOf<std::uint64_t>,
                              CountNonzeroOf<double>, CountNonzeroOf<std::complex<double>>,
                              CountNonzeroOf<long double>>(context, DType::Of<std::int64_t>());
    },
});

}  // namespace
}  // namespace mpaio
