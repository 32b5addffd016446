#include "lib/containers/pickle/foreign.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/containers/pickle/decode.h"

namespace tensorgate::pickle {
namespace {

// True if a part of the path leads to a class, to the variables of a module, or to a method that
// changes its object.
bool IsInternal(std::string_view path) {
  constexpr std::array<std::string_view, 9> kWords = {"f_globals", "f_locals",     "f_builtins",
                                                      "f_back",    "gi_frame",     "tb_frame",
                                                      "cr_frame",  "func_globals", "im_class"};
  for (;;) {
    const std::size_t end = std::min(path.find('.'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part.starts_with("__") || std::ranges::find(kWords, part) != kWords.end()) return true;
    if (end == path.size()) return false;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

Value ForeignValues::Base(Value value) const {
  while (value.kind == Kind::kForeign && (*this)[value].origin == Origin::kAttribute) {
    value = (*this)[value].callee;
  }
  return value;
}

bool ForeignValues::IsName(const Value& value) const {
  const Value base = Base(value);
  if (base.kind == Kind::kGlobal) return true;
  return base.kind == Kind::kForeign && (*this)[base].origin == Origin::kName;
}

std::string_view ForeignValues::WordOf(const Foreign& attribute) const {
  const std::span<const Value> items = values_.Items(attribute.arguments);
  return items.size() == 2 && items[1].IsString() ? values_.Text(items[1]) : std::string_view();
}

bool ForeignValues::HasInternalWord(const Value& value) const {
  Value at = value;
  for (; at.kind == Kind::kForeign; at = (*this)[at].callee) {
    const Foreign& foreign = (*this)[at];
    if (foreign.origin == Origin::kName) return IsInternal(foreign.name);
    if (foreign.origin != Origin::kAttribute) return false;
    if (IsInternal(WordOf(foreign))) return true;
  }
  return false;
}

bool ForeignValues::IsOpen(const Value& value) const {
  if (IsName(value) || HasInternalWord(value)) return true;
  const Value base = Base(value);
  return base.kind == Kind::kForeign && (*this)[base].may_be_shared;
}

std::string ForeignValues::NameOf(const Value& value) const {
  Value at = value;
  while (at.kind == Kind::kForeign && (*this)[at].origin != Origin::kName) at = (*this)[at].callee;
  if (at.kind != Kind::kForeign) return std::string(Name(at.kind));
  const Foreign& foreign = (*this)[at];
  if (foreign.module.empty()) return std::string(foreign.name.substr(0, 256));
  return FullName(foreign.module, foreign.name);
}

Value ForeignValues::Add(Foreign foreign) {
  all_.push_back(std::move(foreign));
  return Value::Of(Kind::kForeign, all_.size() - 1);
}

void ForeignValues::AddOperation(const Value& target, Operation operation) {
  operations_.push_back(operation);
  const auto number = static_cast<std::uint32_t>(operations_.size());
  Foreign& foreign = all_[static_cast<std::size_t>(target.bits)];
  if (foreign.first == 0) foreign.first = number;
  if (foreign.last != 0) operations_[foreign.last - 1].next = number;
  foreign.last = number;
}

}  // namespace tensorgate::pickle
