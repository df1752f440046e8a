#!/usr/bin/env python3
"""Writes migrations/{sqlite,mysql}/{zenml_0.98.0,zendo_indexes}.sql from schema.json.

Every statement may be run again harmlessly, and ends in ";" at the end of a
line; there is no other ";". Tables come in an order in which foreign keys
refer only to the table itself or to earlier ones (ZenML's have no cycle).
"""
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# Columns that name files: whose a file is is asked before it is read.
NAMES_FILES = {
    "artifact_version": "uri",
    "artifact_visualization": "uri",
    "logs": "uri",
    "pipeline_snapshot": "code_path",
}

# What the reference's databases have and schema.json does not tell.
CHECKS = {
    "run_wait_condition": (
        "ck_run_wait_condition_resolved_requires_resolution",
        "(status != 'resolved') OR (resolution IS NOT NULL)",
    ),
    "step_configuration": (
        "ck_step_configuration_snapshot_step_run_exclusivity",
        "(snapshot_id IS NULL AND step_run_id IS NOT NULL) OR (snapshot_id IS NOT NULL AND step_run_id IS NULL)",
    ),
}
PRIMARY_KEY_NAMES = {"alembic_version": "alembic_version_pkc"}

# schema.json has MariaDB's spelling; this one suits MySQL 8 too.
MYSQL_TYPES = {
    "INTEGER(11)": "INTEGER",
    "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": "JSON",
}
# On SQLite only these are quoted: SQLAlchemy, like other tools, reads constraints
# out of the statement's text and does not find every quoted name there.
SQLITE_QUOTED = {"commit", "exclusive", "index", "key", "trigger", "values"}


def quote(engine, name):
    if engine == "mysql":
        return f"`{name}`"
    return f'"{name}"' if name in SQLITE_QUOTED else name


def in_order(schema):
    """The tables' names, those that others refer to first."""
    done, left = [], sorted(schema)
    while left:
        ready = [
            table for table in left
            if all(key["references"].split("(")[0] in (*done, table)
                   for key in schema[table]["foreign_keys"]["sqlite"])
        ]
        assert ready, f"foreign keys go in a circle among {left}"
        done += ready
        left = [table for table in left if table not in ready]
    return done


def statements(engine, table, facts):
    def q(name):
        return quote(engine, name)

    def columns(names):
        return "(" + ", ".join(q(name) for name in names) + ")"

    lines = []
    for name, column in facts["columns"].items():
        kind = column[engine]["type"]
        if engine == "mysql":
            kind = MYSQL_TYPES.get(kind, kind)
        lines.append(f"{q(name)} {kind}" + ("" if column[engine]["nullable"] else " NOT NULL"))

    primary = f"PRIMARY KEY {columns(facts['primary_key'])}"
    if engine == "sqlite" and table in PRIMARY_KEY_NAMES:
        primary = f"CONSTRAINT {PRIMARY_KEY_NAMES[table]} {primary}"
    lines.append(primary)

    # The rule RESTRICT is missing under "mysql", where SHOW CREATE TABLE does not print it.
    foreign_keys = facts["foreign_keys"]["sqlite"]
    indexes = facts["indexes"][engine]
    if engine == "sqlite":
        for unique in facts["unique"][engine]:
            name = f"CONSTRAINT {q(unique['name'])} " if unique["name"] else ""
            lines.append(f"{name}UNIQUE {columns(unique['columns'])}")
    else:
        # An index bearing a foreign key's name is one which the server makes by itself.
        implied = [(key["name"], key["columns"]) for key in foreign_keys]
        for index in indexes:
            if (index["name"], index["columns"]) not in implied:
                kind = "UNIQUE KEY" if index["unique"] else "KEY"
                lines.append(f"{kind} {q(index['name'])} {columns(index['columns'])}")

    for key in foreign_keys:
        target, column = key["references"].rstrip(")").split("(")
        lines.append(
            f"CONSTRAINT {q(key['name'])} FOREIGN KEY {columns(key['columns'])}"
            f" REFERENCES {q(target)} ({q(column)}) ON DELETE {key['on_delete']}"
        )
    if table in CHECKS:
        name, condition = CHECKS[table]
        lines.append(f"CONSTRAINT {q(name)} CHECK ({condition})")

    body = ",\n".join("  " + line for line in lines)
    yield f"CREATE TABLE IF NOT EXISTS {q(table)} (\n{body}\n);\n"
    if engine == "sqlite":
        for index in indexes:
            kind = "UNIQUE INDEX" if index["unique"] else "INDEX"
            yield (f"CREATE {kind} IF NOT EXISTS {q(index['name'])}"
                   f" ON {q(table)} {columns(index['columns'])};\n")


# Tables with a project that are never listed.
UNLISTED = {"code_reference", "logs", "run_metadata"}
LISTED_BY = ["created", "id"]
# What else is looked up by: the newest version of an artifact, of which there may be thousands.
LOOKED_UP_BY = {"artifact_version": ["artifact_id", "created", "version_number"]}


def own_indexes(engine, table, facts):
    """What ZenML's schema lacks: on SQLite the keys that MySQL has for foreign keys, and an index for a project's list
    in its usual order. On MySQL that index would take the place of a key that ZenML's schema has, unless there is
    another one for it."""
    def has(columns, kind=engine):
        lists = [index["columns"] for index in facts["indexes"][kind] + facts["unique"][kind]]
        return any(there[:len(columns)] == columns for there in [facts["primary_key"], *lists])

    wanted = []
    if "project_id" in facts["columns"] and "created" in facts["columns"] and table not in UNLISTED:
        listed = ["project_id", *LISTED_BY]
        keys = [key["columns"] for key in facts["indexes"]["mysql"] if key["name"].startswith("fk_")]
        if not has(listed[:2]) and (engine == "sqlite" or ["project_id"] not in keys):
            wanted.append(listed)
    if table in LOOKED_UP_BY:
        wanted.append(LOOKED_UP_BY[table])
    if engine == "sqlite":
        wanted += [
            key["columns"] for key in facts["indexes"]["mysql"]
            if not has(key["columns"]) and not any(own[:len(key["columns"])] == key["columns"] for own in wanted)
        ]
    for columns in wanted:
        name = quote(engine, f"zendo_ix_{table}_{'_'.join(columns)}"[:64])
        listed = ", ".join(quote(engine, column) for column in columns)
        unless = "IF NOT EXISTS " if engine == "sqlite" else ""
        yield f"CREATE INDEX {unless}{name} ON {quote(engine, table)} ({listed});\n"
    column = NAMES_FILES.get(table)
    if column:
        # MySQL indexes only the beginning of a TEXT.
        listed = quote(engine, column) + ("(255)" if engine == "mysql" else "")
        unless = "IF NOT EXISTS " if engine == "sqlite" else ""
        name = quote(engine, f"zendo_uri_{table}")
        yield f"CREATE INDEX {unless}{name} ON {quote(engine, table)} ({listed});\n"


def main():
    schema = json.loads((HERE / "schema.json").read_text())
    for engine in ("sqlite", "mysql"):
        for name, made in (("zenml_0.98.0", statements), ("zendo_indexes", own_indexes)):
            # As the released files say, from before the folder had its place.
            text = "-- Generated from tests/contract/schema.json by tests/contract/make_migrations.py.\n"
            for table in in_order(schema):
                text += "".join(made(engine, table, schema[table]))
            path = ROOT / "migrations" / engine / f"{name}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    main()
