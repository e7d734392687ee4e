// The key=value parameters that a registered worker takes from a command line.
#ifndef MPAIO_WORKER_PARAMETERS_H_
#define MPAIO_WORKER_PARAMETERS_H_

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// One parameter: its key, what values it takes, and the value where none is given (none: it must be given).
class ParameterInfo {
 public:
  static ParameterInfo Integer(std::string key, std::string help, Index default_value, Index minimum = std::numeric_limits<Index>::min());
  static ParameterInfo Number(std::string key, std::string help, double default_value);
  // One of `choices`; the first is the default.
  static ParameterInfo Choice(std::string key, std::string help, std::vector<std::string> choices);
  static ParameterInfo Text(std::string key, std::string help, std::string default_value);

  // The same, without a default.
  ParameterInfo Required() &&;

  const std::string& key() const { return key_; }
  const std::string& help() const { return help_; }
  const std::string& default_value() const { return default_value_; }
  bool is_required() const { return is_required_; }
  // What may stand behind the '=': "integer >= 0", "sqrt|abs|square", ...
  std::string Values() const;
  // Errors: InvalidArgument, naming key, value and what would do.
  absl::Status Check(absl::string_view value) const;

 private:
  enum class Kind { kInteger, kNumber, kChoice, kText };
  ParameterInfo(Kind kind, std::string key, std::string help, std::string default_value)
      : kind_(kind), key_(std::move(key)), help_(std::move(help)), default_value_(std::move(default_value)) {}

  Kind kind_;
  std::string key_, help_, default_value_;
  Index minimum_ = std::numeric_limits<Index>::min();
  std::vector<std::string> choices_;
  bool is_required_ = false;
};

// The values of one job, checked against their ParameterInfos and with the defaults filled in.
class Parameters {
 public:
  Parameters() = default;

  // From the key=value pairs given. Errors: InvalidArgument for an unknown key (naming the known ones), one given twice, a value that will not do, a
  // required one that is missing.
  static absl::StatusOr<Parameters> Create(const std::vector<ParameterInfo>& infos,
                                           const std::vector<std::pair<std::string, std::string>>& given);

  // Precondition, which Create ensures for declared keys: the key is declared, as that kind.
  Index Integer(absl::string_view key) const;
  double Number(absl::string_view key) const;
  const std::string& Text(absl::string_view key) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_PARAMETERS_H_
