#!/usr/bin/env bash
# Generates the Python stubs beside the proto.
#
#   proto/generate.sh          write them
#   proto/generate.sh --check  write them elsewhere and fail if the committed ones differ
#
# Stubs refuse to run under a grpcio or protobuf older than their generator, so the generator is
# the oldest grpcio-tools that the project supports. It lives in an environment of its own: its
# protobuf range conflicts with the project's.
set -euo pipefail

tools="grpcio-tools==1.80.1"
typing="mypy-protobuf==5.1.0" # types for the service stubs, which protoc leaves untyped

proto="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="$(dirname "$proto")/.venv-proto"
source="riskmask/v1/riskmask.proto"

case "${1:-}" in
"" | --check) ;;
*)
  echo "usage: ${0##*/} [--check]" >&2
  exit 2
  ;;
esac

installed="$("$venv/bin/python" -m pip freeze 2>/dev/null || true)"
if ! grep -qx "$tools" <<<"$installed" || ! grep -qx "$typing" <<<"$installed"; then
  "${PYTHON:-python3}" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$tools" "$typing"
fi

fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
"$venv/bin/python" -m grpc_tools.protoc --proto_path="$proto" \
  --plugin=protoc-gen-mypy_grpc="$venv/bin/protoc-gen-mypy_grpc" \
  --python_out="$fresh" --pyi_out="$fresh" --grpc_python_out="$fresh" --mypy_grpc_out=quiet:"$fresh" \
  "$source"

if [[ "${1:-}" == --check ]]; then
  for file in "$fresh"/riskmask/v1/*; do
    if ! diff -u "$proto/riskmask/v1/${file##*/}" "$file"; then
      echo "The stubs do not match $source: run proto/generate.sh and commit the result." >&2
      exit 1
    fi
  done
  echo "stubs match $source"
else
  cp "$fresh"/riskmask/v1/* "$proto/riskmask/v1/"
fi
