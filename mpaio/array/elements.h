// The elements of a chunk, as a range of C++ values.
//
//   Elements<std::int64_t>   is std::span<const std::int64_t>    (numpy "<i8"; the other numbers likewise)
//   Elements<ByteString>     is a range of absl::string_view     (numpy 'S')
//   Elements<UnicodeString>  is a range of std::u32string_view   (numpy 'U')
//
// numpy pads strings with NULs to the width of the array and strips those at the end when a string is read;
// so does this: of "|S5", the bytes 'a' 0 'b' 0 0 are the string of three bytes "a\0b".
//
// All are random-access ranges that do not own the bytes. Nothing is checked for each element: what can be
// wrong is checked once, by ElementTraits<T>::Accepts(dtype).
#ifndef MPAIO_ARRAY_ELEMENTS_H_
#define MPAIO_ARRAY_ELEMENTS_H_

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Element types of the two kinds of strings. They are names only: the values are views (see above).
struct ByteString {
  using Char = char;
  using View = absl::string_view;
};
struct UnicodeString {
  using Char = char32_t;
  using View = std::u32string_view;
};

// `width` less the NULs at the end of chars[0, width).
template <typename Char>
inline Index LengthWithoutPadding(const Char* chars, Index width) {
  // Padding is often most of an element: go over it by words.
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

// `size()` strings of equal width, one after the other in memory; `String` is ByteString or UnicodeString.
template <typename String>
class FixedWidthStrings : public std::ranges::view_base {
 public:
  using Char = typename String::Char;
  using value_type = typename String::View;

  class Iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::input_iterator_tag;  // because operator* makes a value
    using value_type = typename String::View;
    using difference_type = std::ptrdiff_t;
    using reference = value_type;
    using pointer = void;

    constexpr Iterator() = default;

    value_type operator*() const { return At(position_); }
    value_type operator[](difference_type n) const { return At(position_ + n); }

    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this -= 1; }
    Iterator operator++(int) { return {chars_, width_, position_++}; }
    Iterator operator--(int) { return {chars_, width_, position_--}; }
    Iterator& operator+=(difference_type n) {
      position_ += n;
      return *this;
    }
    Iterator& operator-=(difference_type n) {
      position_ -= n;
      return *this;
    }
    friend Iterator operator+(Iterator it, difference_type n) { return it += n; }
    friend Iterator operator+(difference_type n, Iterator it) { return it += n; }
    friend Iterator operator-(Iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(const Iterator& a, const Iterator& b) {
      return a.position_ - b.position_;
    }

    // Only iterators of the same range may be compared.
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.position_ == b.position_; }
    friend auto operator<=>(const Iterator& a, const Iterator& b) { return a.position_ <=> b.position_; }

   private:
    friend class FixedWidthStrings;
    // A position rather than an address, since strings of width 0 are all at the same one.
    Iterator(const Char* chars, Index width, Index position)
        : chars_(chars), width_(width), position_(position) {}
    value_type At(Index position) const {
      const Char* element = chars_ + position * width_;
      return value_type(element, static_cast<std::size_t>(LengthWithoutPadding(element, width_)));
    }

    const Char* chars_ = nullptr;
    Index width_ = 0;
    Index position_ = 0;
  };
  using iterator = Iterator;
  using const_iterator = Iterator;

  FixedWidthStrings() = default;
  // `count` strings of `width` chars each, from `chars` on, which must be aligned for Char.
  FixedWidthStrings(const Char* chars, Index width, Index count)
      : chars_(chars), width_(width), count_(count) {}

  std::size_t size() const { return static_cast<std::size_t>(count_); }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {chars_, width_, 0}; }
  Iterator end() const { return {chars_, width_, count_}; }
  // Precondition: position < size().
  value_type operator[](std::size_t position) const { return begin()[static_cast<Index>(position)]; }
  value_type front() const { return (*this)[0]; }
  value_type back() const { return (*this)[size() - 1]; }

  // Chars of an element with its padding.
  Index width() const { return width_; }
  // The chars of all elements, padding and all: size() * width() of them.
  const Char* data() const { return chars_; }
  // Elements [offset, offset + count), as of std::span. Precondition: offset + count <= size().
  FixedWidthStrings subspan(std::size_t offset, std::size_t count) const {
    return {chars_ + static_cast<Index>(offset) * width_, width_, static_cast<Index>(count)};
  }

 private:
  const Char* chars_ = nullptr;
  Index width_ = 0;
  Index count_ = 0;
};

// The C++ numbers that elements can be read as in place. Not bool: a byte of a file need not be 0 or 1.
template <typename T>
concept NumericElement = std::same_as<T, std::int8_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> || std::same_as<T, std::uint8_t> ||
    std::same_as<T, std::uint16_t> || std::same_as<T, std::uint32_t> || std::same_as<T, std::uint64_t> ||
    std::same_as<T, float> || std::same_as<T, double>;

// How elements of type T are read. For each T that there is:
//   Span                  the range, cheap to copy
//   Accepts(dtype)        whether an array of `dtype` can be read as T
//   Make(data, n, dtype)  the n elements from `data` on, which is aligned to dtype.alignment_bytes() and may
//                         be null if n is 0. Precondition: Accepts(dtype), n >= 0.
//   Describe()            what Accepts() wants, for messages: "int64 (<i8)", "bytes (S)"
template <typename T>
struct ElementTraits;

template <NumericElement T>
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

// The range that a worker over elements of type T is given.
template <typename T>
using Elements = typename ElementTraits<T>::Span;

}  // namespace mpaio

// Iterators do not refer to the range they come from.
template <typename String>
inline constexpr bool std::ranges::enable_borrowed_range<mpaio::FixedWidthStrings<String>> =
    true;  // NOLINT: std's name

#endif  // MPAIO_ARRAY_ELEMENTS_H_
