#!/bin/sh
# The shell's way: a curl a row, twenty at once. SOURCE BASE_URL OUTPUT; PYTHON makes the bodies.
set -eu
"${PYTHON:-python3}" -c '
import json, sys
from pathlib import Path
from payloads import read_payloads
for client_id, payload in read_payloads(Path(sys.argv[1])):
    print(client_id, json.dumps(json.dumps(payload)))
' "$1" |
  BASE_URL="$2" xargs -P 20 -L 1 sh -c '
    exec curl -sS -o /dev/null -w "%{http_code}\n" -X PATCH -H "x-api-key: $HEFFL_API_KEY" \
      -H "content-type: application/json" -d "$1" "$BASE_URL/clients/$0"' >"$3"
