// The check of a checkpoint's pickle: a state dict of 20,000 tensors as torch.save writes it. With
// an argument, it checks that file; with --write FILE, it writes the state dict there, so that
// scanners can be measured on the same bytes.
//
// Prints MB per second of the decoder only and of the whole check (decoder, machine, schemas,
// result): best and median of all rounds.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/rebuild.h"

namespace {

using namespace std::string_literals;

class Writer {
 public:
  void Raw(std::string_view bytes) { out_.append(bytes); }
  std::uint32_t Text(std::string_view text) {
    out_.push_back('X');
    Number(text.size(), 4);
    out_.append(text);
    return Put();
  }
  void Int(std::uint64_t value) {
    out_.push_back(value < 256 ? 'K' : value < 65536 ? 'M' : 'J');
    Number(value, value < 256 ? 1 : value < 65536 ? 2 : 4);
  }
  std::uint32_t Put() {
    out_.push_back(memo_ < 256 ? 'q' : 'r');
    Number(memo_, memo_ < 256 ? 1 : 4);
    return memo_++;
  }
  void Get(std::uint32_t index) {
    out_.push_back(index < 256 ? 'h' : 'j');
    Number(index, index < 256 ? 1 : 4);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Number(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
  std::string out_;
  std::uint32_t memo_ = 0;
};

// Names of nested modules, long enough for the 240 bytes and 32 opcodes per tensor of the figures
// to compare with.
const std::string kPrefix =
    "module.model.diffusion_model.language_model.transformer.encoder_decoder.decoder_blocks."
    "attention_and_mlp_stack.base_layer."
    "layers.";

// The pickle of an OrderedDict of float32 matrices, including memo entries.
std::string StateDict(std::uint32_t count) {
  Writer w;
  w.Raw(
      "\x80\x02"
      "ccollections\nOrderedDict\n"s);
  const std::uint32_t ordered = w.Put();
  w.Raw(")R");
  w.Put();
  w.Raw("(");
  std::uint32_t rebuild = 0, storage = 0, type = 0, location = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    constexpr std::array<std::string_view, 4> kNames = {
        "self_attn.q_proj.weight", "self_attn.k_proj.weight", "mlp.gate_proj.weight",
        "post_attention_layernorm.weight"};
    w.Text(kPrefix + std::to_string(i / 4) + "." + std::string(kNames[i % 4]));
    if (i == 0) {
      w.Raw("ctorch._utils\n_rebuild_tensor_v2\n");
      rebuild = w.Put();
    } else {
      w.Get(rebuild);
    }
    w.Raw("((");
    if (i == 0) {
      storage = w.Text("storage");
      w.Raw("ctorch\nFloatStorage\n");
      type = w.Put();
    } else {
      w.Get(storage);
      w.Get(type);
    }
    w.Text(std::to_string(i));
    if (i == 0) {
      location = w.Text("cpu");
    } else {
      w.Get(location);
    }
    w.Int(4096);
    w.Raw("t");
    w.Put();
    w.Raw("Q");
    w.Int(0);
    w.Int(64);
    w.Int(64);
    w.Raw("\x86");
    w.Put();
    w.Int(64);
    w.Int(1);
    w.Raw("\x86");
    w.Put();
    w.Raw("\x89");
    w.Get(ordered);
    w.Raw(")R");
    w.Put();
    w.Raw("t");
    w.Put();
    w.Raw("R");
    w.Put();
    if (i % 1000 == 999 && i + 1 < count) w.Raw("u(");
  }
  w.Raw("u.");
  return w.Take();
}

std::uint64_t DecodeAll(std::string_view bytes) {
  tensorgate::pickle::Decoder decoder(tensorgate::internal::AsBytes(bytes));
  std::uint64_t count = 0, sum = 0;
  for (tensorgate::pickle::Event event; decoder.Next(event); ++count) sum += event.end;
  if (!decoder.at_end()) std::exit(1);
  return count + (sum == 0);
}

std::uint64_t Check(std::string_view bytes) {
  tensorgate::torch::internal::Rebuild rebuild(tensorgate::torch::internal::Form::kZip);
  tensorgate::pickle::Machine machine(tensorgate::internal::AsBytes(bytes), rebuild, {});
  const tensorgate::pickle::Outcome outcome = machine.Run();
  if (!outcome.complete) {
    std::fprintf(stderr, "not accepted: %s at %llu\n",
                 tensorgate::Info(outcome.facts.back().rule).id.data(),
                 static_cast<unsigned long long>(outcome.end));
    std::exit(1);
  }
  return outcome.operations;
}

void Measure(const char* name, std::string_view bytes, std::uint64_t (*run)(std::string_view)) {
  constexpr int kRounds = 25;
  std::vector<double> seconds;
  std::uint64_t operations = 0;
  for (int i = 0; i < kRounds; ++i) {
    // CPU time: other processes on the machine do not count.
    const std::clock_t begin = std::clock();
    operations = run(bytes);
    seconds.push_back(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  std::ranges::sort(seconds);
  const auto size = static_cast<double>(bytes.size());
  std::printf("%-8s %9zu bytes %8llu opcodes  best %7.1f  median %7.1f MB/s\n", name, bytes.size(),
              static_cast<unsigned long long>(operations), size / seconds.front() / 1e6,
              size / seconds[seconds.size() / 2] / 1e6);
}

}  // namespace

int main(int count, char** arguments) {
  std::string bytes = StateDict(20'000);
  if (count == 3 && std::string_view(arguments[1]) == "--write") {
    std::ofstream(arguments[2], std::ios::binary) << bytes;
    return 0;
  }
  if (count == 2) {
    std::ifstream file(arguments[1], std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  Measure("decoder", bytes, DecodeAll);
  Measure("check", bytes, Check);
  return 0;
}
