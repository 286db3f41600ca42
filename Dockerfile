# One image for every process of the bus: worker, connect, ledger, serve, apply. Locked packages, no compiler, no root.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
RUN python -m venv /opt/shutong
COPY deploy/requirements.lock /build/deploy/requirements.lock
RUN /opt/shutong/bin/pip install --no-cache-dir --require-hashes -r /build/deploy/requirements.lock
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY wire wire
COPY connectors connectors
COPY streams streams
COPY ledger ledger
COPY governance governance
COPY console console
COPY trial trial
RUN /opt/shutong/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin shutong \
 && install -d -o shutong -g shutong -m 700 /var/lib/shutong /var/lib/shutong/secrets
COPY --from=build /opt/shutong /opt/shutong
COPY --chmod=755 deploy/apply.sh /opt/shutong/bin/apply-city
ENV PATH=/opt/shutong/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SHUTONG_HOME=/var/lib/shutong
WORKDIR /var/lib/shutong
USER 10001:10001
ENTRYPOINT ["shutong"]
CMD ["--help"]
