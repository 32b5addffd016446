/* The C interface, compiled as C11. Exits with the number of failed checks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/capi_expect.h"

/* Writes a file with one tensor named `name`, whose data end at `end`, and 4 bytes of data. Returns
 * its size. */
static size_t MakeFile(unsigned char* into, size_t room, const char* name, int end) {
  char header[400];
  int length = snprintf(header, sizeof header,
                        "{\"%s\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", name,
                        end, end);
  size_t total = 8 + (size_t)length + 4;
  if (length <= 0 || total > room) abort();
  memset(into, 0, total);
  into[0] = (unsigned char)(length & 0xff);
  into[1] = (unsigned char)(length >> 8);
  memcpy(into + 8, header, (size_t)length);
  return total;
}

static void TestAccepted(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  tensorgate_report* report = tensorgate_check_memory(file, size, NULL);
  tensorgate_finding finding;
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  EXPECT(tensorgate_report_tensor_count(report) == 1);
  EXPECT(tensorgate_report_header_bytes(report) == size - 12);
  EXPECT(tensorgate_report_data_bytes(report) == 4);
  EXPECT(tensorgate_report_bytes_read(report) >= size - 4);
  EXPECT(tensorgate_report_dropped_findings(report) == 0);
  EXPECT(strstr(tensorgate_report_json(report), "\"verdict\":\"accepted\"") != NULL);
  EXPECT(strlen(tensorgate_report_text(report)) > 0);
  finding.struct_size = sizeof finding;
  EXPECT(tensorgate_report_finding(report, tensorgate_report_finding_count(report), &finding) == 0);
  tensorgate_report_free(report);
}

static void TestRejected(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "bad\\u001bname", 5);
  tensorgate_report* report = tensorgate_check_memory(file, size, NULL);
  tensorgate_finding finding;
  memset(&finding, 0, sizeof finding);
  finding.struct_size = sizeof finding;
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  EXPECT(tensorgate_report_finding_count(report) >= 1);
  EXPECT(tensorgate_report_finding(report, 0, &finding) == 1);
  EXPECT(strncmp(finding.rule, "safetensors/", 12) == 0);
  EXPECT(finding.severity == TENSORGATE_ERROR);
  EXPECT(finding.offset <= size);
  EXPECT(finding.message[0] != '\0');
  EXPECT(strchr(finding.message, '\x1b') == NULL);
  EXPECT(strchr(tensorgate_report_text(report), '\x1b') == NULL);
  EXPECT(strchr(tensorgate_report_json(report), '\n') == NULL);
  EXPECT(strstr(tensorgate_report_json(report), "\"verdict\":\"rejected\"") != NULL);
  /* A second call returns the same text. */
  EXPECT(tensorgate_report_text(report) == tensorgate_report_text(report));
  tensorgate_report_free(report);
}

static void TestOptions(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  tensorgate_options options;
  tensorgate_report* report;
  memset(&options, 0xee, sizeof options);
  options.struct_size = sizeof options;
  tensorgate_options_init(&options);
  EXPECT(options.struct_size == sizeof options);
  EXPECT(options.profile == TENSORGATE_STRICT);
  EXPECT(options.max_findings >= 1);
  options.max_header_bytes = 10;
  report = tensorgate_check_memory(file, size, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_UNDECIDED);
  EXPECT(strstr(tensorgate_report_json(report), "limit/header-bytes") != NULL);
  tensorgate_report_free(report);
  /* The reference reads a file that the strict profile refuses. */
  tensorgate_options_init(&options);
  memmove(file + 9, file + 8, size - 12);
  file[8] = ' ';
  ++file[0];
  report = tensorgate_check_memory(file, size + 1, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  tensorgate_report_free(report);
  options.profile = TENSORGATE_REFERENCE;
  report = tensorgate_check_memory(file, size + 1, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  tensorgate_options_init(&options);
  size = MakeFile(file, sizeof file, "w", 4);
  /* An older caller, whose structure ends before the limits: they have their defaults. */
  options.struct_size = offsetof(tensorgate_options, max_file_bytes);
  report = tensorgate_check_memory(file, size, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  /* A structure that claims to have no members. */
  options.struct_size = 0;
  report = tensorgate_check_memory(file, size, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  /* Init writes nothing beyond the caller's structure. */
  memset(&options, 0xee, sizeof options);
  options.struct_size = offsetof(tensorgate_options, max_rank);
  tensorgate_options_init(&options);
  EXPECT(options.max_rank == UINT64_C(0xeeeeeeeeeeeeeeee));
  EXPECT(options.max_header_bytes == 100000000);
  /* And nothing at all if the size is too small for any member. */
  options.struct_size = 1;
  options.max_findings = 7;
  tensorgate_options_init(&options);
  EXPECT(options.max_findings == 7);
}

/* Expects an undecided report with only this rule. Frees the report. */
static void ExpectUndecided(tensorgate_report* report, const char* rule, int line) {
  tensorgate_finding finding = {.struct_size = sizeof finding};
  ++checks;
  if (tensorgate_report_verdict(report) != TENSORGATE_UNDECIDED ||
      tensorgate_report_finding(report, 0, &finding) != 1 || strcmp(finding.rule, rule) != 0) {
    ++failures;
    fprintf(stderr, "line %d: not undecided by %s: %s\n", line, rule,
            tensorgate_report_text(report));
  }
  tensorgate_report_free(report);
}

/* The same for an open that failed. */
static void ExpectNotOpened(tensorgate_checkpoint* opened, tensorgate_error** error,
                            const char* rule, int line) {
  const tensorgate_report* report = tensorgate_error_report(*error);
  EXPECT(opened == NULL);
  EXPECT(report != NULL && tensorgate_report_verdict(report) == TENSORGATE_UNDECIDED);
  ExpectError(error, rule, line);
}

static int64_t ReadTwelve(void* context, uint64_t offset, void* into, size_t length) {
  (void)context;
  memset(into, 0, length);
  return offset < 12 ? (int64_t)length : 0;
}

/* Every call that takes options gives the same result for options that end it. */
static void ExpectOfAll(const tensorgate_options* options, const char* rule, const char* scratch) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  tensorgate_error* error = NULL;
  tensorgate_stream* stream;
  int descriptor = open(scratch, O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT(descriptor >= 0 && write(descriptor, file, size) == (ssize_t)size);
  ExpectUndecided(tensorgate_check_safetensors_memory(file, size, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_safetensors_fd(descriptor, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_safetensors_path(scratch, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_safetensors_callback(12, ReadTwelve, NULL, options), rule,
                  __LINE__);
  ExpectUndecided(tensorgate_check_memory(file, size, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_fd(descriptor, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_path(scratch, options), rule, __LINE__);
  ExpectUndecided(tensorgate_check_callback(12, ReadTwelve, NULL, options), rule, __LINE__);
  stream = tensorgate_stream_create(NULL, options);
  EXPECT(stream != NULL && tensorgate_stream_feed(stream, file, size) == 0);
  ExpectUndecided(tensorgate_stream_finish(stream, 1), rule, __LINE__);
  ExpectNotOpened(tensorgate_open_memory(file, size, options, &error), &error, rule, __LINE__);
  ExpectNotOpened(tensorgate_open_fd(descriptor, options, &error), &error, rule, __LINE__);
  ExpectNotOpened(tensorgate_open_path(scratch, options, &error), &error, rule, __LINE__);
  ExpectNotOpened(tensorgate_open_callback(12, ReadTwelve, NULL, options, &error), &error, rule,
                  __LINE__);
  EXPECT(tensorgate_open_memory(file, size, options, NULL) == NULL);
  close(descriptor);
  unlink(scratch);
}

static int Stop(void* context) {
  ++*(int*)context;
  return 0;
}

static void TestWhatEndsEveryCall(const char* scratch) {
  static const int kProfiles[] = {2, 99, -1, INT32_MAX, INT32_MIN};
  tensorgate_options options = {.struct_size = sizeof options};
  int asked = 0;
  for (size_t i = 0; i < sizeof kProfiles / sizeof kProfiles[0]; ++i) {
    tensorgate_options_init(&options);
    memcpy(&options.profile, &kProfiles[i], sizeof options.profile);
    ExpectOfAll(&options, "use/unknown-option", scratch);
  }
  tensorgate_options_init(&options);
  EXPECT(options.timeout_ms == 0 && options.keep_going == NULL);
  EXPECT(options.max_spool_bytes == UINT64_C(1) << 30);
  options.keep_going = Stop;
  options.keep_going_context = &asked;
  ExpectOfAll(&options, "use/cancelled", scratch);
  EXPECT(asked >= 12);
}

/* Sizes of a structure that no version had: the members that they cover are used, except half a
 * pointer. */
static void TestSizesOfOptions(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  union {
    tensorgate_options options;
    unsigned char bytes[2 * sizeof(tensorgate_options)];
  } all;
  for (size_t stated = 0; stated <= sizeof all; ++stated) {
    tensorgate_report* report;
    tensorgate_error* error = NULL;
    tensorgate_checkpoint* opened;
    memset(&all, 0, sizeof all);
    all.options.struct_size = sizeof all;
    tensorgate_options_init(&all.options);
    EXPECT(all.options.struct_size == sizeof all);
    /* Bytes beyond the stated size must not be used. */
    if (stated > sizeof stated && stated < sizeof all) {
      memset(all.bytes + stated, 0xee, sizeof all - stated);
    }
    all.options.struct_size = stated;
    report = tensorgate_check_memory(file, size, &all.options);
    EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
    tensorgate_report_free(report);
    opened = tensorgate_open_memory(file, size, &all.options, &error);
    EXPECT(opened != NULL && error == NULL);
    tensorgate_checkpoint_free(opened);
  }
}

static int64_t ReadOneByte(void* context, uint64_t offset, void* into, size_t length) {
  struct timespec millisecond = {0, 1000000};
  (void)context;
  (void)length;
  nanosleep(&millisecond, NULL);
  *(unsigned char*)into = offset == 1 ? 1 : offset < 8 ? 0 : ' ';
  return 1;
}

static int GoOn(void* context) {
  ++*(int*)context;
  return 1;
}

static void TestTimeout(void) {
  tensorgate_options options = {.struct_size = sizeof options};
  tensorgate_error* error = NULL;
  time_t start = time(NULL);
  int asked = 0;
  tensorgate_options_init(&options);
  options.timeout_ms = 20;
  options.keep_going = GoOn;
  options.keep_going_context = &asked;
  ExpectUndecided(tensorgate_check_callback(100000, ReadOneByte, NULL, &options), "limit/time",
                  __LINE__);
  ExpectNotOpened(tensorgate_open_callback(100000, ReadOneByte, NULL, &options, &error), &error,
                  "limit/time", __LINE__);
  EXPECT(asked > 10);
  EXPECT(time(NULL) - start < 20);
  /* A caller from before this member existed. */
  asked = 0;
  options.struct_size = offsetof(tensorgate_options, max_spool_bytes);
  tensorgate_report_free(tensorgate_check_memory("1234567890", 10, &options));
  EXPECT(asked == 0);
}

static void TestStream(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  tensorgate_options options = {.struct_size = sizeof options};
  tensorgate_report* report;
  tensorgate_stream* stream = tensorgate_stream_create(NULL, NULL);
  for (size_t i = 0; i < size; ++i) EXPECT(tensorgate_stream_feed(stream, file + i, 1) == 1);
  EXPECT(tensorgate_stream_feed(stream, NULL, 0) == 1);
  report = tensorgate_stream_finish(stream, 1);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  EXPECT(tensorgate_report_tensor_count(report) == 1);
  tensorgate_report_free(report);
  /* A stream that stops early; one byte too many; no bytes although there is a length. */
  stream = tensorgate_stream_create(NULL, NULL);
  EXPECT(tensorgate_stream_feed(stream, file, size - 1) == 1);
  ExpectUndecided(tensorgate_stream_finish(stream, 0), "io/read-failed", __LINE__);
  stream = tensorgate_stream_create(NULL, NULL);
  EXPECT(tensorgate_stream_feed(stream, file, size + 1) == 0);
  report = tensorgate_stream_finish(stream, 1);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  EXPECT(strstr(tensorgate_report_json(report), "safetensors/data-trailing") != NULL);
  EXPECT(strstr(tensorgate_report_json(report), "\"size\":null") != NULL);
  tensorgate_report_free(report);
  stream = tensorgate_stream_create(NULL, NULL);
  EXPECT(tensorgate_stream_feed(stream, NULL, 3) == 0);
  tensorgate_report_free(tensorgate_stream_finish(stream, 1));
  EXPECT(tensorgate_stream_feed(NULL, file, size) == 0);
  ExpectUndecided(tensorgate_stream_finish(NULL, 1), "io/out-of-memory", __LINE__);
  /* Its suffix refuses it, since its content is not recognized. */
  stream = tensorgate_stream_create("model.safetensors", NULL);
  EXPECT(tensorgate_stream_feed(stream, "no model", 8) == 1);
  report = tensorgate_stream_finish(stream, 1);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  tensorgate_report_free(report);
  /* The spooled bytes have a limit. */
  tensorgate_options_init(&options);
  options.max_spool_bytes = 100;
  stream = tensorgate_stream_create(NULL, &options);
  memcpy(file, "PK\3\4\24\0\0\1", 8); /* Not a length that safetensors can have. */
  EXPECT(tensorgate_stream_feed(stream, file, 100) == 1);
  EXPECT(tensorgate_stream_feed(stream, file, 1) == 0);
  ExpectUndecided(tensorgate_stream_finish(stream, 1), "limit/spool-bytes", __LINE__);
}

static void TestShortFinding(void) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 5);
  tensorgate_report* report = tensorgate_check_memory(file, size, NULL);
  tensorgate_finding finding;
  memset(&finding, 0xee, sizeof finding);
  finding.struct_size = offsetof(tensorgate_finding, offset);
  EXPECT(tensorgate_report_finding(report, 0, &finding) == 1);
  EXPECT(finding.struct_size == offsetof(tensorgate_finding, offset));
  EXPECT(finding.offset == UINT64_C(0xeeeeeeeeeeeeeeee));
  finding.struct_size = 1;
  EXPECT(tensorgate_report_finding(report, 0, &finding) == 0);
  EXPECT(tensorgate_report_finding(report, 0, NULL) == 0);
  tensorgate_report_free(report);
}

struct Remote {
  const unsigned char* bytes;
  size_t size;
  int mode; /* 0 good, 1 fails, 2 returns more than requested, 3 one byte at a time, 4 ends early */
};

static int64_t ReadRemote(void* context, uint64_t offset, void* into, size_t length) {
  const struct Remote* remote = context;
  size_t count = length;
  if (remote->mode == 1) return -1;
  if (remote->mode == 2) return (int64_t)length + 1;
  if (remote->mode == 4) return 0;
  if (offset >= remote->size) return 0;
  if (count > remote->size - offset) count = remote->size - (size_t)offset;
  if (remote->mode == 3 && count > 1) count = 1;
  memcpy(into, remote->bytes + offset, count);
  return (int64_t)count;
}

static void TestCallback(void) {
  unsigned char file[512];
  struct Remote remote = {file, 0, 0};
  int mode;
  remote.size = MakeFile(file, sizeof file, "w", 4);
  for (mode = 0; mode <= 4; ++mode) {
    tensorgate_report* report;
    remote.mode = mode;
    report = tensorgate_check_callback(remote.size, ReadRemote, &remote, NULL);
    EXPECT(tensorgate_report_verdict(report) ==
           (mode == 0 || mode == 3 ? TENSORGATE_ACCEPTED : TENSORGATE_UNDECIDED));
    tensorgate_report_free(report);
  }
}

static void TestFiles(const char* scratch) {
  unsigned char file[512];
  size_t size = MakeFile(file, sizeof file, "w", 4);
  tensorgate_report* report;
  int descriptor = open(scratch, O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT(descriptor >= 0);
  EXPECT(write(descriptor, file, size) == (ssize_t)size);
  report = tensorgate_check_fd(descriptor, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  EXPECT(lseek(descriptor, 0, SEEK_CUR) == (off_t)size);
  close(descriptor);
  report = tensorgate_check_path(scratch, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  tensorgate_report_free(report);
  unlink(scratch);
  report = tensorgate_check_path(scratch, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_UNDECIDED);
  EXPECT(strstr(tensorgate_report_json(report), "io/open-failed") != NULL);
  tensorgate_report_free(report);
}

/* argparse.Namespace() with its state, with and without matching trust lists. */
static void TestTrust(void) {
  static const char pickle[] =
      "\x80\x02"
      "cargparse\nNamespace\n)\x81}b.";
  const char good[] = "# ours\nargparse.Namespace newobj() build(dict)";
  const char* bad[] = {"\nargparse.Namespace", "\ncollections.OrderedDict reduce()"};
  tensorgate_error* error = NULL;
  tensorgate_options options = {.struct_size = sizeof options};
  tensorgate_finding finding = {.struct_size = sizeof finding};
  tensorgate_trust_list* list;
  tensorgate_report* report;
  tensorgate_options_init(&options);
  EXPECT(options.trusted == NULL);
  report = tensorgate_check_memory(pickle, sizeof pickle - 1, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  tensorgate_report_free(report);
  list = tensorgate_trust_list_parse(good, sizeof good - 1, &error);
  EXPECT(list != NULL && error == NULL);
  options.trusted = list;
  report = tensorgate_check_memory(pickle, sizeof pickle - 1, &options);
  tensorgate_trust_list_free(list);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_ACCEPTED);
  EXPECT(tensorgate_report_finding(report, 0, &finding));
  EXPECT(strcmp(finding.rule, "use/trusted-call") == 0);
  EXPECT(finding.severity == TENSORGATE_WARNING && strncmp(finding.subject, "argparse.", 9) == 0);
  tensorgate_report_free(report);
  /* A caller from before trust lists existed. */
  options.struct_size = offsetof(tensorgate_options, trusted);
  report = tensorgate_check_memory(pickle, sizeof pickle - 1, &options);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  tensorgate_report_free(report);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    EXPECT(tensorgate_trust_list_parse(bad[i], strlen(bad[i]), &error) == NULL);
    EXPECT(strstr(tensorgate_error_text(error), "line 2: ") == tensorgate_error_text(error));
    EXPECT_ERROR("use/trust-list");
  }
  EXPECT(tensorgate_trust_list_parse(bad[0], strlen(bad[0]), NULL) == NULL);
  list = tensorgate_trust_list_parse(NULL, 0, NULL);
  EXPECT(list != NULL);
  tensorgate_trust_list_free(list);
  tensorgate_trust_list_free(NULL);
}

/* What a finding says beyond its message, and the impact of the report. */
static void TestWhatToDo(void) {
  static const char pickle[] =
      "\x80\x02"
      "cposix\nsystem\n)R.";
  char version[32];
  tensorgate_report* report = tensorgate_check_memory(pickle, sizeof pickle - 1, NULL);
  tensorgate_finding reason = {.struct_size = sizeof reason};
  EXPECT(tensorgate_report_reason(report, &reason) == 1);
  EXPECT(strcmp(reason.rule, "pickle/global-outside") == 0);
  EXPECT(reason.found_text_length == 12 && memcmp(reason.found_text, "posix.system", 12) == 0);
  EXPECT(strstr(reason.why, "pickle") != NULL && strstr(reason.fix, "safetensors") != NULL);
  EXPECT(strcmp(reason.cwe, "CWE-502") == 0);
  EXPECT(strcmp(tensorgate_report_impact(report), "runs-code") == 0);
  /* A caller with an older header. */
  memset(&reason, 1, sizeof reason);
  reason.struct_size = offsetof(tensorgate_finding, found_text);
  EXPECT(tensorgate_report_reason(report, &reason) == 1);
  EXPECT(reason.found_text_length != 12);
  tensorgate_report_free(report);
  EXPECT(strcmp(tensorgate_report_impact(NULL), "") == 0);
  report = tensorgate_check_memory("GGUF", 4, NULL);
  reason.struct_size = sizeof reason;
  EXPECT(strcmp(tensorgate_report_impact(report), "") == 0);
  EXPECT(tensorgate_report_reason(report, &reason) == 1);
  EXPECT(strcmp(reason.cwe, "") == 0);
  tensorgate_report_free(report);
  snprintf(version, sizeof version, "%d.%d.%d", TENSORGATE_VERSION_MAJOR, TENSORGATE_VERSION_MINOR,
           TENSORGATE_VERSION_PATCH);
  EXPECT(strcmp(version, TENSORGATE_VERSION_TEXT) == 0);
  EXPECT(strcmp(version, tensorgate_version()) == 0);
  EXPECT(TENSORGATE_VERSION_NUMBER >= 100);
}

static void ExpectRejectedAsSafetensors(tensorgate_report* report, int line) {
  tensorgate_finding reason = {.struct_size = sizeof reason};
  ++checks;
  if (tensorgate_report_verdict(report) != TENSORGATE_REJECTED ||
      strcmp(tensorgate_report_format(report), "safetensors") != 0 ||
      !tensorgate_report_reason(report, &reason) ||
      strcmp(reason.rule, "safetensors/foreign-format") != 0) {
    ++failures;
    fprintf(stderr, "line %d: %s", line, tensorgate_report_text(report));
  }
  tensorgate_report_free(report);
}

/* A harmless pickle: accepted by calls that check any file, refused by calls that read only
 * safetensors. */
static void TestSafetensorsOnly(const char* scratch) {
  static const char pickle[] = "\x80\x02K\1K\2K\3\x87.";
  const size_t size = sizeof pickle - 1;
  struct Remote remote = {(const unsigned char*)pickle, sizeof pickle - 1, 0};
  tensorgate_report* any[4];
  size_t i;
  int descriptor = open(scratch, O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT(descriptor >= 0 && write(descriptor, pickle, size) == (ssize_t)size);
  any[0] = tensorgate_check_memory(pickle, size, NULL);
  any[1] = tensorgate_check_fd(descriptor, NULL);
  any[2] = tensorgate_check_path(scratch, NULL);
  any[3] = tensorgate_check_callback(size, ReadRemote, &remote, NULL);
  for (i = 0; i < 4; ++i) {
    tensorgate_finding reason = {.struct_size = sizeof reason};
    EXPECT(tensorgate_report_verdict(any[i]) == TENSORGATE_ACCEPTED);
    EXPECT(strcmp(tensorgate_report_format(any[i]), "pickle") == 0);
    EXPECT(tensorgate_report_reason(any[i], &reason) == 0);
    tensorgate_report_free(any[i]);
  }
  ExpectRejectedAsSafetensors(tensorgate_check_safetensors_memory(pickle, size, NULL), __LINE__);
  ExpectRejectedAsSafetensors(tensorgate_check_safetensors_fd(descriptor, NULL), __LINE__);
  ExpectRejectedAsSafetensors(tensorgate_check_safetensors_path(scratch, NULL), __LINE__);
  ExpectRejectedAsSafetensors(
      tensorgate_check_safetensors_callback(size, ReadRemote, &remote, NULL), __LINE__);
  close(descriptor);
  unlink(scratch);
}

static void TestNonsense(void) {
  const tensorgate_verdict undecided = TENSORGATE_UNDECIDED;
  tensorgate_report* report = tensorgate_check_safetensors_path(NULL, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_safetensors_fd(-1, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  EXPECT(tensorgate_report_finding_count(report) == 1);
  tensorgate_report_free(report);
  report = tensorgate_check_safetensors_callback(100, NULL, NULL, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_safetensors_memory(NULL, 100, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_memory(NULL, 100, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_memory(NULL, 0, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_UNSUPPORTED);
  tensorgate_report_free(report);
  report = tensorgate_check_path(NULL, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_callback(100, NULL, NULL, NULL);
  EXPECT(tensorgate_report_verdict(report) == undecided);
  tensorgate_report_free(report);
  report = tensorgate_check_safetensors_memory(NULL, 0, NULL);
  EXPECT(tensorgate_report_verdict(report) == TENSORGATE_REJECTED);
  EXPECT(tensorgate_report_tensor_count(report) == 0);
  tensorgate_report_free(report);
  tensorgate_report_free(NULL);
  tensorgate_options_init(NULL);
  EXPECT(tensorgate_report_verdict(NULL) == undecided);
  EXPECT(tensorgate_report_finding_count(NULL) == 0);
  EXPECT(tensorgate_report_reason(NULL, NULL) == 0);
  EXPECT(tensorgate_report_tensor_count(NULL) == 0);
  EXPECT(tensorgate_report_dropped_findings(NULL) == 0);
  EXPECT(tensorgate_report_bytes_read(NULL) == 0);
  EXPECT(strcmp(tensorgate_report_text(NULL), "") == 0);
  EXPECT(strcmp(tensorgate_report_json(NULL), "") == 0);
  EXPECT(strlen(tensorgate_version()) >= 5);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: capi_test SCRATCH_FILE\n");
    return 4;
  }
  TestAccepted();
  TestRejected();
  TestWhatToDo();
  TestOptions();
  TestWhatEndsEveryCall(argv[1]);
  TestSizesOfOptions();
  TestTimeout();
  TestStream();
  TestShortFinding();
  TestCallback();
  TestFiles(argv[1]);
  TestTrust();
  TestSafetensorsOnly(argv[1]);
  TestNonsense();
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
