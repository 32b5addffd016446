#include "lib/formats/registry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/formats/numpy/file.h"
#include "lib/formats/recognized.h"
#include "lib/formats/safetensors/model.h"
#include "lib/formats/torch/extract.h"
#include "lib/formats/torch/model.h"
#include "lib/formats/torch/pickle_file.h"
#include "lib/source/folder.h"
#include "tensorgate/formats.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;
using enum FileClass;
using Suffixes = std::string_view[];

// ---- The examination of each format.

template <typename File, Report (*kCheck)(Source&, const CheckOptions&), OpenedFile (*kMake)(File)>
Report Examine(Source& source, const CheckOptions& options, OpenedFile* opened) {
  if (opened == nullptr) return kCheck(source, options);
  std::expected<File, Report> file = File::Open(source, options);
  if (!file) return std::move(file.error());
  Report report = file->report();
  *opened = kMake(*std::move(file));
  return report;
}

constexpr auto kSafetensors =
    Examine<safetensors::File, safetensors::Check, safetensors::internal::MakeModelFile>;
constexpr auto kTorch = Examine<torch::File, torch::Check, torch::internal::MakeModelFile>;

// A bare pickle is verified to its last byte, but has no tensors.
Report ExaminePickle(Source& source, const CheckOptions& options, OpenedFile*) {
  return torch::internal::CheckPickle(source, options);
}

// ---- Data of the rows.

// Loaders of pickles and of PyTorch checkpoints unpickle files with any of these suffixes.
constexpr Suffixes kUnpickled = {".pt",  ".pth",    ".bin",    ".ckpt",
                                 ".pkl", ".pickle", ".joblib", ".dill"};
constexpr Suffixes kSafetensorsSuffix = {".safetensors"}, kMar = {".mar"}, kPt2 = {".pt2"},
                   kScript = {".ptl", ".jit"}, kKeras = {".keras"}, kNpz = {".npz"},
                   kZip = {".zip"}, kHdf5 = {".h5", ".hdf5"}, kTar = {".tar"}, kGguf = {".gguf"},
                   kGgml = {".ggml"}, kNpy = {".npy"}, kTflite = {".tflite"}, kPte = {".pte"},
                   kPdf = {".pdf"}, kPictures = {".png", ".jpg", ".jpeg", ".gif"}, kPb = {".pb"},
                   kOnnx = {".onnx"}, kJson = {".json"}, kHtml = {".html"},
                   kText = {".txt", ".md", ".yaml", ".csv", ".log"};
// Suffixes of models that tensorgate does not recognize, or that are archives of several kinds.
constexpr Suffixes kOtherModels = {
    ".msgpack", ".nemo",  ".model", ".weights", ".params",  ".engine",    ".plan",       ".t7",
    ".ot",      ".skops", ".ubj",   ".cbm",     ".mlmodel", ".llamafile", ".caffemodel", ".data"};

// Of these, some models are text or nothing but numbers.
constexpr Suffixes kMayBeText = {".model", ".params", ".data", ".t7", ".weights", ".pb", ".plan"};
constexpr Suffixes kMayBeRaw = {".bin"};
// PyTorch's names: these files are never nothing but numbers.
constexpr std::string_view kTorchNames[] = {"pytorch_model", "diffusion_pytorch_model",
                                            "adapter_model", "pytorch_lora_weights",
                                            "training_args", "optimizer",
                                            "scheduler"};
constexpr Signature kGgufMarks[] = {{0, "GGUF"}, {0, "FUGG", "a big-endian GGUF file"}};
constexpr Signature kGgmlMarks[] = {
    {0, "ggjt"}, {0, "tjgg"}, {0, "lmgg"}, {0, "fmgg"}, {0, "algg", "a GGML adapter"}};
constexpr Signature kNumpyMarks[] = {{0, "\x93NUMPY"}};
constexpr Signature kTfliteMarks[] = {{4, "TFL3"}};
constexpr Signature kExecutorchMarks[] = {{4, "ET12"}};
constexpr Signature k7zMarks[] = {{0, "7z\xbc\xaf\x27\x1c"}};
constexpr Signature kRarMarks[] = {{0, "Rar!\x1a\x07"}};
constexpr Signature kGzipMarks[] = {{0, "\x1f\x8b"}};
constexpr Signature kBzip2Marks[] = {{0, "BZh"}};
constexpr Signature kXzMarks[] = {{0, "\xfd\x37zXZ\0"sv}};
constexpr Signature kZstdMarks[] = {{0, "\x28\xb5\x2f\xfd"}};
constexpr Signature kLz4Marks[] = {{0, "\x04\x22\x4d\x18"}};
constexpr Signature kExecutableMarks[] = {{0, "\x7f\x45LF", "an ELF executable"},
                                          {0, "MZ", "a Windows executable"},
                                          {0, "\xcf\xfa\xed\xfe", "a Mach-O executable"}};
constexpr Signature kPictureMarks[] = {{0, "\x89PNG\r\n\x1a\n", "a PNG picture"},
                                       {0, "\xff\xd8\xff", "a JPEG picture"},
                                       {0, "GIF87a", "a GIF picture"},
                                       {0, "GIF89a", "a GIF picture"}};
constexpr Signature kPdfMarks[] = {{0, "%PDF-"}};

constexpr ShardScheme kSafetensorsShards = {"safetensors-checkpoint", ".safetensors",
                                            "model.safetensors.index.json"};
constexpr ShardScheme kTorchShards = {"pytorch-checkpoint", ".bin", "pytorch_model.bin.index.json"};

constexpr std::string_view kTorchProof =
    "every byte of the container, every opcode of the pickle, every storage; with `--full` also "
    "checksums and booleans";
constexpr std::string_view kTorchReference = "`torch.load(weights_only=True)`";

// ---- The table. If two rows match equally, the first one counts; for archives, the first one
// whose members fit.

using M = const ArchiveMembers&;

constexpr std::array kFormats = {
    Format{.name = "empty",
           .words = "an empty file",
           .file_class = kOther,
           .in_place = {Rule::kScanEmptyFile, Among::kModels},
           .recognize = recognize::Empty},
    Format{.name = "safetensors",
           .words = "a safetensors file",
           .suffixes = kSafetensorsSuffix,
           .decided_by_suffix = true,
           .recognize = recognize::Safetensors,
           .examine = kSafetensors,
           .stream = StreamMode::kForward,
           .shards = &kSafetensorsShards,
           .has_header_digest = true,
           .proof = "every structural byte",
           .reference = "the crate `safetensors` 0.8.0",
           .read_as_reference = safetensors::internal::ReadModelAsReference},

    // Pickles.
    Format{.name = "pytorch-legacy",
           .words = "a PyTorch checkpoint (legacy stream of pickles)",
           .suffixes = kUnpickled,
           .recognize = recognize::LegacyTorch,
           .packing = Packing::kPickle,
           .examine = kTorch,
           .stream = StreamMode::kSpool,
           .proof = kTorchProof,
           .reference = kTorchReference,
           .extract = torch::internal::Extract},
    Format{.name = "joblib",
           .words = "a joblib file (a pickle)",
           .suffixes = kUnpickled,
           .recognize = recognize::Joblib,
           .packing = Packing::kPickle,
           .stream = StreamMode::kSpool},
    Format{.name = "pickle",
           .words = "a pickle",
           .suffixes = kUnpickled,
           .recognize = recognize::Pickle,
           .packing = Packing::kPickle,
           .examine = ExaminePickle,
           .stream = StreamMode::kSpool,
           .proof = "plain values and tensors, or the names that it uses",
           .reference = kTorchReference,
           .extract = torch::internal::Extract},

    // ZIP archives: what the last row of them recognizes.
    Format{.name = "pytorch-export",
           .words = "a PyTorch exported program (PT2)",
           .vague_suffixes = kPt2,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.archive_format; }},
    Format{.name = "torchscript",
           .words = "a TorchScript module",
           .vague_suffixes = kScript,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.constants_pkl || (in.code && in.data_pkl); }},
    Format{.name = "pytorch-zip",
           .words = "a PyTorch checkpoint (zip)",
           .suffixes = kUnpickled,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.data_pkl; },
           .examine = kTorch,
           .shards = &kTorchShards,
           .proof = kTorchProof,
           .reference = kTorchReference,
           .extract = torch::internal::Extract},
    Format{.name = "torch-mar",
           .words = "a TorchServe model archive",
           .vague_suffixes = kMar,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.mar; }},
    Format{.name = "keras-zip",
           .words = "a Keras model (zip)",
           .suffixes = kKeras,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.keras_config && in.keras_weights; }},
    Format{.name = "npz",
           .words = "NumPy arrays (npz)",
           .suffixes = kNpz,
           .packing = Packing::kZip,
           .holds = [](M in) { return in.npy && in.only_npy; }},
    Format{.name = "zip",
           .words = "a ZIP archive",
           .vague_suffixes = kZip,
           .recognize = recognize::Zip,
           .packing = Packing::kZip,
           .holds = [](M) { return true; },
           .stream = StreamMode::kSpool},

    Format{.name = "keras-hdf5",
           .words = "Keras weights (HDF5)",
           .suffixes = kHdf5,
           .recognize = recognize::KerasHdf5,
           .packing = Packing::kHdf5},
    Format{.name = "hdf5",
           .words = "an HDF5 file",
           .suffixes = kHdf5,
           .recognize = recognize::Hdf5,
           .packing = Packing::kHdf5},
    Format{.name = "pytorch-tar",
           .words = "a PyTorch checkpoint (legacy tar)",
           .recognize = recognize::TorchTar,
           .packing = Packing::kTar},
    Format{.name = "tar",
           .words = "a tar archive",
           .vague_suffixes = kTar,
           .recognize = recognize::Tar,
           .packing = Packing::kTar},

    // Recognized by their signatures.
    Format{.name = "gguf", .words = "a GGUF file", .suffixes = kGguf, .signatures = kGgufMarks},
    Format{.name = "ggml", .words = "a GGML file", .suffixes = kGgml, .signatures = kGgmlMarks},
    Format{.name = "numpy",
           .words = "a NumPy array",
           .suffixes = kNpy,
           .signatures = kNumpyMarks,
           .examine = numpy::Examine,
           .stream = StreamMode::kSpool,
           .proof = "header, element type and size; no Python objects",
           .reference = "`numpy.load(allow_pickle=False)` of NumPy 2.4"},
    Format{.name = "tflite",
           .words = "a TensorFlow Lite model",
           .suffixes = kTflite,
           .signatures = kTfliteMarks},
    Format{.name = "executorch",
           .words = "an ExecuTorch program",
           .vague_suffixes = kPte,
           .signatures = kExecutorchMarks},
    Format{.name = "7z", .words = "a 7z archive", .signatures = k7zMarks},
    Format{.name = "rar", .words = "a RAR archive", .signatures = kRarMarks},
    Format{.name = "gzip", .words = "gzip data", .signatures = kGzipMarks},
    Format{.name = "bzip2", .words = "bzip2 data", .signatures = kBzip2Marks},
    Format{.name = "xz", .words = "xz data", .signatures = kXzMarks},
    Format{.name = "zstd", .words = "zstd data", .signatures = kZstdMarks},
    Format{.name = "lz4", .words = "LZ4 data", .signatures = kLz4Marks},
    Format{.name = "executable", .words = "an executable", .signatures = kExecutableMarks},
    Format{.name = "picture",
           .words = "a picture",
           .file_class = kOther,
           .suffixes = kPictures,
           .signatures = kPictureMarks,
           .recognize = recognize::Webp},
    Format{.name = "pdf",
           .words = "a PDF document",
           .file_class = kOther,
           .suffixes = kPdf,
           .signatures = kPdfMarks},

    Format{.name = "pytorch-flatbuffer",
           .words = "a PyTorch mobile module (flatbuffer)",
           .recognize = recognize::TorchFlatbuffer},
    Format{.name = "tensorflow-savedmodel",
           .words = "a TensorFlow saved model",
           .suffixes = kPb,
           .recognize = recognize::SavedModel},
    Format{
        .name = "onnx", .words = "an ONNX model", .suffixes = kOnnx, .recognize = recognize::Onnx},
    Format{.name = "git-lfs-pointer",
           .words = "a Git LFS pointer in place of the file",
           .file_class = kNotFetched,
           .in_place = {Rule::kScanPointer, Among::kAnyName},
           .recognize = recognize::LfsPointer},
    Format{.name = "xet-pointer",
           .words = "a Xet pointer in place of the file",
           .file_class = kNotFetched,
           .in_place = {Rule::kScanPointer, Among::kAnyName},
           .recognize = recognize::XetPointer},
    Format{.name = "git-annex-pointer",
           .words = "a git-annex pointer in place of the file",
           .file_class = kNotFetched,
           .in_place = {Rule::kScanPointer, Among::kAnyName},
           .recognize = recognize::AnnexPointer},
    Format{.name = "json",
           .words = "JSON",
           .file_class = kOther,
           .suffixes = kJson,
           .in_place = {Rule::kScanErrorText, Among::kNeverText},
           .recognize = recognize::Json},
    Format{.name = "html",
           .words = "an HTML page",
           .file_class = kOther,
           .suffixes = kHtml,
           .in_place = {Rule::kScanWebPage, Among::kModels},
           .recognize = recognize::Html},
    Format{.name = "xml",
           .words = "XML",
           .file_class = kOther,
           .in_place = {Rule::kScanErrorText, Among::kNeverText},
           .recognize = recognize::Xml},
    Format{.name = "text",
           .words = "text",
           .file_class = kOther,
           .suffixes = kText,
           .in_place = {Rule::kScanErrorText, Among::kNeverText},
           .recognize = recognize::Text},
    Format{.name = "zlib",
           .words = "zlib data",
           .recognize = recognize::Zlib,
           .packing = Packing::kZlib},
    Format{.name = "zeros",
           .words = "data that starts with zeros",
           .in_place = {Rule::kScanZeros, Among::kStructured},
           .recognize = recognize::Zeros},
    Format{.name = "unknown",
           .words = "of no known format",
           .vague_suffixes = kOtherModels,
           .recognize = recognize::Anything},
};

constexpr std::array kInfos = [] {
  std::array<FormatInfo, kFormats.size()> infos{};
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    const Format& format = kFormats[i];
    infos[i] = {.name = format.name,
                .words = format.words,
                .file_class = format.file_class,
                .is_proven = format.examine != nullptr,
                .proof = format.proof,
                .reference = format.reference,
                .suffixes = format.suffixes};
    if (format.shards == nullptr) continue;
    infos[i].shards = format.shards->format;
    infos[i].shards_index = format.shards->usual;
  }
  return infos;
}();

bool EndsWithSuffix(std::string_view name, std::string_view suffix) {
  if (name.size() < suffix.size()) return false;
  return std::ranges::equal(name.substr(name.size() - suffix.size()), suffix,
                            [](char a, char b) { return FoldCase(a) == b; });
}

bool EndsWithOneOf(std::string_view name, std::span<const std::string_view> suffixes) {
  return std::ranges::any_of(suffixes,
                             [&](std::string_view each) { return EndsWithSuffix(name, each); });
}

const Signature* FindSignature(const Format& format, std::string_view bytes) {
  const auto found = std::ranges::find_if(format.signatures, [&](const Signature& mark) {
    return mark.offset < bytes.size() && bytes.substr(mark.offset).starts_with(mark.bytes);
  });
  return found == format.signatures.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Format> Formats() { return kFormats; }

FormatKind KindOf(const Format& format) { return {&format, format.words, format.file_class}; }

const Format* FindFormat(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : found;
}

const Format* FindShards(std::string_view name) {
  const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return format.shards != nullptr && format.shards->format == name;
  });
  return found == kFormats.end() ? nullptr : found;
}

const Format& PlainFormat(Packing packing) {
  const Format* plain = &UnknownFormat();
  for (const Format& format : kFormats) {
    if (format.packing == packing) plain = &format;
  }
  return *plain;
}

const Format& UnknownFormat() { return kFormats.back(); }
const Format& SafetensorsFormat() { return *FindFormat("safetensors"); }
const Format& TorchFormat() { return *FindFormat("pytorch-zip"); }

FormatKind Recognize(const Head& head) {
  const Format* maybe = nullptr;
  for (const Format& format : kFormats) {
    if (const Signature* mark = FindSignature(format, head.bytes)) {
      FormatKind kind = KindOf(format);
      if (!mark->words.empty()) kind.words = mark->words;
      return kind;
    }
    const Match match = format.recognize == nullptr ? Match::kNo : format.recognize(head);
    if (match == Match::kYes) return KindOf(format);
    if (match == Match::kMaybe && format.examine == nullptr && maybe == nullptr) maybe = &format;
  }
  return KindOf(*maybe);
}

const Format* MayProve(const Head& head) {
  const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return format.examine != nullptr && format.recognize != nullptr &&
           format.recognize(head) == Match::kMaybe;
  });
  return found == kFormats.end() ? nullptr : found;
}

FormatKind RecognizeArchive(const ArchiveMembers& members) {
  const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return format.holds != nullptr && format.holds(members);
  });
  return KindOf(*found);
}

const Format* FormatBySuffix(std::string_view name) {
  const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return format.decided_by_suffix && EndsWithOneOf(name, format.suffixes);
  });
  return found == kFormats.end() ? nullptr : found;
}

bool NamesOther(std::string_view format, std::string_view name) {
  const Format* own = FindFormat(format);
  if (own == nullptr || own->examine == nullptr || EndsWithOneOf(name, own->suffixes)) return false;
  return std::ranges::any_of(
      kFormats, [&](const Format& other) { return EndsWithOneOf(name, other.suffixes); });
}

bool IsNamedAsModel(std::string_view name) {
  return std::ranges::any_of(kFormats, [&](const Format& format) {
    return format.file_class == FileClass::kModel &&
           (EndsWithOneOf(name, format.suffixes) || EndsWithOneOf(name, format.vague_suffixes));
  });
}

bool MayBeText(std::string_view name) { return EndsWithOneOf(name, kMayBeText); }

bool HasStructure(std::string_view name) {
  const std::string_view file = LastPart(name);
  const bool torch = std::ranges::any_of(
      kTorchNames, [&](std::string_view each) { return file.starts_with(each); });
  if (EndsWithOneOf(name, kMayBeRaw) && !torch) return false;
  return std::ranges::any_of(kFormats, [&](const Format& format) {
    return format.file_class == FileClass::kModel && EndsWithOneOf(name, format.suffixes);
  });
}

bool IsNamedSafetensors(std::string_view name) { return EndsWithOneOf(name, kSafetensorsSuffix); }

}  // namespace tensorgate::internal

std::span<const tensorgate::FormatInfo> tensorgate::AllFormats() { return internal::kInfos; }
