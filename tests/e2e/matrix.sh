#!/bin/bash
# matrix.sh - who may do what: matrix.table, tried.
. "$(dirname "$0")/lib.sh"

need_npm
start_hub
add_up node tests/e2e/matrix.mjs "$URL" "$KEY" tests/e2e/matrix.table
finish
