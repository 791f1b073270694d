#!/bin/sh
# The shell's way: a curl a row, twenty at once. Arguments: SOURCE BASE_URL OUTPUT; PYTHON makes the bodies.
set -eu
"${PYTHON:-python3}" "$(dirname "$0")/payload_lines.py" "$1" |
  BASE_URL="$2" xargs -0 -n 2 -P 20 sh -c '
    exec curl -sS -o /dev/null -w "%{http_code}\n" -X PATCH -H "x-api-key: $HEFFL_API_KEY" \
      -H "content-type: application/json" -d "$1" "$BASE_URL/clients/$0"' >"$3"
