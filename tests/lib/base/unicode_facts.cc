// Prints the contents of the library's tables, for unicode_test.py to compare with Python's.
//
//   unicode_facts points     a line for each code point: number, 1 if it is invisible, what it
//   folds to
//   unicode_facts normal     for each line of standard input: 1 if it is in normal form C
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "lib/base/folded.h"

namespace tensorgate::internal {
namespace {

void PrintPoints() {
  std::printf("%s\n", std::string(UnicodeVersion()).c_str());
  for (std::uint32_t point = 0; point < 0x110000; ++point) {
    const Character character = CharacterOf(point, Folding::kForms);
    std::printf("%x %d", point, character.count == 0);
    for (std::size_t i = 0; i < character.count; ++i) std::printf(" %x", character.folded.at(i));
    std::putchar('\n');
  }
}

void PrintNormal() {
  Characters characters(Folding::kLooks);
  for (std::string line; std::getline(std::cin, line);) {
    std::puts(IsNormalFormC(line, characters) ? "1" : "0");
  }
}

}  // namespace
}  // namespace tensorgate::internal

int main(int count, char** arguments) {
  const std::string_view what = count == 2 ? arguments[1] : "";
  if (what == "points") {
    tensorgate::internal::PrintPoints();
  } else if (what == "normal") {
    tensorgate::internal::PrintNormal();
  } else {
    return 1;
  }
}
