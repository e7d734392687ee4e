// SPDX-License-Identifier: Apache-2.0

// Arrays where they come from: .npy files, members of .npz archives, raw bytes, standard input.
#ifndef MPAIO_ARRAY_ARRAY_FILE_H_
#define MPAIO_ARRAY_ARRAY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

class ArrayParts;
class FileDescriptor;
class FileMapping;

// An array that can be loaded: what it is, from its header, and a way to its bytes. However they
// lie there, it is loaded in C order and in this machine's byte order. Movable; the source is open
// as long as this lives. Memory beside the array that is filled: a header of at most
// kMaxNpyHeaderBytes, and buffers of some MiB.
class ArrayFile {
 public:
  // Holds no array: only to be assigned to.
  ArrayFile();
  ArrayFile(ArrayFile&&) noexcept;
  ArrayFile& operator=(ArrayFile&&) noexcept;
  ~ArrayFile();

  // Opens `input`:
  //   "a.npy", "a.npz"      a file; of which kind it is its contents tell. The .npz has one member
  //   "a.npz:x"             the member x, or else x.npy, of an .npz; the last one of that name, as
  //                         in numpy
  //   "raw:<f4:100x3:a.bin" raw bytes, without a header: element type, shape, file. One extent may
  //   be -1: as
  //                         many as the file has bytes for
  //   "raw:<f4:a.bin"       all of the file as a 1-d array
  //   "-"                   a .npy on standard input, once in a process; "raw:<f4:100x3:-" likewise
  // A file whose name is `input` goes before the other meanings; "./-" is a file.
  //   NotFound            there is no such file, or no such member.
  //   PermissionDenied    it may not be read.
  //   InvalidArgument     not a regular file (a directory, a pipe, a device); not a .npy file (the
  //                       message says what it is, if foreign_format.h knows); an .npz of
  //   several
  //                       members, which the message lists, or of none; a raw type or shape that is
  //                       none, or
  //                       that the file's length does not fit.
  //   FailedPrecondition  standard input has been read already.
  //   Unimplemented       an array that mpaio does not take; see CheckSupported() in npy_header.h.
  //   DataLoss            the header or the archive is damaged, or the file has fewer or more bytes
  //                       than the header says.
  //   ResourceExhausted   too many files are open.
  static absl::StatusOr<ArrayFile> Open(const std::string& input);

  // Whether Open(input) reads standard input.
  static bool IsStandardInput(const std::string& input);

  // A .npy that comes through `fd`, a pipe for instance; reads its header. The descriptor is
  // duplicated, and may be closed. `name` is what messages call it. Errors: those of a .npy file.
  static absl::StatusOr<ArrayFile> FromStream(int fd, const std::string& name);

  // An array whose bytes come through another process: LoadShare() of share 0 is not for this one.
  // Errors: InvalidArgument where no array has such a shape.
  static absl::StatusOr<ArrayFile> Elsewhere(const std::string& name, DType dtype,
                                             std::vector<Index> shape);

  // What messages call it: the input as it was given, or "standard input".
  const std::string& name() const;
  // Closes the file until OpenAgain(): for one of so many that they cannot all be open at once.
  // What comes through a pipe stays open.
  void CloseForNow();
  // What Open() does when this is closed, and nothing otherwise. Until then it cannot be loaded.
  //   NotFound, PermissionDenied, ResourceExhausted  as Open().
  //   DataLoss            there is another file now, or it was written since.
  absl::Status OpenAgain();

  // The file that it is in, by the name without member or type; empty for what comes through a pipe
  // or another process.
  const std::string& path() const;
  // Of the array as it is loaded.
  const DType& dtype() const;
  const std::vector<Index>& shape() const;
  Index size_bytes() const;
  // Whether the bytes come once, in their order, and so to one process only.
  bool is_stream() const;

  // For messages: "<i8 (1000,), 8000 bytes", the type as the file has it.
  std::string Describe() const;
  // A number made from the first bytes of the file and its length: where it differs, files are not
  // the same.
  std::uint64_t fingerprint() const;

  // Fills its share, the one numbered `share` of `num_shares`, of `array`, which is all of the
  // array: size_bytes() from the start of a page on. When all shares are loaded, by the ranks of a
  // node or by threads at once, all of it is filled, and no byte twice. Shares are whole pages
  // where that is possible: in C order, and unless elements that have to be swapped as a whole lie
  // across pages. What can only be read from front to end, streams and compressed members, is share
  // 0; the others are empty. Share 0 also verifies the checksum of an archive's member, which takes
  // one more pass over it where the shares are several or the order is Fortran's. On failure the
  // contents are unspecified.
  //   DataLoss            the file ended too soon, so it was cut while it was open; a stream ended
  //                       too soon
  //   or
  //                       went on; the archive is damaged; the disk failed.
  //   ResourceExhausted   the array has no memory behind it: a shared memory segment larger than
  //                       what
  //   /dev/shm
  //                       can hold.
  //   FailedPrecondition  the stream has been loaded, or is another process's.
  // Where writes_in_order(), `before_writing` is called with each piece of `array` just before it
  // is written to, and what it returns ends the loading unless that is OK. Precondition:
  // array.size() == size_bytes(), 0 <= share < num_shares.
  using BeforeWriting = std::function<absl::Status(std::span<std::byte> piece)>;
  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing = nullptr) const;

  // Maps the array's bytes, as they lie in the file; see file_mapping.h. Errors: Unimplemented
  // where they are not the array's as it is loaded (swapped, in Fortran's order, in an archive, not
  // aligned, from a stream) or there are none; and those of FileMapping::Create.
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const;

  // A way to any part of the array, at any time; see array_parts.h. Errors: Unimplemented where
  // parts cannot be read by themselves (of a stream, an archive, an array in Fortran's order) or
  // too many files are kept open; those of ArrayParts::Create.
  absl::StatusOr<std::unique_ptr<ArrayParts>> Parts() const;

  // Whether a share is written from its begin to its end, and no byte of it by another share.
  bool writes_in_order() const;

 private:
  struct State;
  explicit ArrayFile(std::unique_ptr<State> state);

  static absl::StatusOr<ArrayFile> OpenFile(const std::string& path, const std::string* member,
                                            const std::string& name);
  static absl::StatusOr<ArrayFile> OpenRaw(const std::string& input);
  static absl::StatusOr<ArrayFile> ReadStream(FileDescriptor fd, const std::string& name);

  std::unique_ptr<State> state_;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_ARRAY_FILE_H_
