// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/dtype.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/descr.h"
#include "mpaio/array/dtype_code.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/array/shape.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;

constexpr char kNativeOrder = std::endian::native == std::endian::little ? '<' : '>';
constexpr char kSwappedOrder = std::endian::native == std::endian::little ? '>' : '<';
// The longest text of a structured type in a message.
constexpr Index kMaxNameBytes = 120;

}  // namespace

struct DType::Structure {
  std::vector<Field> fields;
  int nesting = 1;
  bool is_swapped = false;
  bool has_objects = false;
};

Index DType::Field::num_elements() const {
  return std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>());
}

std::optional<Index> DType::Field::CheckedSizeBytes() const {
  bool is_empty = dtype.itemsize_bytes() == 0;
  Index size_bytes = std::max<Index>(dtype.itemsize_bytes(), 1);
  for (const Index extent : shape) {
    if (extent < 0) return std::nullopt;
    is_empty = is_empty || extent == 0;
    const std::optional<Index> product = CheckedMultiply(size_bytes, std::max<Index>(extent, 1));
    if (!product.has_value() || *product > kMaxItemsizeBytes) return std::nullopt;
    size_bytes = *product;
  }
  return is_empty ? 0 : size_bytes;
}

absl::StatusOr<DType> DType::Parse(absl::string_view descr) {
  if (descr.empty() || descr[0] != '[' || !IsUtf8(descr, Surrogates::kRefused))
    return ParseCode(descr);
  PythonLiteralReader reader(descr);
  absl::StatusOr<Descr> read = ReadDescr(reader);
  if (read.ok() && !reader.AtEnd())
    read = absl::InvalidArgumentError("there is something after the closing ']'");
  if (!read.ok()) {
    return absl::Status(read.status().code(),
                        absl::StrCat("'", Printable(descr), "' is not a structured type: at byte ",
                                     reader.position(), ", ", read.status().message()));
  }
  return std::move(read->dtype);
}

absl::StatusOr<DType> DType::Structured(std::vector<Field> fields, Index itemsize_bytes) {
  if (itemsize_bytes < 0 || itemsize_bytes > kMaxItemsizeBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("an element cannot have ", itemsize_bytes, " bytes"));
  auto structure = std::make_shared<Structure>();
  std::unordered_set<std::string> names;
  Index end_bytes = 0;
  for (const Field& field : fields) {
    const std::optional<Index> size_bytes = field.CheckedSizeBytes();
    if (!size_bytes.has_value())
      return absl::InvalidArgumentError(absl::StrCat("field '", Printable(field.name),
                                                     "' has a shape, ", ShapeToString(field.shape),
                                                     ", that no element can have"));
    if (field.offset_bytes < end_bytes || field.offset_bytes > itemsize_bytes - *size_bytes)
      return absl::InvalidArgumentError("the fields of a structured type overlap or do not fit");
    end_bytes = field.offset_bytes + *size_bytes;
    for (const std::string* name :
         {&field.name, field.title.has_value() ? &*field.title : nullptr}) {
      if (name == nullptr) continue;
      if (!IsUtf8(*name, Surrogates::kAllowed))
        return absl::InvalidArgumentError("the name of a field is not UTF-8");
      if (!names.insert(*name).second)
        return absl::InvalidArgumentError(
            absl::StrCat("field '", Printable(*name), "' appears twice"));
    }
    structure->nesting = std::max(structure->nesting, field.dtype.nesting() + 1);
    structure->is_swapped = structure->is_swapped || field.dtype.is_swapped();
    structure->has_objects = structure->has_objects || field.dtype.has_objects();
  }
  if (structure->nesting > kMaxNesting)
    return absl::InvalidArgumentError("types are nested too deep");
  structure->fields = std::move(fields);
  DType dtype = Void(itemsize_bytes);
  dtype.structure_ = std::move(structure);
  return dtype;
}

const std::vector<DType::Field>& DType::fields() const {
  static const std::vector<Field>* const kNone = new std::vector<Field>;
  return structure_ != nullptr ? structure_->fields : *kNone;
}

int DType::nesting() const { return structure_ != nullptr ? structure_->nesting : 0; }

bool DType::is_swapped() const {
  return structure_ != nullptr ? structure_->is_swapped : byte_order_ == ByteOrder::kSwapped;
}

bool DType::has_objects() const {
  return structure_ != nullptr ? structure_->has_objects : kind_ == Kind::kObject;
}

bool operator==(const DType& a, const DType& b) {
  if (a.itemsize_bytes_ != b.itemsize_bytes_ || !(a.time_step_ == b.time_step_) ||
      a.kind_ != b.kind_ || a.byte_order_ != b.byte_order_)
    return false;
  if (a.structure_ == b.structure_) return true;
  return a.structure_ != nullptr && b.structure_ != nullptr &&
         a.structure_->fields == b.structure_->fields;
}

DType DType::Native() const {
  if (!is_swapped()) return *this;
  DType native = *this;
  if (structure_ == nullptr) {
    native.byte_order_ = ByteOrder::kNative;
    return native;
  }
  auto structure = std::make_shared<Structure>(*structure_);
  for (Field& field : structure->fields) field.dtype = field.dtype.Native();
  structure->is_swapped = false;
  native.structure_ = std::move(structure);
  return native;
}

absl::StatusOr<DType> DType::ParseCode(absl::string_view descr) {
  MPAIO_ASSIGN_OR_RETURN(const DTypeCode code, ReadDTypeCode(descr));
  DType dtype(code.kind, code.itemsize_bytes, code.byte_order);
  dtype.time_step_ = {code.time_multiple, code.time_unit};
  return dtype;
}

std::string DType::TimeStepToString() const {
  if (time_step_.unit == 0) return "";
  const std::string multiple = time_step_.multiple == 1 ? "" : absl::StrCat(time_step_.multiple);
  return absl::StrCat("[", multiple, time_unit(), "]");
}

absl::string_view DType::time_unit() const { return TimeUnitName(time_step_.unit); }

Index DType::alignment_bytes() const {
  switch (kind_) {
    case Kind::kString:
    case Kind::kVoid:
      return 1;
    case Kind::kUnicode:
      return kBytesPerCodePoint;
    case Kind::kComplex:
      return itemsize_bytes_ / 2;
    default:
      return itemsize_bytes_;
  }
}

// Appends the list of fields (numpy's dtype.descr) as Python's repr() writes it.
void DType::AppendFields(std::string* out) const {
  Index offset_bytes = 0;
  out->push_back('[');
  const auto separate = [&] {
    if (out->back() != '[') out->append(", ");
  };
  const auto pad = [&](Index end_bytes) {
    if (end_bytes == offset_bytes) return;
    separate();
    absl::StrAppend(out, "('', '", Void(end_bytes - offset_bytes).ToString(), "')");
  };
  for (const Field& field : fields()) {
    pad(field.offset_bytes);
    separate();
    out->push_back('(');
    if (field.title.has_value()) {
      out->push_back('(');
      AppendPythonString(*field.title, out);
      out->append(", ");
    }
    AppendPythonString(field.name, out);
    if (field.title.has_value()) out->push_back(')');
    out->append(", ");
    if (field.dtype.is_structured()) {
      field.dtype.AppendFields(out);
    } else {
      absl::StrAppend(out, "'", field.dtype.ToString(), "'");
    }
    if (!field.shape.empty()) absl::StrAppend(out, ", ", ShapeToString(field.shape));
    out->push_back(')');
    offset_bytes = field.offset_bytes + field.size_bytes();
  }
  pad(itemsize_bytes_);
  out->push_back(']');
}

std::string DType::ToString() const {
  if (is_structured()) {
    std::string text;
    AppendFields(&text);
    return text;
  }
  const char order = byte_order_ == ByteOrder::kNotApplicable ? '|'
                     : is_swapped()                           ? kSwappedOrder
                                                              : kNativeOrder;
  const absl::string_view prefix(&order, 1);
  switch (kind_) {
    case Kind::kBool:
      return absl::StrCat(prefix, "b", itemsize_bytes_);
    case Kind::kInt:
      return absl::StrCat(prefix, "i", itemsize_bytes_);
    case Kind::kUint:
      return absl::StrCat(prefix, "u", itemsize_bytes_);
    case Kind::kFloat:
      return absl::StrCat(prefix, "f", itemsize_bytes_);
    case Kind::kComplex:
      return absl::StrCat(prefix, "c", itemsize_bytes_);
    case Kind::kString:
      return absl::StrCat(prefix, "S", itemsize_bytes_);
    case Kind::kUnicode:
      return absl::StrCat(prefix, "U", itemsize_bytes_ / kBytesPerCodePoint);
    case Kind::kDatetime:
      return absl::StrCat(prefix, "M", itemsize_bytes_, TimeStepToString());
    case Kind::kTimedelta:
      return absl::StrCat(prefix, "m", itemsize_bytes_, TimeStepToString());
    case Kind::kVoid:
      return absl::StrCat(prefix, "V", itemsize_bytes_);
    case Kind::kObject:
      return absl::StrCat(prefix, "O");
  }
  return "|V0";
}

std::string DType::name() const {
  const Index bits = Index{8} * itemsize_bytes_;
  const std::string swapped = is_swapped() ? absl::StrCat(" (", ToString(), ")") : "";
  switch (kind_) {
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return absl::StrCat("int", bits, swapped);
    case Kind::kUint:
      return absl::StrCat("uint", bits, swapped);
    case Kind::kFloat:
      return absl::StrCat("float", bits, swapped);
    case Kind::kComplex:
      return absl::StrCat("complex", bits, swapped);
    case Kind::kString:
      return absl::StrCat("bytes (", ToString(), ")");
    case Kind::kUnicode:
      return absl::StrCat("str (", ToString(), ")");
    case Kind::kDatetime:
      return absl::StrCat("datetime64", TimeStepToString(), swapped);
    case Kind::kTimedelta:
      return absl::StrCat("timedelta64", TimeStepToString(), swapped);
    case Kind::kVoid: {
      if (!is_structured()) return absl::StrCat("void (", ToString(), ")");
      std::string text = ToString();
      if (static_cast<Index>(text.size()) > kMaxNameBytes) {
        std::size_t end = kMaxNameBytes;
        while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
          --end;  // do not cut a code point
        text = absl::StrCat(text.substr(0, end), "...");
      }
      return absl::StrCat("structured ", text);
    }
    case Kind::kObject:
      return "object";
  }
  return "void (|V0)";
}

}  // namespace mpaio
