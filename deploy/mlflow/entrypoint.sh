#!/bin/sh
# The command with PostgreSQL's password taken from a file into libpq's variable: it stands in no URI, in no list
# of processes and in no manifest.
set -eu

if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
exec "$@"
