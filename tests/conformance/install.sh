#!/bin/sh
# Installs the official conformance suite beside this file, once, with the Node 22 that it needs (elsewhere than on Linux
# x64: the Node of the PATH).
set -eu
cd "$(dirname "$0")"
if [ ! -x node_modules/.bin/conformance ] || [ package.json -nt node_modules/.package-lock.json ]; then
  npm install --no-package-lock --no-audit --no-fund
fi
