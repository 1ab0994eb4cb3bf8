# Two stages: the first has what building needs, the second only Python and keyplan.
#
# A tag moves, a digest does not. Whoever releases the image pins the base, for all architectures at once:
#   docker buildx imagetools inspect python:3.12-slim      # tells the digest
#   docker build --build-arg PYTHON_IMAGE=docker.io/library/python:3.12-slim@sha256:DIGEST .
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
# Sinks and ledgers beside those that need nothing, by the names of their extras: --build-arg EXTRAS=vault,age
ARG EXTRAS=""
WORKDIR /src
COPY requirements /src/requirements
COPY pyproject.toml README.md LICENSE /src/
COPY keyplan /src/keyplan
COPY schemas /src/schemas
# Both secrets are optional and in no layer: a pip.conf for an index of your own, and the authorities to trust for it.
# The sandbox is always there, since `keyplan demo` is what one tries first. What the locks pin is installed, by its
# digests, and nothing else; hatchling stays in this stage. Byte code names no time, so that two builds can agree.
RUN --mount=type=secret,id=pip_config,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi \
 && export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
 && set -- -r requirements/core.lock \
 && IFS=, && for extra in sandbox ${EXTRAS}; do set -- "$@" -r "requirements/${extra}.lock"; done && unset IFS \
 && python3 -m venv --without-pip /opt/keyplan \
 && python3 -m pip --python /opt/keyplan/bin/python3 install --require-hashes --no-compile "$@" \
 && python3 -m pip install --require-hashes -r requirements/build.lock \
 && python3 -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python3 -m pip --python /opt/keyplan/bin/python3 install --no-deps --no-index --no-compile /wheels/*.whl \
 && PYTHONHASHSEED=0 python3 -m compileall -qf --invalidation-mode unchecked-hash /opt/keyplan/lib

FROM ${PYTHON_IMAGE}
# Nothing is installed at run time, so nothing that installs stays. The folder belongs to group 0 as well, since some
# clusters choose a user of their own and give it that group.
RUN ensurepip="$(python3 -Bc 'import ensurepip; print(ensurepip.__path__[0])')" \
 && python3 -Bm pip uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip \
 && rm -rf "${ensurepip}" \
 && install -d -o 10001 -g 0 -m 0775 /work
COPY --from=build /opt/keyplan /opt/keyplan
ENV PATH=/opt/keyplan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 10001:10001
# As PID 1 keyplan hears SIGTERM itself: it finishes the key that is under way, and tells what it left.
ENTRYPOINT ["keyplan"]

# Last, so that a new time or commit builds nothing anew.
ARG CREATED=""
ARG REVISION=""
ARG VERSION=""
ARG SOURCE=""
ARG URL="${SOURCE}"
ARG DOCUMENTATION="${SOURCE}"
ARG VENDOR="The keyplan authors"
LABEL org.opencontainers.image.title="keyplan" \
      org.opencontainers.image.description="Terraform-style plan and apply for Arize API keys" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="${VENDOR}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${URL}" \
      org.opencontainers.image.documentation="${DOCUMENTATION}"
