#!/bin/bash -eu
# What OSS-Fuzz and ClusterFuzzLite share is one script.
exec "$SRC/tensorgate/scripts/oss_fuzz_build"
