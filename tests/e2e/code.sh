#!/bin/bash
# code.sh - automations as code: what is written of them is read as the same.
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1

# --- written and read again ------------------------------------------------------

node tests/reference/automations.mjs "${AUTOMATIONS:-600}" "${SEED:-1}" >"$tmp/automations"
rewrite() { "$B"/tests/reference/rewrite <"$tmp/automations"; }
add_up rewrite

finish
