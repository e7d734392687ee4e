// SPDX-License-Identifier: Apache-2.0

// filter: the rows of an array for which an expression is true, in order, as numpy's array[mask].
// The expression refers to the rows themselves, or to arrays that have a number for each row.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {
namespace {

// Further arrays that a condition may refer to, besides the rows themselves.
constexpr const char* kExtraInputs[] = {"y", "z", "w"};

struct Condition {
  // Location of a variable's values: the first one, and the distance from one row to the next.
  struct Operand {
    const std::byte* first;
    Index stride_bytes;
  };
  Expression expression;
  std::vector<Operand> operands;
};

// Adds the variables that the rows themselves have: their fields, or x.
absl::Status AddOwnVariables(const NdView& array, std::vector<Expression::Variable>* variables,
                             std::vector<Condition::Operand>* operands) {
  const DType& dtype = array.dtype();
  if (array.num_dimensions() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the array has ", array.num_dimensions(),
                                                   " axes, but a condition over x needs one axis"));
  }
  if (!dtype.is_structured()) {
    const std::optional<NumberType> type = NumberTypeOf(dtype);
    if (!type.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the array holds ", dtype.name(),
                       ", which expressions do not support; they take bool, integers, floats of 16 "
                       "to 64 bits, and structured types with such fields"));
    }
    variables->push_back({"x", *type, 0});
    operands->push_back({array.data(), dtype.itemsize_bytes()});
    return absl::OkStatus();
  }
  for (const DType::Field& field : dtype.fields()) {
    const std::optional<NumberType> type = NumberTypeOf(field.dtype);
    if (!type.has_value() || !field.shape.empty()) continue;
    variables->push_back({field.name, *type, dtype.itemsize_bytes()});
    operands->push_back({array.data() == nullptr ? nullptr : array.data() + field.offset_bytes,
                         dtype.itemsize_bytes()});
  }
  if (!variables->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      dtype.name(),
      " has no field of numbers; it takes fields of bool, integers and floats of 16 to 64 bits"));
}

absl::Status AddExtraInput(const std::string& key, const NdView& array, const NdView& rows,
                           std::vector<Expression::Variable>* variables,
                           std::vector<Condition::Operand>* operands) {
  const std::optional<NumberType> type = NumberTypeOf(array.dtype());
  if (!type.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, "= holds ", array.dtype().name(),
                     "; a condition is over bool, integers and floats of 16 to 64 bits"));
  }
  if (array.num_dimensions() != 1 || array.num_rows() != rows.num_rows()) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, "= has the shape ", ShapeToString(array.shape()), ", and the input has ",
                     rows.num_rows(), " rows; it takes one element for each of them, in one axis"));
  }
  for (const Expression::Variable& other : *variables) {
    if (other.name == key)
      return absl::InvalidArgumentError(absl::StrCat(
          key, "= is an array, and ", key, " is a field of the input too: rename the field"));
  }
  variables->push_back({key, *type, 0});
  operands->push_back({array.data(), array.dtype().itemsize_bytes()});
  return absl::OkStatus();
}

absl::StatusOr<Condition> Compile(const JobInputs& inputs) {
  if (inputs.array.num_dimensions() == 0)
    return absl::InvalidArgumentError(
        "the array has no axis, and therefore no rows to choose from");
  std::vector<Expression::Variable> variables;
  std::vector<Condition::Operand> operands;
  const absl::Status own = AddOwnVariables(inputs.array, &variables, &operands);
  const std::size_t num_own = variables.size();
  for (const char* key : kExtraInputs) {
    const NdView* array = inputs.Array(key);
    if (array != nullptr)
      MPAIO_RETURN_IF_ERROR(AddExtraInput(key, *array, inputs.array, &variables, &operands));
  }
  // Rows of any type can be selected by another array.
  if (!own.ok() && variables.size() == num_own) {
    return absl::InvalidArgumentError(absl::StrCat(
        own.message(), "; or give y=FILE, numbers for each row, and a condition over y"));
  }
  absl::StatusOr<Expression> expression =
      Expression::Compile(inputs.parameters.Text("expr"), variables);
  if (!expression.ok())
    return absl::Status(expression.status().code(),
                        absl::StrCat("expr=, ", expression.status().message()));
  if (expression->type() != NumberType::kBool) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expr=", inputs.parameters.Text("expr"), " gives ", NumberTypeName(expression->type()),
        ", not bool; write a comparison, such as x > 0"));
  }
  return Condition{*std::move(expression), std::move(operands)};
}

// Rows that are evaluated at once.
constexpr Index kBlock = 8 * Expression::kBlock;

// Has no branches: every row is copied, and the next one overwrites a row that is not taken.
// Precondition: count <= kBlock.
template <typename T>
void Take(const std::byte* rows, const std::byte* taken, Index count, Index, std::string* result) {
  std::byte block[static_cast<std::size_t>(kBlock) * sizeof(T)];
  std::size_t size = 0;
  for (Index i = 0; i < count; ++i) {
    std::memcpy(block + size * sizeof(T), rows + static_cast<std::size_t>(i) * sizeof(T),
                sizeof(T));
    size += static_cast<std::size_t>(taken[i]);
  }
  result->append(reinterpret_cast<const char*>(block), size * sizeof(T));
}

// Takes rows of any size: copies them straight to the result, neighbours together.
void TakeAny(const std::byte* rows, const std::byte* taken, Index count, Index row_bytes,
             std::string* result) {
  for (Index i = 0; i < count; ++i) {
    if (taken[i] == std::byte{0}) continue;
    const Index begin = i;
    while (i < count && taken[i] != std::byte{0}) ++i;
    result->append(reinterpret_cast<const char*>(rows + begin * row_bytes),
                   static_cast<std::size_t>((i - begin) * row_bytes));
  }
}

// Takes rows of no bytes: the result has one byte for each.
void TakeNothing(const std::byte*, const std::byte* taken, Index count, Index,
                 std::string* result) {
  result->append(static_cast<std::size_t>(std::count(taken, taken + count, std::byte{1})), '\0');
}

using TakeFunction = void (*)(const std::byte* rows, const std::byte* taken, Index count,
                              Index row_bytes, std::string* result);
TakeFunction FindTake(Index row_bytes) {
  switch (row_bytes) {
    case 0:
      return TakeNothing;
    case 1:
      return Take<std::uint8_t>;
    case 2:
      return Take<std::uint16_t>;
    case 4:
      return Take<std::uint32_t>;
    case 8:
      return Take<std::uint64_t>;
    default:
      return TakeAny;
  }
}

// A chunk's result: the bytes of the rows that are taken.
class Filter final : public Worker<RawElement, std::string> {
 public:
  Filter(DataIterator chunks, Condition condition)
      : Worker(std::move(chunks)), condition_(std::move(condition)) {}

  absl::StatusOr<std::string> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const Index row_bytes = data_iterator().row_bytes();
    const Index num_rows = chunk.rows().size();
    const TakeFunction take = FindTake(row_bytes);
    std::string result;
    std::byte taken[kBlock];
    std::vector<const std::byte*> inputs(condition_.operands.size());
    for (Index begin = 0; begin < num_rows; begin += kBlock) {
      const Index count = std::min(kBlock, num_rows - begin);
      const std::byte* rows = elements.data() + begin * row_bytes;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        inputs[i] = condition_.operands[i].first +
                    (chunk.rows().begin + begin) * condition_.operands[i].stride_bytes;
      }
      MPAIO_RETURN_IF_ERROR(condition_.expression.Evaluate(inputs, count, taken));
      take(rows, taken, count, row_bytes, &result);
    }
    return result;
  }

  absl::Status ProcessCallback(const Chunk&, std::string rows) override {
    const std::byte* bytes = reinterpret_cast<const std::byte*>(rows.data());
    rows_.insert(rows_.end(), bytes, bytes + rows.size());
    return absl::OkStatus();
  }

  // Called once, at the end.
  AnswerArray TakeRows() {
    const Index row_bytes = data_iterator().row_bytes();
    std::vector<Index> shape = data_iterator().array().shape();
    shape[0] = static_cast<Index>(rows_.size()) / std::max<Index>(row_bytes, 1);
    if (row_bytes == 0) rows_.clear();
    return AnswerArray(data_iterator().array().dtype(), std::move(shape), std::move(rows_));
  }

 private:
  Condition condition_;
  std::vector<std::byte> rows_;
};

MPAIO_REGISTER_WORKER({
    .summary = "the rows of an array for which an expression is true, as an array",
    .accepts = {AcceptedType::Of<RawElement>()},
    .parameters =
        {ParameterInfo::Text(
             "expr",
             "the condition for a row, over its fields by their names, or over x if "
             "elements have no fields; such as x>0",
             "")
             .Required(),
         ParameterInfo::Array(
             "y", "an array of one axis with a number for each row, for use in the expression"),
         ParameterInfo::Array("z", "another one"), ParameterInfo::Array("w", "another one")},
    .check = [](const JobInputs& inputs) { return Compile(inputs).status(); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      MPAIO_ASSIGN_OR_RETURN(Condition condition, Compile(context.inputs()));
      auto worker = std::make_unique<Filter>(std::move(context.chunks), std::move(condition));
      Filter* filter = worker.get();
      Job job;
      job.worker = std::move(worker);
      job.array = [filter] { return filter->TakeRows(); };
      return job;
    },
});

}  // namespace
}  // namespace mpaio
