#!/bin/sh
# Installs what the browser tests drive: Debian's Chromium, and the MCP Inspector beside this file. The Node that runs
# the Inspector (22.19 or newer) comes with the development dependencies.
set -eu
cd "$(dirname "$0")"
if ! command -v chromium >/dev/null; then
  apt-get update
  apt-get install -y --no-install-recommends chromium
fi
if [ ! -d node_modules/@modelcontextprotocol/inspector ] || [ package.json -nt node_modules/.package-lock.json ]; then
  npm install --no-package-lock --no-audit --no-fund
fi
