#!/usr/bin/env python3
"""Writes contract/flavors.json from a reference server's SQLite database.

usage: make_flavors.py path/to/zenml.db

The flavors are those that ZenML's first start leaves, in its order. The prose
of their configuration schemas is ZenML's and is left out.
"""
import json
import sqlite3
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "name", "type", "source", "display_name", "integration", "connector_type",
    "connector_resource_type", "connector_resource_id_attr", "logo_url", "docs_url",
    "sdk_docs_url", "is_custom", "config_schema",
)
NAME_TO_SCHEMA = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
VALUES = ("default", "examples", "enum", "const")


def without_prose(schema):
    """A JSON schema without its nodes' descriptions; values and properties' names stay."""
    if isinstance(schema, list):
        return [without_prose(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "description" and isinstance(value, str):
            continue
        if key in NAME_TO_SCHEMA and isinstance(value, dict):
            kept[key] = {name: without_prose(item) for name, item in value.items()}
        else:
            kept[key] = value if key in VALUES else without_prose(value)
    return kept


def main():
    database = sqlite3.connect(Path(sys.argv[1]).resolve().as_uri() + "?mode=ro", uri=True)
    rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM flavor WHERE NOT is_custom ORDER BY rowid")
    lines = []
    for row in rows:
        flavor = dict(zip(COLUMNS, row))
        flavor["is_custom"] = bool(flavor["is_custom"])
        flavor["config_schema"] = without_prose(json.loads(flavor["config_schema"]))
        lines.append(json.dumps(flavor, separators=(",", ":"), ensure_ascii=False))
    path = ROOT / "contract" / "flavors.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
