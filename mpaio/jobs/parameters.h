// SPDX-License-Identifier: Apache-2.0

// The key=value parameters of a registered worker, given on the command line.
#ifndef MPAIO_JOBS_PARAMETERS_H_
#define MPAIO_JOBS_PARAMETERS_H_

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The description of a parameter: its key, its valid values, and its default. A parameter without a
// default is required.
class ParameterInfo {
 public:
  static ParameterInfo Integer(std::string key, std::string help, Index default_value,
                               Index minimum = std::numeric_limits<Index>::min());
  static ParameterInfo Number(std::string key, std::string help, double default_value);
  // One of `choices`, of which there is at least one; the first is the default.
  static ParameterInfo Choice(std::string key, std::string help, std::vector<std::string> choices);
  static ParameterInfo Text(std::string key, std::string help, std::string default_value);
  // "none" (the default) or a value.
  static ParameterInfo OptionalInteger(std::string key, std::string help);
  static ParameterInfo OptionalNumber(std::string key, std::string help);
  // "false" (the default) or "true".
  static ParameterInfo Flag(std::string key, std::string help);
  // One or more comma-separated numbers: "0.25,0.5".
  static ParameterInfo Numbers(std::string key, std::string help, std::string default_value);
  // A further input, in the syntax of INPUT. If it is not given, the worker has no such input.
  static ParameterInfo Array(std::string key, std::string help);
  // A further output file, a .npy. If it is not given, that array is not saved.
  static ParameterInfo Output(std::string key, std::string help);

  // The same parameter without a default.
  ParameterInfo Required() &&;
  // The same parameter, but exactly one of this parameter and the parameter `other` must be given.
  // If `other` is given, this parameter has the value "none".
  ParameterInfo Or(std::string other) &&;

  const std::string& key() const { return key_; }
  const std::string& help() const { return help_; }
  const std::string& default_value() const { return default_value_; }
  bool is_required() const { return is_required_; }
  // The key given to Or(); empty if there is none.
  const std::string& alternative() const { return alternative_; }
  // True if the value names an array to load.
  bool is_array() const { return kind_ == Kind::kArray; }
  // True if the value names a file to write.
  bool is_output() const { return kind_ == Kind::kOutput; }
  // The valid values, for messages: "integer >= 0", "sqrt|abs|square", ...
  std::string Values() const;
  // Errors: InvalidArgument, with the key, the value and the valid values.
  absl::Status Check(absl::string_view value) const;

 private:
  enum class Kind {
    kInteger,
    kNumber,
    kChoice,
    kText,
    kOptionalInteger,
    kOptionalNumber,
    kNumbers,
    kArray,
    kOutput
  };
  ParameterInfo(Kind kind, std::string key, std::string help, std::string default_value)
      : kind_(kind),
        key_(std::move(key)),
        help_(std::move(help)),
        default_value_(std::move(default_value)) {}

  Kind kind_;
  std::string key_, help_, default_value_, alternative_;
  Index minimum_ = std::numeric_limits<Index>::min();
  std::vector<std::string> choices_;
  bool is_required_ = false;
};

// The parameter values of one job, checked against their ParameterInfos and completed with
// defaults.
class Parameters {
 public:
  Parameters() = default;

  // Creates the values from the given key=value pairs. Errors: InvalidArgument for an unknown key
  // (the message lists the known ones), a repeated key, an invalid value, a missing required
  // parameter, or both or neither of two alternatives.
  static absl::StatusOr<Parameters> Create(
      const std::vector<ParameterInfo>& infos,
      const std::vector<std::pair<std::string, std::string>>& given);

  // Precondition of each: one of the ParameterInfos has this key and this kind. Create has made
  // sure that the value is valid.
  Index Integer(absl::string_view key) const;
  double Number(absl::string_view key) const;
  std::optional<Index> OptionalInteger(absl::string_view key) const;
  std::optional<double> OptionalNumber(absl::string_view key) const;
  bool Flag(absl::string_view key) const { return Text(key) == "true"; }
  std::vector<double> Numbers(absl::string_view key) const;
  const std::string& Text(absl::string_view key) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_PARAMETERS_H_
