// SPDX-License-Identifier: Apache-2.0

// The elements of a chunk, as a range of C++ values.
//
//   Elements<std::int64_t>   is std::span<const std::int64_t> (numpy "<i8"); likewise the other
//                            numbers: (u)int8 to 64, Float16, float, double, long double,
//                            std::complex of the last three
//   Elements<Bool>           is std::span<const Bool> (numpy bool)
//   Elements<Datetime64>     is std::span<const Datetime64> (numpy datetime64 of any unit);
//                            likewise Timedelta64
//   Elements<ByteString>     is a range of absl::string_view (numpy 'S')
//   Elements<UnicodeString>  is a range of std::u32string_view (numpy 'U')
//   Elements<RawElement>     is a range of the bytes of each element, for any type, structured
//                            types included
//
// numpy pads strings with NULs to the width of the array, and strips the trailing NULs when it
// reads a string. The views here do the same: in "|S5", the bytes 'a' 0 'b' 0 0 are the string of
// three bytes "a\0b".
//
// All are random-access ranges that do not own the bytes. ElementTraits<T>::Accepts(dtype) checks
// the type of the whole array; there are no checks for single elements.
#ifndef MPAIO_ARRAY_ELEMENTS_H_
#define MPAIO_ARRAY_ELEMENTS_H_

#include <compare>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/float16.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Element types of the two kinds of strings. They are tags: the values are views (see above).
struct ByteString {
  using Char = char;
  using View = absl::string_view;
};
struct UnicodeString {
  using Char = char32_t;
  using View = std::u32string_view;
};

// Returns `width` minus the trailing NULs of chars[0, width).
template <typename Char>
inline Index LengthWithoutPadding(const Char* chars, Index width) {
  // Padding is often most of an element, so skip it by words.
  constexpr Index kCharsPerWord = sizeof(std::uint64_t) / sizeof(Char);
  while (width >= kCharsPerWord) {
    std::uint64_t word;
    std::memcpy(&word, chars + (width - kCharsPerWord), sizeof(word));
    if (word != 0) break;
    width -= kCharsPerWord;
  }
  while (width > 0 && chars[width - 1] == Char{}) --width;
  return width;
}

// A random-access iterator over elements that are not C++ objects in memory: `Maker::At(position)`
// makes each on access. It holds a position and not an address, since all strings of width 0, and
// all elements without bytes, have the same address.
template <typename Maker>
class MadeElementIterator {
 public:
  using iterator_concept = std::random_access_iterator_tag;
  using iterator_category = std::input_iterator_tag;  // because operator* makes a value
  using value_type = typename Maker::Element;
  using difference_type = std::ptrdiff_t;
  using reference = value_type;
  using pointer = void;

  constexpr MadeElementIterator() = default;
  constexpr MadeElementIterator(Maker maker, Index position) : maker_(maker), position_(position) {}

  value_type operator*() const { return maker_.At(position_); }
  value_type operator[](difference_type n) const { return maker_.At(position_ + n); }

  MadeElementIterator& operator++() { return *this += 1; }
  MadeElementIterator& operator--() { return *this -= 1; }
  MadeElementIterator operator++(int) { return {maker_, position_++}; }
  MadeElementIterator operator--(int) { return {maker_, position_--}; }
  MadeElementIterator& operator+=(difference_type n) {
    position_ += n;
    return *this;
  }
  MadeElementIterator& operator-=(difference_type n) {
    position_ -= n;
    return *this;
  }
  friend MadeElementIterator operator+(MadeElementIterator it, difference_type n) {
    return it += n;
  }
  friend MadeElementIterator operator+(difference_type n, MadeElementIterator it) {
    return it += n;
  }
  friend MadeElementIterator operator-(MadeElementIterator it, difference_type n) {
    return it -= n;
  }
  friend difference_type operator-(const MadeElementIterator& a, const MadeElementIterator& b) {
    return a.position_ - b.position_;
  }

  // Only iterators of the same range may be compared.
  friend bool operator==(const MadeElementIterator& a, const MadeElementIterator& b) {
    return a.position_ == b.position_;
  }
  friend auto operator<=>(const MadeElementIterator& a, const MadeElementIterator& b) {
    return a.position_ <=> b.position_;
  }

 private:
  Maker maker_;
  Index position_ = 0;
};

// Makes the strings of FixedWidthStrings.
template <typename String>
struct StringMaker {
  using Element = typename String::View;

  Element At(Index position) const {
    const typename String::Char* const element = chars + position * width;
    return Element(element, static_cast<std::size_t>(LengthWithoutPadding(element, width)));
  }

  const typename String::Char* chars = nullptr;
  Index width = 0;
};

// `size()` strings of equal width, one after the other in memory; `String` is ByteString or
// UnicodeString.
template <typename String>
class FixedWidthStrings : public std::ranges::view_base {
 public:
  using Char = typename String::Char;
  using value_type = typename String::View;

  using Iterator = MadeElementIterator<StringMaker<String>>;
  using iterator = Iterator;
  using const_iterator = Iterator;

  FixedWidthStrings() = default;
  // `count` strings of `width` chars each, from `chars` on, which must be aligned for Char.
  FixedWidthStrings(const Char* chars, Index width, Index count)
      : chars_(chars), width_(width), count_(count) {}

  std::size_t size() const { return static_cast<std::size_t>(count_); }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {{chars_, width_}, 0}; }
  Iterator end() const { return {{chars_, width_}, count_}; }
  // Precondition: position < size().
  value_type operator[](std::size_t position) const {
    return begin()[static_cast<Index>(position)];
  }
  value_type front() const { return (*this)[0]; }
  value_type back() const { return (*this)[size() - 1]; }

  // Chars of an element, padding included.
  Index width() const { return width_; }
  // The size() * width() chars of all elements, padding included.
  const Char* data() const { return chars_; }
  // Elements [offset, offset + count), as std::span::subspan(). Precondition: offset + count <=
  // size().
  FixedWidthStrings subspan(std::size_t offset, std::size_t count) const {
    return {chars_ + static_cast<Index>(offset) * width_, width_, static_cast<Index>(count)};
  }

 private:
  const Char* chars_ = nullptr;
  Index width_ = 0;
  Index count_ = 0;
};

// An element of a bool array: a byte. Not bool, because a byte of a file need not be 0 or 1.
struct Bool {
  std::uint8_t byte;

  constexpr bool value() const { return byte != 0; }
  explicit constexpr operator bool() const { return value(); }
  friend constexpr bool operator==(Bool a, Bool b) { return a.value() == b.value(); }
};

// A point in time: ticks since 1970-01-01T00:00. DType::time_unit() and time_multiple() give the
// length of a tick.
struct Datetime64 {
  std::int64_t ticks;

  // numpy's NaT.
  static constexpr Datetime64 NotATime() { return {std::numeric_limits<std::int64_t>::min()}; }
  constexpr bool is_nat() const { return ticks == NotATime().ticks; }
  // Compares ticks: unlike in numpy, NaT equals itself, and is less than everything else.
  friend constexpr auto operator<=>(const Datetime64&, const Datetime64&) = default;
};

// A duration in ticks, as for Datetime64.
struct Timedelta64 {
  std::int64_t ticks;

  static constexpr Timedelta64 NotATime() { return {std::numeric_limits<std::int64_t>::min()}; }
  constexpr bool is_nat() const { return ticks == NotATime().ticks; }
  friend constexpr auto operator<=>(const Timedelta64&, const Timedelta64&) = default;
};

// Element type for any array. A tag, like ByteString: the values are spans of bytes.
struct RawElement {};

// Makes the elements of RawElements.
struct RawElementMaker {
  using Element = std::span<const std::byte>;

  Element At(Index position) const {
    return {data + position * itemsize_bytes, static_cast<std::size_t>(itemsize_bytes)};
  }

  const std::byte* data = nullptr;
  Index itemsize_bytes = 0;
};

// `size()` elements of any type, one after the other in memory, as their bytes.
class RawElements : public std::ranges::view_base {
 public:
  using value_type = std::span<const std::byte>;

  using Iterator = MadeElementIterator<RawElementMaker>;
  using iterator = Iterator;
  using const_iterator = Iterator;

  RawElements() = default;
  // `count` elements from `data` on, which needs no alignment.
  RawElements(const std::byte* data, Index count, DType dtype)
      : data_(data), count_(count), dtype_(std::move(dtype)) {}

  std::size_t size() const { return static_cast<std::size_t>(count_); }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {{data_, itemsize_bytes()}, 0}; }
  Iterator end() const { return {{data_, itemsize_bytes()}, count_}; }
  // Precondition: position < size().
  value_type operator[](std::size_t position) const {
    return begin()[static_cast<Index>(position)];
  }
  value_type front() const { return (*this)[0]; }
  value_type back() const { return (*this)[size() - 1]; }

  const DType& dtype() const { return dtype_; }
  Index itemsize_bytes() const { return dtype_.itemsize_bytes(); }
  // The size() * itemsize_bytes() bytes of all elements.
  const std::byte* data() const { return data_; }
  // Elements [offset, offset + count), as std::span::subspan(). Precondition: offset + count <=
  // size().
  RawElements subspan(std::size_t offset, std::size_t count) const {
    return {data_ + static_cast<Index>(offset) * itemsize_bytes(), static_cast<Index>(count),
            dtype_};
  }

 private:
  const std::byte* data_ = nullptr;
  Index count_ = 0;
  DType dtype_;
};

template <typename T, typename... Others>
concept OneOf = (std::same_as<T, Others> || ...);

// The C++ number types whose elements are read in place.
template <typename T>
concept NumericElement =
    OneOf<T, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
          std::uint32_t, std::uint64_t, Float16, float, double, long double, std::complex<float>,
          std::complex<double>, std::complex<long double>>;

// How elements of type T are read. Every specialization has:
//   Span                  the range, cheap to copy
//   Accepts(dtype)        returns true if an array of `dtype` can be read as T
//   Make(data, n, dtype)  returns the n elements from `data` on, which is aligned to
//                         dtype.alignment_bytes() and may be null if n is 0. Precondition:
//                         Accepts(dtype), n >= 0.
//   Describe()            describes the types that Accepts() accepts, for messages: "int64 (<i8)",
//                         "bytes (S)"
template <typename T>
struct ElementTraits;

template <typename T>
requires NumericElement<T> || std::same_as<T, Bool>
struct ElementTraits<T> {
  using Span = std::span<const T>;
  static bool Accepts(const DType& dtype) { return dtype == DType::Of<T>(); }
  static Span Make(const std::byte* data, Index n, const DType&) {
    return Span(reinterpret_cast<const T*>(data), static_cast<std::size_t>(n));
  }
  static std::string Describe() {
    return absl::StrCat(DType::Of<T>().name(), " (", DType::Of<T>().ToString(), ")");
  }
};

template <OneOf<Datetime64, Timedelta64> T>
struct ElementTraits<T> {
  static constexpr bool kIsDatetime = std::same_as<T, Datetime64>;
  using Span = std::span<const T>;
  static bool Accepts(const DType& dtype) {
    return dtype.kind() == (kIsDatetime ? DType::Kind::kDatetime : DType::Kind::kTimedelta) &&
           !dtype.is_swapped();
  }
  static Span Make(const std::byte* data, Index n, const DType&) {
    return Span(reinterpret_cast<const T*>(data), static_cast<std::size_t>(n));
  }
  static std::string Describe() { return kIsDatetime ? "datetime64 (M8)" : "timedelta64 (m8)"; }
};

template <>
struct ElementTraits<RawElement> {
  using Span = RawElements;
  static bool Accepts(const DType&) { return true; }
  static Span Make(const std::byte* data, Index n, const DType& dtype) {
    return Span(data, n, dtype);
  }
  static std::string Describe() { return "elements of any type"; }
};

template <>
struct ElementTraits<ByteString> {
  using Span = FixedWidthStrings<ByteString>;
  static bool Accepts(const DType& dtype) { return dtype.kind() == DType::Kind::kString; }
  static Span Make(const std::byte* data, Index n, const DType& dtype) {
    return Span(reinterpret_cast<const char*>(data), dtype.itemsize_bytes(), n);
  }
  static std::string Describe() { return "bytes (S)"; }
};

template <>
struct ElementTraits<UnicodeString> {
  using Span = FixedWidthStrings<UnicodeString>;
  static bool Accepts(const DType& dtype) {
    return dtype.kind() == DType::Kind::kUnicode && !dtype.is_swapped();
  }
  static Span Make(const std::byte* data, Index n, const DType& dtype) {
    return Span(reinterpret_cast<const char32_t*>(data),
                dtype.itemsize_bytes() / static_cast<Index>(sizeof(char32_t)), n);
  }
  static std::string Describe() { return "str (U)"; }
};

// The range that a worker over elements of type T gets.
template <typename T>
using Elements = typename ElementTraits<T>::Span;

}  // namespace mpaio

// Iterators do not refer to the range they come from.
template <typename String>
inline constexpr bool std::ranges::enable_borrowed_range<mpaio::FixedWidthStrings<String>> =
    true;  // NOLINT: std's name
template <>
inline constexpr bool std::ranges::enable_borrowed_range<mpaio::RawElements> =
    true;  // NOLINT: std's name

#endif  // MPAIO_ARRAY_ELEMENTS_H_
