/* A user's program in C11. */
#include <stdio.h>
#include <tensorgate.h>

int main(int argc, char** argv) {
  tensorgate_report* report;
  tensorgate_finding finding;
  tensorgate_verdict verdict;
  if (argc != 2) return 4;
  report = tensorgate_check_path(argv[1], NULL);
  verdict = tensorgate_report_verdict(report);
  finding.struct_size = sizeof finding;
  if (verdict == TENSORGATE_ACCEPTED)
    printf("%d tensors\n", (int)tensorgate_report_tensor_count(report));
  if (tensorgate_report_reason(report, &finding)) puts(finding.rule);
  tensorgate_report_free(report);
  return verdict == TENSORGATE_ACCEPTED ? 0 : 1;
}
