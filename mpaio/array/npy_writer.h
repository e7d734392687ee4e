// SPDX-License-Identifier: Apache-2.0

// Writing a .npy file, or another one, whole or not at all wherever that is possible.
#ifndef MPAIO_ARRAY_NPY_WRITER_H_
#define MPAIO_ARRAY_NPY_WRITER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Whether WriteNpy() could write a file of `size_bytes` to `path` now: to be asked before hours of
// work, not after. Leaves nothing behind. `*is_in_place` says whether the file that is there would
// have to be written over, as it cannot be replaced; see write_target.h. It must be read by nobody
// then.
//   NotFound            the directory does not exist.
//   InvalidArgument     `path` is empty, or is a directory or something else that is not a regular
//                       file.
//   PermissionDenied    the directory, or the file that is there, may not be written.
//   ResourceExhausted   there is no room for size_bytes, on the disk or under the limit of a file's
//                       size (ulimit -f).
absl::Status CheckWritable(const std::string& path, Index size_bytes, bool* is_in_place = nullptr);

// Writes a file of these bytes, flushed to the disk, in the place of one that may have been there,
// whole or not at all, as NpyFile does.
//   as CheckWritable()
//   DataLoss            the disk failed.
absl::Status WriteWhole(const std::string& path, absl::string_view bytes);

// A .npy file that is being written, by one process or by several of a host, in any order. It
// appears whole, in the place of one that may have been there, or not at all: until Commit() it has
// no name, where the file system can do that (O_TMPFILE), and so is gone when whoever made it dies.
// Elsewhere it is ".NAME.tmp.PID" in the same directory. A file that was there keeps its
// permissions; a symbolic link stays, and what it points to is written. Where a file that was there
// cannot be replaced it is written over by Commit(), in place, which is not atomic; until then the
// array is in a file without a name in that directory, or in the one for temporary files.
class NpyFile {
 public:
  // Makes a file for an array of `dtype` and `shape`, byte for byte as numpy.save does; its
  // elements are zeros. Where the file system can reserve room, it has.
  //   as CheckWritable()  with what there is when it is called.
  //   InvalidArgument     `dtype` holds Python objects; the shape does not fit.
  static absl::StatusOr<NpyFile> Create(const std::string& path, const DType& dtype,
                                        const std::vector<Index>& shape);

  // The same file in another process of the host, to write to; `address` is the address() of the
  // one that was made, which must live on.
  //   NotFound, PermissionDenied  it cannot be reached from here.
  static absl::StatusOr<NpyFile> Attach(const std::string& address);
  std::string address() const;

  NpyFile(NpyFile&&) noexcept;
  NpyFile& operator=(NpyFile&&) noexcept;
  // Without Commit() nothing is left of it.
  ~NpyFile();

  // Writes bytes of the elements in C order, from `offset_bytes` on. Any thread.
  //   ResourceExhausted   the disk is full.
  //   DataLoss            the disk failed.
  absl::Status Write(Index offset_bytes, const std::byte* from, Index size_bytes) const;

  // Waits until the written bytes are on the disk. Call it on each of several files that must
  // appear together before the first Commit(), as most failures show here. Where it was made.
  //   as Write()
  absl::Status Flush();

  // Flushes it to the disk, then gives it its name. Once, and where it was made. When it cannot
  // have that name, it is kept under another, which the message tells.
  //   as Write(), and what the system says
  absl::Status Commit();

  // In place of Commit(), where `why` forbids it: keeps the file under another name. Returns `why`
  // with that name.
  absl::Status Keep(const absl::Status& why);

 private:
  struct State;
  explicit NpyFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// An NpyFile with all of `array`, to be committed.
//   as NpyFile          when it is made and written.
//   InvalidArgument     `array` has bytes but no data().
absl::StatusOr<NpyFile> WriteUncommitted(const std::string& path, const NdView& array);

// Writes `array` to `path` by an NpyFile.
//   as NpyFile          when it is made, written and committed.
//   InvalidArgument     `array` has bytes but no data().
absl::Status WriteNpy(const std::string& path, const NdView& array);

// For an array that could not be written to `path`: writes it to a new directory among the
// temporary files. Returns `why` with the path, or with the reason for there being none.
absl::Status KeepNpy(const std::string& path, const NdView& array, const absl::Status& why);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_NPY_WRITER_H_
