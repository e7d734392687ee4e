// SPDX-License-Identifier: Apache-2.0

// Arrays at their sources: .npy files, members of .npz archives, raw bytes, standard input. A new
// format goes into a file of its own and into the table of array_opener.cc; see array_opener.h.
#ifndef MPAIO_FORMAT_ARRAY_FILE_H_
#define MPAIO_FORMAT_ARRAY_FILE_H_

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
class ArraySource;
class FileMapping;

// An array that can be loaded: its metadata, read from the header, and access to its bytes.
// Whatever the layout in the source, the array is loaded in C order and in this machine's byte
// order. A movable handle of an ArraySource, of which each format has its own (array_source.h). The
// source stays open until the destructor or CloseForNow() closes it. Besides the memory of the
// array, it needs a header of at most kMaxNpyHeaderBytes, and buffers of some MiB.
class ArrayFile {
 public:
  // Holds no array; may only be assigned to.
  ArrayFile();
  // For sources that Open() does not know.
  explicit ArrayFile(std::unique_ptr<ArraySource> source);
  ArrayFile(ArrayFile&&) noexcept;
  ArrayFile& operator=(ArrayFile&&) noexcept;
  ~ArrayFile();

  // Opens `input`:
  //   "a.npy", "a.npz"       a file; its contents decide which kind. The .npz has one member
  //   "a.npz:x"              the member x, or else x.npy, of an .npz; the last one of that name, as
  //                          in numpy
  //   "raw:<f4:100x3:a.bin"  raw bytes without a header: element type, shape, file. One extent may
  //                          be -1: it is computed from the length of the file
  //   "raw:<f4:a.bin"        the whole file as a 1-d array
  //   "-"                    a .npy on standard input, once in a process; "raw:<f4:100x3:-"
  //                          likewise
  // A file whose name is `input` takes precedence over the other meanings, except over "-": "./-"
  // is a file.
  //   NotFound            there is no such file or member.
  //   PermissionDenied    the file may not be read.
  //   InvalidArgument     not a regular file (a directory, a pipe, a device); not a .npy file (the
  //                       message names the format, if foreign_format.h knows it); an .npz with
  //                       several members, which the message lists, or with none; an invalid raw
  //                       type or shape, or one that does not fit the file's length.
  //   FailedPrecondition  standard input has been read already.
  //   Unimplemented       an array that mpaio does not support, see CheckSupported() in
  //                       npy_header.h; an encrypted member.
  //   DataLoss            the header or the archive is damaged, or the file has fewer or more bytes
  //                       than the header says.
  //   ResourceExhausted   too many files are open.
  static absl::StatusOr<ArrayFile> Open(const std::string& input);

  // Returns true if Open(input) reads standard input.
  static bool IsStandardInput(const std::string& input);

  // Returns an array whose bytes arrive at another process: LoadShare() of share 0 fails in this
  // one. Errors: InvalidArgument if no array can have this shape.
  static absl::StatusOr<ArrayFile> Elsewhere(const std::string& name, DType dtype,
                                             std::vector<Index> shape);

  // The name in messages: the file, with its member in an archive; "standard input"; or the name
  // given to Elsewhere().
  const std::string& name() const;
  // Closes the file until OpenAgain(), so that more files can be used than can be open at once. A
  // stream stays open.
  void CloseForNow();
  // Reopens the file if CloseForNow() closed it; otherwise does nothing. A closed array cannot be
  // loaded.
  //   NotFound, PermissionDenied, ResourceExhausted  as Open().
  //   DataLoss  another file has this name now, or the file was written in the meantime.
  absl::Status OpenAgain();

  // The path of the file, without member and type; empty for a stream or an array of another
  // process.
  const std::string& path() const;
  // The array as it is loaded, so in this machine's byte order.
  const DType& dtype() const;
  const std::vector<Index>& shape() const;
  Index size_bytes() const;
  // True if the bytes arrive only once and in order, so that one process must read them all.
  bool is_stream() const;

  // For messages: "<i8 (1000,), 8000 bytes", with the type as stored in the file.
  std::string Describe() const;
  // A hash of the first bytes of the source and, for .npy and .npz files, of the length. Different
  // fingerprints mean different files.
  std::uint64_t fingerprint() const;

  // Loads share number `share` of `num_shares` into `array`, the memory of the whole array:
  // size_bytes() bytes from a page boundary on. Ranks of a node, or threads, may load different
  // shares concurrently; together, the shares write every byte exactly once. Shares are whole pages
  // where that is possible: in C order, unless units that must be swapped as a whole cross page
  // boundaries. Streams and compressed members can only be read from front to end: they are share
  // 0, and the other shares are empty. Share 0 also verifies the checksum of an archive's member;
  // with several shares, or in Fortran order, this takes one more pass over the member. On failure
  // the contents are unspecified.
  //   DataLoss            the file ended too soon, so it was truncated while it was open; a stream
  //                       ended too soon or continued after the array; the archive is damaged; the
  //                       disk failed.
  //   ResourceExhausted   the system has no memory left for `array`: its shared memory segment is
  //                       larger than /dev/shm can hold.
  //   FailedPrecondition  the stream has been loaded already, or arrives at another process.
  // If writes_in_order(), `before_writing` is called with each piece of `array` just before it is
  // written; a status other than OK ends the loading and is returned. Precondition: array.size() ==
  // size_bytes(), 0 <= share < num_shares.
  using BeforeWriting = std::function<absl::Status(std::span<std::byte> piece)>;
  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing = nullptr) const;

  // Maps the array's bytes as they lie in the file; see file_mapping.h. Errors: Unimplemented if
  // they differ from those of the loaded array (swapped, in Fortran order, in an archive, not
  // aligned, from a stream) or if there are none; those of FileMapping::Create.
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const;

  // Returns access to any part of the array, at any time; see array_parts.h. Errors: Unimplemented
  // if parts cannot be read independently (of a stream, an archive, an array in Fortran order) or
  // if too many files are kept open; those of ArrayParts::Create.
  absl::StatusOr<std::unique_ptr<ArrayParts>> Parts() const;

  // True if each share is one contiguous part of the array, and is written from front to end.
  bool writes_in_order() const;

 private:
  std::unique_ptr<ArraySource> source_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_FILE_H_
