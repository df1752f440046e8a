#!/usr/bin/env python3
"""Prints a database's schema in the shape of schema.json, or compares it.

usage: inspect_schema.py SQLALCHEMY_URL                          print it
       inspect_schema.py SQLALCHEMY_URL --compare schema.json    exit 1 and list what differs, or exit 0

Needs SQLAlchemy, and for MySQL or MariaDB pymysql: a virtual environment that
has ZenML has both. Tables and
indexes named zendo_* are left out. schema.json does not
tell of CHECK constraints, so neither are they looked at here.
"""
import argparse
import json
import sys

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

# What MySQL 8 calls the types for which schema.json has MariaDB's name.
MARIADB_TYPES = {
    "INTEGER": "INTEGER(11)",
    "JSON": "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
}


def read(url):
    """Returns the engine's key in schema.json and the schema of the database."""
    url = make_url(url)
    if url.drivername in ("mysql", "mariadb"):
        url = url.set(drivername="mysql+pymysql")
    engine = create_engine(url)
    kind = "sqlite" if engine.dialect.name == "sqlite" else "mysql"
    inspector = inspect(engine)

    def named(items, *more):
        made = [{"name": item["name"], "columns": item["column_names"],
                 **{key: bool(item[key]) for key in more}} for item in items
                if not (item["name"] or "").startswith("zendo_")]
        return sorted(made, key=lambda item: (item["name"] or "", item["columns"]))

    schema = {}
    for table in sorted(inspector.get_table_names()):
        if table.startswith("zendo_"):
            continue
        columns = {}
        for column in inspector.get_columns(table):
            type_ = column["type"].compile(engine.dialect)
            if kind == "mysql":
                type_ = MARIADB_TYPES.get(type_, type_)
            columns[column["name"]] = {kind: {"type": type_, "nullable": column["nullable"]}}

        foreign_keys = []
        for key in inspector.get_foreign_keys(table):
            rule = key["options"].get("ondelete")
            if kind == "mysql" and rule == "RESTRICT":
                rule = None  # what MySQL does without a rule; MariaDB does not print it
            foreign_keys.append({
                "name": key["name"],
                "columns": key["constrained_columns"],
                "references": f"{key['referred_table']}({', '.join(key['referred_columns'])})",
                "on_delete": rule,
            })
        foreign_keys.sort(key=lambda key: (key["name"] or "", key["columns"]))

        schema[table] = {
            "columns": columns,
            "primary_key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign_keys": {kind: foreign_keys},
            "unique": {kind: named(inspector.get_unique_constraints(table))},
            "indexes": {kind: named(inspector.get_indexes(table), "unique")},
        }
    return kind, schema


def flat(kind, schema):
    """One entry for each fact of one engine, by the fact's name."""
    facts = {}
    for table, entry in schema.items():
        facts[f"{table} columns"] = list(entry["columns"])
        facts[f"{table} primary key"] = entry["primary_key"]
        for name, column in entry["columns"].items():
            facts[f"{table} column {name}"] = column[kind]
        for group in ("foreign_keys", "unique", "indexes"):
            for item in entry[group][kind]:
                name = item["name"] or f"unnamed {item['columns']}"
                facts[f"{table} {group} {name}"] = item
    return facts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--compare", metavar="schema.json")
    args = parser.parse_args()

    kind, schema = read(args.url)
    if not args.compare:
        json.dump(schema, sys.stdout, indent=1)
        print()
        return 0

    with open(args.compare) as file:
        wanted = flat(kind, json.load(file))
    found = flat(kind, schema)
    differing = sorted(name for name in wanted.keys() | found.keys()
                       if wanted.get(name) != found.get(name))
    for name in differing:
        print(f"{name}: expected {json.dumps(wanted.get(name))}, found {json.dumps(found.get(name))}")
    if not differing:
        print(f"equal: {len(schema)} tables, {len(found)} facts ({kind})")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
