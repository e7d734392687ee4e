// SPDX-License-Identifier: Apache-2.0

// count: how many elements equal a value.
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/float16.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {
namespace {

// Returns the code points of UTF-8 text. Surrogates are accepted, because elements may contain
// them. Errors: InvalidArgument if the text is not UTF-8.
absl::StatusOr<std::u32string> CodePoints(absl::string_view text) {
  std::u32string code_points;
  while (!text.empty()) {
    const char32_t code_point = TakeCodePoint(&text);
    if (code_point == kNoCodePoint)
      return absl::InvalidArgumentError("value= is not UTF-8; give the text in that encoding");
    code_points.push_back(code_point);
  }
  return code_points;
}

// The type that elements of type T are compared with. A target is an optional of it: no element
// equals a value that the type cannot hold.
template <typename T>
struct Target {
  using Type = T;
};
template <>
struct Target<Float16> {
  using Type = double;
};
template <typename Float>
struct Target<std::complex<Float>> {
  using Type = Float;
};
template <>
struct Target<ByteString> {
  using Type = std::string;
};
template <>
struct Target<UnicodeString> {
  using Type = std::u32string;
};
template <>
struct Target<Bool> {
  using Type = bool;
};

absl::Status NoNumber(const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat("value=", text, " is not a number, but the elements are; give a number"));
}

// Parses an integer exactly; a fraction equals no integer.
template <typename Int>
absl::StatusOr<std::optional<Int>> ParseInt(const std::string& text) {
  std::conditional_t<std::is_signed_v<Int>, std::int64_t, std::uint64_t> wide = 0;
  if (absl::SimpleAtoi(text, &wide)) {
    if (wide < std::numeric_limits<Int>::min() || wide > std::numeric_limits<Int>::max())
      return std::nullopt;
    return static_cast<Int>(wide);
  }
  double number = 0;
  if (!absl::SimpleAtod(text, &number)) return NoNumber(text);
  // The power of two above the type's largest number, which a double holds exactly.
  const double limit = std::ldexp(1.0, std::numeric_limits<Int>::digits);
  if (!(number < limit && number >= (std::is_signed_v<Int> ? -limit : 0.0)) ||
      number != std::floor(number))
    return std::nullopt;
  return static_cast<Int>(number);
}

// numpy compares in the type of the array: a value is rounded to it, unless it is beyond the type's
// largest number.
template <typename Float>
absl::StatusOr<std::optional<Float>> ParseFloat(const std::string& text, double largest) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number)) return NoNumber(text);
  if (std::isfinite(number) && std::abs(number) > largest) return std::nullopt;
  return static_cast<Float>(number);
}

template <typename T>
absl::StatusOr<std::optional<typename Target<T>::Type>> ParseTarget(const std::string& text) {
  constexpr double kLargestHalf = 65504;
  if constexpr (std::is_same_v<T, ByteString>) {
    return std::optional(text);
  } else if constexpr (std::is_same_v<T, UnicodeString>) {
    MPAIO_ASSIGN_OR_RETURN(std::u32string code_points, CodePoints(text));
    return std::optional(std::move(code_points));
  } else if constexpr (std::is_same_v<T, Bool>) {
    if (text == "true" || text == "True") return std::optional(true);
    if (text == "false" || text == "False") return std::optional(false);
    double number = 0;
    if (!absl::SimpleAtod(text, &number))
      return absl::InvalidArgumentError(
          absl::StrCat("value=", text, " is neither true nor false; give one of these"));
    if (number != 0 && number != 1) return std::nullopt;
    return std::optional(number == 1);
  } else if constexpr (std::is_same_v<T, Float16>) {
    MPAIO_ASSIGN_OR_RETURN(const std::optional<double> number,
                           ParseFloat<double>(text, kLargestHalf));
    if (!number.has_value()) return std::nullopt;
    return std::optional(static_cast<double>(Float16(*number)));
  } else if constexpr (std::is_integral_v<T>) {
    return ParseInt<T>(text);
  } else {
    using Float = typename Target<T>::Type;
    return ParseFloat<Float>(text, sizeof(Float) == 4 ? std::numeric_limits<float>::max()
                                                      : std::numeric_limits<double>::max());
  }
}

template <typename T>
class CountEqual final : public Worker<T, Index> {
 public:
  using TargetType = typename Target<T>::Type;
  CountEqual(DataIterator chunks, std::optional<TargetType> target)
      : Worker<T, Index>(std::move(chunks)), target_(std::move(target)) {}

  absl::StatusOr<Index> Process(const ChunkView<T>& chunk) const override {
    Index count = 0;
    if (!target_.has_value()) return count;
    const auto elements = chunk.elements();
    if constexpr (std::is_same_v<T, ByteString>) {
      const absl::string_view target = *target_;
      for (const absl::string_view element : elements) count += element == target;
    } else if constexpr (std::is_same_v<T, UnicodeString>) {
      const std::u32string_view target = *target_;
      for (const std::u32string_view element : elements) count += element == target;
    } else if constexpr (std::is_same_v<T, Bool>) {
      for (const Bool element : elements) count += static_cast<bool>(element) == *target_;
    } else if constexpr (std::is_same_v<T, Float16>) {
      for (const Float16 element : elements) count += static_cast<double>(element) == *target_;
    } else {
      const TargetType target = *target_;
      for (const T& element : elements) count += element == target;
    }
    return count;
  }

  absl::Status ProcessCallback(const Chunk&, Index count) override {
    total_ += count;
    return absl::OkStatus();
  }

  Index total() const { return total_; }

 private:
  std::optional<TargetType> target_;
  Index total_ = 0;
};

struct Checks {
  template <typename T>
  static absl::Status Do(const Parameters& parameters) {
    return ParseTarget<T>(parameters.Text("value")).status();
  }
};

struct Makes {
  template <typename T>
  static absl::StatusOr<Job> Do(JobContext& context) {
    MPAIO_ASSIGN_OR_RETURN(auto target, ParseTarget<T>(context.parameters.Text("value")));
    auto worker = std::make_unique<CountEqual<T>>(std::move(context.chunks), std::move(target));
    Job job;
    job.result = [count = worker.get()]() -> absl::StatusOr<Answer> { return count->total(); };
    job.worker = std::move(worker);
    return job;
  }
};

// Calls What::Do<T>(argument) for the type of the elements.
template <typename What, typename Argument>
auto ForType(const DType& dtype, Argument& argument)
    -> decltype(What::template Do<double>(argument)) {
  const bool is_signed = dtype.kind() == DType::Kind::kInt;
  const Index size_bytes = dtype.itemsize_bytes();
  switch (dtype.kind()) {
    case DType::Kind::kBool:
      return What::template Do<Bool>(argument);
    case DType::Kind::kString:
      return What::template Do<ByteString>(argument);
    case DType::Kind::kUnicode:
      return What::template Do<UnicodeString>(argument);
    case DType::Kind::kFloat:
      switch (size_bytes) {
        case 2:
          return What::template Do<Float16>(argument);
        case 4:
          return What::template Do<float>(argument);
        case 8:
          return What::template Do<double>(argument);
        default:
          return What::template Do<long double>(argument);
      }
    case DType::Kind::kComplex:
      return size_bytes == 8 ? What::template Do<std::complex<float>>(argument)
                             : What::template Do<std::complex<double>>(argument);
    default:
      switch (size_bytes) {
        case 1:
          return is_signed ? What::template Do<std::int8_t>(argument)
                           : What::template Do<std::uint8_t>(argument);
        case 2:
          return is_signed ? What::template Do<std::int16_t>(argument)
                           : What::template Do<std::uint16_t>(argument);
        case 4:
          return is_signed ? What::template Do<std::int32_t>(argument)
                           : What::template Do<std::uint32_t>(argument);
        default:
          return is_signed ? What::template Do<std::int64_t>(argument)
                           : What::template Do<std::uint64_t>(argument);
      }
  }
}

bool IsCounted(const DType& dtype) {
  switch (dtype.kind()) {
    case DType::Kind::kBool:
    case DType::Kind::kInt:
    case DType::Kind::kUint:
    case DType::Kind::kFloat:
    case DType::Kind::kString:
    case DType::Kind::kUnicode:
      return true;
    case DType::Kind::kComplex:
      return dtype.itemsize_bytes() <= 16;
    default:
      return false;
  }
}

MPAIO_REGISTER_WORKER({
    .summary = "how many elements equal a value",
    .accepts = {{"numbers, bool, str (U), bytes (S)", &IsCounted}},
    .parameters = {ParameterInfo::Text("value",
                                       "the value: a number, true or false, or text (UTF-8)", "")
                       .Required()},
    .check =
        [](const JobInputs& inputs) {
          return ForType<Checks>(inputs.array.dtype(), inputs.parameters);
        },
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      const DType dtype = context.chunks.dtype();
      return ForType<Makes>(dtype, context);
    },
});

}  // namespace
}  // namespace mpaio
