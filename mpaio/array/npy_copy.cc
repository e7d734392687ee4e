// npy_copy IN OUT: reads the array of a .npy file and writes it again, through the code that mpaio reads and
// writes with. For the test that compares it with numpy. Exit status: 0; 1 where reading or writing failed,
// with the reason on stderr; 2 for wrong usage.
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/npy_file.h"
#include "mpaio/array/npy_header.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Read in uneven slices, as the ranks of a node would.
constexpr Index kSliceBytes = 1000003;

absl::Status Copy(const std::string& from, const std::string& to) {
  MPAIO_ASSIGN_OR_RETURN(const NpyFile file, NpyFile::Open(from));
  const NpyHeader& header = file.header();
  std::vector<std::byte> data(static_cast<std::size_t>(header.data_size_bytes));
  for (Index begin = 0; begin < header.data_size_bytes; begin += kSliceBytes) {
    const Index size = std::min(kSliceBytes, header.data_size_bytes - begin);
    MPAIO_RETURN_IF_ERROR(file.ReadInto(
        begin, std::span(data).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size))));
  }
  MPAIO_ASSIGN_OR_RETURN(const NdView view, NdView::Create(data.data(), header.dtype, header.shape));
  MPAIO_RETURN_IF_ERROR(CheckWritable(to, view.size_bytes()));
  return WriteNpy(to, view);
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: npy_copy IN OUT\n";
    return 2;
  }
  const absl::Status status = mpaio::Copy(argv[1], argv[2]);
  if (status.ok()) return 0;
  std::cerr << "npy_copy: " << status.message() << "\n";
  return 1;
}
