#!/bin/sh
# SPDX-License-Identifier: MIT -- all tables, figures and pages again, as docs/ARTIFACT.md has them: sh reproduce.sh
cd "$(dirname "$0")" && exec make -f Makefile.repro deps tables figures report "$@"
