// filter: the rows of a 1-d array for which an expression is true, in order; as array[mask] of numpy.
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
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/number_type.h"
#include "mpaio/worker/registry.h"

namespace mpaio {
namespace {

struct Condition {
  Expression expression;
  // Where the first of each variable is, from the array's start.
  std::vector<Index> offsets_bytes;
};

absl::StatusOr<Condition> Compile(const JobInputs& inputs) {
  const DType& dtype = inputs.array.dtype();
  if (inputs.array.num_dimensions() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the array has ", inputs.array.num_dimensions(), " axes; it takes arrays of one axis, whose rows are "
                                                   "elements (make one of it with numpy.ravel)"));
  }
  std::vector<Expression::Variable> variables;
  std::vector<Index> offsets_bytes;
  if (dtype.is_structured()) {
    for (const DType::Field& field : dtype.fields()) {
      const std::optional<NumberType> type = NumberTypeOf(field.dtype);
      if (!type.has_value() || !field.shape.empty()) continue;
      variables.push_back({field.name, *type, dtype.itemsize_bytes()});
      offsets_bytes.push_back(field.offset_bytes);
    }
    if (variables.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(dtype.name(), " has no field of numbers; it takes fields of bool, integers and floats of 16 to 64 bits"));
    }
  } else {
    const std::optional<NumberType> type = NumberTypeOf(dtype);
    if (!type.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("the array holds ", dtype.name(), ", which is not computed with; it takes bool, integers, floats of 16 to "
                                                     "64 bits, and structured types with such fields"));
    }
    variables.push_back({"x", *type, 0});
    offsets_bytes.push_back(0);
  }
  absl::StatusOr<Expression> expression = Expression::Compile(inputs.parameters.Text("expr"), variables);
  if (!expression.ok()) return absl::Status(expression.status().code(), absl::StrCat("expr=, ", expression.status().message()));
  if (expression->type() != NumberType::kBool) {
    return absl::InvalidArgumentError(absl::StrCat("expr=", inputs.parameters.Text("expr"), " gives ", NumberTypeName(expression->type()),
                                                   ", not bool; write a comparison, such as x > 0"));
  }
  return Condition{*std::move(expression), std::move(offsets_bytes)};
}

// Rows that are looked at at once.
constexpr Index kBlock = 8 * Expression::kBlock;

// Appends nothing for a row that is not taken, without asking which: the next one overwrites it. For `count` up to kBlock.
template <typename T>
void Take(const std::byte* rows, const std::byte* taken, Index count, Index, std::string* result) {
  std::byte block[static_cast<std::size_t>(kBlock) * sizeof(T)];
  std::size_t size = 0;
  for (Index i = 0; i < count; ++i) {
    std::memcpy(block + size * sizeof(T), rows + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    size += static_cast<std::size_t>(taken[i]);
  }
  result->append(reinterpret_cast<const char*>(block), size * sizeof(T));
}

// Rows may be of any size: they go straight to the result, neighbours together.
void TakeAny(const std::byte* rows, const std::byte* taken, Index count, Index row_bytes, std::string* result) {
  for (Index i = 0; i < count; ++i) {
    if (taken[i] == std::byte{0}) continue;
    const Index begin = i;
    while (i < count && taken[i] != std::byte{0}) ++i;
    result->append(reinterpret_cast<const char*>(rows + begin * row_bytes), static_cast<std::size_t>((i - begin) * row_bytes));
  }
}

using TakeFunction = void (*)(const std::byte* rows, const std::byte* taken, Index count, Index row_bytes, std::string* result);
TakeFunction FindTake(Index row_bytes) {
  switch (row_bytes) {
    case 1: return Take<std::uint8_t>;
    case 2: return Take<std::uint16_t>;
    case 4: return Take<std::uint32_t>;
    case 8: return Take<std::uint64_t>;
    default: return TakeAny;
  }
}

// A chunk's result: the bytes of the rows that are taken.
class Filter final : public Worker<RawElement, std::string> {
 public:
  Filter(DataIterator chunks, Condition condition) : Worker(std::move(chunks)), condition_(std::move(condition)) {}

  absl::StatusOr<std::string> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const Index row_bytes = elements.itemsize_bytes();
    const Index num_rows = static_cast<Index>(elements.size());
    const TakeFunction take = FindTake(row_bytes);
    std::string result;
    std::byte taken[kBlock];
    std::vector<const std::byte*> inputs(condition_.offsets_bytes.size());
    for (Index begin = 0; begin < num_rows; begin += kBlock) {
      const Index count = std::min(kBlock, num_rows - begin);
      const std::byte* rows = elements.data() + begin * row_bytes;
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = rows + condition_.offsets_bytes[i];
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

  // Once, at the end.
  AnswerArray TakeRows() {
    const DType& dtype = data_iterator().array().dtype();
    const Index count = static_cast<Index>(rows_.size()) / dtype.itemsize_bytes();
    return AnswerArray(dtype, {count}, std::move(rows_));
  }

 private:
  Condition condition_;
  std::vector<std::byte> rows_;
};

MPAIO_REGISTER_WORKER({
    .summary = "the rows of a 1-d array for which an expression is true, as an array",
    .accepts = {AcceptedType::Of<RawElement>()},
    .parameters = {ParameterInfo::Text("expr", "what must be true of a row: of its fields by their names, or of x, an element that has none; such as x>0",
                                       "")
                       .Required()},
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
