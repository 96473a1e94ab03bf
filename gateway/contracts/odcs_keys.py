"""Which keys a server of each type and the options of each logical type take. Source: ODCS 3.2.0 JSON Schema. Pure."""

from __future__ import annotations

# type -> its keys; "!" marks a required one
SERVERS: dict[str, str] = {
    "api": "location!",
    "athena": "stagingDir schema! catalog regionName workgroup",
    "azure": "location! format! encoding delimiter",
    "bigquery": "project! dataset!",
    "btrieve": "host! port database!",
    "clickhouse": "host! port! database!",
    "cloudsql": "host! port! database! schema!",
    "custom": (
        "account catalog database dataset delimiter endpointUrl format encoding host location path port project region "
        "regionName schema serviceName stagingDir warehouse stream"
    ),
    "databricks": "host catalog! schema!",
    "db2": "host! port! database! schema",
    "denodo": "host! port! database",
    "dremio": "host! port! schema",
    "duckdb": "database! schema",
    "exasol": "host! port schema",
    "fastobjects": "database! host port",
    "glue": "account! database! location format encoding",
    "hana": "host! port database schema",
    "hive": "host! port database!",
    "iceberg": "catalog! catalogUrl! namespace warehouse",
    "impala": "host! port! database!",
    "informix": "host! port! database!",
    "ingres": "database! host! port",
    "kafka": "host! format encoding",
    "kinesis": "region format encoding",
    "local": "path! format! encoding",
    "mysql": "host! port! database!",
    "oracle": "host! port! serviceName!",
    "poet": "database! host port",
    "postgres": "host! port! database! schema!",
    "postgresql": "host! port! database! schema!",
    "presto": "host! catalog schema",
    "pubsub": "project!",
    "redshift": "host database! schema! region account",
    "s3": "location! endpointUrl format encoding delimiter",
    "sftp": "location! format encoding delimiter",
    "snowflake": "host port account! database! schema! warehouse",
    "sqlserver": "host! port database! schema!",
    "synapse": "host! port! database!",
    "teradata": "host! port database!",
    "trino": "host! port! catalog! schema!",
    "vectorwise": "database! host! port",
    "versant": "database! host port",
    "vertica": "host! port! database! schema!",
    "zen": "host! port database!",
}

_RANGE = "maximum exclusiveMaximum minimum exclusiveMinimum format"
OPTIONS: dict[str, str] = {
    "string": "minLength maxLength pattern format",
    "date": _RANGE,
    "timestamp": f"{_RANGE} timezone defaultTimezone",
    "time": f"{_RANGE} timezone defaultTimezone",
    "integer": f"{_RANGE} multipleOf",
    "number": f"{_RANGE} multipleOf",
    "object": "maxProperties minProperties required",
    "array": "maxItems minItems uniqueItems",
    "vector": "dimensions elementType distanceMetric embeddingModel embeddingModelVersion normalized",
}
