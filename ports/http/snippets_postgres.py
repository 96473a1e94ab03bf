"""What tools of the PostgreSQL wire take in: connection strings, URLs and Metabase's form. Pure."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote, urlencode

from gateway import Bearer, Password
from ports.http.reach import Login, Reach

DATABASE = "outport"
# Where a client's own certificate stands in what is printed: it is the client's, so its place is not known here.
CERT, KEY = "client.pem", "client.key"
# pgjdbc reads keys in PKCS-8's binary form, and the Java system's trust by a factory of its own.
_JDBC_KEY, _JDBC_TRUST = "client.pk8", "org.postgresql.ssl.DefaultJavaSSLFactory"


def conninfo(credentials: Login, at: Reach, **more: str) -> str:
    """What libpq and its like connect with (PostgreSQL 15, 34.1.1); a token is the password of the user `token`."""
    user, password = _login(credentials)
    host, number = at.address
    given: dict[str, object] = {"host": host, "port": number, "dbname": DATABASE, "user": user, "password": password}
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in (given | more | _trust(at)).items())


def psycopg(credentials: Login, sql: str, at: Reach) -> str:
    """Python that asks `sql` over the PostgreSQL wire."""
    return "\n".join(
        [
            "import psycopg",
            f"with psycopg.connect({json.dumps(conninfo(credentials, at))}) as door:",
            f"    for row in door.execute({json.dumps(sql)}):",
            "        print(row)",
        ]
    )


def psql(credentials: Login, product: str, sql: str, at: Reach) -> str:
    """One shell line that asks `sql`; without its end it is a shell of SQL, in which \\d lists the product's tables."""
    place = conninfo(credentials, at, options=f"-csearch_path={product}")
    return f"psql {shlex.quote(place)} -c {shlex.quote(sql)}"


def sqlalchemy(credentials: Login, sql: str, at: Reach) -> str:
    """Python that asks `sql` through SQLAlchemy."""
    return "\n".join(
        [
            "import sqlalchemy",
            f"engine = sqlalchemy.create_engine({json.dumps(uri('postgresql+psycopg', credentials, at))})",
            "with engine.connect() as door:",
            f"    for row in door.execute(sqlalchemy.text({json.dumps(sql)})):",
            "        print(row)",
            "engine.dispose()",
        ]
    )


def uri(scheme: str, credentials: Login, at: Reach) -> str:
    """A URI as SQLAlchemy takes it: Superset's "SQLAlchemy URI" is one."""
    user, password = (quote(part, safe="") for part in _login(credentials))
    return f"{scheme}://{user}:{password}@{_place(at)}/{DATABASE}{_query(_trust(at))}"


def jdbc(credentials: Login, at: Reach) -> str:
    """pgjdbc's URL, which DBeaver, DataGrip, Tableau and others take as well."""
    user, password = _login(credentials)
    return f"jdbc:postgresql://{_place(at)}/{DATABASE}{_query({'user': user, 'password': password} | _jdbc_trust(at))}"


def metabase(credentials: Login, at: Reach) -> str:
    """A database as Metabase's form and its `POST /api/database` have it."""
    user, password = _login(credentials)
    host, number = at.address
    details: dict[str, object] = {"host": host, "port": number, "dbname": DATABASE, "user": user, "password": password}
    details["ssl"] = at.trust is not None
    options = {name: value for name, value in _jdbc_trust(at).items() if name != "sslmode"}
    if at.trust is not None:
        details["ssl-mode"] = "verify-full"
        details["additional-options"] = urlencode(options)
    return json.dumps({"engine": "postgres", "name": DATABASE, "details": details}, indent=2)


def _login(credentials: Login) -> tuple[str, str]:
    match credentials:
        case Password(subject, secret):
            return subject, secret
        case Bearer(token):
            return "token", token


def _trust(at: Reach) -> dict[str, str]:
    if at.trust is None:
        return {}
    files = {"sslcert": CERT, "sslkey": KEY} if at.trust.mutual else {}
    return {"sslmode": "verify-full", "sslrootcert": str(at.trust.ca or "system"), **files}


def _jdbc_trust(at: Reach) -> dict[str, str]:
    if at.trust is None:
        return {}
    files = {"sslcert": CERT, "sslkey": _JDBC_KEY} if at.trust.mutual else {}
    trusted = {"sslfactory": _JDBC_TRUST} if at.trust.ca is None else {"sslrootcert": str(at.trust.ca)}
    return {"sslmode": "verify-full", **trusted, **files}


def _query(options: dict[str, str]) -> str:
    return f"?{urlencode(options, quote_via=quote)}" if options else ""


def _place(at: Reach) -> str:
    host, number = at.address
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _quoted(value: str) -> str:
    plain = value and not set(value) & set(" '\\")
    return value if plain else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
