// The header check against the parser below it with an empty handler, and against the reference;
// worst headers; memory.
//
// Run by scripts/bench, which prints the ratios. One process, interleaved at random, so that all
// see the same machine.
#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "bench/headers.h"
#include "lib/json/events.h"
#include "lib/safetensors/examination.h"
#include "tensorgate/safetensors.h"
#ifdef TENSORGATE_HAS_REFERENCE
#include <sys/mman.h>

#include "reference.h"
#endif

namespace {

namespace st = tensorgate::safetensors;
using tensorgate::bench::HeaderText;

// The parser alone: what the check is built on.
class EmptyHandler : public tensorgate::json::HandlerBase {
 public:
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t, Error&) { return true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t, Error&) { return true; }
  bool on_key_part(Text, std::size_t, Error&) { return true; }
  bool on_key(Text, std::size_t, Error&) { return true; }
  bool on_string_part(Text, std::size_t, Error&) { return true; }
  bool on_string(Text, std::size_t, Error&) { return true; }
  bool on_int64(std::int64_t, Text, Error&) { return true; }
  bool on_uint64(std::uint64_t, Text, Error&) { return true; }
  bool on_double(double, Text, Error&) { return true; }
  bool on_bool(bool, Error&) { return true; }
  bool on_null(Error&) { return true; }
};

const HeaderText& Header(std::size_t count) {
  static std::map<std::size_t, HeaderText> made;
  auto found = made.find(count);
  if (found == made.end())
    found = made.emplace(count, tensorgate::bench::LanguageModel(count)).first;
  return found->second;
}

void Count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void EmptyParser(benchmark::State& state) {
  const std::string& json = Header(static_cast<std::size_t>(state.range(0))).json;
  for (auto _ : state) {
    bool done = false;
    tensorgate::json::Parse<EmptyHandler>(
        json, 127, [&](EmptyHandler&, const tensorgate::json::ParseEnd& end) {
          done = end.result == tensorgate::json::ParseResult::kDone;
        });
    if (!done) state.SkipWithError("not parsed");
  }
  Count(state, json.size());
}

// A file of which only the header exists; the data part reads as zeros.
class HeaderSource : public tensorgate::Source {
 public:
  explicit HeaderSource(const HeaderText& header) : header_(header) {
    const std::uint64_t length = header.json.size();
    std::memcpy(length_.data(), &length, sizeof length);
  }
  std::uint64_t size() const override { return 8 + header_.json.size() + header_.data_bytes; }
  tensorgate::Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset == 0 && into.size() == 8) {
      std::memcpy(into.data(), length_.data(), 8);
    } else if (offset == 8) {
      std::memcpy(into.data(), header_.json.data(), into.size());
    } else {
      std::memset(into.data(), 0, into.size());
    }
    return into.size();
  }

 private:
  const HeaderText& header_;
  std::array<char, 8> length_;
};

// The examination of a header that is already in its own memory, verdict made and result freed.
// Reading the header into that memory, and giving that memory back, are not timed.
void StrictCheck(benchmark::State& state) {
  const HeaderText& header = Header(static_cast<std::size_t>(state.range(0)));
  HeaderSource source(header);
  using Clock = std::chrono::steady_clock;
  for (auto _ : state) {
    st::internal::Examination examination{tensorgate::CheckOptions()};
    examination.Begin(source.size());
    const auto fill = [&] {
      const st::internal::Need need = examination.Next();
      (void)source.Read(need.offset, need.into);
      return need.into.size();
    };
    examination.Filled(fill());
    const std::size_t filled = fill();
    const auto begun = Clock::now();
    examination.Filled(filled);
    auto elapsed = Clock::now() - begun;
    for (std::size_t count = fill(); count != 0; count = fill()) examination.Filled(count);
    const auto resumed = Clock::now();
    const tensorgate::Report report = examination.Finish();
    auto result = examination.TakeHeader();
    const auto text = std::move(const_cast<st::internal::Header&>(*result).bytes);
    if (report.verdict() != tensorgate::Verdict::kAccepted) state.SkipWithError("not accepted");
    result.reset();
    elapsed += Clock::now() - resumed;
    state.SetIterationTime(std::chrono::duration<double>(elapsed).count());
  }
  Count(state, header.json.size());
}

// What a caller sees: File::Open on a source in memory, with its copy of the header.
void StrictOpen(benchmark::State& state) {
  const HeaderText& header = Header(static_cast<std::size_t>(state.range(0)));
  HeaderSource source(header);
  for (auto _ : state) {
    auto file = st::File::Open(source);
    if (!file) state.SkipWithError("not accepted");
    benchmark::DoNotOptimize(file);
  }
  Count(state, header.json.size());
}

#ifdef TENSORGATE_HAS_REFERENCE
void Reference(benchmark::State& state) {
  const HeaderText& header = Header(static_cast<std::size_t>(state.range(0)));
  const std::uint64_t length = header.json.size();
  const std::size_t size = 8 + length + header.data_bytes;
  // The data part is never touched: address space alone.
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    state.SkipWithError("no address space");
    return;
  }
  std::memcpy(memory, &length, sizeof length);
  std::memcpy(static_cast<char*>(memory) + 8, header.json.data(), length);
  for (auto _ : state) {
    if (tg_reference_read_metadata(static_cast<const std::uint8_t*>(memory), size) !=
        TG_REFERENCE_ACCEPTED) {
      state.SkipWithError("not accepted");
    }
  }
  munmap(memory, size);
  Count(state, header.json.size());
}
BENCHMARK(Reference)->Arg(300)->Arg(3000)->Arg(100000)->Arg(700000)->Unit(benchmark::kMicrosecond);
#endif

BENCHMARK(EmptyParser)
    ->Arg(300)
    ->Arg(3000)
    ->Arg(100000)
    ->Arg(700000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(StrictCheck)
    ->UseManualTime()
    ->Arg(300)
    ->Arg(3000)
    ->Arg(100000)
    ->Arg(700000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(StrictOpen)->Arg(300)->Arg(3000)->Arg(100000)->Arg(700000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
