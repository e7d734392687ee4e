// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "mpaio/base/nearest.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// The value of an optional parameter that is not given.
constexpr absl::string_view kNone = "none";

bool ParseInteger(absl::string_view text, Index* number) { return absl::SimpleAtoi(text, number); }

bool ParseNumber(absl::string_view text, double* number) {
  return absl::SimpleAtod(text, number) && std::isfinite(*number);
}

bool ParseNumbers(absl::string_view text, std::vector<double>* numbers) {
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    if (!ParseNumber(part, &numbers->emplace_back())) return false;
  }
  return true;
}

}  // namespace

ParameterInfo ParameterInfo::Integer(std::string key, std::string help, Index default_value,
                                     Index minimum) {
  ParameterInfo info(Kind::kInteger, std::move(key), std::move(help), absl::StrCat(default_value));
  info.minimum_ = minimum;
  return info;
}

ParameterInfo ParameterInfo::Number(std::string key, std::string help, double default_value) {
  // The shortest text that parses to the same number.
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), default_value);
  return ParameterInfo(Kind::kNumber, std::move(key), std::move(help), std::string(text, end.ptr));
}

ParameterInfo ParameterInfo::Choice(std::string key, std::string help,
                                    std::vector<std::string> choices) {
  ParameterInfo info(Kind::kChoice, std::move(key), std::move(help), choices.front());
  info.choices_ = std::move(choices);
  return info;
}

ParameterInfo ParameterInfo::Text(std::string key, std::string help, std::string default_value) {
  return ParameterInfo(Kind::kText, std::move(key), std::move(help), std::move(default_value));
}

ParameterInfo ParameterInfo::OptionalInteger(std::string key, std::string help) {
  return ParameterInfo(Kind::kOptionalInteger, std::move(key), std::move(help), std::string(kNone));
}

ParameterInfo ParameterInfo::OptionalNumber(std::string key, std::string help) {
  return ParameterInfo(Kind::kOptionalNumber, std::move(key), std::move(help), std::string(kNone));
}

ParameterInfo ParameterInfo::Flag(std::string key, std::string help) {
  return Choice(std::move(key), std::move(help), {"false", "true"});
}

ParameterInfo ParameterInfo::Numbers(std::string key, std::string help, std::string default_value) {
  return ParameterInfo(Kind::kNumbers, std::move(key), std::move(help), std::move(default_value));
}

ParameterInfo ParameterInfo::Array(std::string key, std::string help) {
  return ParameterInfo(Kind::kArray, std::move(key), std::move(help), "");
}

ParameterInfo ParameterInfo::Output(std::string key, std::string help) {
  return ParameterInfo(Kind::kOutput, std::move(key), std::move(help), "");
}

ParameterInfo ParameterInfo::Required() && {
  is_required_ = true;
  default_value_.clear();
  return std::move(*this);
}

ParameterInfo ParameterInfo::Or(std::string other) && {
  alternative_ = std::move(other);
  default_value_ = std::string(kNone);
  return std::move(*this);
}

std::string ParameterInfo::Values() const {
  switch (kind_) {
    case Kind::kInteger:
      return minimum_ == std::numeric_limits<Index>::min() ? "integer"
                                                           : absl::StrCat("integer >= ", minimum_);
    case Kind::kNumber:
      return "number";
    case Kind::kChoice:
      return absl::StrJoin(choices_, "|");
    case Kind::kText:
      return "text";
    case Kind::kOptionalInteger:
      return "none|integer";
    case Kind::kOptionalNumber:
      return "none|number";
    case Kind::kNumbers:
      return "number,number,...";
    case Kind::kArray:
      return "file";
    case Kind::kOutput:
      return "file.npy";
  }
  return "";
}

absl::Status ParameterInfo::Check(absl::string_view value) const {
  bool is_valid = true;
  Index integer = 0;
  double number = 0;
  std::vector<double> numbers;
  switch (kind_) {
    case Kind::kInteger:
      is_valid = ParseInteger(value, &integer) && integer >= minimum_;
      break;
    case Kind::kNumber:
      is_valid = ParseNumber(value, &number);
      break;
    case Kind::kChoice:
      is_valid = std::find(choices_.begin(), choices_.end(), value) != choices_.end();
      break;
    case Kind::kOptionalInteger:
      is_valid = value == kNone || ParseInteger(value, &integer);
      break;
    case Kind::kOptionalNumber:
      is_valid = value == kNone || ParseNumber(value, &number);
      break;
    case Kind::kNumbers:
      is_valid = ParseNumbers(value, &numbers);
      break;
    case Kind::kArray:
    case Kind::kOutput:
      is_valid = !value.empty();
      break;
    case Kind::kText:
      break;
  }
  if (is_valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("parameter ", key_, "=", value, ": the value must be ", Values()));
}

absl::StatusOr<Parameters> Parameters::Create(
    const std::vector<ParameterInfo>& infos,
    const std::vector<std::pair<std::string, std::string>>& given) {
  Parameters parameters;
  for (const auto& [key, value] : given) {
    const auto info = std::find_if(infos.begin(), infos.end(),
                                   [&key = key](const ParameterInfo& i) { return i.key() == key; });
    if (info == infos.end()) {
      std::vector<std::string> keys;
      for (const ParameterInfo& known : infos) keys.push_back(known.key());
      const std::string nearest = Nearest(key, keys);
      return absl::InvalidArgumentError(
          absl::StrCat("unknown parameter '", key, "'; ",
                       nearest.empty() ? "" : absl::StrCat("did you mean '", nearest, "'? "),
                       keys.empty() ? "it takes none"
                                    : absl::StrCat("it takes ", absl::StrJoin(keys, "=, "), "=")));
    }
    MPAIO_RETURN_IF_ERROR(info->Check(value));
    if (!parameters.values_.emplace(key, value).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter '", key, "' is given twice; give it once"));
    }
  }
  const auto is_given = [&](const std::string& key) {
    return std::any_of(given.begin(), given.end(),
                       [&key](const auto& pair) { return pair.first == key; });
  };
  for (const ParameterInfo& info : infos) {
    if (!info.alternative().empty() && is_given(info.key()) == is_given(info.alternative())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "parameters '", info.key(), "' and '", info.alternative(), "' are ",
          is_given(info.key()) ? "both given" : "missing", "; give one of them: ", info.key(), "=",
          info.Values(), " or ", info.alternative(), "="));
    }
    if (parameters.values_.count(info.key()) != 0) continue;
    if (info.is_required()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "parameter '", info.key(), "' is missing; give ", info.key(), "=", info.Values()));
    }
    parameters.values_.emplace(info.key(), info.default_value());
  }
  return parameters;
}

const std::string& Parameters::Text(absl::string_view key) const {
  return values_.find(std::string(key))->second;
}

Index Parameters::Integer(absl::string_view key) const {
  Index number = 0;
  (void)ParseInteger(Text(key), &number);
  return number;
}

double Parameters::Number(absl::string_view key) const {
  double number = 0;
  (void)ParseNumber(Text(key), &number);
  return number;
}

std::optional<Index> Parameters::OptionalInteger(absl::string_view key) const {
  if (Text(key) == kNone) return std::nullopt;
  return Integer(key);
}

std::optional<double> Parameters::OptionalNumber(absl::string_view key) const {
  if (Text(key) == kNone) return std::nullopt;
  return Number(key);
}

std::vector<double> Parameters::Numbers(absl::string_view key) const {
  std::vector<double> numbers;
  (void)ParseNumbers(Text(key), &numbers);
  return numbers;
}

}  // namespace mpaio
