// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/descr.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

absl::StatusOr<Descr> ReadNested(PythonLiteralReader& reader, int depth);

absl::Status TooDeep() { return absl::InvalidArgumentError("types are nested too deep"); }

// Reads the shape of a sub-array: a tuple, or a number for a single axis. As in numpy, the number 1
// means no axis.
absl::StatusOr<std::vector<Index>> ReadSubShape(PythonLiteralReader& reader) {
  if (reader.Peek() == '(') return reader.Shape();
  MPAIO_ASSIGN_OR_RETURN(const Index extent, reader.Extent());
  return extent == 1 ? std::vector<Index>{} : std::vector<Index>{extent};
}

// Prepends the axes `shape` of a sub-array to those of its elements, which are sub-arrays too.
absl::Status PrependAxes(const std::vector<Index>& shape, std::vector<Index>* inner) {
  if (static_cast<Index>(shape.size() + inner->size()) > kMaxDimensions)
    return absl::InvalidArgumentError(
        absl::StrCat("the shape has more than ", kMaxDimensions, " axes"));
  inner->insert(inner->begin(), shape.begin(), shape.end());
  return absl::OkStatus();
}

// Reads "(name, descr)" or "(name, descr, shape)" into `*field`. The name may be a tuple, (title,
// name).
absl::Status ReadField(PythonLiteralReader& reader, int depth, DType::Field* field) {
  MPAIO_RETURN_IF_ERROR(reader.Expect('('));
  if (reader.Accept('(')) {
    MPAIO_ASSIGN_OR_RETURN(field->title, reader.String());
    MPAIO_RETURN_IF_ERROR(reader.Expect(','));
    MPAIO_ASSIGN_OR_RETURN(field->name, reader.String());
    reader.Accept(',');
    MPAIO_RETURN_IF_ERROR(reader.Expect(')'));
  } else {
    MPAIO_ASSIGN_OR_RETURN(field->name, reader.String());
  }
  MPAIO_RETURN_IF_ERROR(reader.Expect(','));
  MPAIO_ASSIGN_OR_RETURN(Descr descr, ReadNested(reader, depth));
  field->dtype = std::move(descr.dtype);
  field->shape = std::move(descr.sub_shape);
  if (reader.Accept(',') && reader.Peek() != ')') {
    MPAIO_ASSIGN_OR_RETURN(const std::vector<Index> shape, ReadSubShape(reader));
    MPAIO_RETURN_IF_ERROR(PrependAxes(shape, &field->shape));
    reader.Accept(',');
  }
  return reader.Expect(')');
}

absl::StatusOr<DType> ReadFields(PythonLiteralReader& reader, int depth) {
  MPAIO_RETURN_IF_ERROR(reader.Expect('['));
  std::vector<DType::Field> fields;
  Index offset_bytes = 0;
  while (!reader.Accept(']')) {
    DType::Field field;
    MPAIO_RETURN_IF_ERROR(ReadField(reader, depth, &field));
    const std::optional<Index> size_bytes = field.CheckedSizeBytes();
    if (!size_bytes.has_value() || *size_bytes > DType::kMaxItemsizeBytes - offset_bytes)
      return absl::InvalidArgumentError("an element has more than 2147483647 bytes");
    const bool is_raw = field.dtype.kind() == DType::Kind::kVoid && !field.dtype.is_structured();
    const bool is_padding =
        field.name.empty() && !field.title.has_value() && (is_raw || !field.shape.empty());
    field.offset_bytes = offset_bytes;
    offset_bytes += *size_bytes;
    if (!is_padding) fields.push_back(std::move(field));
    if (reader.Accept(',')) continue;
    MPAIO_RETURN_IF_ERROR(reader.Expect(']'));
    break;
  }
  return DType::Structured(std::move(fields), offset_bytes);
}

absl::StatusOr<Descr> ReadNested(PythonLiteralReader& reader, int depth) {
  Descr descr;
  const char next = reader.Peek();
  if ((next == '[' || next == '(') && depth == DType::kMaxNesting) return TooDeep();
  if (next == '[') {
    MPAIO_ASSIGN_OR_RETURN(descr.dtype, ReadFields(reader, depth + 1));
    return descr;
  }
  if (reader.Accept('(')) {
    MPAIO_ASSIGN_OR_RETURN(descr, ReadNested(reader, depth + 1));
    MPAIO_RETURN_IF_ERROR(reader.Expect(','));
    MPAIO_ASSIGN_OR_RETURN(const std::vector<Index> shape, ReadSubShape(reader));
    MPAIO_RETURN_IF_ERROR(PrependAxes(shape, &descr.sub_shape));
    reader.Accept(',');
    MPAIO_RETURN_IF_ERROR(reader.Expect(')'));
    return descr;
  }
  MPAIO_ASSIGN_OR_RETURN(const std::string code, reader.String());
  // Lists are read above; DType::Parse() would read one in a string without a bound on the nesting.
  if (!code.empty() && code[0] == '[')
    return absl::InvalidArgumentError(
        "a list of fields is in quotes, where a type code is expected");
  MPAIO_ASSIGN_OR_RETURN(descr.dtype, DType::Parse(code));
  return descr;
}

}  // namespace

absl::StatusOr<Descr> ReadDescr(PythonLiteralReader& reader) { return ReadNested(reader, 0); }

}  // namespace mpaio
