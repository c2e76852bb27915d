#!/bin/sh
# webhook-test.sh - send a receiver the request that Belfry would send it, signature and all.
#
# For whoever writes a receiver: no hub is needed, only curl and openssl.
#
#   API_ENDPOINT=http://127.0.0.1:8000/hook SECRET=s3cret PAYLOAD='{"a":"b"}' webhook-test.sh
#
# All is said by the environment, so that no secret stands on a command line, which every user of the
# machine can read:
#
#   API_ENDPOINT     where to (required)
#   PAYLOAD          the body, JSON; or PAYLOAD_FILE, a file with it (default: {})
#   SECRET           signs the body; or SECRET_FILE, a file whose first line it is.  Without either the
#                    request is not signed
#   FORMAT           wandb (default: base64), hex, sha256=hex, or standard-webhooks (whsec_ keys)
#   PREVIOUS_SECRET  of standard-webhooks: signs as well, as while a key is being changed
#   SIGNATURE_HEADER of the other formats (default: X-Wandb-Signature)
#   ACCESS_TOKEN     sent as Authorization: Bearer
#   METHOD           POST (default), PUT or PATCH
#   HEADERS          further headers, one "Name: value" a line
#   ID               Idempotency-Key and webhook-id; the same again is a repeat (default: a new one)
#   TIMESTAMP        of standard-webhooks, seconds since 1970 (default: now)
#   CAUSE            what began it, an event's id (default: ID)
#   CLIENT_CERT, CLIENT_KEY, CA    files in PEM: a certificate to show, its key, whom to trust
#
# Prints the answer, and to standard error how it was signed.  Gives 0 if the receiver said 2xx, 1 if it
# said anything else, 2 if the request cannot be made, and curl's own status where nobody answered.
#
# The HMAC is put together of two plain SHA-256, for openssl's own wants its key on the command line.
# Here the key stays in the shell, whose printf is a part of it.
set -eu

VERSION=0.1.0                   # the Belfry whose request it is

fail() {
    echo "webhook-test.sh: $1" >&2
    exit 2
}

[ -n "${API_ENDPOINT-}" ] || fail "say where to: API_ENDPOINT=https://…; the head of this file tells the rest"
[ -z "${SECRET_FILE-}" ] || IFS= read -r SECRET <"$SECRET_FILE" || [ -n "$SECRET" ] ||
    fail "there is no secret in $SECRET_FILE"
secret=${SECRET-} previous=${PREVIOUS_SECRET-} token=${ACCESS_TOKEN-}
unset SECRET PREVIOUS_SECRET ACCESS_TOKEN       # curl and openssl need not have them
method=${METHOD:-POST}
format=${FORMAT:-wandb}

case "$format" in
wandb | hex | sha256=hex)
    [ -z "$previous" ] || fail "only FORMAT=standard-webhooks carries two signatures" ;;
standard-webhooks)
    [ -n "$secret" ] || fail "FORMAT=standard-webhooks needs a SECRET" ;;
*)
    fail "there is no FORMAT=$format; there are wandb, hex, sha256=hex and standard-webhooks" ;;
esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' INT TERM
if [ -n "${PAYLOAD_FILE-}" ]; then
    cat "$PAYLOAD_FILE" >"$tmp/body" || fail "cannot read $PAYLOAD_FILE"
else
    printf %s "${PAYLOAD-"{}"}" >"$tmp/body"
fi

# --- signing

to_hex() { od -An -v -tx1 | tr -d ' \n'; }

random_id() { # as the hub's: 26 characters that begin with the time
    printf '01%s' "$(openssl rand -hex 12 | tr a-f A-F)"
}

# The bytes of HEX, each xor MASK.
bytes() { # HEX MASK
    left=$1 text=
    while [ -n "$left" ]; do
        byte=$((0x${left%"${left#??}"} ^ $2)) left=${left#??}
        text=$text\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
    done
    # shellcheck disable=SC2059 # the format is the text: \ooo\ooo…
    printf "$text"
}

# HMAC-SHA256 of a file (RFC 2104), as bytes: SHA-256 of the key xor 5c and SHA-256 of the key xor 36
# and the file.
hmac() { # KEY_IN_HEX FILE
    key=$1
    [ ${#key} -le 128 ] || key=$(bytes "$key" 0 | openssl dgst -sha256 -binary | to_hex)
    while [ ${#key} -lt 128 ]; do key=${key}00; done
    { bytes "$key" 54; cat "$2"; } | openssl dgst -sha256 -binary >"$tmp/inner"
    { bytes "$key" 92; cat "$tmp/inner"; } | openssl dgst -sha256 -binary
}

# One signature of standard-webhooks; behind whsec_ a key is base64.
standard() { # KEY
    case "$1" in
    whsec_*) in_hex=$(printf %s "${1#whsec_}" | openssl base64 -d -A | to_hex) ;;
    *) in_hex=$(printf %s "$1" | to_hex) ;;
    esac
    [ -n "$in_hex" ] || fail "behind whsec_ there must be base64"
    printf 'v1,%s' "$(hmac "$in_hex" "$tmp/covered" | openssl base64 -A)"
}

signature() {
    case "$format" in
    wandb) hmac "$(printf %s "$secret" | to_hex)" "$tmp/body" | openssl base64 -A ;;
    hex) hmac "$(printf %s "$secret" | to_hex)" "$tmp/body" | to_hex ;;
    sha256=hex) printf 'sha256=%s' "$(hmac "$(printf %s "$secret" | to_hex)" "$tmp/body" | to_hex)" ;;
    standard-webhooks)
        { printf '%s.%s.' "$id" "$stamp"; cat "$tmp/body"; } >"$tmp/covered"
        standard "$secret"
        [ -z "$previous" ] || { printf ' '; standard "$previous"; } ;;
    esac
}

# --- the request, as lines that curl reads from its standard input

option() { # NAME VALUE
    printf '%s = "' "$1"
    printf %s "$2" | sed 's/[\\"]/\\&/g'
    printf '"\n'
}

further() { # an empty value is "Name;" to curl
    printf '%s\n' "${HEADERS-}" | sed 's/:[[:space:]]*$/;/' | while IFS= read -r line; do
        [ -z "$line" ] || option header "$line"
    done
}

id=${ID:-$(random_id)}
stamp=${TIMESTAMP:-$(date +%s)}
[ -z "$secret" ] || signed=$(signature)

request() {
    echo globoff                # an address may hold [ and {
    option url "$API_ENDPOINT"
    option request "$method"
    option user-agent "belfry/$VERSION"
    option data-binary "@$tmp/body"
    [ -z "$token" ] || option header "Authorization: Bearer $token"
    option header "Idempotency-Key: $id"
    further
    option header "Content-Type: application/json"
    option header "Belfry-Hops: 1"
    option header "Belfry-Cause: ${CAUSE:-$id}"
    if [ "$format" = standard-webhooks ]; then
        option header "webhook-id: $id"
        option header "webhook-timestamp: $stamp"
        option header "webhook-signature: $signed"
    elif [ -n "$secret" ]; then
        option header "${SIGNATURE_HEADER:-X-Wandb-Signature}: $signed"
    fi
    option header "Expect:"
    [ -z "${CLIENT_CERT-}" ] || option cert "$CLIENT_CERT"
    [ -z "${CLIENT_KEY-}" ] || option key "$CLIENT_KEY"
    [ -z "${CA-}" ] || option cacert "$CA"
}

# --- sent, and what comes back

[ -z "$secret" ] || echo "signed as $format: $signed" >&2
rc=0
request | curl -q -sS --http1.1 --noproxy '*' --max-time 15 -D "$tmp/head" -o "$tmp/answer" -K - || rc=$?
[ $rc -eq 0 ] || exit $rc
tr -d '\r' <"$tmp/head"
cat "$tmp/answer" 2>/dev/null || :
case "$(head -n 1 "$tmp/head")" in
HTTP/*' 2'[0-9][0-9]*) exit 0 ;;
*) exit 1 ;;
esac
