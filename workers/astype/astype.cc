// SPDX-License-Identifier: Apache-2.0

// astype: the same elements as another type, as numpy's astype: numbers to numbers, to text and
// back; text to text; times to and from integers, and to other units.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/number_type.h"
#include "workers/astype/number_text.h"
#include "workers/astype/numeral.h"
#include "workers/astype/time_cast.h"
#include "workers/astype/wide_cast.h"
#include "workers/elementwise/elementwise.h"
#include "workers/elementwise/row_writer.h"

namespace mpaio {
namespace {

bool IsText(const DType& dtype) {
  return dtype.kind() == DType::Kind::kUnicode || dtype.kind() == DType::Kind::kString;
}
bool IsTime(const DType& dtype) {
  return dtype.kind() == DType::Kind::kDatetime || dtype.kind() == DType::Kind::kTimedelta;
}
bool IsNumber(const DType& dtype) { return NumberTypeOf(dtype).has_value(); }
Index NumChars(const DType& dtype) {
  return dtype.kind() == DType::Kind::kUnicode ? dtype.itemsize_bytes() / 4
                                               : dtype.itemsize_bytes();
}

// If the type gives no width ("U", "S", "str", "bytes"), text is as wide as the input requires.
absl::StatusOr<DType> TargetType(const JobInputs& inputs) {
  const std::string& name = inputs.parameters.Text("dtype");
  const DType& from = inputs.array.dtype();
  const absl::StatusOr<DType> dtype = DType::Parse(name);
  if (!dtype.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dtype=", name,
        " is not a type: give a name such as float32, or numpy's code, such as U10 or M8[s]"));
  }
  if (!IsText(*dtype) || dtype->itemsize_bytes() > 0) return dtype->Native();
  const std::optional<NumberType> type = NumberTypeOf(from);
  const Index width = type.has_value() ? TextWidth(*type) : IsText(from) ? NumChars(from) : 1;
  return dtype->kind() == DType::Kind::kUnicode ? DType::Unicode(width) : DType::Bytes(width);
}

enum class Conversion {
  kNumbers,
  kWideNumbers,
  kTimes,
  kNumbersToText,
  kTextToNumbers,
  kTextToText
};

// Times are converted to and from numbers as the integers that represent them.
absl::StatusOr<Conversion> FindConversion(const DType& from, const DType& to) {
  const bool from_number = IsNumber(from), to_number = IsNumber(to);
  if (from_number && to_number) return Conversion::kNumbers;
  if (IsWideNumber(from) && IsWideNumber(to)) return Conversion::kWideNumbers;
  if (IsTime(from) && (to_number || from == to)) return Conversion::kNumbers;
  if (IsTime(from) && from.kind() == to.kind() && TimeCast::Create(from, to).has_value())
    return Conversion::kTimes;
  if (IsTime(to) && from_number && !IsFloat(*NumberTypeOf(from))) return Conversion::kNumbers;
  if (from_number && IsText(to)) return Conversion::kNumbersToText;
  if (IsText(from) && to_number) return Conversion::kTextToNumbers;
  if (IsText(from) && IsText(to)) return Conversion::kTextToText;
  return absl::UnimplementedError(absl::StrCat(
      "cannot convert ", from.name(), " to ", to.name(),
      "; supported are numbers to numbers, bool, integers and floats of 16 to 64 bits to "
      "str and bytes and back, times to integers and back, and times to other units "
      "except between months or years and shorter ones"));
}

absl::StatusOr<Elementwise> NumbersPlan(const JobInputs& inputs, const DType& to) {
  NdView numbers = inputs.array;
  if (IsTime(numbers.dtype())) {
    MPAIO_ASSIGN_OR_RETURN(
        numbers, NdView::Create(numbers.data(), DType::Of<std::int64_t>(), numbers.shape()));
  }
  Elementwise plan{"", "x", {{"x", numbers}}};
  plan.convert_to = IsTime(to) ? NumberType::kInt64 : *NumberTypeOf(to);
  return plan;
}

absl::Status AtElement(const ChunkView<RawElement>& chunk, std::size_t i, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("element ", chunk.first_element() + static_cast<Index>(i), " ", what));
}

// A conversion with text on one side or both.
class TextCast {
 public:
  TextCast(DType from, DType to, Conversion conversion)
      : from_(std::move(from)),
        to_(std::move(to)),
        conversion_(conversion),
        number_(NumberTypeOf(conversion == Conversion::kNumbersToText ? from_ : to_)) {}

  absl::Status operator()(const ChunkView<RawElement>& chunk, std::byte* rows) const {
    const RawElements elements = chunk.elements();
    std::string text;
    for (std::size_t i = 0; i < elements.size(); ++i, rows += to_.itemsize_bytes()) {
      const absl::Status status = Convert(elements[i].data(), from_, to_, &text, rows);
      if (!status.ok()) return AtElement(chunk, i, status.message());
    }
    return absl::OkStatus();
  }

 private:
  static std::uint32_t CharAt(const std::byte* element, const DType& dtype, Index i) {
    if (dtype.kind() == DType::Kind::kString) return static_cast<std::uint32_t>(element[i]);
    std::uint32_t code_point;
    std::memcpy(&code_point, element + 4 * i, sizeof(code_point));
    return code_point;
  }

  static void PutChar(std::uint32_t code_point, const DType& dtype, Index i, std::byte* element) {
    if (dtype.kind() == DType::Kind::kString) {
      element[i] = static_cast<std::byte>(code_point);
    } else {
      std::memcpy(element + 4 * i, &code_point, sizeof(code_point));
    }
  }

  // Truncates text that is too long, as numpy does.
  static void PutText(absl::string_view text, const DType& dtype, std::byte* element) {
    const Index width = NumChars(dtype);
    for (Index i = 0; i < width; ++i) {
      PutChar(i < static_cast<Index>(text.size())
                  ? static_cast<unsigned char>(text[static_cast<std::size_t>(i)])
                  : 0,
              dtype, i, element);
    }
  }

  // Errors: what is wrong with the element, worded to follow "element 7".
  absl::Status Convert(const std::byte* from, const DType& from_type, const DType& to_type,
                       std::string* text, std::byte* to) const {
    text->clear();
    if (conversion_ == Conversion::kNumbersToText) {
      AppendNumber(*number_, from, text);
      PutText(*text, to_type, to);
      return absl::OkStatus();
    }
    const Index width = NumChars(from_type);
    if (conversion_ == Conversion::kTextToText) {
      const Index to_width = NumChars(to_type);
      for (Index i = 0; i < to_width; ++i) {
        const std::uint32_t code_point = i < width ? CharAt(from, from_type, i) : 0;
        if (code_point > 127 && from_type.kind() != to_type.kind()) {
          return absl::InvalidArgumentError(
              "has a character that is not ASCII, and cannot be converted between str and bytes");
        }
        PutChar(code_point, to_type, i, to);
      }
      return absl::OkStatus();
    }
    for (Index i = 0; i < width; ++i) text->push_back(NumeralAt(from, from_type, i));
    while (!text->empty() && text->back() == '\0') text->pop_back();
    if (ParseNumberText(*number_, *text, to)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("is ", Quoted(from, from_type),
                                                   ", which cannot be converted to ",
                                                   NumberTypeName(*number_)));
  }

  // A number in a bytes array has only ASCII characters.
  static char NumeralAt(const std::byte* element, const DType& dtype, Index i) {
    const std::uint32_t code_point = CharAt(element, dtype, i);
    return dtype.kind() == DType::Kind::kString && code_point > 127 ? '?' : NumeralOf(code_point);
  }

  // Returns the text of an element for a message, as Python writes it: one line, printable, not
  // long.
  static std::string Quoted(const std::byte* element, const DType& dtype) {
    constexpr Index kMaxChars = 80;
    Index width = NumChars(dtype);
    while (width > 0 && CharAt(element, dtype, width - 1) == 0) --width;
    const bool is_cut = width > kMaxChars;
    std::string text;
    for (Index i = 0; i < std::min(width, kMaxChars); ++i) {
      const std::uint32_t code_point = CharAt(element, dtype, i);
      if (dtype.kind() == DType::Kind::kString || code_point > 0x10FFFF) {
        text.push_back(static_cast<char>(code_point));
      } else {
        AppendCodePoint(code_point, &text);
      }
    }
    if (dtype.kind() == DType::Kind::kString)
      return absl::StrCat("'", Printable(text), is_cut ? "...'" : "'");
    std::string quoted;
    AppendPythonString(text, &quoted);
    return is_cut ? absl::StrCat(quoted, "...") : quoted;
  }

  DType from_, to_;
  Conversion conversion_;
  std::optional<NumberType> number_;  // of the side that is not text
};

absl::Status CastWideNumbers(CastNumber cast, Index to_bytes, const ChunkView<RawElement>& chunk,
                             std::byte* rows) {
  const RawElements elements = chunk.elements();
  for (std::size_t i = 0; i < elements.size(); ++i, rows += to_bytes)
    cast(elements[i].data(), rows);
  return absl::OkStatus();
}

absl::Status CastTimes(const TimeCast& cast, const DType& to, const ChunkView<RawElement>& chunk,
                       std::byte* rows) {
  const RawElements elements = chunk.elements();
  for (std::size_t i = 0; i < elements.size(); ++i, rows += sizeof(std::int64_t)) {
    std::int64_t ticks;
    std::memcpy(&ticks, elements[i].data(), sizeof(ticks));
    const std::optional<std::int64_t> converted = cast(ticks);
    if (!converted.has_value())
      return AtElement(chunk, i, absl::StrCat("does not fit in a ", to.name()));
    std::memcpy(rows, &*converted, sizeof(std::int64_t));
  }
  return absl::OkStatus();
}

absl::StatusOr<Job> MakeJob(JobContext& context) {
  const DType from = context.chunks.dtype();
  MPAIO_ASSIGN_OR_RETURN(const DType to, TargetType(context.inputs()));
  MPAIO_ASSIGN_OR_RETURN(const Conversion conversion, FindConversion(from, to));
  switch (conversion) {
    case Conversion::kNumbers: {
      MPAIO_ASSIGN_OR_RETURN(const Elementwise plan, NumbersPlan(context.inputs(), to));
      return MakeElementwiseJob(context, plan);
    }
    case Conversion::kWideNumbers:
      return MakeRowWriterJob<RawElement>(
          context, [cast = FindCast(from, to), to_bytes = to.itemsize_bytes()](const auto& chunk,
                                                                               std::byte* rows) {
            return CastWideNumbers(cast, to_bytes, chunk, rows);
          });
    case Conversion::kTimes:
      return MakeRowWriterJob<RawElement>(
          context, [cast = *TimeCast::Create(from, to), to](const auto& chunk, std::byte* rows) {
            return CastTimes(cast, to, chunk, rows);
          });
    case Conversion::kNumbersToText:
    case Conversion::kTextToNumbers:
    case Conversion::kTextToText:
      break;
  }
  return MakeRowWriterJob<RawElement>(context, TextCast(from, to, conversion));
}

MPAIO_REGISTER_WORKER({
    .summary = "writes the same elements as another type",
    .accepts = {AcceptedType::Of<RawElement>()},
    .parameters = {ParameterInfo::Text(
                       "dtype",
                       "the type: a name such as float32, or numpy's code, such as U10 or M8[s]",
                       "")
                       .Required()},
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      MPAIO_ASSIGN_OR_RETURN(DType to, TargetType(inputs));
      MPAIO_RETURN_IF_ERROR(FindConversion(inputs.array.dtype(), to).status());
      return OutputSpec{std::move(to), inputs.array.shape()};
    },
    .streams_output = true,
    .make = MakeJob,
});

}  // namespace
}  // namespace mpaio
