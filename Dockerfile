# The server in a container. Listens on a Unix socket in /run/riskmask, which a sidecar's pipeline
# mounts too; docs/container.md says how to run it, also over TCP and on a GPU.
#
#   docker build -t riskmask .
#   docker build -t riskmask:gpu --build-arg EXTRA=server-gpu .

ARG BASE=python:3.12-slim

FROM ${BASE} AS wheel
WORKDIR /src
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY proto/riskmask proto/riskmask
COPY client/riskmask client/riskmask
COPY server/riskmask server/riskmask
COPY model/riskmask model/riskmask
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM ${BASE} AS install
# `server` runs on the CPU; `server-gpu` brings ONNX Runtime for CUDA and its libraries.
ARG EXTRA=server
COPY constraints.txt /src/constraints.txt
COPY --from=wheel /wheel /wheel
RUN python -m venv /opt/riskmask
RUN wheel="$(ls /wheel/*.whl)" \
  && /opt/riskmask/bin/python -m pip install --no-cache-dir --constraint /src/constraints.txt "$wheel[$EXTRA]"

FROM ${BASE} AS serve
# Owned by the user that serves, and the only place written to: the rest may be read-only.
RUN install --directory --owner=10001 --group=10001 --mode=0775 /run/riskmask
COPY --from=install /opt/riskmask /opt/riskmask
# ONNX Runtime 1.29 and later report their use to Microsoft unless told not to.
ENV PATH=/opt/riskmask/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    HOME=/run/riskmask \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RISKMASK_ADDRESS=unix:/run/riskmask/riskmask.sock
# By number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
WORKDIR /run/riskmask
VOLUME ["/run/riskmask"]
# Needs no token; asks the first address, where there are several.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD riskmask health --address "$RISKMASK_ADDRESS" > /dev/null
ENTRYPOINT ["riskmask", "serve"]
