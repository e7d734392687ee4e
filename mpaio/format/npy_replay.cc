// SPDX-License-Identifier: Apache-2.0

// Runs the fuzzer's function (npy_fuzzer.cc) on files, one after the other, without a fuzzer: any
// compiler can build it.
//
// usage: npy_replay FILE...
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    std::ostringstream contents;
    contents << file.rdbuf();
    if (!file) {
      std::fprintf(stderr, "npy_replay: cannot read %s\n", argv[i]);
      return 1;
    }
    const std::string input = contents.str();
    // Printed before the call, which may end the process.
    std::printf("%s: %zu bytes\n", argv[i], input.size());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  return 0;
}
