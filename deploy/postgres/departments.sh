#!/bin/sh
# Run once by the postgres image on an empty volume: a database and its owner for each department of the trial city, and
# the tables its source connectors follow, empty. psql takes the passwords from the environment: no process list shows them.
set -eu

query() {
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" "$@"
}

department() {
    # $1: the department; $2: the variable of its password
    query --dbname postgres --set name="$1" <<SQL
\getenv word $2
CREATE ROLE :"name" LOGIN PASSWORD :'word';
CREATE DATABASE :"name" OWNER :"name";
SQL
}

tables() {
    # $1: the department, who owns what standard input makes
    { printf 'SET ROLE %s;\n' "$1"; cat; } | query --dbname "$1"
}

: "${CIVIL_PASSWORD:?}" "${HEALTH_PASSWORD:?}" "${POLICE_PASSWORD:?}"
department civil CIVIL_PASSWORD
department health HEALTH_PASSWORD
department police POLICE_PASSWORD

tables civil <<'SQL'
CREATE TABLE IF NOT EXISTS village (
  code text PRIMARY KEY, name text NOT NULL, street_code text NOT NULL, street text NOT NULL, area_code text NOT NULL,
  area text NOT NULL, city text NOT NULL, updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS village_updated ON village (updated_at, code);
SQL

tables health <<'SQL'
CREATE TABLE IF NOT EXISTS resident (
  resident_id text PRIMARY KEY, name text NOT NULL, sex text NOT NULL, birth_date text NOT NULL, phone text,
  division text NOT NULL, address text NOT NULL, status text NOT NULL,
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS resident_updated ON resident (updated_at, resident_id);
SQL
