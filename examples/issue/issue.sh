#!/usr/bin/env bash
# HALLPASS_KEY=... HALLPASS_KEY_ID=... bash issue.sh ada@example.edu
set -euo pipefail
[[ $1 =~ ^[[:alnum:]@._+-]+$ ]] || { echo "not an e-mail address" >&2; exit 2; }
encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
sha256() { openssl dgst -sha256 -binary; }
# HMAC by its definition, because openssl takes the key as an argument, which a process list shows.
pad() { for ((i = 0; i < 64; i++)); do printf -v c %d "'${HALLPASS_KEY:i:1}"; printf -v c %02x $((c ^ $1)); printf "\\x$c"; done; }
header='{"alg":"HS256","typ":"JWT","kid":"'$HALLPASS_KEY_ID'"}'
claims='{"sub":"'${HALLPASS_KEY_ID%:*}'","exp":'$(($(date +%s) + 86400))',"jti":"'$(openssl rand -hex 16)'",
"user":"'$1'","models":["demo/*"],"spending_limit":2}'
input=$(printf %s "$header" | encode).$(printf %s "$claims" | encode)
echo "jwt:$input.$({ pad 0x5c; { pad 0x36; printf %s "$input"; } | sha256; } | sha256 | encode)"
