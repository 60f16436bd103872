#!/bin/sh
# Installs other people's clients beside this file, once: TypeScript SDKs, the Inspector and the Node 22 that it needs
# (elsewhere than on Linux x64: the Node of the PATH), mcp 1 and FastMCP 4, the last two in environments of their own.
set -eu
cd "$(dirname "$0")"
if [ ! -x node_modules/.bin/mcp-inspector ] || [ package.json -nt node_modules/.package-lock.json ]; then
  npm install --no-package-lock --no-audit --no-fund --engine-strict=false
fi
for pinned in "mcp1 mcp==1.30.0" "fastmcp4 fastmcp==4.1.2"; do
  set -- $pinned
  if [ ! -f ".venv/$1/$2" ]; then
    "${PYTHON:-python3}" -m venv --clear ".venv/$1"
    ".venv/$1/bin/pip" install --quiet "$2"
    touch ".venv/$1/$2"
  fi
done
