// SPDX-License-Identifier: Apache-2.0

// Writing of .npy and other files, all or nothing wherever that is possible.
#ifndef MPAIO_FORMAT_NPY_WRITER_H_
#define MPAIO_FORMAT_NPY_WRITER_H_

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

// Returns OK if WriteNpy() could write a file of `size_bytes` to `path` now. Call it before a long
// computation, so that an error shows early. Leaves no file behind. `*is_in_place` tells whether an
// existing file cannot be replaced and would be overwritten (write_target.h): then no process may
// be reading that file during the write.
//   NotFound            the directory does not exist.
//   InvalidArgument     `path` is empty, or is a directory or another file that is not regular.
//   PermissionDenied    the directory, or the existing file, may not be written.
//   ResourceExhausted   there is not enough space on the disk for size_bytes, or they exceed the
//                       file-size limit (ulimit -f).
absl::Status CheckWritable(const std::string& path, Index size_bytes, bool* is_in_place = nullptr);

// Writes a file of these bytes and flushes it to the disk. The file replaces an existing one, all
// or nothing, as with NpyFile.
//   as CheckWritable()
//   DataLoss            the disk failed.
absl::Status WriteWhole(const std::string& path, absl::string_view bytes);

// A .npy file that is being written, by one process or by several of a host, in any order. It
// appears as a whole, in place of an existing file, or not at all: until Commit() it has no name,
// if the file system supports that (O_TMPFILE), so that it disappears if the process that created
// it dies; on other file systems it is ".NAME.tmp.PID" in the same directory. The permissions of an
// existing file are kept; a symbolic link stays, and its target is written. If an existing file
// cannot be replaced, Commit() overwrites it in place, which is not atomic; until then the array is
// in a temporary file in the same directory, or else in the directory for temporary files.
class NpyFile {
 public:
  // Creates a file for an array of `dtype` and `shape`, byte for byte as numpy.save does; its
  // elements are zeros. Disk space is reserved if the file system can do that.
  //   as CheckWritable()  at the time of the call.
  //   InvalidArgument     `dtype` holds Python objects; the shape does not fit.
  static absl::StatusOr<NpyFile> Create(const std::string& path, const DType& dtype,
                                        const std::vector<Index>& shape);

  // Opens the same file for writing in another process of the host. `address` is the address() of
  // the NpyFile that was created, which must stay alive.
  //   NotFound, PermissionDenied  the file cannot be reached from this process.
  static absl::StatusOr<NpyFile> Attach(const std::string& address);
  std::string address() const;

  NpyFile(NpyFile&&) noexcept;
  NpyFile& operator=(NpyFile&&) noexcept;
  // Removes the file that was created, unless Commit() or Keep() was called.
  ~NpyFile();

  // Writes `size_bytes` bytes of the elements in C order, from `offset_bytes` on. Thread-safe for
  // ranges that do not overlap.
  //   ResourceExhausted   the disk is full.
  //   DataLoss            the disk failed.
  absl::Status Write(Index offset_bytes, const std::byte* from, Index size_bytes) const;

  // Waits until the written bytes are on the disk. If several files must appear together, call it
  // on each of them before the first Commit(), because most failures show here. Only for an NpyFile
  // from Create().
  //   as Write()
  absl::Status Flush();

  // Flushes the file to the disk, then gives it its name. May be called once, and only for an
  // NpyFile from Create(). If the file cannot get its name, it is kept under another, which the
  // message gives.
  //   as Write(), and system errors
  absl::Status Commit();

  // Called instead of Commit() if an error, `why`, forbids that: keeps the file under another name.
  // Returns `why` with that name added to the message.
  absl::Status Keep(const absl::Status& why);

 private:
  struct State;
  explicit NpyFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Returns an NpyFile that holds all of `array`, to be committed.
//   as NpyFile          when it is created and written.
//   InvalidArgument     `array` has bytes but no data().
absl::StatusOr<NpyFile> WriteUncommitted(const std::string& path, const NdView& array);

// Writes `array` to `path` with an NpyFile.
//   as NpyFile          when it is created, written and committed.
//   InvalidArgument     `array` has bytes but no data().
absl::Status WriteNpy(const std::string& path, const NdView& array);

// For an array that could not be written to `path`, for the reason `why`: writes it to a new
// directory among the temporary files. Returns `why` with the path added to the message, or with
// the reason why the array could not be kept.
absl::Status KeepNpy(const std::string& path, const NdView& array, const absl::Status& why);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_NPY_WRITER_H_
