// SPDX-License-Identifier: Apache-2.0
#include "mpaio/reduction/reduction_worker.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/float16.h"
#include "mpaio/kernel/wide.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;

// Up to this many lanes, a chunk is a part of all lanes: chunks of whole lanes would be too few for
// many ranks, and each contiguous read would be too short. With more lanes, the result of such a
// chunk would be too long.
constexpr Index kFewLanes = 64;

absl::StatusOr<LaneGeometry> GeometryOf(const NdView& array, const Parameters& parameters) {
  return LaneGeometry::Of(array.shape(), parameters.OptionalInteger("axis"),
                          parameters.Flag("keepdims"));
}

// Returns a view of the array's bytes as `rows` rows, for a DataIterator.
absl::StatusOr<NdView> AsRows(const NdView& array, Index rows) {
  const Index row_bytes =
      rows == 0 ? 0 : std::min(array.size_bytes() / rows, DType::kMaxItemsizeBytes);
  MPAIO_ASSIGN_OR_RETURN(DType dtype, DType::Parse(absl::StrCat("V", row_bytes)));
  return NdView::Create(array.data(), std::move(dtype), {rows});
}

template <typename T>
void StoreAs(double value, std::byte* to) {
  const T narrow = static_cast<T>(value);
  // The padding of a long double stays zero.
  constexpr bool kIsExtended =
      std::is_same_v<T, long double> && std::numeric_limits<long double>::digits == 64;
  std::memcpy(to, &narrow, kIsExtended ? 10 : sizeof(narrow));
}

bool IsFloat(const DType& dtype) { return WideKindOf(dtype) == WideKind::kFloat; }
bool IsReal(const DType& dtype) {
  const WideKind kind = WideKindOf(dtype);
  return kind == WideKind::kUint || kind == WideKind::kFloat ||
         (kind == WideKind::kInt && !IsTime(dtype));
}
bool IsComplex(const DType& dtype) { return WideKindOf(dtype) == WideKind::kComplex; }
bool IsLongDouble(const DType& dtype) { return WideKindOf(dtype) == WideKind::kLongDouble; }

}  // namespace

bool IsTimedelta(const DType& dtype) { return dtype.kind() == Kind::kTimedelta; }
bool IsTime(const DType& dtype) { return dtype.kind() == Kind::kDatetime || IsTimedelta(dtype); }

absl::StatusOr<ReductionPlan> PlanReduction(JobContext& context) {
  const NdView array = context.chunks.array();
  MPAIO_ASSIGN_OR_RETURN(LaneGeometry geometry, GeometryOf(array, context.parameters));
  if (!geometry.has_axis)
    return ReductionPlan{std::move(geometry), std::move(context.chunks), true,
                         array.row_elements()};
  const bool across = geometry.num_lanes() <= kFewLanes;
  MPAIO_ASSIGN_OR_RETURN(const NdView rows,
                         AsRows(array, across ? geometry.length : geometry.num_lanes()));
  // Neighbouring lanes share cache lines: chunks of fewer lanes would read the same lines again.
  MPAIO_ASSIGN_OR_RETURN(
      DataIterator chunks,
      context.divide_with(rows,
                          {.row_alignment = across ? 1 : std::min(kTileLanes, geometry.inner)}));
  return ReductionPlan{std::move(geometry), std::move(chunks), across, 1};
}

std::vector<ParameterInfo> ReductionParameters(std::vector<ParameterInfo> more) {
  more.push_back(ParameterInfo::OptionalInteger("axis", "the axis to reduce; none: all elements"));
  more.push_back(
      ParameterInfo::Flag("keepdims", "whether the reduced axes stay, with an extent of 1"));
  return more;
}

absl::Status CheckReduction(const JobInputs& inputs, bool needs_elements) {
  MPAIO_ASSIGN_OR_RETURN(const LaneGeometry geometry, GeometryOf(inputs.array, inputs.parameters));
  if (needs_elements && geometry.length == 0 && geometry.num_lanes() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an array of shape ", ShapeToString(inputs.array.shape()),
                     geometry.has_axis ? " has no elements along the axis" : " has no elements",
                     ", and this reduction needs at least one; give an array that has some"));
  }
  return absl::OkStatus();
}

AcceptedType RealTypes() {
  return {"bool, int8 to int64, uint8 to uint64, float16 to float64", &IsReal};
}
AcceptedType FloatTypes() { return {"float16 to float64", &IsFloat}; }
AcceptedType ComplexTypes() { return {"complex64, complex128", &IsComplex}; }
AcceptedType LongDoubleType() { return {"longdouble", &IsLongDouble}; }
AcceptedType TimeTypes() { return {"datetime64, timedelta64", &IsTime}; }
AcceptedType TimedeltaType() { return {"timedelta64", &IsTimedelta}; }

DType SumType(const DType& dtype) {
  if (dtype.kind() == Kind::kUint) return DType::Of<std::uint64_t>();
  return WideKindOf(dtype) == WideKind::kInt ? DType::Of<std::int64_t>() : dtype;
}

DType MeanType(const DType& dtype) {
  const WideKind kind = WideKindOf(dtype);
  return kind == WideKind::kInt || kind == WideKind::kUint ? DType::Of<double>() : dtype;
}

DType RealMeanType(const DType& dtype) {
  if (WideKindOf(dtype) != WideKind::kComplex) return MeanType(dtype);
  return dtype.itemsize_bytes() == 8 ? DType::Of<float>() : DType::Of<double>();
}

void StoreReal(double value, const DType& dtype, std::byte* to) {
  if (value != value) value = std::numeric_limits<double>::quiet_NaN();
  switch (dtype.itemsize_bytes()) {
    case 2:
      return StoreAs<Float16>(value, to);
    case 4:
      return StoreAs<float>(value, to);
    case 8:
      return StoreAs<double>(value, to);
    default:
      return StoreAs<long double>(value, to);
  }
}

}  // namespace mpaio
