// SPDX-License-Identifier: Apache-2.0

// isnan: which elements are NaN or NaT.
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/elements.h"
#include "mpaio/kernel/number_type.h"
#include "workers/elementwise/elementwise.h"
#include "workers/elementwise/row_writer.h"

namespace mpaio {
namespace {

Elementwise Plan(const JobInputs& inputs) { return {"", "isnan(x)", {{"x", inputs.array}}}; }

// Includes types that expressions do not support.
std::vector<AcceptedType> Accepted() {
  std::vector<AcceptedType> types = AcceptedNumbers();
  for (AcceptedType type :
       {AcceptedType::Of<long double>(), AcceptedType::Of<std::complex<float>>(),
        AcceptedType::Of<std::complex<double>>(), AcceptedType::Of<Datetime64>(),
        AcceptedType::Of<Timedelta64>()}) {
    types.push_back(std::move(type));
  }
  return types;
}

bool IsNaN(long double x) { return std::isnan(x); }
template <typename Real>
bool IsNaN(const std::complex<Real>& x) {
  return std::isnan(x.real()) || std::isnan(x.imag());
}
bool IsNaN(Datetime64 x) { return x.is_nat(); }

template <typename T>
absl::Status WriteWhether(const ChunkView<RawElement>& chunk, std::byte* rows) {
  const RawElements elements = chunk.elements();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    T element;
    std::memcpy(&element, elements[i].data(), sizeof(T));
    rows[i] = static_cast<std::byte>(IsNaN(element));
  }
  return absl::OkStatus();
}

absl::StatusOr<Job> Make(JobContext& context) {
  const DType& dtype = context.chunks.dtype();
  if (NumberTypeOf(dtype).has_value()) return MakeElementwiseJob(context, Plan(context.inputs()));
  if (dtype == DType::Of<long double>())
    return MakeRowWriterJob<RawElement>(context, WriteWhether<long double>);
  if (dtype == DType::Of<std::complex<float>>())
    return MakeRowWriterJob<RawElement>(context, WriteWhether<std::complex<float>>);
  if (dtype == DType::Of<std::complex<double>>())
    return MakeRowWriterJob<RawElement>(context, WriteWhether<std::complex<double>>);
  return MakeRowWriterJob<RawElement>(context, WriteWhether<Datetime64>);
}

MPAIO_REGISTER_WORKER({
    .summary = "writes for each element whether it is NaN, or NaT",
    .accepts = Accepted(),
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      return OutputSpec{DType::Of<Bool>(), inputs.array.shape()};
    },
    .streams_output = true,
    .make = Make,
});

}  // namespace
}  // namespace mpaio
