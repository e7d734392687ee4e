// SPDX-License-Identifier: Apache-2.0

// Formats arrays and answers as JSON.
#ifndef MPAIO_JOBS_ANSWER_JSON_H_
#define MPAIO_JOBS_ANSWER_JSON_H_

#include <nlohmann/json.hpp>

#include "mpaio/array/nd_view.h"
#include "mpaio/jobs/answer.h"

namespace mpaio {

// Returns the array as nested lists; an array of shape () is the element itself.
//   integers               exact
//   floating-point         doubles; for float16 and float32 the double with the same shortest text
//                          (DoubleOfShortest()), so 0.1 is 0.1 in every type
//   long double            text of all its digits
//   complex numbers        [real, imaginary]
//   strings                UTF-8; invalid code points become U+FFFD
//   datetime64             ISO 8601 text as numpy prints it
//   timedelta64            a count of its unit
//   NaT                    "NaT"
//   structured elements    an object with its fields
//   raw bytes              hexadecimal
nlohmann::ordered_json ToJson(const NdView& array);

// The same for a value; a text is a string.
nlohmann::ordered_json ToJson(const AnswerValue& value);

// Returns a single value as it is, values with names as an object, and an empty answer as null.
nlohmann::ordered_json ToJson(const Answer& answer);

}  // namespace mpaio

#endif  // MPAIO_JOBS_ANSWER_JSON_H_
