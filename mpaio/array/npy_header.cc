#include "mpaio/array/npy_header.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr absl::string_view kZipMagic("PK\x03\x04", 4);
constexpr Index kDataAlignmentBytes = 64;
// numpy leaves room for the first extent to grow to this many digits in place.
constexpr Index kGrowthAxisMaxDigits = 21;
// Of brackets in a structured descriptor; numpy's own go a few levels deep.
constexpr int kMaxNesting = 32;

// `text` for use in a message: one line, printable, not long.
std::string Printable(absl::string_view text) {
  constexpr std::size_t kMaxChars = 80;
  // Descriptors are full of quotes, which need no escape in a message.
  const std::string escaped =
      absl::StrReplaceAll(absl::CHexEscape(text.substr(0, kMaxChars)), {{"\\'", "'"}, {"\\\"", "\""}});
  return absl::StrCat(escaped, text.size() > kMaxChars ? "..." : "");
}

// The number whose little-endian bytes are `bytes`.
Index LittleEndian(absl::string_view bytes) {
  Index value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value * 256 + static_cast<unsigned char>(bytes[i]);
  return value;
}

// Bytes before the text of the header.
constexpr Index PrefixBytes(int version_major) { return version_major == 1 ? 10 : 12; }

absl::Status Truncated(absl::string_view name) {
  return absl::DataLossError(absl::StrCat(name, " is truncated: it ends within its header; copy it again"));
}

// A reader of the one Python literal that the text of a header is. What the text means goes into an
// NpyHeader.
class HeaderTextParser {
 public:
  HeaderTextParser(absl::string_view text, absl::string_view name) : text_(text), name_(name) {}

  absl::Status Parse(NpyHeader* header) {
    MPAIO_RETURN_IF_ERROR(Expect('{'));
    bool has_descr = false, has_fortran_order = false, has_shape = false;
    const auto first = [this](bool& seen, absl::string_view key) -> absl::Status {
      if (std::exchange(seen, true)) return Damaged(absl::StrCat("key '", key, "' is there twice"));
      return absl::OkStatus();
    };
    while (!Accept('}')) {
      MPAIO_ASSIGN_OR_RETURN(const absl::string_view key, ParseString());
      MPAIO_RETURN_IF_ERROR(Expect(':'));
      if (key == "descr") {
        MPAIO_RETURN_IF_ERROR(first(has_descr, key));
        MPAIO_RETURN_IF_ERROR(ParseDescr(header));
      } else if (key == "fortran_order") {
        MPAIO_RETURN_IF_ERROR(first(has_fortran_order, key));
        MPAIO_ASSIGN_OR_RETURN(header->fortran_order, ParseBool());
      } else if (key == "shape") {
        MPAIO_RETURN_IF_ERROR(first(has_shape, key));
        MPAIO_ASSIGN_OR_RETURN(header->shape, ParseShape());
      } else {
        return Damaged(absl::StrCat("key '", Printable(key), "' is not one of descr, fortran_order, shape"));
      }
      if (Accept(',')) continue;
      MPAIO_RETURN_IF_ERROR(Expect('}'));
      break;
    }
    SkipSpace();
    if (position_ != text_.size()) return Damaged("there is something after the closing '}'");
    if (!has_descr) return Damaged("key 'descr' is missing");
    if (!has_fortran_order) return Damaged("key 'fortran_order' is missing");
    if (!has_shape) return Damaged("key 'shape' is missing");
    return absl::OkStatus();
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(name_, " has a damaged header: at byte ", position_,
                                            " of its text, ", what,
                                            "; copy the file again, or save it again with numpy.save"));
  }

  void SkipSpace() {
    while (position_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[position_])))
      ++position_;
  }

  // The next character that is not space, or NUL at the end.
  char Peek() {
    SkipSpace();
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  bool Accept(char c) {
    if (Peek() != c) return false;
    ++position_;
    return true;
  }

  absl::Status Expect(char c) {
    if (Accept(c)) return absl::OkStatus();
    return Damaged(absl::StrCat("'", absl::string_view(&c, 1), "' is expected"));
  }

  // What is between the quotes of a string. Escapes are left as they are: no key and no type code has one.
  absl::StatusOr<absl::string_view> ParseString() {
    Accept('u');  // as Python 2 wrote
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return Damaged("a string is expected");
    const std::size_t begin = ++position_;
    for (; position_ < text_.size(); ++position_) {
      if (text_[position_] == quote) return text_.substr(begin, position_++ - begin);
      if (text_[position_] == '\\') ++position_;
    }
    position_ = text_.size();
    return Damaged("a string has no end");
  }

  absl::StatusOr<absl::string_view> ParseWord() {
    SkipSpace();
    const std::size_t begin = position_;
    while (position_ < text_.size() && absl::ascii_isalnum(static_cast<unsigned char>(text_[position_])))
      ++position_;
    if (position_ == begin) return Damaged("a value is expected");
    return text_.substr(begin, position_ - begin);
  }

  absl::StatusOr<bool> ParseBool() {
    MPAIO_ASSIGN_OR_RETURN(const absl::string_view word, ParseWord());
    if (word == "True") return true;
    if (word == "False") return false;
    return Damaged(absl::StrCat("True or False is expected, not ", Printable(word)));
  }

  absl::StatusOr<Index> ParseExtent() {
    if (Peek() == '-') return Damaged("an extent of the shape is negative");
    MPAIO_ASSIGN_OR_RETURN(absl::string_view word, ParseWord());
    const absl::string_view whole = word;
    if (word.back() == 'L') word.remove_suffix(1);  // as Python 2 wrote a long
    if (word.empty() || (word.size() > 1 && word[0] == '0'))
      return Damaged(absl::StrCat("a number is expected, not ", Printable(whole)));
    Index value = 0;
    for (const char c : word) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c)))
        return Damaged(absl::StrCat("a number is expected, not ", Printable(whole)));
      const Index digit = c - '0';
      if (value > (std::numeric_limits<Index>::max() - digit) / 10) {
        return Damaged(absl::StrCat("an extent of ", Printable(whole), " is more than any array has"));
      }
      value = value * 10 + digit;
    }
    return value;
  }

  absl::StatusOr<std::vector<Index>> ParseShape() {
    MPAIO_RETURN_IF_ERROR(Expect('('));
    std::vector<Index> shape;
    bool has_comma = true;
    while (!Accept(')')) {
      if (!has_comma) return Damaged("',' or ')' is expected");
      if (static_cast<Index>(shape.size()) == kMaxDimensions)
        return Damaged(absl::StrCat("the shape has more than ", kMaxDimensions, " axes"));
      MPAIO_ASSIGN_OR_RETURN(const Index extent, ParseExtent());
      shape.push_back(extent);
      has_comma = Accept(',');
    }
    if (shape.size() == 1 && !has_comma) return Damaged("the shape is a number, not a tuple");
    return shape;
  }

  // A string is a simple type, a list a structured one, a tuple a subarray of either.
  absl::Status ParseDescr(NpyHeader* header) {
    const char next = Peek();
    if (next == '[' || next == '(') {
      const std::size_t begin = position_;
      MPAIO_RETURN_IF_ERROR(SkipValue(0));
      header->structured_descr.assign(text_.data() + begin, position_ - begin);
      return absl::OkStatus();
    }
    MPAIO_ASSIGN_OR_RETURN(const absl::string_view descr, ParseString());
    const absl::StatusOr<DType> dtype = DType::Parse(descr);
    if (!dtype.ok()) return Damaged(dtype.status().message());
    header->dtype = *dtype;
    return absl::OkStatus();
  }

  // A string, a number, or a list or tuple of such.
  absl::Status SkipValue(int depth) {
    const char next = Peek();
    if (next != '[' && next != '(') {
      return next == '\'' || next == '"' || next == 'u' ? ParseString().status() : ParseExtent().status();
    }
    if (depth == kMaxNesting) return Damaged("brackets are nested too deep");
    ++position_;
    const char close = next == '[' ? ']' : ')';
    while (!Accept(close)) {
      MPAIO_RETURN_IF_ERROR(SkipValue(depth + 1));
      if (Accept(',')) continue;
      return Expect(close);
    }
    return absl::OkStatus();
  }

  absl::string_view text_;
  absl::string_view name_;
  std::size_t position_ = 0;
};

// Whether the elements are in the same order in C and in Fortran order.
bool OrderIsImmaterial(const std::vector<Index>& shape) {
  const auto extents_over_1 =
      std::count_if(shape.begin(), shape.end(), [](Index extent) { return extent > 1; });
  return extents_over_1 <= 1 || std::find(shape.begin(), shape.end(), 0) != shape.end();
}

// How an array `a` of a type that is not taken can be saved as one that is; empty if its type is taken.
std::string HowToSave(const DType& dtype) {
  using Kind = DType::Kind;
  switch (dtype.kind()) {
    case Kind::kBool:
      return "a.astype('int64')";
    case Kind::kInt:
    case Kind::kUint:
      if (dtype == DType::Of<std::int64_t>()) return "";
      return dtype.kind() == Kind::kUint && dtype.itemsize_bytes() == 8
                 ? "a.astype('int64'), if all values are below 2**63,"
                 : "a.astype('int64')";
    case Kind::kFloat:
      return dtype == DType::Of<double>() ? "" : "a.astype('float64')";
    case Kind::kComplex:
      return "the float64 arrays a.real and a.imag";
    case Kind::kString:
      return dtype.itemsize_bytes() > 0 ? "" : "a.astype('S1')";
    case Kind::kUnicode:
      if (dtype.itemsize_bytes() == 0) return "a.astype('U1')";
      return dtype.is_swapped()
                 ? absl::StrCat("a.astype('", DType::Unicode(dtype.itemsize_bytes() / 4).ToString(), "')")
                 : "";
    case Kind::kDatetime:
    case Kind::kTimedelta:
      return "the counts, a.astype('int64'),";
    case Kind::kVoid:
      return absl::StrCat("a.view('S", dtype.itemsize_bytes(), "') or the numbers that the bytes hold,");
    case Kind::kObject:
      return "an array of numbers or strings, such as a.astype(str) or a.astype('int64'),";
  }
  return "an int64, float64, str or bytes array";
}

}  // namespace

absl::StatusOr<Index> NpyHeaderSizeBytes(absl::string_view first_bytes, absl::string_view name) {
  if (first_bytes.empty())
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a .npy file: it is empty"));
  if (first_bytes.substr(0, kZipMagic.size()) == kZipMagic) {
    return absl::InvalidArgumentError(absl::StrCat(name,
                                                   " is not a .npy file but a zip archive, perhaps .npz; "
                                                   "unpack it, and give the .npy file that is in it"));
  }
  const std::size_t num_magic = std::min(first_bytes.size(), kMagic.size());
  if (first_bytes.substr(0, num_magic) != kMagic.substr(0, num_magic)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is not a .npy file: it starts with '", Printable(first_bytes.substr(0, num_magic)),
        "' instead of '\\x93NUMPY'; save the array with numpy.save"));
  }
  if (first_bytes.size() < kMagic.size() + 2) return Truncated(name);
  const int major = static_cast<unsigned char>(first_bytes[kMagic.size()]);
  const int minor = static_cast<unsigned char>(first_bytes[kMagic.size() + 1]);
  if (major < 1 || major > 3 || minor != 0) {
    return absl::UnimplementedError(absl::StrCat(
        name, " is of version ", major, ".", minor,
        " of the .npy format; versions 1.0, 2.0 and 3.0 are known: save it again with numpy.save"));
  }
  const Index prefix_bytes = PrefixBytes(major);
  if (static_cast<Index>(first_bytes.size()) < prefix_bytes) return Truncated(name);
  const std::size_t length_begin = kMagic.size() + 2;
  const Index size_bytes =
      prefix_bytes +
      LittleEndian(first_bytes.substr(length_begin, static_cast<std::size_t>(prefix_bytes) - length_begin));
  if (size_bytes > kMaxNpyHeaderBytes) {
    return absl::DataLossError(absl::StrCat(name, " says that its header has ", size_bytes,
                                            " bytes; at most ", kMaxNpyHeaderBytes,
                                            " are read: the file is damaged; copy it again"));
  }
  return size_bytes;
}

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view first_bytes, absl::string_view name) {
  MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, NpyHeaderSizeBytes(first_bytes, name));
  if (static_cast<Index>(first_bytes.size()) < size_bytes) return Truncated(name);
  NpyHeader header;
  header.version_major = static_cast<unsigned char>(first_bytes[kMagic.size()]);
  header.data_offset = size_bytes;
  const absl::string_view whole = first_bytes.substr(0, static_cast<std::size_t>(size_bytes));
  const absl::string_view text = whole.substr(static_cast<std::size_t>(PrefixBytes(header.version_major)));
  MPAIO_RETURN_IF_ERROR(HeaderTextParser(text, name).Parse(&header));
  const absl::StatusOr<Index> data_size_bytes = ArraySizeBytes(header.dtype, header.shape);
  if (!data_size_bytes.ok()) {
    return absl::DataLossError(absl::StrCat(
        name, " has a damaged header: ", data_size_bytes.status().message(), "; copy the file again"));
  }
  if (header.dtype.kind() != DType::Kind::kObject) header.data_size_bytes = *data_size_bytes;
  return header;
}

absl::Status CheckSupported(const NpyHeader& header, absl::string_view name) {
  if (!header.structured_descr.empty()) {
    return absl::UnimplementedError(
        absl::StrCat(name, " holds structured elements, ", Printable(header.structured_descr),
                     ", which mpaio does not take; save each field in a file of its own, such as a['x']"));
  }
  if (const std::string remedy = HowToSave(header.dtype); !remedy.empty()) {
    const std::string what =
        header.dtype.kind() == DType::Kind::kObject ? "Python objects (a pickle)" : header.dtype.name();
    return absl::UnimplementedError(
        absl::StrCat(name, " holds ", what, ", which mpaio does not take; save ", remedy, " instead"));
  }
  if (header.fortran_order && !OrderIsImmaterial(header.shape)) {
    return absl::UnimplementedError(
        absl::StrCat(name, " is in Fortran order, shape ", ShapeToString(header.shape),
                     ", which mpaio does not take; save numpy.ascontiguousarray(a) instead"));
  }
  return absl::OkStatus();
}

std::string FormatNpyHeader(const DType& dtype, const std::vector<Index>& shape) {
  std::string text = absl::StrCat("{'descr': '", dtype.ToString(),
                                  "', 'fortran_order': False, 'shape': ", ShapeToString(shape), ", }");
  if (!shape.empty()) {
    const Index num_digits = static_cast<Index>(absl::StrCat(shape[0]).size());
    text.append(static_cast<std::size_t>(kGrowthAxisMaxDigits - num_digits), ' ');
  }
  // As in numpy, a header that would end at a multiple of 64 anyway gets 64 spaces more.
  const Index unpadded_bytes = PrefixBytes(1) + static_cast<Index>(text.size()) + 1;
  text.append(static_cast<std::size_t>(kDataAlignmentBytes - unpadded_bytes % kDataAlignmentBytes), ' ');
  text.push_back('\n');

  // Version 1 has 16 bits for the length: kMaxDimensions extents of 19 digits are far below that.
  const std::size_t length = text.size();
  const char prefix[] = {1, 0, static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)};
  return absl::StrCat(kMagic, absl::string_view(prefix, sizeof(prefix)), text);
}

}  // namespace mpaio
