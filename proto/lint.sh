#!/usr/bin/env bash
# Lints the contract with buf's STANDARD rules.
set -euo pipefail

version="1.75.0"
proto="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tools="$(dirname "$proto")/.venv-proto-buf" # git-ignored like every environment

if [[ "$("$tools/node_modules/.bin/buf" --version 2>/dev/null)" != "$version" ]]; then
  mkdir -p "$tools"
  npm install --prefix "$tools" --no-save --silent "@bufbuild/buf@$version"
fi
"$tools/node_modules/.bin/buf" lint "$proto"
"$tools/node_modules/.bin/buf" format --diff --exit-code "$proto"
echo "contract lints"
