// Which failure is reported. tests/lib/checkpoint/load_test.cc tests what runs in parallel, and how
// it is stopped.
#include "lib/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace tensorgate::internal {
namespace {

TEST(RunPiecesTest, OfTwoFailuresThatOfTheLowerNumber) {
  constexpr std::uint64_t kMuch = std::uint64_t{1} << 30;  // enough for two threads
  for (const std::uint64_t slow : {0, 1}) {
    std::atomic<int> started = 0;
    const Result<void> done = RunPieces(
        2, kMuch, false, {.threads = 2}, [&](std::uint64_t number) -> Result<std::uint64_t> {
          ++started;  // both have started before either fails, if there are two threads
          for (int i = 0; i < 1000 && started < 2; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          if (number == slow) std::this_thread::sleep_for(std::chrono::milliseconds(100));
          return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = number});
        });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().offset, 0u) << slow;
  }
}

}  // namespace
}  // namespace tensorgate::internal
