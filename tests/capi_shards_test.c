/* A checkpoint of several files through the C interface: written as shards, opened by its index and
 * by its folder, compiled as
 * C11. Its argument is a folder that only this test uses. Exits with the number of failed checks.
 * */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/capi_expect.h"

enum { kTensors = 3, kElements = 4, kPathRoom = 4096 };

static const char* const kNames[kTensors] = {"first", "middle", "last"};
static const char* const kFiles[] = {
    "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors", "model.safetensors.index.json"};
static float data[kTensors][kElements];

static const char* In(const char* folder, const char* name) {
  static char path[kPathRoom];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) abort();
  return path;
}

/* Each tensor fills a shard. */
static void Save(const char* folder) {
  const uint64_t shape[1] = {kElements};
  tensorgate_save_options options = {.struct_size = sizeof options,
                                     .as_given = 1,
                                     .no_sync = 1,
                                     .max_shard_bytes = sizeof data[0]};
  tensorgate_error* error = NULL;
  tensorgate_writer* writer =
      tensorgate_writer_create(In(folder, "model.safetensors"), &options, &error);
  EXPECT(writer != NULL);
  for (size_t i = 0; i < kTensors; ++i) {
    for (size_t k = 0; k < kElements; ++k) data[i][k] = (float)(10 * i + k);
    EXPECT(tensorgate_writer_add(writer, Text(kNames[i]), TENSORGATE_F32, shape, 1, data[i],
                                 sizeof data[i], &error));
  }
  EXPECT(tensorgate_writer_finish(writer, &error) && error == NULL);
  tensorgate_writer_free(writer);
  for (size_t i = 0; i < sizeof kFiles / sizeof *kFiles; ++i) {
    EXPECT(access(In(folder, kFiles[i]), R_OK) == 0);
  }
}

/* Names are unique across all shards, and each tensor is in its part. */
static void TestContents(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  tensorgate_report* report = tensorgate_checkpoint_report(model);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  EXPECT(strcmp(tensorgate_report_format(report), "safetensors-checkpoint") == 0);
  EXPECT(tensorgate_report_tensor_count(report) == kTensors);
  tensorgate_report_free(report);
  EXPECT(tensorgate_tensor_count(model) == kTensors);
  EXPECT(tensorgate_part_count(model) == kTensors);
  EXPECT(tensorgate_find(model, "none", 4, NULL) == 0);
  for (size_t i = 0; i < kTensors; ++i) {
    tensorgate_tensor tensor = {.struct_size = sizeof tensor};
    tensorgate_part part = {.struct_size = sizeof part};
    size_t index = kTensors;
    EXPECT(tensorgate_find(model, kNames[i], strlen(kNames[i]), &index) == 1 && index == i);
    EXPECT(tensorgate_tensor_at(model, index, &tensor, &error) && tensor.part == i);
    EXPECT(tensorgate_part_at(model, tensor.part, &part) == 1);
    const size_t length = strlen(kFiles[i]);
    EXPECT(part.path.length > length &&
           memcmp(part.path.bytes + part.path.length - length, kFiles[i], length) == 0);
    EXPECT(part.size == tensor.offset + tensor.length);
  }
  EXPECT(tensorgate_unchanged(model, &error) && error == NULL);
}

static void TestReading(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  float read[kElements] = {0};
  size_t length = 0;
  tensorgate_loaded* loaded = tensorgate_load(model, NULL, 0, NULL, &error);
  EXPECT(loaded != NULL);
  for (size_t i = 0; i < kTensors; ++i) {
    EXPECT(tensorgate_read(model, i, read, sizeof read, NULL, &error));
    EXPECT(memcmp(read, data[i], sizeof read) == 0);
    const void* bytes = tensorgate_loaded_bytes(loaded, i, &length);
    EXPECT(bytes != NULL && length == sizeof data[i] && memcmp(bytes, data[i], length) == 0);
    tensorgate_mapping* mapping = tensorgate_map(model, i, &error);
    const unsigned char* mapped = tensorgate_mapping_bytes(mapping, &length);
    EXPECT(mapped != NULL &&
           memcmp(mapped + length - sizeof data[i], data[i], sizeof data[i]) == 0);
    tensorgate_mapping_free(mapping);
  }
  tensorgate_loaded_free(loaded);
  const tensorgate_subscript last = {.kind = TENSORGATE_INDEX, .start = -1, .step = 1};
  EXPECT(tensorgate_read_slice(model, 2, &last, 1, read, sizeof *read, NULL, &error));
  EXPECT(read[0] == data[2][kElements - 1]);
}

/* An error names the file that could not be read; a refused checkpoint is never opened, by index or
 * by folder. */
static void TestRefusals(const char* folder, const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  float read[kElements];
  EXPECT(truncate(In(folder, kFiles[1]), 40) == 0);
  EXPECT(!tensorgate_unchanged(model, &error));
  EXPECT(tensorgate_error_part(error) == 1);
  EXPECT_ERROR("io/changed");
  EXPECT(tensorgate_read(model, 0, read, sizeof read, NULL, &error));
  EXPECT(!tensorgate_read(model, 1, read, sizeof read, NULL, &error));
  EXPECT(tensorgate_error_part(error) == 1);
  EXPECT_ERROR("io/short-read");
  for (int by_folder = 0; by_folder < 2; ++by_folder) {
    const char* path = by_folder ? folder : In(folder, kFiles[3]);
    EXPECT(tensorgate_open_path(path, NULL, &error) == NULL);
    const tensorgate_report* report = tensorgate_error_report(error);
    EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
    EXPECT_ERROR("checkpoint/shard-rejected");
  }
  EXPECT(unlink(In(folder, kFiles[1])) == 0);
  EXPECT(tensorgate_open_path(folder, NULL, &error) == NULL);
  EXPECT_ERROR("checkpoint/shard-missing");
  EXPECT(unlink(In(folder, kFiles[3])) == 0);
  EXPECT(tensorgate_open_path(folder, NULL, &error) == NULL);
  EXPECT_ERROR("checkpoint/index-missing");
}

static void RemoveAll(const char* folder) {
  for (size_t i = 0; i < sizeof kFiles / sizeof *kFiles; ++i) unlink(In(folder, kFiles[i]));
  rmdir(folder);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const char* folder = argv[1];
  tensorgate_error* error = NULL;
  RemoveAll(folder);
  if (mkdir(folder, 0700) != 0) return 2;
  Save(folder);
  for (int by_folder = 0; by_folder < 2; ++by_folder) {
    const char* path = by_folder ? folder : In(folder, kFiles[3]);
    tensorgate_checkpoint* model = tensorgate_open_path(path, NULL, &error);
    EXPECT(model != NULL && error == NULL);
    if (model == NULL) return 1;
    TestContents(model);
    TestReading(model);
    if (by_folder) TestRefusals(folder, model);
    tensorgate_checkpoint_free(model);
  }
  RemoveAll(folder);
  printf("%d checks, %d failed\n", checks, failures);
  return failures;
}
