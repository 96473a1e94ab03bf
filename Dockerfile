# Two users share one state volume: `publisher` (uid 10001) writes snapshots, `server` (uid 10002, the default) reads them.
#
#   docker build -t outport .
#   docker run --rm --user publisher -v outport:/var/lib/outport -v "$PWD/secret:/run/secret:ro" outport apply products/NAME
#   docker run --rm -v outport:/var/lib/outport -v "$PWD/secret:/run/secret:ro" outport principal add NAME --role ROLE
#   docker run -p 8080:8080 -p 8815:8815 -p 5433:5433 -v outport:/var/lib/outport -v "$PWD/secret:/run/secret:ro" \
#     -v "$PWD/server.pem:/run/tls/server.pem:ro" -v "$PWD/server.key:/run/tls/server.key:ro" outport

FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/outport
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY gateway gateway
COPY ports ports
RUN /opt/outport/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN groupadd --gid 10000 outport \
    && useradd --uid 10001 --gid outport --no-create-home --shell /usr/sbin/nologin publisher \
    && useradd --uid 10002 --gid outport --no-create-home --shell /usr/sbin/nologin server
# The state is sticky: each user may replace only what is its own. Snapshots belong to the publisher alone.
RUN install -d -o root -g outport -m 1770 /var/lib/outport \
    && install -d -o publisher -g outport -m 0750 /var/lib/outport/snapshots \
    && install -d -o server -g outport -m 0700 /var/lib/outport/audit /var/lib/outport/spill
COPY --from=build /opt/outport /opt/outport
WORKDIR /srv/outport
COPY policies policies
COPY products products
COPY projections projections
ENV PATH=/opt/outport/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OUTPORT_STATE=/var/lib/outport \
    OUTPORT_SECRET_KEY_FILE=/run/secret \
    OUTPORT_TLS_CERT=/run/tls/server.pem \
    OUTPORT_TLS_KEY=/run/tls/server.key \
    OUTPORT_HOST=0.0.0.0
VOLUME /var/lib/outport
EXPOSE 8080 8815 5433
USER server
# This machine asks itself, so whose certificate it is does not matter. With OUTPORT_TLS_CLIENT_CA give a check of your own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import ssl, urllib.request as u; u.urlopen('https://127.0.0.1:8080/health', timeout=2, context=ssl._create_unverified_context())"]
ENTRYPOINT ["outport"]
CMD ["serve"]
