# Two stages: the first has what building needs, the second only Python and keyplan.
FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE /src/
COPY keyplan /src/keyplan
COPY schemas /src/schemas
RUN python3 -m venv /opt/keyplan \
 && /opt/keyplan/bin/pip install --no-cache-dir --disable-pip-version-check /src

FROM python:3.12-slim
LABEL org.opencontainers.image.title="keyplan" \
      org.opencontainers.image.description="Terraform-style plan and apply for Arize API keys" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/keyplan /opt/keyplan
ENV PATH=/opt/keyplan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["keyplan"]
