// TENSORGATE_TRY: gives the value, or returns the error.
#include "tensorgate/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace tensorgate {
namespace {

Result<std::unique_ptr<int>> Made(int number) {
  if (number < 0) return std::unexpected(Status{.rule = Rule::kIoChanged, .offset = 9});
  return std::make_unique<int>(number);
}

Result<void> Done(int number) {
  if (number == 0) return std::unexpected(Status{.rule = Rule::kUseCancelled});
  return {};
}

Result<int> Both(int number) {
  if (number == 7) TENSORGATE_TRY(Done(0));
  const std::unique_ptr<int> made = TENSORGATE_TRY(Made(number));
  TENSORGATE_TRY(Done(number));
  return *made + 1;
}

std::expected<long, std::string> InWords(bool fails) {
  const auto call = [&]() -> std::expected<int, std::string> {
    if (fails) return std::unexpected("no");
    return 5;
  };
  return TENSORGATE_TRY(call());
}

TEST(Try, GivesTheValue) {
  EXPECT_EQ(Both(4), 5);
  EXPECT_EQ(InWords(false), 5);
}

TEST(Try, ReturnsTheErrorAsItIs) {
  EXPECT_EQ(Both(-1).error().rule, Rule::kIoChanged);
  EXPECT_EQ(Both(-1).error().offset, 9u);
  EXPECT_EQ(Both(0).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(Both(7).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(InWords(true).error(), "no");
}

// The expression is copied: a variable keeps its value.
TEST(Try, LeavesAVariable) {
  const auto twice = []() -> Result<std::string> {
    Result<std::string> kept = std::string(100, 'x');
    const std::string first = TENSORGATE_TRY(kept);
    return first + *kept;
  };
  EXPECT_EQ(twice()->size(), 200u);
}

}  // namespace
}  // namespace tensorgate
