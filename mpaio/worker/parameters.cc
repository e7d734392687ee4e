#include "mpaio/worker/parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

ParameterInfo ParameterInfo::Integer(std::string key, std::string help, Index default_value, Index minimum) {
  ParameterInfo info(Kind::kInteger, std::move(key), std::move(help), absl::StrCat(default_value));
  info.minimum_ = minimum;
  return info;
}

ParameterInfo ParameterInfo::Number(std::string key, std::string help, double default_value) {
  // The shortest text that reads back as the same number.
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), default_value);
  return ParameterInfo(Kind::kNumber, std::move(key), std::move(help), std::string(text, end.ptr));
}

ParameterInfo ParameterInfo::Choice(std::string key, std::string help, std::vector<std::string> choices) {
  ParameterInfo info(Kind::kChoice, std::move(key), std::move(help), choices.front());
  info.choices_ = std::move(choices);
  return info;
}

ParameterInfo ParameterInfo::Text(std::string key, std::string help, std::string default_value) {
  return ParameterInfo(Kind::kText, std::move(key), std::move(help), std::move(default_value));
}

ParameterInfo ParameterInfo::Required() && {
  is_required_ = true;
  default_value_.clear();
  return std::move(*this);
}

std::string ParameterInfo::Values() const {
  switch (kind_) {
    case Kind::kInteger:
      return minimum_ == std::numeric_limits<Index>::min() ? "integer" : absl::StrCat("integer >= ", minimum_);
    case Kind::kNumber: return "number";
    case Kind::kChoice: return absl::StrJoin(choices_, "|");
    case Kind::kText: return "text";
  }
  return "";
}

absl::Status ParameterInfo::Check(absl::string_view value) const {
  bool will_do = true;
  if (kind_ == Kind::kInteger) {
    Index number = 0;
    will_do = absl::SimpleAtoi(value, &number) && number >= minimum_;
  } else if (kind_ == Kind::kNumber) {
    double number = 0;
    will_do = absl::SimpleAtod(value, &number) && std::isfinite(number);
  } else if (kind_ == Kind::kChoice) {
    will_do = std::find(choices_.begin(), choices_.end(), value) != choices_.end();
  }
  if (will_do) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("parameter ", key_, "=", value, ": the value must be ", Values()));
}

absl::StatusOr<Parameters> Parameters::Create(const std::vector<ParameterInfo>& infos,
                                              const std::vector<std::pair<std::string, std::string>>& given) {
  Parameters parameters;
  for (const auto& [key, value] : given) {
    const auto info = std::find_if(infos.begin(), infos.end(), [&key = key](const ParameterInfo& i) { return i.key() == key; });
    if (info == infos.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown parameter '", key, "'",
          infos.empty() ? "; it takes none"
                        : absl::StrCat("; it takes ", absl::StrJoin(infos, ", ", [](std::string* out, const ParameterInfo& i) {
                                         absl::StrAppend(out, i.key(), "=");
                                       }))));
    }
    MPAIO_RETURN_IF_ERROR(info->Check(value));
    if (!parameters.values_.emplace(key, value).second) {
      return absl::InvalidArgumentError(absl::StrCat("parameter '", key, "' is given twice; give it once"));
    }
  }
  for (const ParameterInfo& info : infos) {
    if (parameters.values_.count(info.key()) != 0) continue;
    if (info.is_required()) {
      return absl::InvalidArgumentError(absl::StrCat("parameter '", info.key(), "' is missing; give ", info.key(), "=", info.Values()));
    }
    parameters.values_.emplace(info.key(), info.default_value());
  }
  return parameters;
}

const std::string& Parameters::Text(absl::string_view key) const { return values_.find(std::string(key))->second; }

Index Parameters::Integer(absl::string_view key) const {
  Index number = 0;
  (void)absl::SimpleAtoi(Text(key), &number);
  return number;
}

double Parameters::Number(absl::string_view key) const {
  double number = 0;
  (void)absl::SimpleAtod(Text(key), &number);
  return number;
}

}  // namespace mpaio
