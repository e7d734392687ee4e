// SPDX-License-Identifier: Apache-2.0

// where: for each element of the input, the element of x if the input's is true (not 0), else the
// element of y; as numpy.where.
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "workers/elementwise/elementwise.h"

namespace mpaio {
namespace {

absl::StatusOr<Elementwise> Plan(const JobInputs& inputs) {
  Elementwise plan{"", "where(condition", {{"condition", inputs.array}}};
  for (const std::string name : {"x", "y"}) {
    const NdView* array = inputs.Array(name);
    const std::string& value = inputs.parameters.Text(name + "value");
    if ((array != nullptr) == (value != "none")) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, "= and ", name, "value= are ", array != nullptr ? "both" : "not",
          " given; give one of them: ", name, "=FILE, an array, or ", name, "value=NUMBER"));
    }
    if (array != nullptr) {
      plan.operands.push_back({name, *array});
      absl::StrAppend(&plan.text, ", ", name);
      continue;
    }
    // The value must be a number. It is kept as text, so that an integer of any size stays an
    // integer.
    if (!Expression::Compile(value, {}).ok())
      return absl::InvalidArgumentError(
          absl::StrCat(name, "value=", value, ": the value must be a number"));
    absl::StrAppend(&plan.text, ", (", value, ")");
    absl::StrAppend(&plan.parameter, plan.parameter.empty() ? "" : " and ", name, "value=", value);
  }
  plan.text += ")";
  return plan;
}

MPAIO_REGISTER_WORKER({
    .summary = "writes elements of x where the input is true, and of y where it is false",
    .accepts = AcceptedNumbers(),
    .parameters = {ParameterInfo::Array(
                       "x", "the values where the input is true: an array of the same shape"),
                   ParameterInfo::Text("xvalue", "the same, as a number", "none"),
                   ParameterInfo::Array(
                       "y", "the values where the input is false: an array of the same shape"),
                   ParameterInfo::Text("yvalue", "the same, as a number", "none")},
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
