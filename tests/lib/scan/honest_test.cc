// Files as current training programs write them: the check for second readings must never refuse
// one.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "tensorgate/safetensors.h"

namespace tensorgate {
namespace {

// TENSORGATE_HONEST_FILES overrides the number.
std::uint64_t FileCount() {
  if (const char* text = std::getenv("TENSORGATE_HONEST_FILES")) {
    return std::strtoull(text, nullptr, 10);
  }
#if defined(__SANITIZE_ADDRESS__)
  return 5'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 5'000;
#endif
#endif
  return 100'000;
}

// Names of tensors in a family of models; # is a number.
struct Family {
  std::vector<std::string_view> names;
  std::string_view metadata;
};

const std::array kFamilies = {
    Family{{"model.embed_tokens.weight", "model.layers.#.input_layernorm.weight",
            "model.layers.#.mlp.down_proj.weight", "model.layers.#.self_attn.q_proj.weight",
            "model.layers.#.self_attn.k_proj.bias", "lm_head.weight", "model.norm.weight"},
           R"("__metadata__":{"format":"pt"})"},
    Family{{"transformer.h.#.attn.c_attn.weight", "transformer.h.#.ln_1.bias",
            "transformer.wte.weight", "transformer.h.#.mlp.c_proj.weight"},
           R"("__metadata__":{"format":"pt","total_size":"548105171"})"},
    Family{{"down_blocks.#.attentions.0.transformer_blocks.0.attn1.to_q.weight",
            "mid_block.resnets.0.conv1.weight", "up_blocks.#.resnets.1.time_emb_proj.bias",
            "conv_in.weight", "time_embedding.linear_1.weight"},
           ""},
    Family{{"blocks.#.attn.qkv.weight", "blocks.#.mlp.fc1.bias", "cls_token", "pos_embed",
            "patch_embed.proj.weight", "head.weight"},
           ""},
    Family{{"lora_unet_down_blocks_#_attentions_0_proj_in.alpha",
            "lora_unet_down_blocks_#_attentions_0_proj_in.lora_down.weight",
            "lora_te_text_model_encoder_layers_#_mlp_fc1.lora_up.weight"},
           R"("__metadata__":{"ss_network_module":"networks.lora","ss_learning_rate":"0.0001",)"
           R"("ss_tag_frequency":"{\"img\": {\"1girl\": 31}}","ss_sd_model_hash":"a074b8864e"})"},
    Family{{"base_model.model.model.layers.#.self_attn.q_proj.lora_A.weight",
            "base_model.model.model.layers.#.self_attn.v_proj.lora_B.weight"},
           R"("__metadata__":{"format":"pt"})"},
    Family{{"emb_params", "clip_l", "clip_g"}, R"("__metadata__":{"modelspec.title":"\u732b"})"},
};

struct Dtype {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array kDtypes = {Dtype{"F32", 4}, Dtype{"F16", 2}, Dtype{"BF16", 2},
                                Dtype{"I64", 8}, Dtype{"U8", 1},  Dtype{"F8_E4M3", 1}};

class Trainer {
 public:
  std::string File() {
    const Family& family = kFamilies[Below(kFamilies.size())];
    const Dtype dtype = kDtypes[Below(kDtypes.size())];
    const bool python = Below(4) == 0;  // json.dumps with its own separators
    std::string header = "{", data;
    if (!family.metadata.empty()) header += family.metadata;
    const std::uint64_t tensors = 1 + Below(Below(8) == 0 ? 60 : 8);
    for (std::uint64_t i = 0; i < tensors; ++i) {
      if (header.size() > 1) header += python ? ", " : ",";
      Tensor(header, family.names[i % family.names.size()], i / family.names.size(), dtype, data,
             python);
    }
    header += "}";
    if (Below(2) == 0) header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string file(8, '\0');
    for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(header.size() >> 8 * i & 0xFF);
    return file + header + data;
  }

 private:
  std::uint64_t Below(std::uint64_t count) { return random_() % count; }

  void Tensor(std::string& header, std::string_view name, std::uint64_t number, Dtype dtype,
              std::string& data, bool python) {
    const std::uint64_t rows = 1 + Below(12), columns = 1 + Below(16);
    const std::uint64_t bytes = rows * columns * dtype.bytes;
    const std::string_view colon = python ? ": " : ":", comma = python ? ", " : ",";
    header += '"';
    for (const char c : name) c == '#' ? header += std::to_string(number) : header += c;
    if (!name.contains('#') && number != 0) header += std::to_string(number);
    header.append("\"").append(colon).append("{\"dtype\"").append(colon);
    header.append("\"").append(dtype.name).append("\"").append(comma).append("\"shape\"");
    header.append(colon).append("[").append(std::to_string(rows)).append(comma);
    header.append(std::to_string(columns)).append("]").append(comma).append("\"data_offsets\"");
    header.append(colon).append("[").append(std::to_string(data.size())).append(comma);
    header.append(std::to_string(data.size() + bytes)).append("]}");
    Data(data, static_cast<std::size_t>(bytes));
  }

  // Random bits, and typical weights: zeros, and small numbers.
  void Data(std::string& data, std::size_t bytes) {
    const std::uint64_t kind = Below(8);
    for (std::size_t i = 0; i < bytes; ++i) {
      data += static_cast<char>(kind == 0 ? 0 : kind == 1 ? Below(4) : Below(256));
    }
  }

  std::mt19937_64 random_{20'261'130};
};

TEST(HonestTest, NoSecondReading) {
  Trainer trainer;
  int refused = 0;
  for (std::uint64_t i = 0; i < FileCount() && refused < 5; ++i) {
    const std::string file = trainer.File();
    const Report report = safetensors::CheckBytes(internal::AsBytes(file));
    if (report.verdict() == Verdict::kAccepted) continue;
    ++refused;
    ADD_FAILURE() << i << ": " << Message(report, report.findings()[0]) << "\n"
                  << file.substr(8, 300);
  }
}

}  // namespace
}  // namespace tensorgate
