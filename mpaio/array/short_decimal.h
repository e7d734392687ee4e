// SPDX-License-Identifier: Apache-2.0

// The fewest decimal digits that stand for a floating-point number.
#ifndef MPAIO_ARRAY_SHORT_DECIMAL_H_
#define MPAIO_ARRAY_SHORT_DECIMAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "mpaio/array/float16.h"

namespace mpaio {

// The shortest "d.ddde+xx" that reads back as the same number of the same type, and of these the
// nearest to it, as numpy writes it. Precondition: `value` is finite.
std::string ShortestScientific(Float16 value);
std::string ShortestScientific(float value);
std::string ShortestScientific(double value);

// The double whose shortest text is that of `value`: 0.1 of the float nearest to 0.1. So a number
// that is written as a double is written with the digits of its own type. Infinities, NaN and the
// signs of zeros stay.
//
// It is the double nearest to the shortest text of `value`, T. T has at most 9 digits, and doubles
// tell all decimals of 15 digits apart: none as short as T but T itself is nearest to that double.
double DoubleOfShortest(Float16 value);
double DoubleOfShortest(float value);

// A text of ShortestScientific() without an exponent, and with a point, where it has at most
// `max_whole_digits` digits in front of the point and at most three zeros behind it; else with an
// exponent of two digits at least.
std::string PlainDecimal(absl::string_view scientific, int max_whole_digits);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_SHORT_DECIMAL_H_
