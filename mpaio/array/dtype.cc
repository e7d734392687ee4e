#include "mpaio/array/dtype.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <iterator>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/descr.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/array/shape.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;

constexpr char kNativeOrder = std::endian::native == std::endian::little ? '<' : '>';
constexpr char kSwappedOrder = std::endian::native == std::endian::little ? '>' : '<';
constexpr Index kAnyWidth = -1;
// Of a structured type in a message.
constexpr Index kMaxNameBytes = 120;

// What a kind letter means with a width after it: 'i' and one of 1, 2, 4, 8.
struct SizedCode {
  char letter;
  Kind kind;
  std::array<Index, 4> widths;  // in the units of the code; 0 ends the list, kAnyWidth allows all
  Index bytes_per_unit;
};
constexpr SizedCode kSizedCodes[] = {
    {'b', Kind::kBool, {1}, 1},
    {'i', Kind::kInt, {1, 2, 4, 8}, 1},
    {'u', Kind::kUint, {1, 2, 4, 8}, 1},
    {'f', Kind::kFloat, {2, 4, 8, sizeof(long double)}, 1},
    {'c', Kind::kComplex, {8, 16, 2 * sizeof(long double)}, 1},
    {'S', Kind::kString, {kAnyWidth}, 1},
    {'a', Kind::kString, {kAnyWidth}, 1},
    {'U', Kind::kUnicode, {kAnyWidth}, 4},
    {'V', Kind::kVoid, {kAnyWidth}, 1},
    {'M', Kind::kDatetime, {8}, 1},
    {'m', Kind::kTimedelta, {8}, 1},
    {'O', Kind::kObject, {4, 8}, 1},
};

// What a letter means on its own: 'd' is a C double.
struct PlainCode {
  char letter;
  Kind kind;
  Index itemsize_bytes;
};
constexpr PlainCode kPlainCodes[] = {
    {'?', Kind::kBool, 1},
    {'b', Kind::kInt, 1},
    {'B', Kind::kUint, 1},
    {'h', Kind::kInt, sizeof(short)},
    {'H', Kind::kUint, sizeof(short)},
    {'i', Kind::kInt, sizeof(int)},
    {'I', Kind::kUint, sizeof(int)},
    {'l', Kind::kInt, sizeof(long)},
    {'L', Kind::kUint, sizeof(long)},
    {'q', Kind::kInt, sizeof(long long)},
    {'Q', Kind::kUint, sizeof(long long)},
    {'p', Kind::kInt, sizeof(void*)},
    {'P', Kind::kUint, sizeof(void*)},
    {'e', Kind::kFloat, 2},
    {'f', Kind::kFloat, sizeof(float)},
    {'d', Kind::kFloat, sizeof(double)},
    {'g', Kind::kFloat, sizeof(long double)},
    {'F', Kind::kComplex, 2 * sizeof(float)},
    {'D', Kind::kComplex, 2 * sizeof(double)},
    {'G', Kind::kComplex, 2 * sizeof(long double)},
    {'c', Kind::kString, 1},
    {'S', Kind::kString, 0},
    {'a', Kind::kString, 0},
    {'U', Kind::kUnicode, 0},
    {'V', Kind::kVoid, 0},
    {'M', Kind::kDatetime, 8},
    {'m', Kind::kTimedelta, 8},
    {'O', Kind::kObject, sizeof(void*)},
};

// Of datetime64 and timedelta64. Position 0 is numpy's generic unit.
constexpr absl::string_view kTimeUnits[] = {"generic", "Y",  "M",  "W",  "D",  "h",  "m",
                                            "s",       "ms", "us", "ns", "ps", "fs", "as"};

struct KindAndSize {
  Kind kind;
  Index itemsize_bytes;
};

// The number that `digits` is, or nothing if it is none or is over DType::kMaxItemsizeBytes.
std::optional<Index> ParseWidth(absl::string_view digits) {
  if (digits.empty()) return std::nullopt;
  Index value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    if (value > DType::kMaxItemsizeBytes) return std::nullopt;
  }
  return value;
}

// What `code`, a letter and perhaps a width, describes.
std::optional<KindAndSize> FindCode(absl::string_view code) {
  if (code.size() == 1) {
    for (const PlainCode& plain : kPlainCodes) {
      if (plain.letter == code[0]) return KindAndSize{plain.kind, plain.itemsize_bytes};
    }
    return std::nullopt;
  }
  if (code.empty()) return std::nullopt;
  const std::optional<Index> width = ParseWidth(code.substr(1));
  if (!width.has_value()) return std::nullopt;
  for (const SizedCode& sized : kSizedCodes) {
    if (sized.letter != code[0]) continue;
    if (sized.kind == Kind::kObject && (*width == 4 || *width == 8))
      return KindAndSize{sized.kind, sizeof(void*)};
    for (const Index allowed : sized.widths) {
      if (allowed == 0) break;
      if (allowed != kAnyWidth && allowed != *width) continue;
      const Index itemsize_bytes = *width * sized.bytes_per_unit;
      if (itemsize_bytes > DType::kMaxItemsizeBytes) return std::nullopt;
      return KindAndSize{sized.kind, itemsize_bytes};
    }
  }
  return std::nullopt;
}

bool HasByteOrder(const KindAndSize& type) {
  switch (type.kind) {
    case Kind::kBool:
    case Kind::kString:
    case Kind::kVoid:
    case Kind::kObject:
      return false;
    case Kind::kUnicode:  // even "<U0" has one
      return true;
    default:
      return type.itemsize_bytes > 1;
  }
}

absl::Status NotAType(absl::string_view descr) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CHexEscape(descr.substr(0, 60)),
                   "' is not the code of a numpy type; '<i8', '<f8', '<U5', '|S5' are"));
}

// Types that numpy has, on some machine or in some version, and that mean nothing here; else OK.
absl::Status CheckKnownHere(absl::string_view descr, absl::string_view code) {
  const std::string quoted = absl::StrCat("'", absl::CHexEscape(descr.substr(0, 60)), "'");
  if (!code.empty() && code[0] == 'T' && (code.size() == 1 || ParseWidth(code.substr(1)).has_value())) {
    return absl::UnimplementedError(absl::StrCat(
        quoted, " is numpy's StringDType, of which a file has pointers only; save a.astype('U') instead"));
  }
  for (const absl::string_view other : {"f10", "f12", "f16", "c20", "c24", "c32"}) {
    if (code != other) continue;
    return absl::UnimplementedError(
        absl::StrCat(quoted,
                     " is the long double of another kind of machine; there, save "
                     "a.astype('",
                     code[0] == 'f' ? "f8" : "c16", "') instead"));
  }
  return absl::OkStatus();
}

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
  if (descr.empty() || descr[0] != '[') return ParseCode(descr);
  if (!IsUtf8(descr, Surrogates::kRefused)) return NotAType(descr);
  PythonLiteralReader reader(descr);
  absl::StatusOr<Descr> read = ReadDescr(reader);
  if (read.ok() && !reader.AtEnd())
    read = absl::InvalidArgumentError("there is something after the closing ']'");
  if (!read.ok()) {
    return absl::Status(read.status().code(),
                        absl::StrCat("'", Printable(descr), "' is no structured type: at byte ",
                                     reader.position(), ", ", read.status().message()));
  }
  return std::move(read->dtype);
}

absl::StatusOr<DType> DType::Structured(std::vector<Field> fields, Index itemsize_bytes) {
  if (itemsize_bytes < 0 || itemsize_bytes > kMaxItemsizeBytes)
    return absl::InvalidArgumentError(absl::StrCat("an element cannot have ", itemsize_bytes, " bytes"));
  auto structure = std::make_shared<Structure>();
  std::unordered_set<std::string> names;
  Index end_bytes = 0;
  for (const Field& field : fields) {
    const std::optional<Index> size_bytes = field.CheckedSizeBytes();
    if (!size_bytes.has_value())
      return absl::InvalidArgumentError(absl::StrCat("field '", Printable(field.name), "' has a shape, ",
                                                     ShapeToString(field.shape),
                                                     ", that no element can have"));
    if (field.offset_bytes < end_bytes || field.offset_bytes > itemsize_bytes - *size_bytes)
      return absl::InvalidArgumentError("the fields of a structured type overlap or do not fit");
    end_bytes = field.offset_bytes + *size_bytes;
    for (const std::string* name : {&field.name, field.title.has_value() ? &*field.title : nullptr}) {
      if (name == nullptr) continue;
      if (!IsUtf8(*name, Surrogates::kTaken))
        return absl::InvalidArgumentError("the name of a field is not UTF-8");
      if (!names.insert(*name).second)
        return absl::InvalidArgumentError(absl::StrCat("field '", Printable(*name), "' is there twice"));
    }
    structure->nesting = std::max(structure->nesting, field.dtype.nesting() + 1);
    structure->is_swapped = structure->is_swapped || field.dtype.is_swapped();
    structure->has_objects = structure->has_objects || field.dtype.has_objects();
  }
  if (structure->nesting > kMaxNesting) return absl::InvalidArgumentError("types are nested too deep");
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
  if (a.itemsize_bytes_ != b.itemsize_bytes_ || !(a.time_step_ == b.time_step_) || a.kind_ != b.kind_ ||
      a.byte_order_ != b.byte_order_)
    return false;
  if (a.structure_ == b.structure_) return true;
  return a.structure_ != nullptr && b.structure_ != nullptr && a.structure_->fields == b.structure_->fields;
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
  absl::string_view code = descr;
  char order = '=';
  if (!code.empty() && (code[0] == '<' || code[0] == '>' || code[0] == '=' || code[0] == '|')) {
    order = code[0];
    code.remove_prefix(1);
  }
  absl::string_view step_text;
  if (const auto bracket = code.find('['); bracket != absl::string_view::npos) {
    step_text = code.substr(bracket);
    code = code.substr(0, bracket);
  }
  const std::optional<KindAndSize> type = FindCode(code);
  if (!type.has_value()) {
    MPAIO_RETURN_IF_ERROR(CheckKnownHere(descr, code));
    return NotAType(descr);
  }

  // numpy takes '|' before a type that has an order for this machine's.
  ByteOrder byte_order = ByteOrder::kNotApplicable;
  if (HasByteOrder(*type)) byte_order = order == kSwappedOrder ? ByteOrder::kSwapped : ByteOrder::kNative;
  DType dtype(type->kind, type->itemsize_bytes, byte_order);
  if (!step_text.empty()) {
    if (type->kind != Kind::kDatetime && type->kind != Kind::kTimedelta) return NotAType(descr);
    MPAIO_ASSIGN_OR_RETURN(dtype.time_step_, ParseTimeStep(step_text, descr));
  }
  return dtype;
}

absl::StatusOr<DType::TimeStep> DType::ParseTimeStep(absl::string_view text, absl::string_view descr) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return NotAType(descr);
  text = text.substr(1, text.size() - 2);
  TimeStep step;
  std::size_t num_digits = 0;
  while (num_digits < text.size() && text[num_digits] >= '0' && text[num_digits] <= '9') ++num_digits;
  if (num_digits > 0) {
    const std::optional<Index> multiple = ParseWidth(text.substr(0, num_digits));
    if (!multiple.has_value()) return NotAType(descr);
    step.multiple = static_cast<std::int32_t>(*multiple);
    text.remove_prefix(num_digits);
  }
  for (std::size_t unit = 0; unit < std::size(kTimeUnits); ++unit) {
    if (text != kTimeUnits[unit]) continue;
    if (unit == 0 && num_digits > 0) return NotAType(descr);
    step.unit = static_cast<std::uint8_t>(unit);
    return step;
  }
  return NotAType(descr);
}

std::string DType::TimeStepToString() const {
  if (time_step_.unit == 0) return "";
  const std::string multiple = time_step_.multiple == 1 ? "" : absl::StrCat(time_step_.multiple);
  return absl::StrCat("[", multiple, kTimeUnits[time_step_.unit], "]");
}

absl::string_view DType::time_unit() const { return kTimeUnits[time_step_.unit]; }

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

// As Python writes the list that numpy's dtype.descr is.
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
        while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a code point
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
