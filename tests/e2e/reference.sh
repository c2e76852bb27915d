#!/bin/bash
# reference.sh - what the hub makes of its events is what a second evaluator makes of them, which was
# written to be read (tests/reference).
. "$(dirname "$0")/lib.sh"

add_up node tests/reference/check.mjs

finish
