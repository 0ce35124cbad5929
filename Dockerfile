# The image that runs the flows. It is built by `prefect deploy` (see prefect.yaml) or `docker build .`.
# docs/deployment.md says what is in it, how large it is and how to leave vendors out.
# The digest is the tag's of October 2026; `make images` writes today's. Another by hand: --build-arg PYTHON=<tag>@sha256:...
ARG PYTHON=3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# hadolint ignore=DL3006
FROM python:${PYTHON} AS build
ARG LEAVE_OUT=""
WORKDIR /build
COPY requirements.lock ./
# --no-deps: the lock is complete, and `pip check` proves it. Packages' own tests and C headers are never read by a run.
# LEAVE_OUT: packages of vendors that are not used, as in "dbt-dremio pymysql".
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes --only-binary=:all: -r requirements.lock \
    && python -m pip --python /opt/venv/bin/python check \
    && if [ -n "$LEAVE_OUT" ]; then \
        for package in $LEAVE_OUT; do python -m pip --python /opt/venv/bin/python uninstall --yes "$package"; done; fi \
    && for package in numpy pandas pyarrow scipy; do \
        find /opt/venv/lib/python3*/site-packages/"$package" -type d \( -name tests -o -path '*/pyarrow/include' \) \
            -prune -exec rm -r {} +; done
COPY blocks /app/blocks
COPY tasks /app/tasks
COPY flows /app/flows
COPY demo /app/demo
COPY dbt /app/dbt
COPY expectations /app/expectations
COPY deploy /app/deploy
COPY prefect.toml prefect.yaml /app/
RUN /opt/venv/bin/python -m compileall -q -j 0 /app

# hadolint ignore=DL3006
FROM python:${PYTHON}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ticket-to-dashboard" \
      org.opencontainers.image.description="From a ticket to a trusted dashboard: the flows and all they need" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed in this stage, and what could install is taken out.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel \
    && useradd --uid 10001 --create-home --home-dir /home/runner --shell /usr/sbin/nologin runner \
    && install -d -o runner -g runner /state \
    && test -s /etc/ssl/certs/ca-certificates.crt
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# Authorities of the base image, which is refreshed: dbt-snowflake holds certifi at those of January 2025.
# All that a run writes goes to /state (a volume) or /tmp, so the root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    HOME=/tmp \
    PREFECT_HOME=/tmp/prefect \
    PREFECT_LOGGING_SETTINGS_PATH=/app/deploy/logging.yaml \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=false \
    RUNTIME__DLTHUB_TELEMETRY=false
USER 10001:10001
VOLUME /state
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "/app/deploy/health.py"]
CMD ["python", "flows/main.py", "--state", "/state"]
