// SPDX-License-Identifier: Apache-2.0

// map: a function of each element, or an expression over the elements of up to four arrays, written
// to an array of the same shape and of numpy's result type. If the result of fn=abs or fn=square of
// an int64 does not fit in an int64, it is an error (in an expression it wraps, as in numpy).
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "workers/elementwise/elementwise.h"

namespace mpaio {
namespace {

std::vector<std::string> FunctionNames() {
  return {"sqrt",        "abs",     "square", "cbrt",  "exp",      "exp2",       "expm1",
          "log",         "log2",    "log10",  "log1p", "sin",      "cos",        "tan",
          "arcsin",      "arccos",  "arctan", "sinh",  "cosh",     "tanh",       "arcsinh",
          "arccosh",     "arctanh", "fabs",   "sign",  "negative", "reciprocal", "floor",
          "ceil",        "trunc",   "rint",   "isnan", "isinf",    "isfinite",   "signbit",
          "logical_not", "invert"};
}

bool Fits(std::int64_t x, bool is_square) {
  std::int64_t unused;
  return is_square ? !__builtin_mul_overflow(x, x, &unused)
                   : x != std::numeric_limits<std::int64_t>::min();
}

// For int64 elements.
absl::Status CheckFits(const ChunkView<RawElement>& chunk, const std::string& function) {
  const std::int64_t* elements = reinterpret_cast<const std::int64_t*>(chunk.elements().data());
  const Index count = static_cast<Index>(chunk.elements().size());
  const bool is_square = function == "square";
  bool all_fit = true;
  for (Index i = 0; i < count; ++i) all_fit &= Fits(elements[i], is_square);
  if (all_fit) return absl::OkStatus();
  // Rare: searches again for the element to name.
  Index i = 0;
  while (Fits(elements[i], is_square)) ++i;
  return absl::OutOfRangeError(
      absl::StrCat(function, "(", elements[i], "), of element ", chunk.first_element() + i,
                   ", does not fit in an int64; save the array as float64"));
}

absl::StatusOr<Elementwise> Plan(const JobInputs& inputs) {
  Elementwise plan;
  plan.operands.push_back({"x", inputs.array});
  for (const char* name : {"y", "z", "w"}) {
    if (const NdView* array = inputs.Array(name)) plan.operands.push_back({name, *array});
  }
  MPAIO_ASSIGN_OR_RETURN(plan.convert_to, ParseConversion(inputs.parameters.Text("dtype")));
  const std::string& function = inputs.parameters.Text("fn");
  if (function == "none") {
    plan.parameter = "expr=";
    plan.text = inputs.parameters.Text("expr");
    plan.is_written_by_user = true;
    return plan;
  }
  if (plan.operands.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(plan.operands[1].name,
                                                   "= can be used with expr= only; fn=", function,
                                                   " takes only the input"));
  }
  plan.parameter = absl::StrCat("fn=", function);
  plan.text = absl::StrCat(function, "(x)");
  if ((function == "abs" || function == "square") &&
      inputs.array.dtype() == DType::Of<std::int64_t>()) {
    plan.check = [function](const ChunkView<RawElement>& chunk) {
      return CheckFits(chunk, function);
    };
  }
  return plan;
}

MPAIO_REGISTER_WORKER({
    .summary = "writes a function of each element, or an expression, to an array of the same shape",
    .accepts = AcceptedNumbers(),
    .parameters =
        {ParameterInfo::Choice("fn", "the function; or give expr=", FunctionNames()).Or("expr"),
         ParameterInfo::Text("expr",
                             "an expression over x, the elements of the input, such as "
                             "sqrt(x)*sin(x) or where(x>0,x,y)",
                             "none"),
         ParameterInfo::Array("y", "another array of the same shape, for expr"),
         ParameterInfo::Array("z", "another one"), ParameterInfo::Array("w", "another one"),
         ParameterInfo::Text("dtype", "the type that the result is converted to", "same")},
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
