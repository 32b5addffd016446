/* Extraction through the C interface, from legacy streams that this test writes; compiled as C11.
 * Its argument is a folder that only this test uses. Exits with the number of failed checks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/capi_expect.h"

enum { kElements = 4, kPathRoom = 4096 };

static unsigned char file[4096];
static size_t size;

static void Add(const void* bytes, size_t length) {
  if (length > sizeof file - size) abort();
  memcpy(file + size, bytes, length);
  size += length;
}

#define ADD(literal) Add(literal, sizeof(literal) - 1)

static void Write(const char* text) { Add(text, strlen(text)); }

static void WriteText(const char* text) {
  const unsigned char head[5] = {'X', (unsigned char)strlen(text), 0, 0, 0};
  Add(head, sizeof head);
  Write(text);
}

/* A tensor of all four elements of a storage. */
static void WriteTensor(const char* key) {
  Write("ctorch._utils\n_rebuild_tensor_v2\n((");
  WriteText("storage");
  Write("ctorch\nFloatStorage\n");
  WriteText(key);
  WriteText("cpu");
  ADD("K\4NtQK\0K\4\205K\1\205\211");
  Write("ccollections\nOrderedDict\n)RtR");
}

static void Begin(void) {
  size = 0;
  ADD("\200\2\212\12\154\374\234\106\371\40\152\250\120\31.\200\2M\351\3.\200\2}(");
  WriteText("protocol_version");
  ADD("M\351\3");
  WriteText("little_endian");
  ADD("\210");
  WriteText("type_sizes");
  Write("}(");
  WriteText("short");
  ADD("K\2");
  WriteText("int");
  ADD("K\4");
  WriteText("long");
  ADD("K\4");
  Write("uu.");
  ADD("\200\2}(");
}

/* The storages; each holds its number and the three after it. */
static void End(int storages) {
  Write("u.");
  ADD("\200\2](");
  for (int i = 0; i < storages; ++i) WriteText((const char[2]){(char)('0' + i), 0});
  Write("e.");
  for (int i = 0; i < storages; ++i) {
    const unsigned char count[8] = {kElements};
    Add(count, sizeof count);
    for (int k = 0; k < kElements; ++k) Add(&(float){(float)(i + k)}, sizeof(float));
  }
}

/* One tensor that is taken, unless its name is NULL, one of an object, one that a call gets: what
 * is left out is the call's result, and this tensor. */
static void Build(const char* taken, const char* holder, const char* made) {
  int storages = 0;
  Begin();
  if (taken != NULL) {
    WriteText(taken);
    WriteTensor("0");
    WriteText(holder);
    ADD("cmodel\nNet\n)\201}");
    WriteText("v");
    WriteTensor("1");
    Write("sb");
    storages = 2;
  }
  WriteText(made);
  Write("cmodel\nchange\n(");
  WriteTensor(taken != NULL ? "2" : "0");
  Write("tR");
  End(storages + 1);
}

static const char* In(const char* folder, const char* name) {
  static char path[kPathRoom];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) abort();
  return path;
}

static void Save(const char* path, const void* bytes, size_t length) {
  FILE* to = fopen(path, "wb");
  if (to == NULL || fwrite(bytes, 1, length, to) != length || fclose(to) != 0) abort();
}

static int Is(tensorgate_text text, const char* expected) {
  return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

static tensorgate_extraction_entry Entry(const tensorgate_extraction* extraction, size_t index) {
  tensorgate_extraction_entry entry = {.struct_size = sizeof entry};
  EXPECT(tensorgate_extraction_entry_at(extraction, index, &entry) == 1);
  return entry;
}

static void ExpectValues(const tensorgate_checkpoint* tensors, const char* name, int first) {
  float values[kElements] = {0};
  size_t index = 99;
  tensorgate_error* error = NULL;
  EXPECT(tensorgate_find(tensors, name, strlen(name), &index) == 1);
  EXPECT(tensorgate_read(tensors, index, values, sizeof values, NULL, &error) && error == NULL);
  for (int k = 0; k < kElements; ++k) EXPECT(values[k] == (float)(first + k));
}

static void TestEntries(const tensorgate_extraction* extraction) {
  tensorgate_extraction_counts counts = {.struct_size = sizeof counts};
  EXPECT(tensorgate_extraction_count(extraction, &counts) == 1);
  EXPECT(counts.taken == 1 && counts.as_stored == 1 && counts.left_out == 2);
  EXPECT(counts.names_dropped == 0 && counts.struct_size == sizeof counts);
  EXPECT(tensorgate_extraction_entry_count(extraction) == 4);
  for (size_t i = 0; i < 4; ++i) {
    const tensorgate_extraction_entry entry = Entry(extraction, i);
    EXPECT(entry.part == 0 && entry.offset > 0 && entry.offset < size);
    if (entry.outcome == TENSORGATE_LEFT_OUT) {
      EXPECT(entry.reason.length > 0 && entry.holder.length == 0);
      continue;
    }
    EXPECT(Is(entry.dtype, "float32") && entry.rank == 1 && entry.shape[0] == kElements);
    EXPECT(entry.reason.length == 0);
  }
  EXPECT(Is(Entry(extraction, 0).name, "w") && Entry(extraction, 0).holder.length == 0);
  EXPECT(Entry(extraction, 0).outcome == TENSORGATE_TAKEN);
  EXPECT(Is(Entry(extraction, 1).name, "net.v") && Is(Entry(extraction, 1).holder, "model.Net"));
  EXPECT(Entry(extraction, 1).outcome == TENSORGATE_AS_STORED);
  EXPECT(Entry(extraction, 2).outcome == TENSORGATE_LEFT_OUT);
  EXPECT(Is(Entry(extraction, 2).name, "call") && Entry(extraction, 2).dtype.length == 0);
  EXPECT(Entry(extraction, 3).outcome == TENSORGATE_LEFT_OUT && Entry(extraction, 3).rank == 1);
  tensorgate_extraction_entry entry = {.struct_size = 2 * sizeof(size_t), .rank = 77};
  EXPECT(tensorgate_extraction_entry_at(extraction, 1, &entry) == 1);
  EXPECT(entry.outcome == TENSORGATE_AS_STORED && entry.rank == 77);
  EXPECT(tensorgate_extraction_entry_at(extraction, 4, &entry) == 0);
  EXPECT(tensorgate_extraction_entry_at(extraction, 0, NULL) == 0);
  counts.struct_size = 1;
  EXPECT(tensorgate_extraction_count(extraction, &counts) == 0);
}

static void TestExtraction(const char* path) {
  tensorgate_error* error = NULL;
  tensorgate_extraction* extraction = NULL;
  Build("w", "net", "call");
  Save(path, file, size);
  EXPECT(tensorgate_open_path(path, NULL, &error) == NULL);
  EXPECT_ERROR("pickle/global-outside");
  tensorgate_checkpoint* tensors = tensorgate_extract_path(path, NULL, &extraction, &error);
  EXPECT(tensors != NULL && extraction != NULL && error == NULL);
  if (tensors == NULL || extraction == NULL) exit(1);
  EXPECT(tensorgate_tensor_count(tensors) == 2);
  ExpectValues(tensors, "w", 0);
  ExpectValues(tensors, "net.v", 1);
  TestEntries(extraction);
  EXPECT(tensorgate_extraction_part_count(extraction) == 1);
  EXPECT(tensorgate_extraction_report(extraction, 1) == NULL);
  tensorgate_report* reports[2] = {tensorgate_checkpoint_report(tensors),
                                   tensorgate_extraction_report(extraction, 0)};
  for (int i = 0; i < 2; ++i) {
    EXPECT(tensorgate_report_verdict(reports[i]) == TENSORGATE_REJECTED);
    EXPECT(strstr(tensorgate_report_text(reports[i]), path) != NULL);
    tensorgate_report_free(reports[i]);
  }
  /* Neither depends on the other. */
  tensorgate_extraction_free(extraction);
  ExpectValues(tensors, "w", 0);
  tensorgate_checkpoint_free(tensors);
  tensors = tensorgate_extract_path(path, NULL, NULL, NULL);
  EXPECT(tensors != NULL);
  tensorgate_checkpoint_free(tensors);
}

/* All errors that say that nothing can be taken. */
static void TestFailures(const char* path) {
  tensorgate_error* error = NULL;
  tensorgate_extraction* extraction = NULL;
  Build(NULL, NULL, "call");
  Save(path, file, size);
  EXPECT(tensorgate_extract_path(path, NULL, &extraction, &error) == NULL);
  EXPECT(extraction != NULL && tensorgate_error_report(error) == NULL);
  EXPECT_ERROR("convert/nothing-extracted");
  if (extraction == NULL) exit(1);
  EXPECT(tensorgate_extraction_entry_count(extraction) == 2);
  EXPECT(Entry(extraction, 0).outcome == TENSORGATE_LEFT_OUT);
  tensorgate_extraction_free(extraction);
  EXPECT(tensorgate_extract_path(path, NULL, NULL, NULL) == NULL);

  /* The state of a function. */
  Begin();
  WriteText("w");
  WriteTensor("0");
  WriteText("f");
  Write("cmodel\nf\n}b");
  End(1);
  Save(path, file, size);
  EXPECT(tensorgate_extract_path(path, NULL, &extraction, &error) == NULL && extraction == NULL);
  EXPECT_ERROR("convert/names-changed");

  Build("w", "net", "call");
  Save(path, file, size - 1);
  EXPECT(tensorgate_extract_path(path, NULL, &extraction, &error) == NULL && extraction == NULL);
  EXPECT(tensorgate_report_verdict(tensorgate_error_report(error)) == TENSORGATE_REJECTED);
  EXPECT(strncmp(tensorgate_error_rule(error), "torch/", 6) == 0);
  tensorgate_error_free(error);
  error = NULL;

  unlink(path);
  EXPECT(tensorgate_extract_path(path, NULL, &extraction, &error) == NULL && extraction == NULL);
  EXPECT(tensorgate_error_report(error) != NULL);
  EXPECT_ERROR("io/open-failed");
  EXPECT(tensorgate_extract_path(NULL, NULL, &extraction, &error) == NULL);
  EXPECT_ERROR("io/open-failed");
  tensorgate_options options = {.struct_size = sizeof options};
  tensorgate_options_init(&options);
  options.profile = (tensorgate_profile)7;
  EXPECT(tensorgate_extract_path(path, &options, &extraction, &error) == NULL);
  EXPECT_ERROR("use/unknown-option");
}

/* An accepted file gives its tensors, and no entries. */
static void TestAccepted(const char* path) {
  tensorgate_error* error = NULL;
  tensorgate_extraction* extraction = NULL;
  Begin();
  WriteText("w");
  WriteTensor("0");
  End(1);
  Save(path, file, size);
  tensorgate_checkpoint* tensors = tensorgate_extract_path(path, NULL, &extraction, &error);
  EXPECT(tensors != NULL && extraction != NULL && error == NULL);
  if (tensors == NULL || extraction == NULL) exit(1);
  ExpectValues(tensors, "w", 0);
  EXPECT(tensorgate_extraction_entry_count(extraction) == 0);
  tensorgate_report* report = tensorgate_extraction_report(extraction, 0);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  tensorgate_extraction_free(extraction);
  tensorgate_checkpoint_free(tensors);
  unlink(path);
}

/* Two refused shards, by their folder. */
static void TestShards(const char* folder) {
  static const char kIndex[] =
      "{\"metadata\":{},\"weight_map\":{\"w\":\"pytorch_model-00001-of-00002.bin\","
      "\"net.v\":\"pytorch_model-00001-of-00002.bin\",\"x\":\"pytorch_model-00002-of-00002.bin\","
      "\"other.v\":\"pytorch_model-00002-of-00002.bin\"}}";
  static const char* const kFiles[] = {"pytorch_model-00001-of-00002.bin",
                                       "pytorch_model-00002-of-00002.bin",
                                       "pytorch_model.bin.index.json"};
  tensorgate_error* error = NULL;
  tensorgate_extraction* extraction = NULL;
  Save(In(folder, kFiles[2]), kIndex, sizeof kIndex - 1);
  Build("w", "net", "call");
  Save(In(folder, kFiles[0]), file, size);
  Build("x", "other", "result");
  Save(In(folder, kFiles[1]), file, size);
  tensorgate_checkpoint* tensors = tensorgate_extract_path(folder, NULL, &extraction, &error);
  EXPECT(tensors != NULL && extraction != NULL && error == NULL);
  if (tensors == NULL || extraction == NULL) exit(1);
  EXPECT(tensorgate_part_count(tensors) == 2 && tensorgate_tensor_count(tensors) == 4);
  EXPECT(tensorgate_extraction_part_count(extraction) == 2);
  EXPECT(tensorgate_extraction_entry_count(extraction) == 8);
  for (size_t i = 0; i < 8; ++i) {
    const tensorgate_extraction_entry entry = Entry(extraction, i);
    EXPECT(entry.part == i / 4);
    EXPECT(i != 0 || Is(entry.name, "w"));
    EXPECT(i != 5 || Is(entry.name, "other.v"));
  }
  tensorgate_report* report = tensorgate_extraction_report(extraction, 1);
  EXPECT(strstr(tensorgate_report_text(report), kFiles[1]) != NULL);
  tensorgate_report_free(report);
  tensorgate_extraction_free(extraction);
  tensorgate_checkpoint_free(tensors);
  for (size_t i = 0; i < 3; ++i) unlink(In(folder, kFiles[i]));
}

int main(int argc, char** argv) {
  char path[kPathRoom];
  if (argc != 2) return 2;
  mkdir(argv[1], 0700);
  snprintf(path, sizeof path, "%s", In(argv[1], "model.pt"));
  TestExtraction(path);
  TestFailures(path);
  TestAccepted(path);
  TestShards(argv[1]);
  tensorgate_extraction_free(NULL);
  rmdir(argv[1]);
  printf("%d checks, %d failed\n", checks, failures);
  return failures;
}
