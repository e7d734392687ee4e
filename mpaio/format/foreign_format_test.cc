// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/foreign_format.h"

#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

std::string What(const std::optional<ForeignFormat>& format) {
  return format.has_value() ? std::string(format->what) : "nothing";
}

std::string At(std::size_t offset, absl::string_view bytes) {
  return absl::StrCat(std::string(offset, '\x01'), bytes);
}

TEST(ForeignFormatTest, Signatures) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
       "a git-lfs pointer to one"},
      {"/annex/objects/SHA256E-s12--4d7a.npy\n", "a git-annex pointer to one"},
      {"\x1F\x8B\x08", "a file compressed with gzip"},
      {"BZh91AY&SY", "a file compressed with bzip2"},
      {std::string("\xFD\x37zXZ\0\0\x04", 8), "a file compressed with xz"},
      {"\x28\xB5\x2F\xFD\x04", "a file compressed with zstd"},
      {At(257, "ustar"), "a tar archive"},
      {"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file"},
      {"MATLAB 7.3 MAT-file, Platform: GLNXA64", "a MATLAB 7.3 file, which is HDF5"},
      {"\x89HDF\r\n\x1A\n", "an HDF5 file (.h5, netCDF-4)"},
      {At(2048, "\x89HDF\r\n\x1A\n"), "an HDF5 file (.h5, netCDF-4)"},
      {"CDF\x01", "a netCDF file"},
      {"CDF\x05", "a netCDF file"},
      {"PAR1\x15\x04", "a Parquet file"},
      {"SIMPLE  =                    T", "a FITS file"},
      {"\x89PNG\r\n\x1A\n", "a PNG image"},
      {"\xFF\xD8\xFF\xE0", "a JPEG image"},
      {std::string("II*\0\x08", 5), "a TIFF image"},
      {std::string("MM\0*", 4), "a TIFF image"},
      {"%PDF-1.7", "a PDF document"},
      {"\x80\x04\x95", "a pickle"},
      {"\n<!DOCTYPE HTML><title>Sign in</title>", "a web page (HTML)"},
      {"\xEF\xBB\xBF<html lang=en>", "a web page (HTML)"},
      {"<?xml version='1.0'?>", "an XML file"},
  };
  for (const auto& [bytes, what] : cases) {
    EXPECT_EQ(What(RecognizeSignature(bytes)), what);
    EXPECT_EQ(What(RecognizeForeignFile(bytes)), what);
    EXPECT_FALSE(RecognizeSignature(bytes)->advice.empty());
  }
}

TEST(ForeignFormatTest, LongSignaturesMayBeCut) {
  EXPECT_EQ(What(RecognizeSignature("version https")), "a git-lfs pointer to one");
  EXPECT_EQ(What(RecognizeSignature("version http")), "a git-lfs pointer to one");
  EXPECT_EQ(What(RecognizeSignature("version htt")), "nothing");
  EXPECT_EQ(What(RecognizeSignature("MATLAB 5.0 M")), "a MATLAB file");
}

TEST(ForeignFormatTest, Texts) {
  EXPECT_EQ(What(RecognizeForeignFile("1,2,3\n4,5,6\n")), "a table in text (CSV)");
  EXPECT_EQ(What(RecognizeForeignFile("x\ty\r\n1\t2\r\n")), "a table in text (CSV)");
  EXPECT_EQ(What(RecognizeForeignFile("1 2 3\n4 5 6\n")), "text");
  EXPECT_EQ(What(RecognizeForeignFile("caf\xC3\xA9")), "text");
  EXPECT_EQ(What(RecognizeForeignFile("caf\xC3")), "text");  // cut
  EXPECT_EQ(What(RecognizeForeignFile("\xFF\xFE"
                                      "1\n")),
            "text in UTF-16");
  EXPECT_FALSE(RecognizeSignature("1,2,3\n").has_value());
}

TEST(ForeignFormatTest, OtherBytesAreNotRecognized) {
  for (const absl::string_view bytes :
       {absl::string_view(""), absl::string_view("\x93NUMPY\x01\x00", 8),
        absl::string_view("\x01\x02\x03\x04"), absl::string_view("caf\xC3\x01"),
        absl::string_view("\x93"), absl::string_view("abc\x80"),
        absl::string_view("\0\0\0\0", 4)}) {
    EXPECT_EQ(What(RecognizeForeignFile(bytes)), "nothing");
  }
}

TEST(ForeignFormatTest, Archives) {
  EXPECT_EQ(What(RecognizeForeignArchive({"_rels/.rels", "[Content_Types].xml"})),
            "an Office document (.xlsx, .docx)");
  EXPECT_EQ(What(RecognizeForeignArchive({"model/data.pkl", "model/data/0"})), "a PyTorch file");
  EXPECT_EQ(What(RecognizeForeignArchive({".zarray", "0.0"})), "a Zarr array");
  EXPECT_EQ(What(RecognizeForeignArchive({"x.npy", "mimetype"})), "nothing");
  EXPECT_EQ(What(RecognizeForeignArchive({"x", "y.txt"})), "nothing");
  EXPECT_EQ(What(RecognizeForeignArchive({})), "nothing");
}

TEST(ForeignFormatTest, Directories) {
  const TempDirectory directory;
  EXPECT_EQ(What(RecognizeForeignDirectory(directory.path())), "nothing");
  EXPECT_EQ(What(RecognizeForeignDirectory(directory.File("gone"))), "nothing");
  std::ofstream(directory.File(".zarray")) << "{}";
  EXPECT_EQ(What(RecognizeForeignDirectory(directory.path())), "a Zarr array");
  EXPECT_EQ(What(RecognizeForeignDirectory(directory.File(".zarray"))), "nothing");
}

}  // namespace
}  // namespace mpaio
