// Compares loading with one preadv of the same bytes, in time and memory.
//
//   load_bench FOLDER [ROUNDS]   creates its files there (1.1 GB on disk), prints tables as
//   Markdown
//   load_bench FOLDER --memory   peak memory of each method, each in its own process
//
// All methods alternate in one process, in a different order in each round. In each round the best
// of three runs counts, since a virtual machine may have returned free memory to its host, and
// touching that again costs more than everything measured here. A ratio is the median of the ratios
// of all rounds, so that it is stable while the machine's speed drifts.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tensorgate/checkpoint.h"

namespace {

using tensorgate::Checkpoint;
using tensorgate::Subscript;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTensors = 300, kRows = 1749, kColumns = 512;  // 3.6 MB of F32 per tensor
constexpr std::size_t kTensorBytes = kRows * kColumns * 4;
constexpr std::size_t kSparseRows = 100'000;  // of 1 MB each

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string Header(const std::string& entries) {
  std::string header = "{" + entries + "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) {
    file.push_back(static_cast<char>(header.size() >> shift));
  }
  return file + header;
}

std::string Entry(const std::string& name, std::size_t rows, std::size_t columns,
                  std::uint64_t begin, std::uint64_t size) {
  return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(rows) + "," +
         std::to_string(columns) + "],\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(begin + size) + "]}";
}

void MakeBig(const std::string& path) {
  std::string entries;
  for (std::size_t i = 0; i < kTensors; ++i) {
    entries += (i ? "," : "") + Entry("model.layers." + std::to_string(i) + ".weight", kRows,
                                      kColumns, i * kTensorBytes, kTensorBytes);
  }
  std::ofstream file(path, std::ios::binary);
  file << Header(entries);
  std::vector<std::uint32_t> data(kTensorBytes / 4);
  for (std::uint32_t i = 0; i < kTensors; ++i) {
    for (std::uint32_t j = 0; j < data.size(); ++j) data[j] = (i * 7919 + j) * 2654435761u;
    file.write(reinterpret_cast<const char*>(data.data()), kTensorBytes);
  }
  if (!file.flush()) Die("writing");
}

// Tensors of 4 MB. Only the third is read; all data is a hole.
void MakeSparse(const std::string& path, std::size_t tensors) {
  std::string entries;
  constexpr std::uint64_t kSize = 4 * 1'000'000;
  for (std::size_t i = 0; i < tensors; ++i) {
    entries += (i ? "," : "") + Entry("t" + std::to_string(i), 1000, 1000, i * kSize, kSize);
  }
  const std::string header = Header(entries);
  std::ofstream(path, std::ios::binary) << header;
  std::filesystem::resize_file(path, header.size() + tensors * kSize);
}

Checkpoint Open(const std::string& path) {
  auto checkpoint = Checkpoint::OpenPath(path);
  if (!checkpoint) Die(path.c_str());
  return std::move(*checkpoint);
}

void ReadAll(int descriptor, std::byte* into, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const iovec vector{into + at, size - at};
    const ssize_t count = ::preadv(descriptor, &vector, 1, static_cast<off_t>(at));
    if (count <= 0) Die("preadv");
    at += static_cast<std::size_t>(count);
  }
}

// Maps huge pages, aligned to a huge page.
std::span<std::byte> MapMemory(std::size_t size) {
  constexpr std::size_t kHuge = 2 << 20;
  size = (size + kHuge - 1) / kHuge * kHuge + kHuge;
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) Die("mmap");
  ::madvise(mapped, size, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(mapped), size};
}

std::span<std::byte> Aligned(std::span<std::byte> memory) {
  constexpr std::uintptr_t kHuge = 2 << 20;
  return memory.subspan(-reinterpret_cast<std::uintptr_t>(memory.data()) % kHuge);
}

unsigned Touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 4096)
    sum += std::to_integer<unsigned>(bytes[at]);
  return sum;
}

volatile unsigned sink;

// The cost of one run; the timing ends before memory is freed.
struct Cost {
  double wall = 0, cpu = 0;
};
using Way = std::function<Cost()>;

double CpuSeconds() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

template <typename Body>
Cost Timed(const Body& body) {
  const auto begin = Clock::now();
  const double cpu = CpuSeconds();
  const auto kept = body();
  const Cost cost = {std::chrono::duration<double>(Clock::now() - begin).count(),
                     CpuSeconds() - cpu};
  if (!kept) Die("failed");
  return cost;
}

struct Row {
  std::string name;
  Way way;
  std::vector<Cost> costs = {};
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double MedianRatio(const Row& row, const Row& base, double Cost::* what) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < row.costs.size(); ++i) {
    ratios.push_back(row.costs[i].*what / (base.costs[i].*what));
  }
  return Median(ratios);
}

// Runs the rows alternately; ratios of wall-clock and CPU time are relative to the rows `bases`.
void RunTable(std::vector<Row>& rows, std::vector<std::size_t> bases, int rounds) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::minstd_rand random;
  for (int round = -1; round < rounds; ++round) {
    for (const std::size_t i : order) {
      Cost best = rows[i].way();
      for (int again = 0; again < 2; ++again) {
        const Cost cost = rows[i].way();
        best = {std::min(best.wall, cost.wall), std::min(best.cpu, cost.cpu)};
      }
      if (round >= 0) rows[i].costs.push_back(best);
    }
    std::ranges::shuffle(order, random);
  }
  for (const Row& row : rows) {
    std::vector<double> wall;
    for (const Cost& cost : row.costs) wall.push_back(cost.wall);
    std::printf("| %s | %.2f |", row.name.c_str(), Median(wall) * 1e3);
    for (const std::size_t base : bases) {
      std::printf(" %.2f | %.2f |", MedianRatio(row, rows[base], &Cost::wall),
                  MedianRatio(row, rows[base], &Cost::cpu));
    }
    std::printf("\n");
  }
}

Way LoadWay(const std::string& path, unsigned threads) {
  return [=] { return Timed([&] { return Open(path).LoadAll({.threads = threads}); }); };
}

Way ReadEachWay(const std::string& path) {
  return [=] {
    return Timed([&] {
      const Checkpoint checkpoint = Open(path);
      auto all = std::make_unique<std::vector<tensorgate::Buffer>>();
      for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
        auto read = checkpoint.Read(i);
        if (!read) Die("reading");
        all->push_back(std::move(*read));
      }
      return all;
    });
  };
}

Way MapWay(const std::string& path, bool touch) {
  return [=] {
    return Timed([&] {
      const Checkpoint checkpoint = Open(path);
      auto mapping = checkpoint.Map(0);
      if (!mapping) Die("mapping");
      for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
        const auto bytes = mapping->bytes(checkpoint.tensor(i)->range);
        sink = touch ? Touch(bytes) : static_cast<unsigned>(bytes.size());
      }
      return mapping;
    });
  };
}

Way PreadvWay(const std::string& path, std::span<std::byte> touched) {
  return [=] {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const std::size_t size = std::filesystem::file_size(path);
    std::span<std::byte> fresh;
    const Cost cost = Timed([&] {
      if (touched.empty()) fresh = MapMemory(size);
      ReadAll(descriptor, Aligned(touched.empty() ? fresh : touched).data(), size);
      return true;
    });
    if (!fresh.empty()) ::munmap(fresh.data(), fresh.size());
    ::close(descriptor);
    return cost;
  };
}

void Loading(const std::string& path, int rounds) {
  const std::size_t size = std::filesystem::file_size(path);
  const std::span<std::byte> touched = MapMemory(size);
  std::memset(touched.data(), 1, touched.size());
  std::vector<Row> rows = {{"one `preadv` into touched memory", PreadvWay(path, touched)},
                           {"one `preadv` into fresh huge pages", PreadvWay(path, {})},
                           {"`LoadAll`", LoadWay(path, 0)},
                           {"`LoadAll`, one thread", LoadWay(path, 1)},
                           {"`Read`, tensor by tensor", ReadEachWay(path)},
                           {"`Map`, untouched", MapWay(path, false)},
                           {"`Map`, every page touched", MapWay(path, true)}};
  std::printf("| %zu tensors, %.3f GB | ms | of touched | CPU | of fresh | CPU |\n", kTensors,
              static_cast<double>(size) / 1e9);
  std::printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
  RunTable(rows, {0, 1}, rounds);
  ::munmap(touched.data(), touched.size());
}

// Compares slices of every tensor, into memory that was touched before, with reading all of their
// bytes.
void Slicing(const std::string& path, int rounds) {
  const Checkpoint checkpoint = Open(path);
  std::vector<std::byte> into(kTensorBytes);
  const auto way = [&](std::vector<Subscript> subscripts) -> Way {
    return [&checkpoint, &into, subscripts] {
      return Timed([&] {
        for (std::size_t i = 0; i < 50; ++i) {
          const auto plan = checkpoint.PlanSlice(i, subscripts);
          if (!checkpoint.ReadSliceInto(i, subscripts, std::span(into).first(plan->bytes))) {
            Die("slice");
          }
        }
        return true;
      });
    };
  };
  const Subscript all = Subscript::All();
  std::vector<Row> rows = {
      {"all of it", way({})},
      {"`[0:874]`: half of the rows", way({Subscript::Range(0, 874)})},
      {"`[:, 0:256]`: half of each row", way({all, Subscript::Range(0, 256)})},
      {"`[::2]`: every other row", way({Subscript::Range({}, {}, 2)})},
      {"`[:, ::2]`: every other column", way({all, Subscript::Range({}, {}, 2)})},
      {"`[::-1]`: rows upside down", way({Subscript::Range({}, {}, -1)})},
      {"`[:, 7]`: one column", way({all, Subscript::Index(7)})}};
  std::printf(
      "\n| slice of F32 [%zu, %zu], 50 tensors | ms | of all | CPU |\n"
      "| --- | ---: | ---: | ---: |\n",
      kRows, kColumns);
  RunTable(rows, {0}, rounds);
}

void OneOfMany(const std::string& folder, int rounds) {
  const auto way = [](const std::string& path) -> Way {
    return [path] {
      return Timed([&] {
        const Checkpoint checkpoint = Open(path);
        return checkpoint.Read(*checkpoint.Find("t2"));
      });
    };
  };
  const std::string giant = folder + "/one_tensor_100gb.safetensors";
  const std::string header = Header(
      Entry("t2", 1000, 1000, 0, 4'000'000) + "," +
      Entry("rest", kSparseRows, 250'000, 4'000'000, std::uint64_t{kSparseRows} * 1'000'000));
  std::ofstream(giant, std::ios::binary) << header;
  std::filesystem::resize_file(giant, header.size() + 4'000'000 + kSparseRows * 1'000'000ull);
  const std::string many = folder + "/sparse_100gb.safetensors",
                    few = folder + "/sparse_12mb.safetensors";
  MakeSparse(few, 3);
  MakeSparse(many, 25'000);
  std::vector<Row> rows = {{"12 MB, 3 tensors", way(few)},
                           {"100 GB, 2 tensors", way(giant)},
                           {"100 GB, 25,000 tensors (a header of 2 MB)", way(many)}};
  std::printf(
      "\n| opening and reading one tensor of 4 MB | ms | of the small file | CPU |\n"
      "| --- | ---: | ---: | ---: |\n");
  RunTable(rows, {0}, 3 * rounds);
  for (const std::string& path : {giant, many, few}) std::filesystem::remove(path);
}

std::uint64_t StatusKb(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name))
      return std::strtoull(line.c_str() + std::strlen(name) + 1, nullptr, 10);
  }
  return 0;
}

// Measures each method in a child process, which stays alive while its memory is read.
void Memory(const std::string& path) {
  const std::size_t size = std::filesystem::file_size(path);
  std::printf(
      "| way | tensors MiB | peak MiB | beyond the tensors | anonymous at the end | file pages at "
      "the end |\n");
  std::printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
  const auto row = [&](const char* name,
                       const std::function<void(const std::function<void()>&)>& body) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      body([&] {
        const double tensors = static_cast<double>(kTensors * kTensorBytes) / (1 << 20);
        const double peak = static_cast<double>(StatusKb("VmHWM:")) / 1024;
        std::printf("| %s | %.0f | %.0f | %.1f | %.0f | %.0f |\n", name, tensors, peak,
                    peak - tensors, static_cast<double>(StatusKb("RssAnon:")) / 1024,
                    static_cast<double>(StatusKb("RssFile:")) / 1024);
      });
      std::fflush(stdout);
      std::_Exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) Die(name);
  };
  using Measure = std::function<void()>;
  row("one `preadv` into fresh huge pages", [&](const Measure& measure) {
    ReadAll(::open(path.c_str(), O_RDONLY | O_CLOEXEC), Aligned(MapMemory(size)).data(), size);
    measure();
  });
  row("`LoadAll`", [&](const Measure& measure) {
    const auto loaded = Open(path).LoadAll();
    if (loaded) measure();
  });
  row("`LoadAll`, 16 threads", [&](const Measure& measure) {
    const auto loaded = Open(path).LoadAll({.threads = 16});
    if (loaded) measure();
  });
  row("`Read`, tensor by tensor", [&](const Measure& measure) {
    const Checkpoint checkpoint = Open(path);
    std::vector<tensorgate::Buffer> all;
    for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i)
      all.push_back(std::move(*checkpoint.Read(i)));
    measure();
  });
  row("`Map`, every page touched", [&](const Measure& measure) {
    const auto mapping = Open(path).Map(0);
    if (mapping) sink = Touch(mapping->bytes());
    measure();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("load_bench FOLDER [ROUNDS | --memory]\n", stderr);
    return 4;
  }
  const std::string folder = argv[1], big = folder + "/big.safetensors";
  if (!std::filesystem::exists(big)) MakeBig(big);
  if (argc > 2 && std::strcmp(argv[2], "--memory") == 0) {
    Memory(big);
    return 0;
  }
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 11;
  Loading(big, rounds);
  Slicing(big, rounds);
  OneOfMany(folder, rounds);
  return 0;
}
