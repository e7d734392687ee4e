// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/foreign_format.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "mpaio/array/utf8.h"

namespace mpaio {
namespace {

// A stream turns out not to be a .npy when only this many bytes have been read (kNpyPrefixBytes).
constexpr std::size_t kMinCutBytes = 12;

constexpr absl::string_view kSaveDataset = "read the dataset in Python and save it with numpy.save";
constexpr absl::string_view kSaveVariable =
    "read the variable in Python and save it with numpy.save";
constexpr absl::string_view kSaveColumn =
    "read the columns in Python and save an array of them with numpy.save";
constexpr absl::string_view kSaveImage =
    "read the image in Python and save numpy.asarray(image) with numpy.save";
constexpr absl::string_view kSavePickle =
    "read it with pickle in Python, if you trust it, and save the array with numpy.save";
constexpr absl::string_view kUnpack = "unpack it, and give the file that was in it";
constexpr absl::string_view kDownload =
    "the download has failed or wants a login; look at it in a browser, and download the file "
    "again";
constexpr absl::string_view kNoArray =
    "give the name of a file that numpy.save or numpy.savez has written";

// A literal including its NULs.
template <std::size_t kSize>
constexpr absl::string_view Bytes(const char (&literal)[kSize]) {
  return absl::string_view(literal, kSize - 1);
}

struct Signature {
  std::size_t offset;
  absl::string_view bytes;
  ForeignFormat format;
};
// The more specific signatures come first.
constexpr Signature kSignatures[] = {
    {0,
     "version https://git-lfs.github.com/spec/",
     {"a git-lfs pointer to one", "run 'git lfs pull'"}},
    {0, "/annex/objects/", {"a git-annex pointer to one", "run 'git annex get' on it"}},
    {0, "\x1F\x8B", {"a file compressed with gzip", "decompress it first, with gunzip"}},
    {0, "BZh", {"a file compressed with bzip2", "decompress it first, with bunzip2"}},
    {0, Bytes("\xFD\x37zXZ\0"), {"a file compressed with xz", "decompress it first, with unxz"}},
    {0, "\x28\xB5\x2F\xFD", {"a file compressed with zstd", "decompress it first, with unzstd"}},
    {0, "\x04\x22\x4D\x18", {"a file compressed with lz4", "decompress it first, with unlz4"}},
    {0, "7z\xBC\xAF\x27\x1C", {"a 7-Zip archive", kUnpack}},
    {0, "Rar!\x1A\x07", {"a RAR archive", kUnpack}},
    {257, "ustar", {"a tar archive", kUnpack}},
    {0,
     "MATLAB 5.0 MAT-file",
     {"a MATLAB file", "read it with scipy.io.loadmat and save the variable with numpy.save"}},
    {0, "MATLAB 7.3 MAT-file", {"a MATLAB 7.3 file, which is HDF5", kSaveVariable}},
    {0, "\x89HDF\r\n\x1A\n", {"an HDF5 file (.h5, netCDF-4)", kSaveDataset}},
    {512, "\x89HDF\r\n\x1A\n", {"an HDF5 file (.h5, netCDF-4)", kSaveDataset}},
    {1024, "\x89HDF\r\n\x1A\n", {"an HDF5 file (.h5, netCDF-4)", kSaveDataset}},
    {2048, "\x89HDF\r\n\x1A\n", {"an HDF5 file (.h5, netCDF-4)", kSaveDataset}},
    {0, "\x0E\x03\x13\x01", {"an HDF4 file", kSaveDataset}},
    {0, "CDF\x01", {"a netCDF file", kSaveVariable}},
    {0, "CDF\x02", {"a netCDF file", kSaveVariable}},
    {0, "CDF\x05", {"a netCDF file", kSaveVariable}},
    {0, "PAR1", {"a Parquet file", kSaveColumn}},
    {0, "PARE", {"an encrypted Parquet file", kSaveColumn}},
    {0, "ARROW1", {"an Arrow file", kSaveColumn}},
    {0, "FEA1", {"a Feather file", kSaveColumn}},
    {0, "SQLite format 3", {"an SQLite database", kSaveColumn}},
    {0,
     "SIMPLE  =",
     {"a FITS file", "read it with astropy.io.fits and save the data with numpy.save"}},
    {0, "\x89PNG\r\n\x1A\n", {"a PNG image", kSaveImage}},
    {0, "\xFF\xD8\xFF", {"a JPEG image", kSaveImage}},
    {0, Bytes("II*\0"), {"a TIFF image", kSaveImage}},
    {0, Bytes("MM\0*"), {"a TIFF image", kSaveImage}},
    {0, Bytes("II+\0"), {"a TIFF image", kSaveImage}},
    {0, Bytes("MM\0+"), {"a TIFF image", kSaveImage}},
    {0, "GIF8", {"a GIF image", kSaveImage}},
    {8, "WEBP", {"a WebP image", kSaveImage}},
    {8,
     "WAVE",
     {"a WAV file", "read it with scipy.io.wavfile and save the samples with numpy.save"}},
    {128, "DICM", {"a DICOM image", kSaveImage}},
    {0, "%PDF-", {"a PDF document", kNoArray}},
    {0,
     "\x7F"
     "ELF",
     {"a program or library (ELF)", kNoArray}},
    {6,
     Bytes("\0\0{\""),
     {"a safetensors file", "load the tensor in Python and save it with numpy.save"}},
    {0, "\x80\x02", {"a pickle", kSavePickle}},
    {0, "\x80\x03", {"a pickle", kSavePickle}},
    {0, "\x80\x04", {"a pickle", kSavePickle}},
    {0, "\x80\x05", {"a pickle", kSavePickle}},
    {0, "cnumpy.core.", {"a pickle", kSavePickle}},
    {0, "ccopy_reg\n", {"a pickle", kSavePickle}},
};

// Beginnings of text, in upper or lower case, after white space.
constexpr Signature kMarkup[] = {
    {0, "<!doctype html", {"a web page (HTML)", kDownload}},
    {0, "<html", {"a web page (HTML)", kDownload}},
    {0, "<?xml", {"an XML file", kNoArray}},
};

constexpr ForeignFormat kTable = {
    "a table in text (CSV)",
    "read it with numpy.loadtxt, or numpy.genfromtxt, and save the array with numpy.save"};
constexpr ForeignFormat kText = {
    "text", "read it with numpy.loadtxt, or numpy.genfromtxt, and save the array with numpy.save"};

// Members of zip archives, by their names or the ends of the names, and the formats that they
// indicate.
struct Member {
  absl::string_view name_end;
  ForeignFormat format;
};
constexpr Member kMembers[] = {
    {"[Content_Types].xml",
     {"an Office document (.xlsx, .docx)",
      "read the table with pandas.read_excel and save the array with numpy.save"}},
    {"mimetype",
     {"an OpenDocument file",
      "read the table with pandas.read_excel and save the array with numpy.save"}},
    {"/data.pkl",
     {"a PyTorch file", "load it with torch.load and save tensor.numpy() with numpy.save"}},
    {"META-INF/MANIFEST.MF", {"a Java archive", kNoArray}},
};

// Files that show that an archive or a directory is in Zarr format.
constexpr Member kZarrFiles[] = {
    {".zarray", {"a Zarr array", "read it in Python and save it with numpy.save"}},
    {"zarr.json",
     {"a Zarr array or group", "read the array in Python and save it with numpy.save"}},
    {".zgroup", {"a Zarr group", "read the array in Python and save it with numpy.save"}},
};

bool Matches(const Signature& signature, absl::string_view first_bytes) {
  if (signature.offset >= first_bytes.size()) return false;
  const absl::string_view from = first_bytes.substr(signature.offset);
  if (absl::StartsWith(from, signature.bytes)) return true;
  return first_bytes.size() >= kMinCutBytes && signature.offset == 0 &&
         absl::StartsWith(signature.bytes, from);
}

// Returns true if `bytes` is the beginning of a UTF-8 character that is cut off.
bool IsCutCharacter(absl::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes.front());
  if (lead < 0xC2 || lead > 0xF4) return false;
  return bytes.size() < (lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u);
}

bool IsText(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view rest = bytes;
    const char32_t c = TakeCodePoint(&bytes);
    if (c == kNoCodePoint) return IsCutCharacter(rest);
    if (c == 0x7F || (c < ' ' && !absl::ascii_isspace(static_cast<unsigned char>(c)))) return false;
  }
  return true;
}

}  // namespace

std::optional<ForeignFormat> RecognizeSignature(absl::string_view first_bytes) {
  for (const Signature& signature : kSignatures) {
    if (Matches(signature, first_bytes)) return signature.format;
  }
  absl::string_view text = first_bytes;
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  const std::string lower =
      absl::AsciiStrToLower(absl::StripLeadingAsciiWhitespace(text).substr(0, 32));
  for (const Signature& markup : kMarkup) {
    if (Matches(markup, lower)) return markup.format;
  }
  return std::nullopt;
}

std::optional<ForeignFormat> RecognizeForeignFile(absl::string_view first_bytes) {
  if (const auto format = RecognizeSignature(first_bytes); format.has_value()) return format;
  if (absl::StartsWith(first_bytes, "\xFF\xFE") || absl::StartsWith(first_bytes, "\xFE\xFF")) {
    return ForeignFormat{"text in UTF-16", kText.advice};
  }
  if (first_bytes.empty() || !IsText(first_bytes)) return std::nullopt;
  const absl::string_view line = first_bytes.substr(0, first_bytes.find('\n'));
  return line.find_first_of(",;\t") != absl::string_view::npos ? kTable : kText;
}

std::optional<ForeignFormat> RecognizeForeignArchive(const std::vector<std::string>& member_names) {
  const auto any_ends_with = [&](absl::string_view end) {
    return std::any_of(member_names.begin(), member_names.end(),
                       [end](const std::string& name) { return absl::EndsWith(name, end); });
  };
  if (any_ends_with(".npy")) return std::nullopt;
  for (const Member& member : kMembers) {
    if (any_ends_with(member.name_end)) return member.format;
  }
  for (const Member& member : kZarrFiles) {
    if (any_ends_with(member.name_end)) return member.format;
  }
  return std::nullopt;
}

std::optional<ForeignFormat> RecognizeForeignDirectory(const std::string& path) {
  for (const Member& member : kZarrFiles) {
    if (::access(absl::StrCat(path, "/", member.name_end).c_str(), F_OK) == 0) return member.format;
  }
  return std::nullopt;
}

absl::Status ForeignFormatError(absl::string_view name, const ForeignFormat& format) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is not a .npy or .npz file but ", format.what, ": ", format.advice));
}

}  // namespace mpaio
