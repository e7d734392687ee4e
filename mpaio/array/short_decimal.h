// SPDX-License-Identifier: Apache-2.0

// The shortest decimal text of a floating-point number.
#ifndef MPAIO_ARRAY_SHORT_DECIMAL_H_
#define MPAIO_ARRAY_SHORT_DECIMAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "mpaio/array/float16.h"

namespace mpaio {

// Returns the shortest "d.ddde+xx" that reads back as the same number of the same type, and among
// these the nearest to it, as numpy writes it. Precondition: `value` is finite.
std::string ShortestScientific(Float16 value);
std::string ShortestScientific(float value);
std::string ShortestScientific(double value);

// Returns the double whose shortest text is that of `value`: 0.1 for the float nearest to 0.1.
// Written as a double, a number thus has the digits of its own type. Infinities, NaN and the signs
// of zeros are kept.
//
// The result is the double nearest to T, the shortest text of `value`. T has at most 9 digits, and
// doubles distinguish all decimals of 15 digits, so that no other decimal as short as T has the
// same nearest double.
double DoubleOfShortest(Float16 value);
double DoubleOfShortest(float value);

// Rewrites a text of ShortestScientific(). The result has a point and no exponent if that takes at
// most `max_whole_digits` digits before the point and at most three zeros right after it; otherwise
// it has an exponent of at least two digits.
std::string PlainDecimal(absl::string_view scientific, int max_whole_digits);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_SHORT_DECIMAL_H_
