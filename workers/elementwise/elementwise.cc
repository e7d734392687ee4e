// SPDX-License-Identifier: Apache-2.0
#include "workers/elementwise/elementwise.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

std::string ShapeText(const std::vector<Index>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")");
}

class EvaluateExpression final : public Worker<RawElement, WrittenRows> {
 public:
  EvaluateExpression(DataIterator chunks, OutputArray output, Expression expression,
                     Elementwise elementwise)
      : Worker(std::move(chunks)),
        output_(std::move(output)),
        expression_(std::move(expression)),
        elementwise_(std::move(elementwise)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<RawElement>& chunk) const override {
    if (elementwise_.check) MPAIO_RETURN_IF_ERROR(elementwise_.check(chunk));
    std::vector<const std::byte*> inputs;
    for (const Elementwise::Operand& operand : elementwise_.operands)
      inputs.push_back(operand.array.RowData(chunk.rows().begin));
    MPAIO_RETURN_IF_ERROR(expression_.Evaluate(
        inputs, chunk.rows().size() * chunk.row_elements(),
        reinterpret_cast<std::byte*>(output_.Rows<std::byte>(chunk.rows()).data())));
    return output_.Finish(chunk.rows());
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }

  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
  Expression expression_;
  Elementwise elementwise_;
};

}  // namespace

std::vector<AcceptedType> AcceptedNumbers() {
  return {AcceptedType::Of<Bool>(),          AcceptedType::Of<std::int8_t>(),
          AcceptedType::Of<std::int16_t>(),  AcceptedType::Of<std::int32_t>(),
          AcceptedType::Of<std::int64_t>(),  AcceptedType::Of<std::uint8_t>(),
          AcceptedType::Of<std::uint16_t>(), AcceptedType::Of<std::uint32_t>(),
          AcceptedType::Of<std::uint64_t>(), AcceptedType::Of<Float16>(),
          AcceptedType::Of<float>(),         AcceptedType::Of<double>()};
}

absl::StatusOr<std::optional<NumberType>> ParseConversion(absl::string_view name) {
  if (name == "same") return std::optional<NumberType>();
  const std::optional<NumberType> type = ParseNumberType(name);
  if (!type.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dtype=", name,
        ": the value must be bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, "
        "float16, float32 or float64"));
  }
  return type;
}

absl::StatusOr<Expression> CompileElementwise(const Elementwise& elementwise) {
  std::vector<Expression::Variable> variables;
  const std::vector<Index>& shape = elementwise.operands.front().array.shape();
  for (const auto& [name, array] : elementwise.operands) {
    const std::optional<NumberType> type = NumberTypeOf(array.dtype());
    if (!type.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the array ", name, " holds ", array.dtype().name(),
                       ", which expressions do not support; they take bool, integers and floats of "
                       "16 to 64 bits"));
    }
    if (array.shape() != shape) {
      return absl::InvalidArgumentError(
          absl::StrCat("the array ", name, " has the shape ", ShapeText(array.shape()),
                       ", but the input has ", ShapeText(shape), "; give arrays of one shape"));
    }
    variables.push_back({name, *type, 0});
  }
  const bool is_shown = elementwise.is_written_by_user;
  absl::StatusOr<Expression> expression =
      is_shown ? Expression::Compile(elementwise.text, variables, elementwise.convert_to)
               : Expression::CompileGenerated(elementwise.text, variables, elementwise.convert_to);
  if (expression.ok() || elementwise.parameter.empty()) return expression;
  return absl::Status(
      expression.status().code(),
      absl::StrCat(elementwise.parameter, is_shown ? ", " : ": ", expression.status().message()));
}

absl::StatusOr<OutputSpec> ElementwiseOutput(const Elementwise& elementwise) {
  MPAIO_ASSIGN_OR_RETURN(const Expression expression, CompileElementwise(elementwise));
  return OutputSpec{DTypeOf(expression.type()), elementwise.operands.front().array.shape()};
}

absl::StatusOr<Job> MakeElementwiseJob(JobContext& context, const Elementwise& elementwise) {
  MPAIO_ASSIGN_OR_RETURN(Expression expression, CompileElementwise(elementwise));
  auto worker = std::make_unique<EvaluateExpression>(
      std::move(context.chunks), std::move(context.output), std::move(expression), elementwise);
  const EvaluateExpression* evaluate = worker.get();
  Job job;
  job.worker = std::move(worker);
  job.output = [evaluate]() -> const NdView& { return evaluate->output(); };
  return job;
}

}  // namespace mpaio
