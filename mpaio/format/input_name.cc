// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/input_name.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "mpaio/array/descr.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr absl::string_view kStandardInput = "-";
constexpr absl::string_view kRawPrefix = "raw:";

bool Exists(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

// Parses "1000x3", "-1x3", "1000"; nullopt if the text does not have this form.
std::optional<std::vector<Index>> ParseRawShape(absl::string_view text) {
  std::vector<Index> shape;
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    Index extent = -1;
    if (part != "-1") {
      if (part.empty() || !std::all_of(part.begin(), part.end(), absl::ascii_isdigit))
        return std::nullopt;
      if (!absl::SimpleAtoi(part, &extent)) return std::nullopt;
    }
    shape.push_back(extent);
  }
  return shape;
}

// Removes the element type from the front of `*rest`, and returns it.
absl::StatusOr<DType> TakeRawDType(absl::string_view* rest) {
  const absl::string_view whole = *rest;
  if (absl::StartsWith(*rest, "[")) {  // a list of fields may contain colons
    PythonLiteralReader reader(*rest);
    MPAIO_RETURN_IF_ERROR(ReadDescr(reader).status());
    rest->remove_prefix(reader.position());
  } else {
    rest->remove_prefix(std::min(rest->find(':'), rest->size()));
  }
  return DType::Parse(whole.substr(0, whole.size() - rest->size()));
}

absl::StatusOr<InputName> ParseRaw(const std::string& input) {
  absl::string_view rest = absl::StripPrefix(absl::string_view(input), kRawPrefix);
  absl::StatusOr<DType> dtype = TakeRawDType(&rest);
  if (!dtype.ok()) return InvalidRawInput(input, dtype.status().message());
  if (dtype->has_objects())
    return InvalidRawInput(input, "Python objects have no meaning in a file");
  if (!absl::ConsumePrefix(&rest, ":"))
    return InvalidRawInput(input, "there is no file after the type");

  std::vector<Index> shape = {-1};
  if (const std::size_t colon = rest.find(':'); colon != absl::string_view::npos) {
    if (auto given = ParseRawShape(rest.substr(0, colon)); given.has_value()) {
      shape = *std::move(given);
      rest.remove_prefix(colon + 1);
    }
  }
  if (rest.empty()) return InvalidRawInput(input, "there is no file after the type");
  const auto open_axes = std::count(shape.begin(), shape.end(), -1);
  if (open_axes > 1) return InvalidRawInput(input, "only one extent may be -1");

  InputName name;
  name.text = input;
  name.is_standard_input = rest == kStandardInput;
  if (name.is_standard_input && open_axes > 0) {
    return InvalidRawInput(
        input, "the length of standard input is not known in advance: give the whole shape");
  }
  if (!name.is_standard_input) name.path = std::string(rest);
  name.raw = {*std::move(dtype), std::move(shape)};
  return name;
}

}  // namespace

absl::Status InvalidRawInput(absl::string_view input, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(Printable(input), ": ", what,
                   "; the form is raw:TYPE:SHAPE:FILE, as in raw:<f8:1000x3:a.bin"));
}

bool NamesStandardInput(const std::string& input) {
  if (input == kStandardInput) return true;
  return absl::StartsWith(input, kRawPrefix) &&
         absl::EndsWith(input, absl::StrCat(":", kStandardInput)) && !Exists(input);
}

absl::StatusOr<InputName> ParseInputName(const std::string& input,
                                         const MayHaveMembers& may_have_members) {
  InputName name;
  name.text = input;
  if (input == kStandardInput) {
    name.is_standard_input = true;
    return name;
  }
  name.path = input;
  if (Exists(input)) return name;
  if (absl::StartsWith(input, kRawPrefix)) return ParseRaw(input);
  for (std::size_t colon = input.find(':'); colon != std::string::npos;
       colon = input.find(':', colon + 1)) {
    std::string path = input.substr(0, colon);
    if (!may_have_members(path)) continue;
    name.path = std::move(path);
    name.member = input.substr(colon + 1);
    break;
  }
  return name;
}

}  // namespace mpaio
