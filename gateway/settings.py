"""Every setting of the gateway, from flags, `OUTPORT_*` and one TOML file. Touches that file and the environment only.

Precedence: what the caller passes (flags), then the environment, then the TOML file, then the default. The field
descriptions below are the only place where a setting is explained: flags and ports/command/README.md are checked
against them.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "OUTPORT_"
SIZE = r"^\d+(\.\d+)?\s?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$"
Port = Annotated[int, Field(ge=0, le=65535)]
_PATHS = (
    "products",
    "policies",
    "state",
    "secret_key_file",
    "secrets",
    "issuers",
    "alert_secret_file",
    "tls_cert",
    "tls_key",
    "tls_ca",
    "tls_client_ca",
)
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """The settings cannot be used. `findings` are lines that each name one setting and what would be right."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


class Settings(BaseSettings):
    """The frozen settings of one process. Raises SettingsError if a value or a key of the TOML file is wrong."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    config: Path | None = Field(None, description="the TOML file that holds any of these settings")
    products: Path = Field(Path("products"), description="folder of the declared products, one folder each")
    environment: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_-]{0,30}$",
        description="whose variables fill descriptors and models: `products/NAME/environments/ENVIRONMENT.yaml`",
    )
    policies: Path = Field(Path("policies"), description="folder of the policy files")
    state: Path = Field(Path(".outport"), description="folder of snapshots, principals and audit")
    host: str = Field("127.0.0.1", min_length=1, description="address that the doors listen on")
    http_port: Port = Field(8080, description="TCP port of REST and the page; 0 takes a free one")
    flight_port: Port = Field(8815, description="TCP port of Arrow Flight SQL; 0 takes a free one")
    postgres_port: Port = Field(5433, description="TCP port of the PostgreSQL wire protocol; 0 takes a free one")
    flight_connections: int = Field(1000, ge=1, description="TLS connections to Arrow Flight SQL at once")
    postgres_connections: int = Field(200, ge=1, description="connections to the PostgreSQL wire at once")
    postgres_principal_connections: int = Field(100, ge=1, description="of these, connections of one principal")
    postgres_sign_in_s: Seconds = Field(10.0, description="seconds that a connection there may take to sign in")
    postgres_idle_session_s: Seconds = Field(
        3600.0, description="seconds that a connection there may be idle before it is closed"
    )
    postgres_idle_transaction_s: Seconds = Field(600.0, description="the same within a transaction")
    postgres_message_bytes: int = Field(
        16_777_216,
        ge=65_536,
        le=1_073_741_823,
        description="bytes of a message there, and of the prepared statements or bound parameters of a connection",
    )
    postgres_statements: int = Field(1000, ge=1, description="prepared statements of one connection there")
    postgres_portals: int = Field(100, ge=1, description="portals and cursors of one connection there")
    graphql_depth: int = Field(15, ge=3, le=100, description="levels of fields in a GraphQL document")
    graphql_aliases: int = Field(100, ge=0, description="aliases in it")
    graphql_tokens: int = Field(5000, ge=10, description="tokens of it")
    graphql_rows: int = Field(1000, ge=1, description="rows of one list of it (for each parent) or page")
    graphql_cost: int = Field(100_000, ge=1, description="rows that its lists, multiplied, may come to")
    graphql_sockets: int = Field(
        500, ge=0, description="web sockets of one process; one principal has half of them at most"
    )
    mcp_tokens: int = Field(
        20_000, ge=500, le=1_000_000, description="tokens of one answer to an agent (MCP), one for every 3 bytes"
    )
    mcp_rows: int = Field(1000, ge=1, le=100_000, description="rows of one answer there")
    mcp_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="address of that door as its clients call it; unset: by their Host header",
    )
    secrets: Path | None = Field(
        None, description="folder of the secrets that contracts of inputs name as ${secret:NAME}, a file each"
    )
    source_s: Seconds = Field(600.0, description="seconds that reading one table of another database may take")
    build_s: Seconds = Field(
        3600.0, description="seconds that building one snapshot may take, its models included, before it is ended"
    )
    push_bytes: int = Field(67_108_864, ge=1024, description="bytes of one push to an input of a product")
    push_store_bytes: int = Field(
        10_737_418_240, ge=1024, description="bytes that are kept of all pushes to a table of an input"
    )
    feedback_hourly: int = Field(20, ge=0, description="times an hour that one principal gives feedback on a product")
    secret_key: SecretStr | None = Field(
        None,
        description="secrets of at least 32 bytes, one a line, that keys derive from: the first signs, all are taken",
    )
    secret_key_file: Path | None = Field(None, description="file that holds them, instead of `secret_key`")
    mask_key: SecretStr | None = Field(None, description="secret of the pseudonyms; unset: the last of `secret_key`")
    mask_key_file: Path | None = Field(None, description="file that holds it, instead of `mask_key`")
    mask_key_version: int = Field(
        1, ge=1, description="change it, and with the next publication every pseudonym changes"
    )
    issuers: Path | None = Field(None, description="YAML file of the OpenID Connect issuers whose tokens are taken")
    hub_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+$",
        description="address of the hub in browsers, to which issuers send people back; unset: http(s)://host:http_port",
    )
    http_hosts: str | None = Field(
        None,
        pattern=r"^[^\s,/:*]+(, *[^\s,/:*]+)*$",
        description="names that the web door answers to, beside that of `hub_url`, localhost and addresses, "
        "separated by commas; unset: every name, in the demo no other",
    )
    tls_cert: Path | None = Field(None, description="PEM file of the certificate of every door, its chain after it")
    tls_key: Path | None = Field(None, description="PEM file of that certificate's private key")
    tls_ca: Path | None = Field(None, description="PEM file by which clients trust it; unset: their system's")
    tls_client_ca: Path | None = Field(None, description="PEM file of authorities; clients must show their certificate")
    demo: bool = Field(False, description="demo personas and a generated secret; loopback only")
    workers: int = Field(1, ge=1, le=64, description="processes that serve together, each with an engine of its own")
    worker_silent_s: Seconds = Field(30.0, description="seconds after which one that answers nothing is replaced")
    threads: int | None = Field(None, ge=1, description="threads of an engine; unset: one a core")
    memory_limit: str | None = Field(
        None,
        pattern=SIZE,
        description="memory of the engines together, such as 4GB",
    )
    concurrency: int | None = Field(None, ge=1, description="queries that run at once; unset: two a core")
    principal_concurrency: int | None = Field(None, ge=1, description="of these, queries of one principal")
    queue_s: Seconds = Field(5.0, description="seconds that a query waits for its turn before it is refused")
    compute_s: Seconds = Field(60.0, description="seconds of computing before a query is stopped")
    idle_s: Seconds = Field(60.0, description="seconds that a client may leave a result unread before it is closed")
    max_rows: int | None = Field(None, ge=1, description="rows of one answer")
    max_bytes: str | None = Field(None, pattern=SIZE, description="bytes of one answer as Arrow, such as 2GB")
    query_memory: str | None = Field(
        None, pattern=SIZE, description="memory of one query's sorts and hash tables before they spill, such as 512MB"
    )
    temp_limit: str | None = Field(
        None, pattern=SIZE, description="disk that the engines together may spill to, such as 20GB"
    )
    cost_limit: float = Field(
        1e13, ge=0, allow_inf_nan=False, description="rows that a query's joins may make by estimate; 0: no limit"
    )
    retain_s: Seconds = Field(600.0, description="seconds that a replaced snapshot stays for those who pinned it")
    refresh_attempts: int = Field(5, ge=1, le=20, description="times that a refresh is tried before it has failed")
    refresh_backoff_s: Seconds = Field(
        30.0, description="seconds before it is tried again; twice as many each time, an hour at most"
    )
    ledger_days: int = Field(400, ge=2, description="days that the ledger is kept: runs, quality, use, promises")
    outport_s: Seconds = Field(
        300.0, description="seconds between publications of the product `outport`, made of the ledger"
    )
    alert_urls: str | None = Field(
        None,
        pattern=r"^https?://[^\s,@#]+(, *https?://[^\s,@#]+)*$",
        description="addresses that alerts are sent to, separated by commas; https, or http on this machine",
    )
    alert_secret_file: Path | None = Field(None, description="file of the secret that signs them, of 24 bytes or more")
    alert_window_s: Seconds = Field(3600.0, description="seconds in which the same alert is raised once")
    rate_limit: int = Field(
        60_000,
        ge=0,
        description="requests a minute of one principal, statements of SQL too; 0: no limit",
    )
    budget_queries: int | None = Field(None, ge=1, description="queries of one principal in a window of the budget")
    budget_compute_s: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="seconds that they may compute in it"
    )
    budget_window_s: Seconds = Field(3600.0, description="seconds of such a window")
    cors_origins: str | None = Field(
        None,
        pattern=r"^https?://[^\s,/*]+(, *https?://[^\s,/*]+)*$",
        description="origins whose pages may ask from a browser, such as https://a.example, separated by commas",
    )
    audit_required: bool = Field(
        True, description="refuse queries while their records cannot be written; else count them"
    )
    audit_file_bytes: int = Field(
        268_435_456, ge=65_536, description="bytes of an audit file before the next one is begun"
    )
    audit_daily: bool = Field(True, description="begin an audit file on each day, UTC")
    audit_head_s: float = Field(
        3600.0, ge=0, allow_inf_nan=False, description="seconds between log lines of the audit's head; 0: none"
    )
    slo_s: Seconds = Field(15.0, description="seconds between looks at how objectives are kept")
    price_cpu_hour: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="what an hour of computing costs, on scorecards"
    )
    price_gigabyte: float = Field(0.0, ge=0, allow_inf_nan=False, description="what a gigabyte that leaves costs there")
    metrics_role: str = Field("metrics", min_length=1, description="role that reads /metrics from other machines")
    telemetry: bool = Field(False, description="send OpenTelemetry traces; `OTEL_*` variables say where to")
    drain_s: Seconds = Field(10.0, description="seconds that running answers get to end when the server stops")

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise SettingsError(tuple(_line(finding) for finding in error.errors())) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, TOML: in this order. No .env file is read."""
        return init_settings, env_settings, _Toml(settings_cls, init_settings)

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`, each exactly as browsers send it."""
        return tuple(origin.strip() for origin in (self.cors_origins or "").split(",") if origin)

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """The addresses of `alert_urls`."""
        return tuple(url.strip() for url in (self.alert_urls or "").split(",") if url)

    @property
    def principals(self) -> Path:
        """The directory's file."""
        return self.state / "principals.yaml"

    @property
    def audit(self) -> Path:
        """The folder of audit records."""
        return self.state / "audit"

    @property
    def feedback(self) -> Path:
        """The folder of what is said of products."""
        return self.state / "feedback"

    @property
    def mask_keys(self) -> Path:
        """Which mask key pseudonyms were made with, by digests."""
        return self.state / "mask_keys.json"

    @property
    def demo_key(self) -> Path:
        """The secret that the demo made for itself."""
        return self.state / "demo.key"


class _Toml(PydanticBaseSettingsSource):
    """The settings in the TOML file that `config` names; relative paths in it start at its folder."""

    def __init__(self, settings_cls: type[BaseSettings], flags: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._flags = flags

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: __call__ gives all values at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        named = self._flags().get("config") or os.environ.get(PREFIX + "CONFIG")
        return _read(Path(named), self.settings_cls) if named else {}


def _read(path: Path, settings_cls: type[BaseSettings]) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError((f"config: {path} cannot be read ({error.strerror})",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError((f"config: {path} is not TOML: {error}",)) from error
    known = [name for name in settings_cls.model_fields if name != "config"]
    unknown = tuple(f"{path}: {_unknown(name, known)}" for name in values if name not in known)
    if unknown:
        raise SettingsError(unknown)
    paths = [name for name in _PATHS if isinstance(values.get(name), str)]
    return values | {name: path.parent / values[name] for name in paths}


def _unknown(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    advice = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(known)}"
    return f"unknown setting {name}; {advice}"


def _line(finding: Any) -> str:
    """One pydantic finding without its input: a secret's value must not be printed."""
    name = str(finding["loc"][0]) if finding["loc"] else "settings"
    if finding["type"] == "extra_forbidden":
        return _unknown(name, list(Settings.model_fields))
    return f"{name}: {finding['msg'][:1].lower()}{finding['msg'][1:]} ({PREFIX}{name.upper()})"


def shared_memory(limit: str, count: int) -> str:
    """The share of one of `count` processes of `memory_limit`."""
    number = limit.rstrip(" BKMGTi")
    return f"{float(number) / count:g}{limit[len(number) :]}"
