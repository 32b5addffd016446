#include "lib/formats/layouts.h"

#include <algorithm>
#include <array>

#include "lib/base/bytes.h"
#include "lib/formats/registry.h"
#include "lib/source/folder.h"

namespace tensorgate::internal {
namespace {

struct Layout {
  std::string_view start, end;  // of the name, in lower case
  std::string_view words;
  bool only_folder = false;  // the file itself is judged like any other
};

constexpr std::string_view kDistributed =
    "part of a PyTorch distributed checkpoint (FSDP, DCP); `python -m "
    "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER OUT.pt` converts it";
constexpr std::string_view kDeepSpeed =
    "part of a DeepSpeed checkpoint; `python -m deepspeed.utils.zero_to_fp32 FOLDER OUT` converts "
    "it";
constexpr std::string_view kTensorFlow =
    "part of a TensorFlow checkpoint; `tf.train.load_checkpoint` reads it, and "
    "`safetensors.tensorflow.save_file` writes its tensors";
constexpr std::string_view kSavedModel =
    "a TensorFlow saved model; `tf.saved_model.load` reads it, and "
    "`safetensors.tensorflow.save_file` writes its variables";
constexpr std::string_view kFlax =
    "Flax weights; `from_pretrained(FOLDER, from_flax=True)` of transformers 4 or diffusers, then "
    "`save_pretrained(OUT)`, converts them";

constexpr std::array kLayouts = {
    Layout{"", ".distcp", kDistributed},
    Layout{"mp_rank_", "_model_states.pt", kDeepSpeed},
    Layout{"zero_pp_rank_", "_states.pt", kDeepSpeed},
    Layout{"bf16_zero_pp_rank_", "_states.pt", kDeepSpeed},
    Layout{"zero_to_fp32.py", "", kDeepSpeed, true},
    Layout{"saved_model.pb", "", kSavedModel, true},
    Layout{"", ".ckpt.index", kTensorFlow},
    Layout{"", ".ckpt.meta", kTensorFlow},
    Layout{"model.ckpt-", ".index", kTensorFlow},
    Layout{"model.ckpt-", ".meta", kTensorFlow},
    Layout{"model.ckpt", ".data-00000-of-00001", kTensorFlow},
    Layout{"variables.data-", "", kSavedModel},
    Layout{"variables.index", "", kSavedModel},
    Layout{"flax_model", ".msgpack", kFlax},
    Layout{"diffusion_flax_model", ".msgpack", kFlax},
    Layout{"tf_model", ".h5",
           "TensorFlow weights; `from_pretrained(FOLDER, from_tf=True)` of transformers 4, then "
           "`save_pretrained(OUT)`, converts them",
           true},
    Layout{"consolidated.", ".pth",
           "part of a checkpoint in Meta's own layout; `convert_llama_weights_to_hf.py` of "
           "transformers converts it",
           true},
    Layout{"consolidated", ".safetensors",
           "a checkpoint in Mistral's own layout; pass the file itself", true},
    Layout{"", ".fp16.safetensors",
           "a half-precision variant (variant=\"fp16\" of diffusers and transformers); pass the "
           "file itself",
           true},
    Layout{"", ".fp16.bin",
           "a half-precision variant (variant=\"fp16\" of diffusers and transformers); pass the "
           "file itself",
           true},
};

struct Unfinished {
  std::string_view end;
  /// Other programs use it as well: it counts only after a model's suffix.
  bool needs_model = false;
};

constexpr std::array kUnfinished = {
    Unfinished{".incomplete"},     // huggingface_hub
    Unfinished{".part", true},     // Firefox, yt-dlp, curl
    Unfinished{".partial", true},  // ollama, Internet Explorer
    Unfinished{"-partial", true},
    Unfinished{".crdownload"},      // Chrome
    Unfinished{".opdownload"},      // Opera
    Unfinished{".fdmdownload"},     // Free Download Manager
    Unfinished{".download", true},  // Safari
    Unfinished{".aria2"},           // aria2's list of missing pieces
    Unfinished{".!qb"},             // qBittorrent
    Unfinished{".!ut"},
    Unfinished{".tmp", true},
    Unfinished{".temp", true},
};

bool Same(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) { return FoldCase(a) == b; });
}

bool EndsLike(std::string_view name, std::string_view end) {
  return name.size() > end.size() && Same(name.substr(name.size() - end.size()), end);
}

const Layout* Find(std::string_view path) {
  const std::string_view name = LastPart(path);
  const auto* const found = std::ranges::find_if(kLayouts, [&](const Layout& each) {
    if (each.end.empty() && !each.start.ends_with('-')) return Same(name, each.start);
    return name.size() >= each.start.size() + each.end.size() &&
           Same(name.substr(0, each.start.size()), each.start) &&
           Same(name.substr(name.size() - each.end.size()), each.end);
  });
  return found == kLayouts.end() ? nullptr : found;
}

}  // namespace

std::string_view OtherLayout(std::string_view path) {
  const Layout* const found = Find(path);
  return found == nullptr || found->only_folder ? std::string_view() : found->words;
}

std::string_view FolderLayout(std::string_view name) {
  const Layout* const found = Find(name);
  return found == nullptr ? std::string_view() : found->words;
}

std::string_view UnfinishedSuffix(std::string_view path) {
  const std::string_view name = LastPart(path);
  const auto* const found = std::ranges::find_if(kUnfinished, [&](const Unfinished& each) {
    if (!EndsLike(name, each.end)) return false;
    return !each.needs_model || IsNamedAsModel(name.substr(0, name.size() - each.end.size()));
  });
  return found == kUnfinished.end() ? std::string_view() : found->end;
}

}  // namespace tensorgate::internal
