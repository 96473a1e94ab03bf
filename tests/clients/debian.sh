#!/bin/sh
# Installs the programs that tests/clients drives and that are missing here: by apt-get, where this is root on Debian.
set -eu

missing=
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

need chromium chromium --version
need default-jdk-headless javac -version
need libodbc2 test -e "$(find /usr/lib -name libodbc.so.2 | head -n 1)"
need libdbd-pg-perl perl -MDBD::Pg -e 1
need libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
need odbc-postgresql test -e "$(find /usr/lib -path '*/odbc/psqlodbcw.so' 2>/dev/null | head -n 1)"
need odbcinst odbcinst -j
need postgresql test -e /usr/lib/postgresql/15/bin/postgres
need postgresql-client psql --version
need postgresql-contrib pgbench --version
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make test-clients needs Debian's packages:$missing"
    exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing
