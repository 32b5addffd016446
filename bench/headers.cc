#include "bench/headers.h"

#include <algorithm>
#include <random>
#include <vector>

namespace tensorgate::bench {
namespace {

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   std::uint64_t begin, std::uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

HeaderText Padded(std::string json, std::uint64_t data_bytes) {
  json.append((8 - json.size() % 8) % 8, ' ');
  return {std::move(json), data_bytes};
}

}  // namespace

HeaderText LanguageModel(std::size_t count) {
  struct Part {
    const char* name;
    const char* shape;
    std::uint64_t elements;
  };
  static constexpr Part kParts[] = {
      {"self_attn.q_proj.weight", "4096,4096", 4096 * 4096},
      {"self_attn.k_proj.weight", "4096,4096", 4096 * 4096},
      {"self_attn.v_proj.weight", "4096,4096", 4096 * 4096},
      {"self_attn.o_proj.weight", "4096,4096", 4096 * 4096},
      {"mlp.gate_proj.weight", "4096,1024", 4096 * 1024},
      {"mlp.up_proj.weight", "4096,1024", 4096 * 1024},
      {"mlp.down_proj.weight", "4096,1024", 4096 * 1024},
      {"input_layernorm.weight", "4096", 4096},
      {"post_attention_layernorm.weight", "4096", 4096},
  };
  constexpr std::size_t kCount = std::size(kParts);
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Part& part = kParts[i % kCount];
    const std::uint64_t end = at + 2 * part.elements;
    json += "," + Tensor("model.layers." + std::to_string(i / kCount) + "." + part.name, "BF16",
                         part.shape, at, end);
    at = end;
  }
  return Padded(json + "}", at);
}

HeaderText Worst(const std::string& kind, std::size_t bytes) {
  std::string json = "{";
  json.reserve(bytes + 64);
  if (kind == "dimensions") {
    json += "\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1";
    while (json.size() + 4 < bytes) json += ",1";
    return Padded(json + "]}}", 1);
  }
  if (kind == "metadata") {
    json += "\"__metadata__\":{";
    for (std::uint64_t i = 0; json.size() + 16 < bytes; ++i) {
      std::string key(4, ' ');
      for (std::uint64_t rest = i; char& c : key) {
        c = static_cast<char>(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[rest % 64]);
        rest /= 64;
      }
      json += (i == 0 ? "\"" : ",\"") + key + "\":\"\"";
    }
    return Padded(json + "}}", 0);
  }
  if (kind == "string" || kind == "escapes") {
    json += "\"__metadata__\":{\"k\":\"";
    const std::string unit = kind == "string" ? "a" : "\\u0041";
    while (json.size() + unit.size() + 4 < bytes) json += unit;
    return Padded(json + "\"}}", 0);
  }
  if (kind == "minimal") {
    for (std::uint64_t i = 0; json.size() + 72 < bytes; ++i) {
      if (i != 0) json += ",";
      json += Tensor(std::to_string(i), "U8", "0", 0, 0);
    }
    return Padded(json + "}", 0);
  }
  // shuffled: tensors of one byte each, listed in random order.
  const std::size_t count = bytes / 75;
  std::vector<std::uint64_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) json += ",";
    json += Tensor(std::to_string(i), "U8", "1", order[i], order[i] + 1);
  }
  return Padded(json + "}", count);
}

}  // namespace tensorgate::bench
