// SPDX-License-Identifier: Apache-2.0

// Shared by the workers that write an expression over arrays of one shape: map, clip, where, isnan,
// astype.
#ifndef WORKERS_ELEMENTWISE_ELEMENTWISE_H_
#define WORKERS_ELEMENTWISE_ELEMENTWISE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// An expression and the arrays that its names refer to.
struct Elementwise {
  struct Operand {
    std::string name;
    NdView array;
  };
  // For messages: the parameters that the expression was made from; empty if there are none.
  std::string parameter;
  std::string text;
  std::vector<Operand> operands;
  // True if the user has written the text, so that messages may show it.
  bool is_written_by_user = false;
  // The type that the result is converted to.
  std::optional<NumberType> convert_to = {};
  // If not null, called first for each chunk of the input; an error ends the run.
  std::function<absl::Status(const ChunkView<RawElement>& chunk)> check = {};
};

// bool, integers and floating-point numbers.
std::vector<AcceptedType> AcceptedNumbers();

// Returns the type called `name`, or nothing for "same". Errors: InvalidArgument if `name` is not
// the name or code of a type of AcceptedNumbers().
absl::StatusOr<std::optional<NumberType>> ParseConversion(absl::string_view name);

// Compiles the expression for the types of the operands. Errors: InvalidArgument for arrays of
// different shapes and for elements that are not numbers; and those of Expression::Compile.
absl::StatusOr<Expression> CompileElementwise(const Elementwise& elementwise);

// Returns the type of CompileElementwise's result, in the shape of the operands.
absl::StatusOr<OutputSpec> ElementwiseOutput(const Elementwise& elementwise);

// Returns the job that writes the result to context.output, over context.chunks. The first operand
// is the input.
absl::StatusOr<Job> MakeElementwiseJob(JobContext& context, const Elementwise& elementwise);

}  // namespace mpaio

#endif  // WORKERS_ELEMENTWISE_ELEMENTWISE_H_
