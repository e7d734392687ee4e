// SPDX-License-Identifier: Apache-2.0

// The type of an array's elements, as numpy describes it.
//
// A simple type has a code: a byte order ('<' little, '>' big, '=' this machine's, '|' not
// applicable), a kind letter, and a width: "<i8" is a little-endian int64, "|S5" a string of at
// most 5 bytes, "<U6" a string of at most 6 code points (24 bytes).
//
// A structured type is a list of named fields, each with its own type:
// "[('x', '<f8'), ('n', '<i4', (3,))]" has 20 bytes, a float64 at 0 and 3 int32 from 8 on.
//
// DType represents every type that numpy saves. CheckSupported() of npy_header.h names the few that
// mpaio does not support, because their bytes have no meaning outside Python.
#ifndef MPAIO_ARRAY_DTYPE_H_
#define MPAIO_ARRAY_DTYPE_H_

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/float16.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct Bool;  // elements.h

// A value type, cheap to copy (fields are shared, and immutable), compared by what it describes.
// ToString() and Parse() carry it between processes.
class DType {
 public:
  enum class Kind : std::uint8_t {
    kBool,
    kInt,
    kUint,
    kFloat,
    kComplex,
    kString,   // numpy 'S': bytes, padded with NULs at the end
    kUnicode,  // numpy 'U': UCS-4 code points, padded with NULs at the end
    kDatetime,
    kTimedelta,
    kVoid,    // raw bytes, or fields
    kObject,  // pointers to Python objects
  };

  // Relative to this machine: bytes must be swapped if the value is kSwapped.
  enum class ByteOrder : std::uint8_t { kNotApplicable, kNative, kSwapped };

  struct Field;

  // The widest element, as in numpy, whose itemsize is a C int.
  static constexpr Index kMaxItemsizeBytes = 2147483647;

  // The deepest nesting of structured types; "[('x', '<f8')]" has depth 1.
  static constexpr int kMaxNesting = 32;

  // The type without bytes ("|V0"), to be assigned to.
  DType() = default;

  // Returns the type that numpy's dtype(descr) makes of a code or a name ("<i8", "i8", "d", "?",
  // "|S5", ">f4", "<M8[25ns]", "float32", "int", "datetime64[D]", ...), or of the text that
  // ToString() gives for a structured type. Names of all versions of numpy are known. All other
  // code that reads the text of a type calls this function. Lists of types with commas and repeats
  // ("f4,f4", "3i4") are not read: they are written as lists of fields.
  //   InvalidArgument  `descr` is none of these, or an element is wider than kMaxItemsizeBytes.
  //   Unimplemented    a numpy type without a meaning here: a long double of another machine;
  //                    StringDType.
  static absl::StatusOr<DType> Parse(absl::string_view descr);

  // Returns the type of the C++ type T: bool or Bool, an integer, Float16, float, double, long
  // double, or std::complex of the last three.
  template <typename T>
  static DType Of();

  // numpy 'S' of `num_bytes` bytes. Precondition: 0 <= num_bytes <= kMaxItemsizeBytes.
  static DType Bytes(Index num_bytes) {
    return DType(Kind::kString, num_bytes, ByteOrder::kNotApplicable);
  }

  // numpy 'U' of `num_code_points` code points. Precondition: 0 <= 4 * num_code_points <=
  // kMaxItemsizeBytes.
  static DType Unicode(Index num_code_points) {
    return DType(Kind::kUnicode, num_code_points * kBytesPerCodePoint, ByteOrder::kNative);
  }

  // numpy 'V', raw bytes. Precondition: 0 <= num_bytes <= kMaxItemsizeBytes.
  static DType Void(Index num_bytes) {
    return DType(Kind::kVoid, num_bytes, ByteOrder::kNotApplicable);
  }

  // Returns a structured type of `itemsize_bytes` with these fields; bytes that belong to no field
  // are padding.
  //   InvalidArgument  fields that overlap, are not ordered by offset, or do not fit; a duplicate
  //                    name or title, or one that is not UTF-8; an element of more than
  //                    kMaxItemsizeBytes, or nested deeper than kMaxNesting.
  static absl::StatusOr<DType> Structured(std::vector<Field> fields, Index itemsize_bytes);

  Kind kind() const { return kind_; }
  // kNotApplicable for a structured type, whatever its fields have.
  ByteOrder byte_order() const { return byte_order_; }
  // True if any part of an element is not in this machine's byte order.
  bool is_swapped() const;
  // True if an element is, or contains, a pointer to a Python object.
  bool has_objects() const;

  // True for a type with a list of fields, even an empty list; false for raw bytes such as "|V8".
  bool is_structured() const { return structure_ != nullptr; }
  // The fields in the order of their offsets. Empty for a simple type. Valid as long as any copy of
  // this type lives.
  const std::vector<Field>& fields() const;
  // The depth of nested structured types: 0 for a simple type.
  int nesting() const;

  // Bytes of one element: 8 for "<i8", 5 for "|S5", 24 for "<U6".
  Index itemsize_bytes() const { return itemsize_bytes_; }

  // The alignment at which an element can be read in place: 8 for "<i8", 1 for "|S5", 4 for "<U6",
  // 1 for a structured type (its fields may be anywhere). Divides itemsize_bytes().
  Index alignment_bytes() const;

  // The length of a tick of a datetime64 or timedelta64: "<M8[25ns]" has 25 of unit "ns". The unit
  // is "generic" if none was given. Precondition: kind() is one of the two.
  absl::string_view time_unit() const;
  Index time_multiple() const { return time_step_.multiple; }

  // Returns the same type in this machine's byte order, fields included.
  DType Native() const;

  // Converts in place the `count` elements from `elements` on, whose swapped parts are in the other
  // byte order, to Native(). `elements` needs no alignment. For many calls with one type, use
  // ByteSwapper of byte_order.h. Precondition: count >= 0.
  void SwapBytes(std::byte* elements, Index count) const;

  // Returns numpy's canonical code (dtype.str): "<i8", "<U6", "|S5", "|b1", "<M8[ns]". For a
  // structured type, returns the text that numpy.save writes:
  //   "[('a', '<i4'), ('', '|V4'), (('title', 'b'), '<f8', (2, 3))]"
  // The nameless field is padding. Parse(ToString()) gives the same type.
  std::string ToString() const;

  // For messages; one line of moderate length: "int64", "float64", "int64 (>i8)" if swapped,
  // "str (<U6)", "bytes (|S5)", "datetime64[ns]", "object", "structured [('x', '<f8')]".
  std::string name() const;

  friend bool operator==(const DType& a, const DType& b);

 private:
  static constexpr Index kBytesPerCodePoint = 4;

  // The tick of datetime64 and timedelta64: `multiple` units, so 25 of unit "ns" for "[25ns]".
  // `unit` is an argument of TimeUnitName(); 0 is numpy's generic unit, which is not written.
  struct TimeStep {
    std::int32_t multiple = 1;
    std::uint8_t unit = 0;
    friend constexpr bool operator==(const TimeStep&, const TimeStep&) = default;
  };
  struct Structure;

  DType(Kind kind, Index itemsize_bytes, ByteOrder byte_order)
      : itemsize_bytes_(static_cast<std::int32_t>(itemsize_bytes)),
        kind_(kind),
        byte_order_(byte_order) {}

  static absl::StatusOr<DType> ParseCode(absl::string_view descr);
  std::string TimeStepToString() const;
  void AppendFields(std::string* out) const;

  std::int32_t itemsize_bytes_ = 0;
  TimeStep time_step_;
  Kind kind_ = Kind::kVoid;
  ByteOrder byte_order_ = ByteOrder::kNotApplicable;
  std::shared_ptr<const Structure> structure_;  // null for a simple type
};

// A field of a structured type.
struct DType::Field {
  // UTF-8 that may contain surrogates, as in Python.
  std::string name;
  std::optional<std::string> title;
  // Offset from the start of the element.
  Index offset_bytes = 0;
  DType dtype;
  // The shape of a sub-array of `dtype`, in C order. Empty for a single element.
  std::vector<Index> shape;

  // The number of elements of `dtype`: the product of `shape`.
  Index num_elements() const;
  Index size_bytes() const { return num_elements() * dtype.itemsize_bytes(); }
  // size_bytes() for an unchecked `shape`: nullopt if it has a negative extent, or more than
  // kMaxItemsizeBytes (an extent of 0 does not make the product of the others fit).
  std::optional<Index> CheckedSizeBytes() const;

  friend bool operator==(const Field&, const Field&) = default;
};

namespace internal_dtype {

template <typename T>
inline constexpr bool kIsComplex =
    std::same_as<T, std::complex<float>> || std::same_as<T, std::complex<double>> ||
    std::same_as<T, std::complex<long double>>;

}  // namespace internal_dtype

template <typename T>
DType DType::Of() {
  constexpr bool kIsBool = std::same_as<T, bool> || std::same_as<T, Bool>;
  constexpr bool kIsFloat = std::same_as<T, Float16> || std::is_floating_point_v<T>;
  static_assert(std::is_integral_v<T> || kIsBool || kIsFloat || internal_dtype::kIsComplex<T>);
  static_assert(!std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                    !std::same_as<T, char16_t> && !std::same_as<T, char32_t>,
                "numpy has no character type: say std::int8_t, std::uint8_t, ...");
  if constexpr (kIsBool) {
    return DType(Kind::kBool, 1, ByteOrder::kNotApplicable);
  } else {
    constexpr Kind kKind = kIsFloat                        ? Kind::kFloat
                           : internal_dtype::kIsComplex<T> ? Kind::kComplex
                           : std::is_signed_v<T>           ? Kind::kInt
                                                           : Kind::kUint;
    return DType(kKind, sizeof(T), sizeof(T) == 1 ? ByteOrder::kNotApplicable : ByteOrder::kNative);
  }
}

}  // namespace mpaio

#endif  // MPAIO_ARRAY_DTYPE_H_
