#include <algorithm>
#include <array>

#include "lib/base/character_set.h"
#include "lib/base/utf8.h"
#include "lib/sharded/index.h"

namespace tensorgate::sharded {
namespace {

using internal::CharacterSet;

bool HasDeceptive(std::string_view name) {
  while (!name.empty()) {
    const internal::CodePoint point = internal::DecodeUtf8(name);
    if (internal::IsDeceptive(point.value)) return true;
    name.remove_prefix(std::max<std::size_t>(point.length, 1));
  }
  return false;
}

struct Fault {
  std::string_view holds, words;
};

constexpr std::array kFaults = {
    Fault{"://", "is a URL"},
    Fault{"\\", "contains a backslash, which separates folders on Windows"},
    Fault{":", "contains a colon, which marks a drive or a stream on Windows"},
};

struct Oddity {
  CharacterSet holds;
  std::string_view words;
};

const std::array kOddities = {
    Oddity{CharacterSet("%?#"), "contains %, ? or #, which have a special meaning in a URL"},
    Oddity{CharacterSet("*[]{}"),
           "contains *, brackets or braces, which match other names in a pattern"},
    Oddity{CharacterSet("<>|\""), "contains a character that Windows does not allow in file names"},
};

}  // namespace

std::string_view ShardNameOddity(std::string_view name) {
  for (const Oddity& oddity : kOddities) {
    if (std::ranges::any_of(name, [&](char c) { return oddity.holds.Has(c); })) return oddity.words;
  }
  if (name.starts_with('-') || name.starts_with('~')) {
    return "starts with - or ~, which a command line takes for an option or a home folder";
  }
  const bool space = name.starts_with(' ') || name.contains("/ ");
  return space ? "has a part that starts with a space, which is lost in lists of names" : "";
}

std::string_view ShardNameFault(std::string_view name) {
  if (name.empty()) return "is empty";
  if (HasDeceptive(name)) return "contains a control or invisible character";
  for (const Fault& fault : kFaults) {
    if (name.contains(fault.holds)) return fault.words;
  }
  if (name.starts_with('/')) return "is absolute";
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part == "..") return "leads out of the folder";
    if (part.empty() || part == ".") return "has a part that is empty or a dot";
    if (slash == name.npos) return {};
    name.remove_prefix(slash + 1);
  }
}

}  // namespace tensorgate::sharded
