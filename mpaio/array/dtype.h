// The type of an array's elements, as numpy describes it.
//
// A numpy type code is a byte order ('<' little, '>' big, '=' this machine's, '|' not applicable), a kind
// letter, and a width: "<i8" is a little-endian int64, "|S5" a string of at most 5 bytes, "<U6" a string of
// at most 6 code points (24 bytes).
//
// DType knows every simple type of numpy, so that what the rest of mpaio does not take can be refused by its
// name. Which types it does take is said in one place, CheckSupported() of npy_header.h. Structured types are
// not described yet: they will be kVoid with fields.
#ifndef MPAIO_ARRAY_DTYPE_H_
#define MPAIO_ARRAY_DTYPE_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A small value: trivially copyable, compared by what it describes. ToString() and Parse() carry it between
// processes.
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
    kVoid,    // raw bytes
    kObject,  // pointers to Python objects
  };

  // Relative to this machine, so that one word says whether bytes must be swapped.
  enum class ByteOrder : std::uint8_t { kNotApplicable, kNative, kSwapped };

  // The widest element, as in numpy: its itemsize is a C int.
  static constexpr Index kMaxItemsizeBytes = 2147483647;

  // No bytes at all ("|V0"): a place to assign a type to.
  constexpr DType() = default;

  // The type that numpy's dtype(descr) makes of a type code: "<i8", "i8", "d", "?", "|S5", ">f4",
  // "<M8[25ns]", ... (but not of a name such as "int64").
  //   InvalidArgument  `descr` is not the code of a numpy type, or the width is over kMaxItemsizeBytes.
  static absl::StatusOr<DType> Parse(absl::string_view descr);

  // The type of the C++ type T: bool, an integer, float or double.
  template <typename T>
  static constexpr DType Of();

  // numpy 'S' of `num_bytes` bytes. Precondition: 0 <= num_bytes <= kMaxItemsizeBytes.
  static constexpr DType Bytes(Index num_bytes) {
    return DType(Kind::kString, num_bytes, ByteOrder::kNotApplicable);
  }

  // numpy 'U' of `num_code_points` code points. Precondition: 0 <= 4 * num_code_points <= kMaxItemsizeBytes.
  static constexpr DType Unicode(Index num_code_points) {
    return DType(Kind::kUnicode, num_code_points * kBytesPerCodePoint, ByteOrder::kNative);
  }

  constexpr Kind kind() const { return kind_; }
  constexpr ByteOrder byte_order() const { return byte_order_; }
  constexpr bool is_swapped() const { return byte_order_ == ByteOrder::kSwapped; }

  // Bytes of one element: 8 for "<i8", 5 for "|S5", 24 for "<U6".
  constexpr Index itemsize_bytes() const { return itemsize_bytes_; }

  // What an element's address must be a multiple of for it to be read in place: 8 for "<i8", 1 for "|S5", 4
  // for "<U6". Divides itemsize_bytes().
  Index alignment_bytes() const;

  // numpy's canonical code (dtype.str): "<i8", "<U6", "|S5", "|b1", "<M8[ns]". Parse(ToString()) gives the
  // same type.
  std::string ToString() const;

  // For messages: "int64", "float64", "int64 (>i8)" if swapped, "str (<U6)", "bytes (|S5)", "datetime64[ns]",
  // "object".
  std::string name() const;

  friend constexpr bool operator==(const DType&, const DType&) = default;

 private:
  static constexpr Index kBytesPerCodePoint = 4;

  // Of datetime64 and timedelta64: `multiple` units each, so 25 of unit "ns" for "[25ns]". `unit` is a
  // position in the .cc's table; 0 is numpy's generic unit, which is not written.
  struct TimeStep {
    std::int32_t multiple = 1;
    std::uint8_t unit = 0;
    friend constexpr bool operator==(const TimeStep&, const TimeStep&) = default;
  };

  constexpr DType(Kind kind, Index itemsize_bytes, ByteOrder byte_order)
      : itemsize_bytes_(static_cast<std::int32_t>(itemsize_bytes)), kind_(kind), byte_order_(byte_order) {}

  static absl::StatusOr<TimeStep> ParseTimeStep(absl::string_view text, absl::string_view descr);
  std::string TimeStepToString() const;

  std::int32_t itemsize_bytes_ = 0;
  TimeStep time_step_;
  Kind kind_ = Kind::kVoid;
  ByteOrder byte_order_ = ByteOrder::kNotApplicable;
};

template <typename T>
constexpr DType DType::Of() {
  static_assert(std::is_integral_v<T> || std::same_as<T, float> || std::same_as<T, double>);
  static_assert(!std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                    !std::same_as<T, char16_t> && !std::same_as<T, char32_t>,
                "numpy has no character type: say std::int8_t, std::uint8_t, ...");
  constexpr Kind kKind = std::same_as<T, bool>         ? Kind::kBool
                         : std::is_floating_point_v<T> ? Kind::kFloat
                         : std::is_signed_v<T>         ? Kind::kInt
                                                       : Kind::kUint;
  return DType(kKind, sizeof(T), sizeof(T) == 1 ? ByteOrder::kNotApplicable : ByteOrder::kNative);
}

}  // namespace mpaio

#endif  // MPAIO_ARRAY_DTYPE_H_
