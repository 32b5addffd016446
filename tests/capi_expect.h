/* Shared by the tests of the C interface: checks that are counted, and errors identified by their
 * rules. */
#ifndef TENSORGATE_TESTS_CAPI_EXPECT_H_
#define TENSORGATE_TESTS_CAPI_EXPECT_H_

#include <stdio.h>
#include <string.h>

#include "tensorgate.h"

static int failures = 0;
static int checks = 0;

#define EXPECT(condition)                                                     \
  do {                                                                        \
    ++checks;                                                                 \
    if (!(condition)) {                                                       \
      ++failures;                                                             \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                         \
  } while (0)

/* Expects that the call failed with this rule and has a text. Frees the error. */
static inline void ExpectError(tensorgate_error** error, const char* rule, int line) {
  ++checks;
  if (strcmp(tensorgate_error_rule(*error), rule) != 0 ||
      tensorgate_error_text(*error)[0] == '\0') {
    ++failures;
    fprintf(stderr, "line %d: error '%s' instead of '%s'\n", line, tensorgate_error_rule(*error),
            rule);
  }
  tensorgate_error_free(*error);
  *error = NULL;
}
#define EXPECT_ERROR(rule) ExpectError(&error, rule, __LINE__)

static inline tensorgate_text Text(const char* text) {
  tensorgate_text made = {text, strlen(text)};
  return made;
}

#endif /* TENSORGATE_TESTS_CAPI_EXPECT_H_ */
