// SPDX-License-Identifier: Apache-2.0

// prod: the product of all elements.
#include <complex>
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/products.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "multiplies the elements; integers exactly",
    .accepts = {RealTypes(), ComplexTypes(), LongDoubleType()},
    .parameters = ReductionParameters({OverflowParameter()}),
    .check =
        [](const JobInputs& inputs) { return CheckReduction(inputs, /*needs_elements=*/false); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<ProductOfIntegers<std::int64_t>, ProductOfIntegers<std::uint64_t>,
                              ProductOfFloats, ProductOf<std::complex<double>>,
                              ProductOf<long double>>(context, SumType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
