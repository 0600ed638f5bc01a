# One image, one entry point: `docker run … relance server`, `engine`, `worker`, or `run` for all on one machine.

FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/relance
ENV PATH=/opt/relance/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock .
RUN pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY server server
COPY bots bots
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes hatchling editables

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin relance \
    && install -d -o relance -g relance -m 0700 /data
COPY --from=build /opt/relance /opt/relance
ENV PATH=/opt/relance/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RELANCE_DATA_DIR=/data \
    RELANCE_HOST=0.0.0.0
USER relance
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# An engine or a worker serves no HTTP: run those with --no-healthcheck, their leases and /ready tell how they are.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('RELANCE_PORT') or '8080') + '/health', timeout=4)"]
ENTRYPOINT ["relance"]
CMD ["run"]
