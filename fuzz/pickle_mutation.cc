#include "fuzz/pickle_mutation.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "lib/containers/pickle/decode.h"

namespace tensorgate::fuzz {
namespace {

using tensorgate::pickle::Decoder;
using tensorgate::pickle::Event;
using tensorgate::pickle::OpcodeInfo;
using namespace std::string_view_literals;

constexpr std::string_view kArguments[] = {"ccollections\nOrderedDict\n"sv,
                                           "ccollections\nCounter\n"sv,
                                           "c__builtin__\nset\n"sv,
                                           "c_codecs\nencode\n"sv,
                                           "ctorch\nFloatStorage\n"sv,
                                           "ctorch\nfloat32\n"sv,
                                           "ctorch\nSize\n"sv,
                                           "ctorch._utils\n_rebuild_tensor_v2\n"sv,
                                           "ctorch._utils\n_rebuild_parameter\n"sv,
                                           "X\7\0\0\0storage"sv,
                                           "X\3\0\0\0cpu"sv,
                                           "X\1\0\0\0000"sv,
                                           "X\6\0\0\0latin1"sv,
                                           "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"sv,
                                           "J\xFF\xFF\xFF\xFF"sv,
                                           "K\1"sv,
                                           "h\0"sv,
                                           "q\0"sv,
                                           "h\1"sv,
                                           "q\1"sv};

// Each opcode with its argument; bytes that cannot be decoded form one last piece.
std::vector<std::string> Split(std::span<const std::byte> bytes) {
  std::vector<std::string> pieces;
  Decoder decoder(bytes);
  const std::string_view text = tensorgate::internal::AsText(bytes);
  for (Event event; decoder.Next(event);) {
    pieces.emplace_back(text.substr(event.offset, event.end - event.offset));
  }
  if (!decoder.at_end()) pieces.emplace_back(text.substr(decoder.offset()));
  return pieces;
}

void Mutate(std::vector<std::string>& pieces, Choices& choices) {
  const auto any = [&](std::size_t count) {
    return static_cast<std::size_t>(choices.Below(count));
  };
  const auto place = [&](std::size_t index) {
    return pieces.begin() + static_cast<std::ptrdiff_t>(index);
  };
  const auto opcodes = tensorgate::pickle::Opcodes();
  const std::size_t at = any(pieces.size() + 1);
  switch (any(6)) {
    case 0:
      if (at < pieces.size()) pieces.erase(place(at));
      break;
    case 1:
      pieces.insert(place(at), std::string(kArguments[any(std::size(kArguments))]));
      break;
    case 2: {
      const OpcodeInfo& opcode = opcodes[any(opcodes.size())];
      if (opcode.argument == tensorgate::pickle::Argument::kNone) {
        pieces.insert(place(at), std::string(1, static_cast<char>(opcode.op)));
      }
      break;
    }
    case 3:
      if (!pieces.empty()) {
        const std::string copy = pieces[any(pieces.size())];
        pieces.insert(place(at), copy);
      }
      break;
    case 4:
      if (!pieces.empty()) std::swap(pieces[any(pieces.size())], pieces[any(pieces.size())]);
      break;
    default:
      if (at < pieces.size()) pieces[at][any(pieces[at].size())] = static_cast<char>(any(256));
  }
}

}  // namespace

std::string MutatePickle(std::span<const std::byte> bytes, Choices& choices) {
  std::vector<std::string> pieces = Split(bytes);
  for (std::uint64_t i = choices.Below(3) + 1; i != 0; --i) Mutate(pieces, choices);
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  return all;
}

}  // namespace tensorgate::fuzz
