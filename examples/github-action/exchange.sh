#!/usr/bin/env bash
# Exchanges the workflow's OIDC token for a scoped token (RFC 8693). Needs curl, and "permissions: id-token: write".
set -euo pipefail

if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
  echo '::error::the workflow needs "permissions: id-token: write"'
  exit 1
fi
issuer="${HALLPASS_URL%/}"
issuer="${issuer%/v1}"

# One member of a JSON object of texts and numbers.
member() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }

# The audience is the gateway. Of this URL, only slashes and colons need escaping.
audience="$(printf %s "$issuer" | sed 's/:/%3A/g; s/\//%2F/g')"
jwt="$(printf 'header = "authorization: bearer %s"' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
  curl -sS --fail --config - "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience" | member value)"
echo "::add-mask::$jwt"

# The form goes through standard input, because other processes can see arguments.
answer="$(
  {
    printf 'data-urlencode = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange"\n'
    printf 'data-urlencode = "subject_token_type=urn:ietf:params:oauth:token-type:jwt"\n'
    printf 'data-urlencode = "subject_token=%s"\n' "$jwt"
    [ -z "${HALLPASS_RULE:-}" ] || printf 'data-urlencode = "rule=%s"\n' "$HALLPASS_RULE"
    [ -z "${HALLPASS_MODELS:-}" ] || printf 'data-urlencode = "models=%s"\n' "$HALLPASS_MODELS"
    [ -z "${HALLPASS_SPENDING_LIMIT:-}" ] ||
      printf 'data-urlencode = "spending_limit=%s"\n' "$HALLPASS_SPENDING_LIMIT"
  } | curl -sS --config - "$issuer/oauth/token"
)"
token="$(printf %s "$answer" | member access_token)"
if [ -z "$token" ]; then
  echo "::error::$(printf %s "$answer" | sed 's/\\"/'"'"'/g' | member error_description)"
  exit 1
fi
echo "::add-mask::$token"
echo "token=$token" >>"$GITHUB_OUTPUT"
