// SPDX-License-Identifier: Apache-2.0

// clip: each element, raised to `min` or lowered to `max` if it is beyond that limit; as
// numpy.clip.
#include <optional>
#include <sstream>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/number_type.h"
#include "workers/elementwise/elementwise.h"

namespace mpaio {
namespace {

// `min` or `max`. It is kept as text, so that an integer of any size stays an integer and the type
// of the result is numpy's.
struct Limit {
  absl::string_view key;
  std::string given;  // as the user gave it
  std::string text;   // as an expression; "none": there is no limit
  // Set for an integer without a type of its own; clamped to the range of int128.
  std::optional<absl::int128> integer = {};

  bool is_given() const { return text != "none"; }
};

absl::StatusOr<Limit> ReadLimit(absl::string_view key, const Parameters& parameters) {
  Limit limit{key, parameters.Text(key), parameters.Text(key)};
  if (!limit.is_given()) return limit;
  limit.integer = Expression::IntegerLiteral(limit.text);
  if (limit.integer.has_value()) return limit;
  absl::string_view digits = limit.text;
  const bool is_negative = absl::ConsumePrefix(&digits, "-");
  if (!is_negative) absl::ConsumePrefix(&digits, "+");
  if (!digits.empty() && digits.front() != '0' &&
      digits.find_first_not_of("0123456789") == absl::string_view::npos) {
    // Integers in expressions have at most 64 bits, so a larger one is written as a float.
    absl::int128 integer = 0;
    if (!absl::SimpleAtoi(limit.text, &integer))
      integer = is_negative ? absl::Int128Min() : absl::Int128Max();
    limit.integer = integer;
    limit.text += ".0";
    return limit;
  }
  // The limit must be a number, not an expression over the elements.
  if (!Expression::Compile(limit.text, {}).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, "=", limit.text, ": the value must be a number"));
  }
  return limit;
}

// Applies numpy 2's rules for an integer limit that the elements' type cannot hold. A `min` below
// the type's range or a `max` above it has no effect and is removed. A `min` above the range or a
// `max` below it is an error, unless `other` is a number with a type of its own, which then
// determines the type of the result.
absl::Status FitToType(NumberType type, const Limit& other, Limit* limit) {
  if (IsFloat(type) || !limit->integer.has_value()) return absl::OkStatus();
  // A bool becomes an int64, for which every limit has an effect.
  const bool is_bool = IsBool(type);
  const NumberType integers = is_bool ? NumberType::kInt64 : type;
  const int bits = static_cast<int>(8 * SizeBytes(integers)) - (IsSigned(integers) ? 1 : 0);
  const absl::int128 highest = (absl::int128{1} << bits) - 1;
  const absl::int128 lowest = IsSigned(integers) ? -highest - 1 : absl::int128{0};
  const bool is_min = limit->key == "min";
  if (!is_bool && (is_min ? *limit->integer <= lowest : *limit->integer >= highest)) {
    limit->text = "none";
    return absl::OkStatus();
  }
  const bool is_below = *limit->integer < lowest;
  if ((!is_below && *limit->integer <= highest) || (other.is_given() && !other.integer.has_value()))
    return absl::OkStatus();
  std::ostringstream end;
  end << (is_below ? lowest : highest);
  return absl::InvalidArgumentError(absl::StrCat(
      limit->key, "=", limit->given, " is ", is_below ? "below " : "above ", end.str(), ", the ",
      is_below ? "least " : "greatest ", NumberTypeName(integers),
      "; give a number that fits the type, or convert the array first, with the worker astype"));
}

absl::StatusOr<Elementwise> Plan(const JobInputs& inputs) {
  MPAIO_ASSIGN_OR_RETURN(Limit min, ReadLimit("min", inputs.parameters));
  MPAIO_ASSIGN_OR_RETURN(Limit max, ReadLimit("max", inputs.parameters));
  if (!min.is_given() && !max.is_given())
    return absl::InvalidArgumentError("neither min= nor max= is given; give one of them, or both");
  const std::string parameter = absl::StrCat(min.is_given() ? absl::StrCat("min=", min.given) : "",
                                             min.is_given() && max.is_given() ? " and " : "",
                                             max.is_given() ? absl::StrCat("max=", max.given) : "");
  if (const std::optional<NumberType> type = NumberTypeOf(inputs.array.dtype())) {
    const Limit given_min = min;
    MPAIO_RETURN_IF_ERROR(FitToType(*type, max, &min));
    MPAIO_RETURN_IF_ERROR(FitToType(*type, given_min, &max));
  }
  const std::string text = min.is_given() && max.is_given()
                               ? absl::StrCat("clip(x, (", min.text, "), (", max.text, "))")
                           : min.is_given() ? absl::StrCat("maximum(x, (", min.text, "))")
                           : max.is_given() ? absl::StrCat("minimum(x, (", max.text, "))")
                                            : "x";
  return Elementwise{parameter, text, {{"x", inputs.array}}};
}

MPAIO_REGISTER_WORKER({
    .summary = "writes each element, or min or max where the element is beyond that limit",
    .accepts = AcceptedNumbers(),
    .parameters = {ParameterInfo::Text("min", "the least value, a number", "none"),
                   ParameterInfo::Text("max", "the greatest value, a number", "none")},
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      MPAIO_ASSIGN_OR_RETURN(const Elementwise plan, Plan(inputs));
      return ElementwiseOutput(plan);
    },
    .streams_output = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      MPAIO_ASSIGN_OR_RETURN(const Elementwise plan, Plan(context.inputs()));
      return MakeElementwiseJob(context, plan);
    },
});

}  // namespace
}  // namespace mpaio
