// SPDX-License-Identifier: Apache-2.0

// norm: the norm of the elements as one vector, or of the vectors along an axis, as
// numpy.linalg.norm computes it.
#include <complex>
#include <cstdint>

#include "absl/strings/match.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/norms.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary = "the norm of the elements, or of the vectors along an axis",
    .accepts = {RealTypes(), ComplexTypes()},
    .parameters = ReductionParameters({ParameterInfo::Choice(
        "ord", "which norm: 2 is the Euclidean one", {"2", "1", "inf", "-inf", "0"})}),
    .check =
        [](const JobInputs& inputs) {
          return CheckReduction(inputs, absl::StrContains(inputs.parameters.Text("ord"), "inf"));
        },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeReductionFor<NormOf<std::int64_t>, NormOf<std::uint64_t>, NormOf<double>,
                              NormOf<std::complex<double>>>(context,
                                                            RealMeanType(context.chunks.dtype()));
    },
});

}  // namespace
}  // namespace mpaio
