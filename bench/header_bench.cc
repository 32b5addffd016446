// Compares the header check with its parser under an empty handler, and with the reference.
//
// Run by scripts/bench. In each round all contenders run in turn, several times if they are fast; a
// ratio is the median of the ratios of all rounds, so that it is stable while the machine's speed
// drifts. Times are CPU times of the thread, not wall-clock times.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/headers.h"
#include "lib/formats/safetensors/examination.h"
#include "lib/json/events.h"
#include "tensorgate/safetensors.h"
#ifdef TENSORGATE_HAS_REFERENCE
#include <sys/mman.h>

#include "reference.h"
#endif

namespace {

namespace st = tensorgate::safetensors;
using tensorgate::bench::HeaderText;

// Only the parser that the check is built on.
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

// CPU seconds of this thread. The call itself takes a third of a microsecond.
double Now() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double TimeParser(const HeaderText& header) {
  bool done = false;
  const double start = Now();
  tensorgate::json::Parse<EmptyHandler>(header.json, 127,
                                        [&](EmptyHandler&, const tensorgate::json::ParseEnd& end) {
                                          done = end.result == tensorgate::json::ParseResult::kDone;
                                        });
  const double elapsed = Now() - start;
  return done ? elapsed : -1;
}

// A file with only a header; its data read as zeros.
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

// The examination of a header that is already in its own memory, up to the verdict and freeing the
// result. Reading the header into that memory and freeing it are not timed.
double TimeCheck(const HeaderText& header) {
  HeaderSource source(header);
  st::internal::Examination examination{tensorgate::CheckOptions()};
  examination.Begin(source.size());
  const auto fill = [&] {
    const st::internal::Need need = examination.Next();
    (void)source.Read(need.offset, need.into);
    return need.into.size();
  };
  examination.Filled(fill());
  std::size_t filled = fill();
  const double start = Now();
  for (; filled != 0; filled = fill()) examination.Filled(filled);
  const tensorgate::Report report = examination.Finish();
  auto result = examination.TakeHeader();
  const auto text = std::move(const_cast<st::internal::Header&>(*result).bytes);
  result.reset();
  const double elapsed = Now() - start;
  return report.verdict() == tensorgate::Verdict::kAccepted ? elapsed : -1;
}

// The caller's view: File::Open on a source in memory, including its copy of the header.
double TimeOpen(const HeaderText& header) {
  HeaderSource source(header);
  const double start = Now();
  bool opened = false;
  {
    const auto file = st::File::Open(source);
    opened = file.has_value();
  }
  const double elapsed = Now() - start;
  return opened ? elapsed : -1;
}

#ifdef TENSORGATE_HAS_REFERENCE
double TimeReference(const HeaderText& header) {
  const std::uint64_t length = header.json.size();
  const std::size_t size = 8 + length + header.data_bytes;
  // The data are never accessed: only address space is needed.
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -1;
  std::memcpy(memory, &length, sizeof length);
  std::memcpy(static_cast<char*>(memory) + 8, header.json.data(), length);
  const double start = Now();
  const int verdict = tg_reference_read_metadata(static_cast<const std::uint8_t*>(memory), size);
  const double elapsed = Now() - start;
  munmap(memory, size);
  return verdict == TG_REFERENCE_ACCEPTED ? elapsed : -1;
}
#endif

struct Contender {
  const char* name;
  double (*time)(const HeaderText&);
  std::vector<double> seconds = {};  // one for each round
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void HeaderCheck(benchmark::State& state) {
  const HeaderText& header = Header(static_cast<std::size_t>(state.range(0)));
  Contender contenders[] = {
      {"parser", TimeParser},
      {"check", TimeCheck},
      {"open", TimeOpen},
#ifdef TENSORGATE_HAS_REFERENCE
      {"reference", TimeReference},
#endif
  };
  const std::size_t turns = std::clamp<std::size_t>(400'000 / header.json.size(), 1, 10);
  for (auto _ : state) {
    for (Contender& contender : contenders) {
      double best = contender.time(header);
      for (std::size_t turn = 1; turn < turns; ++turn)
        best = std::min(best, contender.time(header));
      if (best < 0) return state.SkipWithError("not accepted");
      contender.seconds.push_back(best);
    }
  }
  const auto& parser = contenders[0].seconds;
  for (const Contender& contender : contenders) {
    const std::string name = contender.name;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < parser.size(); ++i)
      ratios.push_back(parser[i] / contender.seconds[i]);
    state.counters[name + "_of_parser"] = Median(ratios);
    state.counters[name + "_MBps"] =
        static_cast<double>(header.json.size()) / Median(contender.seconds) / 1e6;
  }
#ifdef TENSORGATE_HAS_REFERENCE
  const auto& reference = contenders[3].seconds;
  for (const Contender& contender : {contenders[1], contenders[2]}) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < reference.size(); ++i)
      ratios.push_back(reference[i] / contender.seconds[i]);
    state.counters[std::string(contender.name) + "_of_reference"] = Median(ratios);
  }
#endif
}
BENCHMARK(HeaderCheck)
    ->Arg(300)
    ->Arg(3000)
    ->Arg(100000)
    ->Arg(700000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
