// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/dtype_code.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;

constexpr char kSwappedOrder = std::endian::native == std::endian::little ? '>' : '<';
constexpr Index kAnyWidth = -1;

// Kind letters with a width after them: 'i' and one of 1, 2, 4, 8.
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

// Single letters: 'd' is a C double.
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

// Names of all versions of numpy; those of C types have the sizes of this machine.
struct Name {
  absl::string_view name;
  Kind kind;
  Index itemsize_bytes;
};
constexpr Name kNames[] = {
    {"bool", Kind::kBool, 1},
    {"bool_", Kind::kBool, 1},
    {"bool8", Kind::kBool, 1},
    {"int8", Kind::kInt, 1},
    {"int16", Kind::kInt, 2},
    {"int32", Kind::kInt, 4},
    {"int64", Kind::kInt, 8},
    {"byte", Kind::kInt, 1},
    {"short", Kind::kInt, sizeof(short)},
    {"intc", Kind::kInt, sizeof(int)},
    {"int", Kind::kInt, sizeof(void*)},
    {"int_", Kind::kInt, sizeof(void*)},
    {"int0", Kind::kInt, sizeof(void*)},
    {"intp", Kind::kInt, sizeof(void*)},
    {"long", Kind::kInt, sizeof(long)},
    {"longlong", Kind::kInt, sizeof(long long)},
    {"uint8", Kind::kUint, 1},
    {"uint16", Kind::kUint, 2},
    {"uint32", Kind::kUint, 4},
    {"uint64", Kind::kUint, 8},
    {"ubyte", Kind::kUint, 1},
    {"ushort", Kind::kUint, sizeof(short)},
    {"uintc", Kind::kUint, sizeof(int)},
    {"uint", Kind::kUint, sizeof(void*)},
    {"uint0", Kind::kUint, sizeof(void*)},
    {"uintp", Kind::kUint, sizeof(void*)},
    {"ulong", Kind::kUint, sizeof(long)},
    {"ulonglong", Kind::kUint, sizeof(long long)},
    {"float16", Kind::kFloat, 2},
    {"float32", Kind::kFloat, 4},
    {"float64", Kind::kFloat, 8},
    {"float128", Kind::kFloat, 16},
    {"half", Kind::kFloat, 2},
    {"single", Kind::kFloat, 4},
    {"double", Kind::kFloat, 8},
    {"float", Kind::kFloat, 8},
    {"float_", Kind::kFloat, 8},
    {"longdouble", Kind::kFloat, sizeof(long double)},
    {"longfloat", Kind::kFloat, sizeof(long double)},
    {"complex64", Kind::kComplex, 8},
    {"complex128", Kind::kComplex, 16},
    {"complex256", Kind::kComplex, 32},
    {"csingle", Kind::kComplex, 8},
    {"singlecomplex", Kind::kComplex, 8},
    {"cdouble", Kind::kComplex, 16},
    {"cfloat", Kind::kComplex, 16},
    {"complex", Kind::kComplex, 16},
    {"complex_", Kind::kComplex, 16},
    {"clongdouble", Kind::kComplex, 2 * sizeof(long double)},
    {"clongfloat", Kind::kComplex, 2 * sizeof(long double)},
    {"longcomplex", Kind::kComplex, 2 * sizeof(long double)},
    {"str", Kind::kUnicode, 0},
    {"str_", Kind::kUnicode, 0},
    {"str0", Kind::kUnicode, 0},
    {"unicode", Kind::kUnicode, 0},
    {"unicode_", Kind::kUnicode, 0},
    {"bytes", Kind::kString, 0},
    {"bytes_", Kind::kString, 0},
    {"bytes0", Kind::kString, 0},
    {"string_", Kind::kString, 0},
    {"void", Kind::kVoid, 0},
    {"void0", Kind::kVoid, 0},
    {"object", Kind::kObject, sizeof(void*)},
    {"object_", Kind::kObject, sizeof(void*)},
    {"object0", Kind::kObject, sizeof(void*)},
};

// Spellings of the time types; a step may follow, as in "M8[25ns]".
struct TimeName {
  absl::string_view name;
  Kind kind;
};
constexpr TimeName kTimeNames[] = {
    {"M8", Kind::kDatetime},
    {"m8", Kind::kTimedelta},
    {"datetime64", Kind::kDatetime},
    {"timedelta64", Kind::kTimedelta},
};

// A unit of datetime64 and timedelta64, with the shorter units that numpy tries for a divisor, as
// in "[D/48]", and the number of these in one unit. An empty part ends the list.
struct Part {
  absl::string_view unit;
  Index count = 0;
};
struct TimeUnit {
  absl::string_view name;
  std::array<Part, 3> parts;
};
// Position 0 is numpy's generic unit.
constexpr TimeUnit kTimeUnits[] = {
    {"generic", {}},
    {"Y", {{{"M", 12}, {"W", 52}, {"D", 365}}}},
    {"M", {{{"W", 4}, {"D", 30}, {"h", 720}}}},
    {"W", {{{"D", 7}, {"h", 168}, {"m", 10080}}}},
    {"D", {{{"h", 24}, {"m", 1440}, {"s", 86400}}}},
    {"h", {{{"m", 60}, {"s", 3600}}}},
    {"m", {{{"s", 60}, {"ms", 60000}}}},
    {"s", {{{"ms", 1000}, {"us", 1000000}}}},
    {"ms", {{{"us", 1000}, {"ns", 1000000}}}},
    {"us", {{{"ns", 1000}, {"ps", 1000000}}}},
    {"ns", {{{"ps", 1000}, {"fs", 1000000}}}},
    {"ps", {{{"fs", 1000}, {"as", 1000000}}}},
    {"fs", {{{"as", 1000}}}},
    {"as", {}},
};

// Returns the position of the unit `name` in kTimeUnits, or the size of kTimeUnits. As in numpy, a
// Greek mu means micro.
std::size_t FindTimeUnit(absl::string_view name) {
  if (name == "\u03bcs") name = "us";
  const auto has_name = [name](const TimeUnit& unit) { return unit.name == name; };
  return static_cast<std::size_t>(
      std::find_if(std::begin(kTimeUnits), std::end(kTimeUnits), has_name) -
      std::begin(kTimeUnits));
}

struct KindAndSize {
  Kind kind;
  Index itemsize_bytes;
};

// Removes the number at the start of `*text` and returns it. White space and a sign may precede the
// number, because numpy reads it with C's strtol. Returns nullopt if there is no number, or if it
// is not in [0, DType::kMaxItemsizeBytes].
std::optional<Index> TakeNumber(absl::string_view* text) {
  *text = absl::StripLeadingAsciiWhitespace(*text);
  const bool is_negative = absl::StartsWith(*text, "-");
  if (is_negative || absl::StartsWith(*text, "+")) text->remove_prefix(1);
  if (text->empty() || !absl::ascii_isdigit(text->front())) return std::nullopt;
  Index value = 0;
  for (; !text->empty() && absl::ascii_isdigit(text->front()); text->remove_prefix(1)) {
    value = value * 10 + (text->front() - '0');
    if (value > DType::kMaxItemsizeBytes) return std::nullopt;
  }
  return is_negative && value != 0 ? std::nullopt : std::optional<Index>(value);
}

// Parses all of `text` as a number.
std::optional<Index> ParseWidth(absl::string_view text) {
  const std::optional<Index> value = TakeNumber(&text);
  return text.empty() ? value : std::nullopt;
}

// Returns the type that numpy calls `name`.
std::optional<KindAndSize> FindName(absl::string_view name) {
  for (const Name& known : kNames) {
    if (known.name == name) return KindAndSize{known.kind, known.itemsize_bytes};
  }
  return std::nullopt;
}

// Returns the kind and size of `code`, a letter with an optional width.
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
  return absl::InvalidArgumentError(absl::StrCat(
      "'", absl::CHexEscape(descr.substr(0, 60)),
      "' is not a type of numpy: give a name, such as 'float32', or a code, such as '<i8' or "
      "'|S5'"));
}

// Returns Unimplemented for a type that numpy has on another machine or in another version, and
// that mpaio cannot read; otherwise OK.
absl::Status CheckKnownHere(absl::string_view descr, absl::string_view code) {
  const std::string quoted = absl::StrCat("'", absl::CHexEscape(descr.substr(0, 60)), "'");
  if (!code.empty() && code[0] == 'T' &&
      (code.size() == 1 || ParseWidth(code.substr(1)).has_value())) {
    return absl::UnimplementedError(absl::StrCat(quoted,
                                                 " is numpy's StringDType, which a file holds only "
                                                 "as pointers; save a.astype('U') instead"));
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

// Reads a step, "[25ns]" or "[D/48]", into `*code`. `descr` is the whole text, for messages.
absl::Status ReadTimeStep(absl::string_view text, absl::string_view descr, DTypeCode* code) {
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) return NotAType(descr);
  Index multiple = 1;
  if (absl::string_view rest = text; const std::optional<Index> given = TakeNumber(&rest)) {
    multiple = *given;
    text = rest;
  }
  Index divisor = 1;
  if (const std::size_t slash = text.find('/'); slash != absl::string_view::npos) {
    divisor = ParseWidth(text.substr(slash + 1)).value_or(0);
    text = text.substr(0, slash);
  }
  std::size_t unit = FindTimeUnit(text);
  if (unit == std::size(kTimeUnits) || divisor == 0) return NotAType(descr);
  if (divisor > 1) {
    const auto& parts = kTimeUnits[unit].parts;
    const auto part = std::find_if(parts.begin(), parts.end(), [divisor](const Part& one) {
      return one.count > 0 && one.count % divisor == 0;
    });
    if (part == parts.end()) return NotAType(descr);
    multiple *= part->count / divisor;
    unit = FindTimeUnit(part->unit);
  }
  if (multiple > std::numeric_limits<std::int32_t>::max()) return NotAType(descr);
  // The generic unit has no multiple.
  code->time_multiple = unit == 0 ? 1 : static_cast<std::int32_t>(multiple);
  code->time_unit = static_cast<std::uint8_t>(unit);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DTypeCode> ReadDTypeCode(absl::string_view text) {
  absl::string_view code = text;
  char order = '=';
  if (!code.empty() && (code[0] == '<' || code[0] == '>' || code[0] == '=' || code[0] == '|')) {
    order = code[0];
    code.remove_prefix(1);
  }
  // As in numpy, '|' before a type that has a byte order means this machine's.
  const auto make = [order](const KindAndSize& type) {
    DType::ByteOrder byte_order = DType::ByteOrder::kNotApplicable;
    if (HasByteOrder(type)) {
      const bool is_swapped = order == kSwappedOrder;
      byte_order = is_swapped ? DType::ByteOrder::kSwapped : DType::ByteOrder::kNative;
    }
    return DTypeCode{type.kind, type.itemsize_bytes, byte_order};
  };
  for (const TimeName& time : kTimeNames) {
    absl::string_view step = code;
    if (!absl::ConsumePrefix(&step, time.name)) continue;
    DTypeCode result = make({time.kind, sizeof(std::int64_t)});
    if (!step.empty()) MPAIO_RETURN_IF_ERROR(ReadTimeStep(step, text, &result));
    return result;
  }
  if (const std::optional<KindAndSize> type = FindCode(code)) return make(*type);
  // As in numpy, a name has no byte order before it.
  if (const std::optional<KindAndSize> type = FindName(text)) return make(*type);
  MPAIO_RETURN_IF_ERROR(CheckKnownHere(text, code));
  return NotAType(text);
}

absl::string_view TimeUnitName(std::uint8_t unit) { return kTimeUnits[unit].name; }

}  // namespace mpaio
