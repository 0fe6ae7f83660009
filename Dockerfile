# Two images of one release. Base images are named by tag; whoever can look up their digests may pin those as well.
#
#   docker build --target api -t phone-manager-api .          the server
#   docker build --target migrate -t phone-manager-migrate .  sqitch and psql, with what they deploy
#
# Both run as a user without rights, on a read-only file system; the server with several workers needs a /tmp to write in.

ARG PYTHON=3.13
ARG DEBIAN=trixie

# --- the server's packages: a layer that only a change of the lock renews -----------------------------------------------

FROM python:${PYTHON}-slim-${DEBIAN} AS packages
COPY requirements.txt /
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --quiet --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        --only-binary :all: --require-hashes --requirement /requirements.txt

# --- the server ---------------------------------------------------------------------------------------------------------

FROM python:${PYTHON}-slim-${DEBIAN} AS api
LABEL org.opencontainers.image.title="Phone Manager API" \
      org.opencontainers.image.description="The HTTP server; it needs a PostgreSQL with the schema of the same release" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /app --no-create-home phone-manager
COPY --from=packages /venv /venv
WORKDIR /app
COPY config/default.toml config/
COPY docs/openapi.yaml docs/
COPY app app/
RUN /venv/bin/python -m compileall -q app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PM__SERVER__HOST=0.0.0.0 \
    PM__SERVER__PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('localhost', int(os.environ['PM__SERVER__PORT']), timeout=5); c.request('GET', '/api/health/ready'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "app"]

# --- migrations: PGHOST, PGUSER and so on say where ---------------------------------------------------------------------

FROM debian:${DEBIAN}-slim AS migrate
LABEL org.opencontainers.image.title="Phone Manager migrations" \
      org.opencontainers.image.description="sqitch and psql; deploys the schema to the database that PGHOST, PGUSER … name" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates libdbd-pg-perl postgresql-client sqitch \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /migrations --no-create-home phone-manager
WORKDIR /migrations
COPY sqitch.conf sqitch.plan ./
COPY sql sql/
COPY deploy deploy/
COPY revert revert/
COPY verify verify/
# sqitch records who deployed.
ENV LC_ALL=C.UTF-8 \
    PGAPPNAME=sqitch \
    SQITCH_FULLNAME="Phone Manager" \
    SQITCH_EMAIL=phone-manager@localhost
USER 10001:10001
ENTRYPOINT ["sqitch"]
CMD ["deploy", "--verify", "db:pg:"]
