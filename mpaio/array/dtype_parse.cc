// SPDX-License-Identifier: Apache-2.0

// dtype_parse: reads texts from standard input, each ended by a NUL, and prints a line for each:
// the code of the type that DType::Parse() returns, or "refused". The test that compares it with
// numpy uses it.
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"

int main() {
  for (std::string text; std::getline(std::cin, text, '\0');) {
    const absl::StatusOr<mpaio::DType> dtype = mpaio::DType::Parse(text);
    std::cout << (dtype.ok() ? dtype->ToString() : "refused") << "\n";
  }
  return 0;
}
