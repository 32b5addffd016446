/* Opening, listing, reading, slicing and saving through the C interface, compiled as C11. Its
 * argument is a folder that only
 * this test uses. Exits with the number of failed checks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/capi_expect.h"

static float weights[6] = {0, 1, 2, 3, 4, 5};
static uint8_t mask[3] = {7, 8, 9};

static int FillMask(void* context, uint64_t offset, void* into, size_t length) {
  if (context != NULL) return 0;
  memcpy(into, mask + offset, length);
  return 1;
}

static int CountProgress(void* context, uint64_t done, uint64_t all) {
  int* count = context;
  EXPECT(done <= all);
  return *count < 0 ? 0 : ++*count;
}

static int64_t ReadDescriptor(void* context, uint64_t offset, void* into, size_t length) {
  return pread(*(int*)context, into, length, (off_t)offset);
}

/* Writes the two tensors with metadata; the source of the data differs, the bytes do not. */
static void Save(const char* path, int by_callback) {
  const uint64_t matrix[2] = {2, 3}, vector[1] = {3};
  const tensorgate_metadata_entry metadata[1] = {{{"format", 6}, {"pt", 2}}};
  int calls = 0;
  tensorgate_save_options options;
  tensorgate_error* error = NULL;
  tensorgate_writer* writer;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.metadata = metadata;
  options.metadata_count = 1;
  options.no_sync = 1;
  options.progress = CountProgress;
  options.progress_context = &calls;
  writer = tensorgate_writer_create(path, &options, &error);
  EXPECT(writer != NULL && error == NULL);
  EXPECT(tensorgate_writer_add(writer, Text("w"), TENSORGATE_F32, matrix, 2, weights,
                               sizeof weights, &error));
  if (by_callback) {
    EXPECT(tensorgate_writer_add_callback(writer, Text("mask"), TENSORGATE_U8, vector, 1, FillMask,
                                          NULL, &error));
  } else {
    EXPECT(tensorgate_writer_add(writer, Text("mask"), TENSORGATE_U8, vector, 1, mask, sizeof mask,
                                 &error));
  }
  EXPECT(access(path, F_OK) != 0);
  EXPECT(tensorgate_writer_finish(writer, &error) && error == NULL);
  EXPECT(calls > 0);
  tensorgate_writer_free(writer);
}

static void ExpectSameFiles(const char* a, const char* b) {
  unsigned char one[4096], other[4096];
  FILE* first = fopen(a, "rb");
  FILE* second = fopen(b, "rb");
  size_t length;
  EXPECT(first != NULL && second != NULL);
  if (first == NULL || second == NULL) return;
  length = fread(one, 1, sizeof one, first);
  EXPECT(length > 0 && fread(other, 1, sizeof other, second) == length);
  EXPECT(memcmp(one, other, length) == 0);
  fclose(first);
  fclose(second);
}

static void TestContents(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  tensorgate_tensor tensor;
  tensorgate_text key, value;
  tensorgate_part part;
  tensorgate_report* report;
  uint64_t shape[2] = {0, 0};
  size_t index = 99;
  EXPECT(tensorgate_tensor_count(model) == 2);
  EXPECT(tensorgate_find(model, "mask", 4, &index) == 1 && index == 1);
  EXPECT(tensorgate_find(model, "none", 4, &index) == 0 && index == 1);
  EXPECT(tensorgate_find(model, NULL, 0, NULL) == 0);
  tensor.struct_size = sizeof tensor;
  EXPECT(tensorgate_tensor_at(model, 0, &tensor, &error));
  EXPECT(tensor.name.length == 1 && tensor.name.bytes[0] == 'w');
  EXPECT(tensor.dtype == TENSORGATE_F32 && tensor.rank == 2);
  EXPECT(tensor.elements == 6 && tensor.bytes == 24 && tensor.length == 24);
  tensor.struct_size = 1;
  EXPECT(!tensorgate_tensor_at(model, 0, &tensor, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(tensorgate_shape(model, 0, shape, 2, &error) && shape[0] == 2 && shape[1] == 3);
  EXPECT(tensorgate_shape(model, 0, NULL, 2, &error) && tensorgate_shape(model, 1, NULL, 1, NULL));
  EXPECT(!tensorgate_shape(model, 2, shape, 2, &error));
  EXPECT_ERROR("use/no-such-tensor");
  EXPECT(!tensorgate_shape(model, 0, shape, 1, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(tensorgate_stride(model, 0, shape, 2, &error) && shape[0] == 3 && shape[1] == 1);
  EXPECT(!tensorgate_stride(model, 0, shape, 1, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(tensorgate_stride(model, 0, NULL, 2, &error) && error == NULL);
  EXPECT(!tensorgate_stride(model, 2, shape, 2, &error));
  EXPECT_ERROR("use/no-such-tensor");
  EXPECT(!tensorgate_tensor_at(model, 2, &tensor, &error));
  EXPECT_ERROR("use/no-such-tensor");
  EXPECT(!tensorgate_tensor_at(model, 2, &tensor, NULL));
  /* An older caller, whose structure ends before `elements`. */
  memset(&tensor, 0xee, sizeof tensor);
  tensor.struct_size = offsetof(tensorgate_tensor, elements);
  EXPECT(tensorgate_tensor_at(model, 1, &tensor, &error));
  EXPECT(tensor.rank == 1 && tensor.elements == UINT64_C(0xeeeeeeeeeeeeeeee));
  EXPECT(tensorgate_metadata_count(model) == 1);
  EXPECT(tensorgate_metadata_at(model, 0, &key, &value) == 1);
  EXPECT(key.length == 6 && memcmp(key.bytes, "format", 6) == 0);
  EXPECT(tensorgate_metadata_at(model, 0, NULL, NULL) == 1);
  EXPECT(tensorgate_metadata_at(model, 1, &key, &value) == 0);
  EXPECT(tensorgate_metadata_find(model, "format", 6, &value) == 1);
  EXPECT(value.length == 2 && memcmp(value.bytes, "pt", 2) == 0);
  EXPECT(tensorgate_metadata_find(model, "format", 6, NULL) == 1);
  EXPECT(tensorgate_metadata_find(model, "missing", 7, &value) == 0);
  EXPECT(tensorgate_part_count(model) == 1);
  part.struct_size = sizeof part;
  EXPECT(tensorgate_part_at(model, 0, &part) == 1 && part.size > 24);
  EXPECT(tensorgate_part_at(model, 1, &part) == 0);
  report = tensorgate_checkpoint_report(model);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  EXPECT(strcmp(tensorgate_report_format(report), "safetensors") == 0);
  EXPECT(tensorgate_report_tensor_count(report) == 2);
  tensorgate_report_free(report);
  EXPECT(tensorgate_unchanged(model, &error) && error == NULL);
}

static void TestReading(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  tensorgate_load_options options;
  tensorgate_destination two[2];
  tensorgate_loaded* loaded;
  const size_t second = 1;
  float read[6] = {0};
  uint8_t read_mask[3] = {0};
  size_t length = 0;
  int calls = 0;
  EXPECT(tensorgate_read(model, 0, read, sizeof read, NULL, &error));
  EXPECT(memcmp(read, weights, sizeof weights) == 0);
  EXPECT(!tensorgate_read(model, 0, read, sizeof read - 1, NULL, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(!tensorgate_read(model, 0, NULL, sizeof read, NULL, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(!tensorgate_read(model, 7, read, sizeof read, NULL, &error));
  EXPECT_ERROR("use/no-such-tensor");
  memset(read, 0, sizeof read);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.progress = CountProgress;
  options.progress_context = &calls;
  options.block_bytes = 1;
  two[0].index = 1;
  two[0].into = read_mask;
  two[0].length = sizeof read_mask;
  two[1].index = 0;
  two[1].into = read;
  two[1].length = sizeof read;
  EXPECT(tensorgate_read_many(model, two, 2, &options, &error));
  EXPECT(memcmp(read, weights, sizeof weights) == 0 && memcmp(read_mask, mask, 3) == 0);
  EXPECT(calls > 0);
  two[1].into = NULL;
  EXPECT(!tensorgate_read_many(model, two, 2, &options, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(!tensorgate_read_many(model, NULL, 1, NULL, &error));
  EXPECT_ERROR("use/wrong-size");
  EXPECT(tensorgate_read_many(model, NULL, 0, NULL, &error));
  /* Nothing is used from a structure without members. */
  calls = 0;
  options.struct_size = sizeof options.struct_size;
  EXPECT(tensorgate_read(model, 0, read, sizeof read, &options, &error) && calls == 0);
  loaded = tensorgate_load(model, NULL, 0, NULL, &error);
  EXPECT(loaded != NULL);
  EXPECT(memcmp(tensorgate_loaded_bytes(loaded, 0, &length), weights, 24) == 0 && length == 24);
  EXPECT(memcmp(tensorgate_loaded_bytes(loaded, 1, &length), mask, 3) == 0 && length == 3);
  EXPECT(tensorgate_loaded_bytes(loaded, 2, &length) == NULL && length == 0);
  tensorgate_loaded_free(loaded);
  loaded = tensorgate_load(model, &second, 1, NULL, &error);
  EXPECT(loaded != NULL && tensorgate_loaded_bytes(loaded, 0, &length) != NULL && length == 3);
  tensorgate_loaded_free(loaded);
  tensorgate_loaded_free(NULL);
  EXPECT(tensorgate_loaded_bytes(NULL, 0, NULL) == NULL);
}

static void TestSlices(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  tensorgate_slice slice;
  uint64_t shape[4] = {0, 0, 0, 0};
  float column[2] = {0, 0};
  /* [..., ::-2] of the matrix: columns 2 and 0; then [:, 1]. */
  tensorgate_subscript subscripts[2] = {{TENSORGATE_ELLIPSIS, 0, 0, 0, 0, 1},
                                        {TENSORGATE_RANGE, 0, 0, 0, 0, -2}};
  float reversed[4] = {0};
  const float expected[4] = {2, 0, 5, 3};
  slice.struct_size = sizeof slice;
  EXPECT(tensorgate_plan_slice(model, 0, subscripts, 2, &slice, shape, 4, &error));
  EXPECT(slice.rank == 2 && slice.bytes == 16 && shape[0] == 2 && shape[1] == 2);
  EXPECT(slice.reads >= 1 && slice.read_bytes >= 16);
  EXPECT(tensorgate_read_slice(model, 0, subscripts, 2, reversed, sizeof reversed, NULL, &error));
  EXPECT(memcmp(reversed, expected, sizeof expected) == 0);
  subscripts[0].kind = TENSORGATE_RANGE;
  subscripts[1].kind = TENSORGATE_INDEX;
  subscripts[1].start = -2;
  EXPECT(tensorgate_read_slice(model, 0, subscripts, 2, column, sizeof column, NULL, &error));
  EXPECT(column[0] == 1 && column[1] == 4);
  EXPECT(!tensorgate_read_slice(model, 0, subscripts, 2, column, 4, NULL, &error));
  EXPECT_ERROR("use/wrong-size");
  subscripts[1].start = 3;
  EXPECT(!tensorgate_plan_slice(model, 0, subscripts, 2, NULL, NULL, 0, &error));
  EXPECT_ERROR("use/bad-slice");
  subscripts[1].kind = (tensorgate_subscript_kind)9;
  EXPECT(!tensorgate_plan_slice(model, 0, subscripts, 2, &slice, NULL, 0, &error));
  EXPECT_ERROR("use/bad-slice");
  EXPECT(!tensorgate_plan_slice(model, 0, NULL, 1, &slice, NULL, 0, &error));
  EXPECT_ERROR("use/bad-slice");
  EXPECT(!tensorgate_read_slice(model, 0, NULL, 1, column, sizeof column, NULL, &error));
  EXPECT_ERROR("use/bad-slice");
  EXPECT(tensorgate_plan_slice(model, 0, NULL, 0, &slice, NULL, 0, &error));
  EXPECT(slice.rank == 2 && slice.bytes == 24);
  EXPECT(tensorgate_plan_slice(model, 0, NULL, 0, NULL, shape, 1, &error) && shape[0] == 2);
  slice.struct_size = 1;
  EXPECT(!tensorgate_plan_slice(model, 0, NULL, 0, &slice, NULL, 0, &error));
  EXPECT_ERROR("use/wrong-size");
}

static void TestMapping(const tensorgate_checkpoint* model) {
  tensorgate_error* error = NULL;
  tensorgate_tensor tensor;
  size_t length = 0;
  const unsigned char* bytes;
  tensorgate_mapping* mapping = tensorgate_map(model, 0, &error);
  EXPECT(mapping != NULL);
  tensor.struct_size = sizeof tensor;
  EXPECT(tensorgate_tensor_at(model, 0, &tensor, &error));
  bytes = tensorgate_mapping_bytes(mapping, &length);
  EXPECT(length > tensor.offset && memcmp(bytes + tensor.offset, weights, sizeof weights) == 0);
  EXPECT(tensorgate_mapping_bytes(mapping, NULL) == bytes);
  tensorgate_mapping_free(mapping);
  EXPECT(tensorgate_map(model, 1, &error) == NULL);
  EXPECT_ERROR("use/not-mappable");
  EXPECT(tensorgate_mapping_bytes(NULL, &length) == NULL && length == 0);
}

/* Every way of opening gives the same model. */
static void TestOpening(const char* path) {
  unsigned char bytes[4096];
  tensorgate_error* error = NULL;
  int descriptor = open(path, O_RDONLY);
  ssize_t size = pread(descriptor, bytes, sizeof bytes, 0);
  tensorgate_checkpoint* model = tensorgate_open_path(path, NULL, &error);
  EXPECT(model != NULL && error == NULL);
  TestContents(model);
  TestReading(model);
  TestSlices(model);
  TestMapping(model);
  tensorgate_checkpoint_free(model);
  model = tensorgate_open_fd(descriptor, NULL, &error);
  TestContents(model);
  TestReading(model);
  tensorgate_checkpoint_free(model);
  model = tensorgate_open_memory(bytes, (size_t)size, NULL, &error);
  TestContents(model);
  TestSlices(model);
  tensorgate_checkpoint_free(model);
  model = tensorgate_open_callback((uint64_t)size, ReadDescriptor, &descriptor, NULL, &error);
  TestContents(model);
  TestReading(model);
  EXPECT(tensorgate_map(model, 0, &error) == NULL);
  EXPECT_ERROR("use/not-mappable");
  tensorgate_checkpoint_free(model);
  close(descriptor);
}

/* A PyTorch checkpoint: views, read in C order. */
static void TestTorch(const char* path) {
  tensorgate_error* error = NULL;
  tensorgate_checkpoint* model = tensorgate_open_path(path, NULL, &error);
  EXPECT(model != NULL);
  if (model == NULL) return;
  EXPECT(tensorgate_tensor_count(model) == 6);
  size_t index = 0;
  uint64_t numbers[2] = {0, 0};
  EXPECT(tensorgate_find(model, "block", 5, &index));
  EXPECT(tensorgate_shape(model, index, numbers, 2, &error) && numbers[0] == 2 && numbers[1] == 2);
  EXPECT(tensorgate_stride(model, index, numbers, 2, &error) && numbers[0] == 4 && numbers[1] == 1);
  tensorgate_tensor tensor = {.struct_size = sizeof tensor};
  EXPECT(tensorgate_tensor_at(model, index, &tensor, &error));
  EXPECT(tensor.bytes == 16 && tensor.length == 24 && tensor.dtype == TENSORGATE_F32);
  float block[4] = {1, 1, 1, 1};
  EXPECT(tensorgate_read(model, index, block, sizeof block, NULL, &error));
  EXPECT(block[0] == 0 && block[3] == 0);
  tensorgate_checkpoint_free(model);
}

/* Four floats as rows that repeat them: the caller decides how much one call may return. */
static void TestRepeats(const char* path) {
  const struct {
    uint64_t repeated_bytes; /* 0: the default. */
    size_t asked;
    int given;
  } rows[] = {
      {0, 1 << 20, 1}, {1, 1 << 20, 0}, {1, 64, 1}, {0, 65 << 20, 0}, {65 << 20, 65 << 20, 1}};
  tensorgate_error* error = NULL;
  tensorgate_checkpoint* model = tensorgate_open_path(path, NULL, &error);
  float* into = malloc(65 << 20);
  EXPECT(model != NULL && into != NULL);
  for (size_t i = 0; model != NULL && into != NULL && i < sizeof rows / sizeof rows[0]; ++i) {
    const size_t count = rows[i].asked / sizeof *into;
    tensorgate_load_options options = {.struct_size = sizeof options,
                                       .repeated_bytes = rows[i].repeated_bytes};
    tensorgate_subscript part = {.kind = TENSORGATE_RANGE, .step = 1, .has_stop = 1};
    part.stop = (int64_t)(count / 4);
    into[0] = into[count - 1] = 1;
    EXPECT(tensorgate_read_slice(model, 0, &part, 1, into, rows[i].asked, &options, &error) ==
           rows[i].given);
    if (!rows[i].given) EXPECT_ERROR("use/expands");
    EXPECT((into[count - 1] == 0) == rows[i].given);
  }
  free(into);
  tensorgate_checkpoint_free(model);
}

static void TestRefusals(const char* path) {
  tensorgate_error* error = NULL;
  unsigned char bad[64] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}', 'x'};
  const tensorgate_report* report;
  EXPECT(tensorgate_open_memory(bad, 11, NULL, &error) == NULL);
  report = tensorgate_error_report(error);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  EXPECT(strcmp(tensorgate_error_rule(error), "safetensors/data-trailing") == 0 ||
         strncmp(tensorgate_error_rule(error), "safetensors/", 12) == 0);
  EXPECT(tensorgate_error_offset(error) == 10);
  EXPECT(tensorgate_error_text(error)[0] != '\0');
  tensorgate_error_free(error);
  error = NULL;
  EXPECT(tensorgate_open_path(path, NULL, &error) == NULL);
  EXPECT(tensorgate_error_report(error) != NULL);
  EXPECT_ERROR("io/open-failed");
  EXPECT(tensorgate_open_path(NULL, NULL, &error) == NULL);
  EXPECT_ERROR("io/open-failed");
  EXPECT(tensorgate_open_fd(-1, NULL, NULL) == NULL);
  EXPECT(tensorgate_open_callback(100, NULL, NULL, NULL, &error) == NULL);
  EXPECT_ERROR("io/read-failed");
  EXPECT(tensorgate_open_memory(NULL, 100, NULL, &error) == NULL);
  EXPECT_ERROR("io/read-failed");
  EXPECT(tensorgate_open_memory(NULL, 0, NULL, &error) == NULL);
  EXPECT_ERROR("scan/unsupported");
  tensorgate_checkpoint_free(NULL);
  tensorgate_error_free(NULL);
  EXPECT(tensorgate_error_rule(NULL)[0] == '\0' && tensorgate_error_text(NULL)[0] == '\0');
  EXPECT(tensorgate_error_offset(NULL) == 0 && tensorgate_error_system(NULL) == 0);
  EXPECT(tensorgate_error_part(NULL) == 0);
  EXPECT(tensorgate_error_report(NULL) == NULL);
}

static void TestScan(const char* path) {
  int descriptor = open(path, O_RDONLY);
  tensorgate_report* report = tensorgate_check_path(path, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  report = tensorgate_check_fd(descriptor, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  report = tensorgate_check_memory("GGUF\3\0\0\0", 8, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_UNSUPPORTED);
  EXPECT(strcmp(tensorgate_report_format(report), "gguf") == 0);
  tensorgate_report_free(report);
  report = tensorgate_check_fd(-1, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_UNDECIDED);
  tensorgate_report_free(report);
  EXPECT(strcmp(tensorgate_report_format(NULL), "unknown") == 0);
  close(descriptor);
}

static void TestWriterErrors(const char* path) {
  const uint64_t vector[1] = {3};
  tensorgate_error* error = NULL;
  tensorgate_writer* writer = tensorgate_writer_create(path, NULL, &error);
  EXPECT(
      !tensorgate_writer_add(writer, Text("a"), (tensorgate_dtype)99, vector, 1, mask, 3, &error));
  EXPECT_ERROR("save/misuse");
  EXPECT(!tensorgate_writer_add(writer, Text("a"), TENSORGATE_U8, NULL, 1, mask, 3, &error));
  EXPECT_ERROR("save/misuse");
  EXPECT(!tensorgate_writer_add(writer, Text("a"), TENSORGATE_U8, vector, 1, mask, 2, &error));
  EXPECT_ERROR("save/wrong-size");
  tensorgate_writer_free(writer);
  /* A callback that fails leaves no file. */
  writer = tensorgate_writer_create(path, NULL, &error);
  EXPECT(tensorgate_writer_add_callback(writer, Text("a"), TENSORGATE_U8, vector, 1, FillMask,
                                        &error, &error));
  EXPECT(!tensorgate_writer_finish(writer, &error));
  EXPECT_ERROR("io/read-failed");
  tensorgate_writer_free(writer);
  EXPECT(access(path, F_OK) != 0);
  /* Neither does a missing callback. */
  writer = tensorgate_writer_create(path, NULL, &error);
  EXPECT(tensorgate_writer_add_callback(writer, Text("a"), TENSORGATE_U8, vector, 1, NULL, NULL,
                                        &error));
  EXPECT(!tensorgate_writer_finish(writer, &error));
  EXPECT(tensorgate_error_report(error) == NULL);
  EXPECT_ERROR("io/read-failed");
  tensorgate_writer_free(writer);
  EXPECT(access(path, F_OK) != 0);
  EXPECT(tensorgate_writer_create(NULL, NULL, &error) == NULL);
  EXPECT_ERROR("save/create-failed");
  EXPECT(tensorgate_writer_create("/nowhere at all/x", NULL, &error) == NULL);
  EXPECT(tensorgate_error_system(error) != 0);
  EXPECT_ERROR("save/create-failed");
  tensorgate_writer_free(NULL);
}

/* A copy under other names, read from the file itself. */
static void TestCopy(const char* from, const char* to) {
  tensorgate_error* error = NULL;
  tensorgate_checkpoint* model = tensorgate_open_path(from, NULL, &error);
  tensorgate_writer* writer = tensorgate_writer_create(to, NULL, &error);
  float read[6] = {0};
  EXPECT(tensorgate_writer_add_from(writer, Text("renamed"), model, 0, &error));
  EXPECT(!tensorgate_writer_add_from(writer, Text("x"), model, 2, &error));
  EXPECT_ERROR("use/no-such-tensor");
  EXPECT(tensorgate_writer_finish(writer, &error));
  tensorgate_writer_free(writer);
  tensorgate_checkpoint_free(model);
  model = tensorgate_open_path(to, NULL, &error);
  EXPECT(model != NULL && tensorgate_tensor_count(model) == 1);
  EXPECT(tensorgate_find(model, "renamed", 7, NULL) == 1);
  EXPECT(tensorgate_read(model, 0, read, sizeof read, NULL, &error));
  EXPECT(memcmp(read, weights, sizeof weights) == 0);
  tensorgate_checkpoint_free(model);
}

/* Tensors without elements or dimensions, and data that start at the requested alignment. */
static void TestEmpty(const char* path) {
  const uint64_t none[3] = {3, 0, 5};
  tensorgate_save_options options = {.struct_size = sizeof options, .no_sync = 1, .alignment = 512};
  tensorgate_tensor tensor = {.struct_size = sizeof tensor};
  tensorgate_error* error = NULL;
  tensorgate_writer* writer = tensorgate_writer_create(path, &options, &error);
  uint64_t stride[3] = {0};
  EXPECT(tensorgate_writer_add(writer, Text("none"), TENSORGATE_F32, none, 3, NULL, 0, &error));
  EXPECT(tensorgate_writer_add(writer, Text("one"), TENSORGATE_U8, NULL, 0, mask, 1, &error));
  EXPECT(tensorgate_writer_finish(writer, &error) && error == NULL);
  tensorgate_writer_free(writer);
  tensorgate_checkpoint* model = tensorgate_open_path(path, NULL, &error);
  EXPECT(model != NULL && tensorgate_tensor_count(model) == 2);
  EXPECT(tensorgate_tensor_at(model, 0, &tensor, &error));
  EXPECT(tensor.rank == 3 && tensor.elements == 0 && tensor.offset == 512);
  EXPECT(tensorgate_stride(model, 0, stride, 3, &error));
  EXPECT(stride[0] == 1 && stride[1] == 1 && stride[2] == 1);
  EXPECT(tensorgate_tensor_at(model, 1, &tensor, &error));
  EXPECT(tensor.rank == 0 && tensor.elements == 1 && tensor.offset == 512);
  tensorgate_checkpoint_free(model);
  unlink(path);
}

struct Kept {
  unsigned char bytes[8192];
  size_t size;
  int fails;
};

static int64_t ReadKept(void* context, uint64_t offset, void* into, size_t length) {
  const struct Kept* kept = context;
  if (kept->fails || offset > kept->size) return -1;
  if (length > kept->size - offset) length = kept->size - (size_t)offset;
  memcpy(into, kept->bytes + offset, length);
  return (int64_t)length;
}

/* A view whose rows are `step` apart is saved in C order, or not at all. */
static void TestCopyOfView(const char* from, const char* name, size_t rows, size_t columns,
                           size_t step, const char* to) {
  static struct Kept kept;
  tensorgate_error* error = NULL;
  FILE* file = fopen(from, "rb");
  float* values = malloc(rows * columns * sizeof *values);
  tensorgate_tensor tensor = {.struct_size = sizeof tensor};
  size_t index = 0;
  EXPECT(file != NULL && values != NULL);
  if (file == NULL || values == NULL) exit(1);
  kept.size = fread(kept.bytes, 1, sizeof kept.bytes, file);
  fclose(file);
  EXPECT(kept.size > 64 && kept.size < sizeof kept.bytes);
  kept.fails = 0;
  tensorgate_checkpoint* views = tensorgate_open_callback(kept.size, ReadKept, &kept, NULL, &error);
  EXPECT(views != NULL && tensorgate_find(views, name, strlen(name), &index));
  EXPECT(tensorgate_tensor_at(views, index, &tensor, &error));
  memcpy(kept.bytes + tensor.offset, weights, (size_t)tensor.length);
  for (kept.fails = 0; kept.fails < 2; ++kept.fails) {
    tensorgate_writer* writer = tensorgate_writer_create(to, NULL, &error);
    EXPECT(tensorgate_writer_add_from(writer, Text(name), views, index, &error));
    EXPECT(tensorgate_writer_finish(writer, &error) == !kept.fails);
    if (kept.fails) EXPECT_ERROR("io/read-failed");
    tensorgate_writer_free(writer);
    EXPECT((access(to, F_OK) == 0) == !kept.fails);
    if (kept.fails) break;
    tensorgate_checkpoint* saved = tensorgate_open_path(to, NULL, &error);
    uint64_t shape[2] = {0, 0};
    size_t wrong = 0;
    EXPECT(saved != NULL && tensorgate_shape(saved, 0, shape, 2, &error));
    EXPECT(shape[0] == rows && shape[1] == columns);
    EXPECT(tensorgate_read(saved, 0, values, rows * columns * sizeof *values, NULL, &error));
    for (size_t i = 0; i < rows * columns; ++i) {
      wrong += values[i] != weights[i / columns * step + i % columns];
    }
    EXPECT(wrong == 0);
    tensorgate_checkpoint_free(saved);
    unlink(to);
  }
  free(values);
  tensorgate_checkpoint_free(views);
}

static void TestDTypes(void) {
  tensorgate_dtype dtype = TENSORGATE_BOOL;
  EXPECT(strcmp(tensorgate_dtype_name(TENSORGATE_F8_E4M3), "F8_E4M3") == 0);
  EXPECT(tensorgate_dtype_name((tensorgate_dtype)999) == NULL);
  EXPECT(tensorgate_dtype_bits(TENSORGATE_F4) == 4 &&
         tensorgate_dtype_bits((tensorgate_dtype)999) == 0);
  EXPECT(tensorgate_dtype_find("BF16", &dtype) == 1 && dtype == TENSORGATE_BF16);
  EXPECT(tensorgate_dtype_find("BF16", NULL) == 1);
  EXPECT(tensorgate_dtype_find("bf16", &dtype) == 0 && tensorgate_dtype_find(NULL, &dtype) == 0);
}

int main(int argc, char** argv) {
  char first[4096], second[4096];
  if (argc != 2) return 2;
  mkdir(argv[1], 0700);
  snprintf(first, sizeof first, "%s/first.safetensors", argv[1]);
  snprintf(second, sizeof second, "%s/second.safetensors", argv[1]);
  unlink(first);
  unlink(second);
  Save(first, 0);
  Save(second, 1);
  ExpectSameFiles(first, second);
  TestOpening(first);
  TestTorch(TENSORGATE_CORPUS_DIR "/torch/accept/views.pt");
  TestRepeats(TENSORGATE_CORPUS_DIR "/torch/accept/view-expands-far.pt");
  TestScan(first);
  unlink(second);
  TestRefusals(second);
  TestWriterErrors(second);
  TestCopy(first, second);
  unlink(second);
  TestEmpty(second);
  TestCopyOfView(TENSORGATE_CORPUS_DIR "/torch/accept/views.pt", "block", 2, 2, 4, second);
  TestCopyOfView(TENSORGATE_CORPUS_DIR "/torch/accept/view-expands.pt", "w", 0x40000, 4, 0, second);
  TestDTypes();
  unlink(first);
  unlink(second);
  rmdir(argv[1]);
  printf("%d checks, %d failed\n", checks, failures);
  return failures;
}
