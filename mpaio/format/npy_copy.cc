// SPDX-License-Identifier: Apache-2.0

// npy_copy IN OUT: loads the array that IN names and writes it to OUT as .npy, with the code that
// mpaio itself uses; npy_numpy_test.py compares OUT with numpy's file. An input that is not a
// stream is loaded in one, two and three shares, which must make up the same array and must not
// write after its end. Exit status: 0; 1 if reading or writing failed, with the reason on stderr; 2
// for wrong usage.
#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <iostream>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_writer.h"

namespace mpaio {
namespace {

// Memory that starts at a page boundary, followed by guard bytes that must not be written.
class Memory {
 public:
  explicit Memory(Index size_bytes)
      : size_bytes_(size_bytes),
        data_(static_cast<std::byte*>(
            ::mmap(nullptr, static_cast<std::size_t>(size_bytes + kGuardBytes),
                   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Memory() { ::munmap(data_, static_cast<std::size_t>(size_bytes_ + kGuardBytes)); }

  std::span<std::byte> array() const { return {data_, static_cast<std::size_t>(size_bytes_)}; }
  void Fill(int byte) const {
    std::memset(data_, byte, static_cast<std::size_t>(size_bytes_ + kGuardBytes));
  }
  bool IsGuardFilledWith(int byte) const {
    for (Index i = 0; i < kGuardBytes; ++i) {
      if (data_[size_bytes_ + i] != static_cast<std::byte>(byte)) return false;
    }
    return true;
  }

 private:
  static constexpr Index kGuardBytes = 100;

  Index size_bytes_;
  std::byte* data_;
};

absl::Status Load(const ArrayFile& file, int num_shares, const Memory& memory) {
  const int filling = 0xA0 + num_shares;
  memory.Fill(filling);
  // The last share first: no share may depend on another.
  for (int share = num_shares; share-- > 0;)
    MPAIO_RETURN_IF_ERROR(file.LoadShare(share, num_shares, memory.array()));
  return memory.IsGuardFilledWith(filling)
             ? absl::OkStatus()
             : absl::InternalError("bytes after the array were written");
}

absl::Status Copy(const std::string& from, const std::string& to) {
  MPAIO_ASSIGN_OR_RETURN(const ArrayFile file, ArrayFile::Open(from));
  const Memory memory(file.size_bytes());
  MPAIO_RETURN_IF_ERROR(Load(file, 1, memory));
  if (!file.is_stream()) {
    const Memory again(file.size_bytes());
    for (int num_shares = 2; num_shares <= 3; ++num_shares) {
      MPAIO_RETURN_IF_ERROR(Load(file, num_shares, again));
      if (std::memcmp(memory.array().data(), again.array().data(), memory.array().size()) != 0)
        return absl::InternalError("several shares make another array than a single one");
    }
  }
  MPAIO_ASSIGN_OR_RETURN(const NdView view,
                         NdView::Create(memory.array().data(), file.dtype(), file.shape()));
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
