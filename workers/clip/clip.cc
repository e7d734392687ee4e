// clip: each element, but not less than `min` and not greater than `max`; as numpy.clip.
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "workers/elementwise/elementwise.h"

namespace mpaio {
namespace {

// The limits are texts, so that an integer stays one whatever its size, and the type of the result is numpy's.
absl::StatusOr<Elementwise> Plan(const JobInputs& inputs) {
  const std::string& min = inputs.parameters.Text("min");
  const std::string& max = inputs.parameters.Text("max");
  if (min == "none" && max == "none") return absl::InvalidArgumentError("neither min= nor max= is given; give one of them, or both");
  for (const char* key : {"min", "max"}) {
    const std::string& limit = inputs.parameters.Text(key);
    // By itself it must be a number, not an expression over the elements.
    if (limit == "none") continue;
    const absl::StatusOr<Expression> number = Expression::Compile(limit, {});
    if (!number.ok()) return absl::InvalidArgumentError(absl::StrCat(key, "=", limit, ": the value must be a number"));
  }
  const std::string text = max == "none"   ? absl::StrCat("maximum(x, (", min, "))")
                           : min == "none" ? absl::StrCat("minimum(x, (", max, "))")
                                           : absl::StrCat("clip(x, (", min, "), (", max, "))");
  return Elementwise{"min and max", text, {{"x", inputs.array}}};
}

MPAIO_REGISTER_WORKER({
    .summary = "writes each element, moved up to min or down to max where it is beyond them",
    .accepts = AcceptedNumbers(),
    .parameters = {ParameterInfo::Text("min", "the least value, a number", "none"), ParameterInfo::Text("max", "the greatest value, a number", "none")},
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
