#include "lib/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace tensorgate::internal {
namespace {

constexpr unsigned kMaxThreads = 16;
// Amount of work for which starting a thread is worthwhile.
constexpr std::uint64_t kBytesPerThread = std::uint64_t{8} << 20;

unsigned ThreadsFor(std::uint64_t count, std::uint64_t total, const ParallelOptions& options) {
  unsigned threads = options.threads;
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  const std::uint64_t useful = std::min(count, total / kBytesPerThread + 1);
  return static_cast<unsigned>(std::min<std::uint64_t>(threads, useful));
}

class Run {
 public:
  Run(std::uint64_t count, std::uint64_t total, const ParallelOptions& options,
      const ReadPiece& piece)
      : count_(count), total_(total), options_(options), piece_(piece) {}

  // Takes piece after piece until there are none left or a thread failed.
  void Work(bool reports_progress) {
    while (!stop_.load(std::memory_order_relaxed)) {
      if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed)) {
        return Fail(count_, {.rule = Rule::kUseCancelled});
      }
      const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
      if (number >= count_) return;
      const Result<std::uint64_t> bytes = Do(number);
      if (!bytes) return Fail(number, bytes.error());
      const std::uint64_t done = done_.fetch_add(*bytes, std::memory_order_relaxed) + *bytes;
      if (reports_progress && done < total_ && !Report(done)) {
        return Fail(count_, {.rule = Rule::kUseCancelled});
      }
    }
  }

  Result<void> Finish() {
    if (failed_) return std::unexpected(failure_);
    Report(total_);
    return {};
  }

 private:
  // An exception of a caller's source counts as a read failure.
  Result<std::uint64_t> Do(std::uint64_t number) {
    try {
      return piece_(number);
    } catch (const std::bad_alloc&) {
      return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
    } catch (...) {
      return std::unexpected(Status{.rule = Rule::kIoReadFailed});
    }
  }

  bool Report(std::uint64_t done) {
    if (!options_.progress) return true;
    try {
      return options_.progress(done, total_);
    } catch (...) {
      return false;
    }
  }

  void Fail(std::uint64_t number, const Status& status) {
    const std::lock_guard lock(mutex_);
    if (!failed_ || number < failed_at_) {
      failure_ = status;
      failed_at_ = number;
    }
    failed_ = true;
    stop_.store(true, std::memory_order_relaxed);
  }

  const std::uint64_t count_, total_;
  const ParallelOptions& options_;
  const ReadPiece& piece_;
  std::atomic<std::uint64_t> next_ = 0, done_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  bool failed_ = false;
  std::uint64_t failed_at_ = 0;
  Status failure_;
};

}  // namespace

Result<void> RunPieces(std::uint64_t count, std::uint64_t total, bool single_threaded,
                       const ParallelOptions& options, const ReadPiece& piece) {
  Run run(count, total, options, piece);
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned i = single_threaded ? 1 : ThreadsFor(count, total, options); i > 1; --i) {
        others.emplace_back([&run] { run.Work(false); });
      }
    } catch (...) {
      // No more threads, or no memory for one: the existing ones do the work.
    }
    run.Work(true);
  }
  return run.Finish();
}

}  // namespace tensorgate::internal
