#include "lib/scan/detect.h"

#include <algorithm>
#include <array>

#include "lib/base/bytes.h"
#include "lib/base/utf8.h"
#include "lib/pickle/dry_run.h"
#include "lib/scan/packed.h"
#include "lib/scan/recognise.h"
#include "lib/scan/second_readings.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;
using enum FileClass;

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  Kind kind;
};

constexpr std::array kSignatures = {
    Signature{0, "GGUF"sv, {"gguf", "a GGUF file"}},
    Signature{0, "FUGG"sv, {"gguf", "a big-endian GGUF file"}},
    Signature{0, "ggjt"sv, {"ggml", "a GGML file"}},
    Signature{0, "tjgg"sv, {"ggml", "a GGML file"}},
    Signature{0, "lmgg"sv, {"ggml", "a GGML file"}},
    Signature{0, "fmgg"sv, {"ggml", "a GGML file"}},
    Signature{0, "algg"sv, {"ggml", "a GGML adapter"}},
    Signature{0, "\x93NUMPY"sv, {"numpy", "a NumPy array"}},
    Signature{4, "TFL3"sv, {"tflite", "a TensorFlow Lite model"}},
    Signature{4, "ET12"sv, {"executorch", "an ExecuTorch program"}},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, {"7z", "a 7z archive"}},
    Signature{0, "Rar!\x1a\x07"sv, {"rar", "a RAR archive"}},
    Signature{0, "\x1f\x8b"sv, {"gzip", "gzip data"}},
    Signature{0, "BZh"sv, {"bzip2", "bzip2 data"}},
    Signature{0, "\xfd\x37zXZ\0"sv, {"xz", "xz data"}},
    Signature{0, "\x28\xb5\x2f\xfd"sv, {"zstd", "zstd data"}},
    Signature{0, "\x04\x22\x4d\x18"sv, {"lz4", "LZ4 data"}},
    Signature{0, "\x7f\x45LF"sv, {"executable", "an ELF executable"}},
    Signature{0, "MZ"sv, {"executable", "a Windows executable"}},
    Signature{0, "\xcf\xfa\xed\xfe"sv, {"executable", "a Mach-O executable"}},
    Signature{0, "\x89PNG\r\n\x1a\n"sv, {"picture", "a PNG picture", kOther}},
    Signature{0, "\xff\xd8\xff"sv, {"picture", "a JPEG picture", kOther}},
    Signature{0, "GIF87a"sv, {"picture", "a GIF picture", kOther}},
    Signature{0, "GIF89a"sv, {"picture", "a GIF picture", kOther}},
    Signature{0, "%PDF-"sv, {"pdf", "a PDF document", kOther}},
};

constexpr Kind kPickle = {"pickle", "a pickle"};
constexpr Kind kFlatbuffer = {"pytorch-flatbuffer", "a PyTorch mobile module (flatbuffer)"};
constexpr Kind kHdf5 = {"hdf5", "an HDF5 file"};
constexpr Kind kKeras = {"keras-hdf5", "Keras weights (HDF5)"};
constexpr Kind kWebp = {"picture", "a WebP picture", kOther};
constexpr Kind kZlib = {"zlib", "zlib data"};
constexpr Kind kUnknown = {"unknown", "of no known format"};

constexpr std::array kModelSuffixes = {
    ".pt"sv,        ".pth"sv,        ".bin"sv,         ".ckpt"sv,   ".pkl"sv,    ".pickle"sv,
    ".joblib"sv,    ".dill"sv,       ".gguf"sv,        ".ggml"sv,   ".h5"sv,     ".hdf5"sv,
    ".keras"sv,     ".onnx"sv,       ".tflite"sv,      ".pb"sv,     ".npy"sv,    ".npz"sv,
    ".msgpack"sv,   ".mar"sv,        ".pt2"sv,         ".ptl"sv,    ".pte"sv,    ".jit"sv,
    ".nemo"sv,      ".model"sv,      ".weights"sv,     ".params"sv, ".engine"sv, ".plan"sv,
    ".t7"sv,        ".ot"sv,         ".skops"sv,       ".ubj"sv,    ".cbm"sv,    ".mlmodel"sv,
    ".llamafile"sv, ".caffemodel"sv, ".safetensors"sv, ".tar"sv,    ".zip"sv,    ".data"sv,
};

bool EndsWithSuffix(std::string_view name, std::string_view suffix) {
  if (name.size() < suffix.size()) return false;
  return std::ranges::equal(name.substr(name.size() - suffix.size()), suffix,
                            [](char a, char b) { return FoldCase(a) == b; });
}

bool IsText(std::string_view head, bool whole) {
  const std::size_t valid = ValidUtf8Length(head);
  // The probe's end may cut a character.
  if (valid != head.size() && (whole || head.size() - valid > 3)) return false;
  return std::ranges::all_of(head.substr(0, valid), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F
                        : byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
  });
}

Kind DetectText(std::string_view head) {
  if (head.starts_with("version https://git-lfs.github.com/spec/")) {
    return {"git-lfs-pointer", "a Git LFS pointer, not the file itself", kNotFetched};
  }
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n\f"), head.size()));
  if (head.starts_with('{') || head.starts_with('[')) return {"json", "JSON", kOther};
  std::string start(head.substr(0, 14));
  std::ranges::transform(start, start.begin(), FoldCase);
  if (start.starts_with("<html") || start.starts_with("<!doctype html")) {
    return {"html", "an HTML page", kOther};
  }
  if (start.starts_with("<?xml") || start.starts_with("<svg")) return {"xml", "XML", kOther};
  return {"text", "text", kOther};
}

// HDF5 allows other bytes in front, up to a power of two. What is at 0 comes before all else, what is behind after.
Kind RecogniseHdf5(std::string_view head, std::size_t offset) {
  if (offset >= head.size() || !head.substr(offset).starts_with("\x89HDF\r\n\x1a\n")) return {};
  const bool keras = head.contains("keras_version") || head.contains("model_weights") ||
                     head.contains("layer_names");
  return keras ? kKeras : kHdf5;
}

Kind DetectByContent(std::string_view head, std::uint64_t size) {
  if (size == 0) return {"empty", "an empty file", kOther};
  if (const Kind kind = RecogniseHdf5(head, 0); !kind.format.empty()) return kind;
  if (const Kind kind = RecognisePickle(head); !kind.format.empty()) return kind;
  if (const Kind kind = RecogniseTar(head); !kind.format.empty()) return kind;
  for (const Signature& signature : kSignatures) {
    if (signature.offset < head.size() &&
        head.substr(signature.offset).starts_with(signature.bytes)) {
      return signature.kind;
    }
  }
  if (head.starts_with("RIFF") && head.substr(std::min(head.size(), 8uz)).starts_with("WEBP")) {
    return kWebp;
  }
  if (IsTorchFlatbuffer(head, size)) return kFlatbuffer;
  if (const Kind kind = RecogniseProtobuf(head); !kind.format.empty()) return kind;
  for (const std::size_t offset : {512uz, 1024uz, 2048uz}) {
    if (const Kind kind = RecogniseHdf5(head, offset); !kind.format.empty()) return kind;
  }
  if (IsText(head, size <= head.size())) return DetectText(head);
  if (!PackedFormat(AsBytes(head)).empty()) return kZlib;
  return kUnknown;
}

// Nothing that a loader of models is meant for, as far as the first bytes tell.
bool IsUnclear(const Kind& kind) { return kind.file_class != kModel || kind.format == "unknown"; }

// A loader would unpickle it: text and pictures can be pickles of protocol 0 and 1.
bool IsPickle(const pickle::DryRun& run, std::uint64_t size) {
  const bool whole = run.outcome() == pickle::DryRun::Outcome::kComplete && run.position() == size;
  return run.dangerous() || whole;
}

std::string_view AlsoInWords(const SecondReadings& readings, const Kind& kind) {
  if (readings.tar() && !kind.format.ends_with("tar")) return "a tar archive";
  if (readings.zip()) return "a ZIP archive";
  if (readings.hdf5() && !kind.format.ends_with("hdf5")) return "an HDF5 file";
  return readings.pickle().dangerous() ? "a pickle" : "";
}

Kind WithSuffix(Kind kind, std::string_view name) {
  if (kind.file_class == kOther && IsNamedAsModel(name)) kind.file_class = kModel;
  return kind;
}

}  // namespace

Kind DetectHead(std::span<const std::byte> head, std::uint64_t size, std::string_view name) {
  const Kind kind = DetectByContent(AsText(head), size);
  if (IsUnclear(kind)) {
    pickle::DryRun run;
    run.Feed(head);
    if (IsPickle(run, size)) return kPickle;
  }
  return WithSuffix(kind, name);
}

Result<Detected> Detect(Source& source, std::span<const std::byte> head, std::string_view name) {
  const Kind kind = DetectByContent(AsText(head), source.size());
  if (IsZip(head)) return Detected{DetectZip(source, head), {}};
  if (!RecognisePickle(AsText(head)).format.empty()) return Detected{kind, {}};
  SecondReadings readings(Family::kOther);
  readings.Know(head);
  if (const Result<void> read = FindSecondReadings(readings, source); !read) {
    return std::unexpected(read.error());
  }
  if (!IsUnclear(kind)) return Detected{kind, AlsoInWords(readings, kind)};
  if (IsPickle(readings.pickle(), source.size())) return Detected{kPickle, {}};
  if (readings.zip()) return Detected{DetectZip(source, head), {}};
  if (readings.hdf5()) return Detected{kHdf5, {}};
  if (!readings.compressed().empty()) return Detected{kZlib, {}};
  return Detected{WithSuffix(kind, name), {}};
}

bool IsZip(std::span<const std::byte> head) {
  const std::string_view text = AsText(head);
  return text.starts_with("PK\3\4") || text.starts_with("PK\5\6") || text.starts_with("PK\7\10");
}

bool IsForeign(std::span<const std::byte> head, std::uint64_t size, std::string_view name) {
  return DetectHead(head, size, name).format != "unknown" || AsText(head).starts_with("PK\3\4");
}

// The strict profile wants the brace at once, the reference skips white space.
constexpr std::string_view kSpace = " \t\r\n";

bool ShowsHeader(std::span<const std::byte> head) {
  if (head.size() < 9) return false;
  return head.size() >= kScanHead ||
         AsText(head.subspan(8)).find_first_not_of(kSpace) != kSpace.npos;
}

bool MayBeSafetensors(std::span<const std::byte> head) {
  if (head.size() < 9) return false;
  if (LoadLittleEndian64(head.first<8>()) > 100'000'000) return false;
  const std::string_view text = AsText(head.subspan(8));
  const std::size_t start = text.find_first_not_of(kSpace);
  return start == text.npos || text[start] == '{';
}

bool IsJudgedFromItsEnd(std::span<const std::byte> head) {
  const std::string_view text = AsText(head);
  if (text.starts_with("PK\3\4") || !RecognisePickle(text).format.empty()) return true;
  if (!IsUnclear(DetectByContent(text, UINT64_MAX))) return false;
  pickle::DryRun run;
  run.Feed(head);
  return run.dangerous() || (run.going() && head.size() == kScanHead);
}

bool NamesOther(std::string_view format, std::string_view name) {
  constexpr std::array kJudged = {"safetensors"sv, "pytorch-zip"sv, "pytorch-legacy"sv, "pickle"sv};
  constexpr std::array kOthers = {
      ".gguf"sv, ".ggml"sv, ".onnx"sv, ".h5"sv,   ".hdf5"sv, ".keras"sv, ".tflite"sv, ".npy"sv,
      ".npz"sv,  ".pb"sv,   ".png"sv,  ".jpg"sv,  ".jpeg"sv, ".gif"sv,   ".txt"sv,    ".md"sv,
      ".json"sv, ".pdf"sv,  ".yaml"sv, ".html"sv, ".csv"sv,  ".log"sv,
  };
  // Those of pickles and of PyTorch's checkpoints: their loaders unpickle whatever is there.
  constexpr std::array kPickles = {".pt"sv,  ".pth"sv,    ".bin"sv,    ".ckpt"sv,
                                   ".pkl"sv, ".pickle"sv, ".joblib"sv, ".dill"sv};
  const auto ends = [&](std::string_view suffix) { return EndsWithSuffix(name, suffix); };
  if (format == "safetensors" && std::ranges::any_of(kPickles, ends)) return true;
  return std::ranges::find(kJudged, format) != kJudged.end() && std::ranges::any_of(kOthers, ends);
}

bool IsNamedSafetensors(std::string_view name) { return EndsWithSuffix(name, ".safetensors"); }

bool IsNamedAsModel(std::string_view name) {
  return std::ranges::any_of(kModelSuffixes,
                             [&](std::string_view suffix) { return EndsWithSuffix(name, suffix); });
}

}  // namespace tensorgate::internal
