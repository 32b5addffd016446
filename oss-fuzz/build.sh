#!/bin/bash -eu
# OSS-Fuzz and ClusterFuzzLite share one script.
exec "$SRC/tensorgate/scripts/oss_fuzz_build"
