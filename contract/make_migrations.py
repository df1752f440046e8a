#!/usr/bin/env python3
"""Writes migrations/{sqlite,mysql}/{zenml_0.98.0,zendo_indexes}.sql from schema.json, and from all of them what
planners are told of tables that grow: migrations/sqlite/zendo_statistics.sql, and tests/mariadb_statistics.sql.

Every statement may be run again harmlessly, and ends in ";" at the end of a
line; there is no other ";". Tables come in an order in which foreign keys
refer only to the table itself or to earlier ones (ZenML's have no cycle).
"""
import json
import re
import sqlite3
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
# In what else the client, the dashboard and scripts want a project's list, and by what they choose from all of it.
ALSO_LISTED_BY = {
    "pipeline_run": [["updated", "id"], ["start_time", "id"], ["end_time", "id"], ["name", "id"],
                     ["status", "created", "id"], ["in_progress", "created", "id"]],
    "step_run": [["updated", "id"], ["start_time", "id"], ["end_time", "id"], ["status", "created", "id"]],
    "artifact_version": [["updated", "id"]],
    "pipeline_snapshot": [["updated", "id"]],
    "model_version": [["updated", "id"]],
}
# What else is looked up by: the newest version of an artifact, of which there may be thousands.
LOOKED_UP_BY = {
    "artifact_version": [["artifact_id", "created", "version_number"]],
    "curated_visualization": [["resource_id", "resource_type"]],
    "model_version": [["model_id", "number"], ["model_id", "created", "id"], ["model_id", "stage"]],
    "model_versions_artifacts": [["created", "id"]],
    "model_versions_runs": [["created", "id"]],
    "pipeline_run": [["orchestrator_run_id"]],
    "pipeline_snapshot": [["template_id"]],
    "tag_resource": [["tag_id", "resource_type"]],
}
# Texts that may be too long for a key of MySQL's as a whole.
LONG = {"stage", *NAMES_FILES.values()}
# By the beginning of what people call many things; in MySQL no index cares about case.
BEGUN_BY = {"pipeline_run": "name"}


def in_key(engine, column):
    """MySQL indexes only the beginning of a TEXT."""
    return quote(engine, column) + ("(255)" if engine == "mysql" and column in LONG else "")


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
        grows = table in ALSO_LISTED_BY
        if not has(listed[:2]) and (engine == "sqlite" or grows or ["project_id"] not in keys):
            wanted.append(listed)
    wanted += [["project_id", *columns] for columns in ALSO_LISTED_BY.get(table, [])]
    wanted += LOOKED_UP_BY.get(table, [])
    if engine == "sqlite":
        wanted += [
            key["columns"] for key in facts["indexes"]["mysql"]
            if not has(key["columns"]) and not any(own[:len(key["columns"])] == key["columns"] for own in wanted)
        ]
    for columns in wanted:
        name = quote(engine, f"zendo_ix_{table}_{'_'.join(columns)}"[:64])
        listed = ", ".join(in_key(engine, column) for column in columns)
        unless = "IF NOT EXISTS " if engine == "sqlite" else ""
        yield f"CREATE INDEX {unless}{name} ON {quote(engine, table)} ({listed});\n"
    if engine == "sqlite" and table in BEGUN_BY:
        name = BEGUN_BY[table]
        yield (f"CREATE INDEX IF NOT EXISTS zendo_ix_{table}_project_id_{name}_nocase"
               f" ON {table} (project_id, {name} COLLATE NOCASE);\n")
    for key in facts["indexes"]["mysql"] if engine == "mysql" else []:
        # MySQL gives up the key that it made for a foreign key by itself as soon as another one will do.
        if key["name"].startswith("fk_") and any(columns[:1] == key["columns"] for columns in wanted):
            listed = ", ".join(quote(engine, column) for column in key["columns"])
            yield f"CREATE INDEX {quote(engine, key['name'])} ON {quote(engine, table)} ({listed});\n"
    column = NAMES_FILES.get(table)
    if column:
        unless = "IF NOT EXISTS " if engine == "sqlite" else ""
        name = quote(engine, f"zendo_uri_{table}")
        yield f"CREATE INDEX {unless}{name} ON {quote(engine, table)} ({in_key(engine, column)});\n"


# Tables that people fill, or that grow by far slower than runs. All others grow with what machines do.
FILLED_BY_HAND = {
    "alembic_version", "api_key", "artifact", "auth_devices", "code_reference", "code_repository", "deployment", "flavor", "model",
    "pipeline", "pipeline_build", "project", "run_template", "schedule", "secret", "server_settings", "service_connector",
    "stack", "stack_component", "stack_composition", "tag", "trigger", "user", "webhook", "zendo_api_key_bounds",
    "zendo_api_key_digest", "zendo_deactivation", "zendo_identity", "zendo_oidc_device", "zendo_oidc_sign_in",
    "zendo_operator_password", "zendo_revoked_up_to", "zendo_secret", "zendo_signing_key", "zendo_tokens_revoked_before",
    "zendo_trust", "zendo_warning", "zendo_warning_delivery",
}
MILLION = 1_000_000
# Of a million rows, so many have the same value, where it is not some ten.
SHARED = {
    **dict.fromkeys(("project_id", "user_id", "artifact_store_id", "log_store_id"), MILLION),
    **dict.fromkeys(("in_progress", "is_local", "resource_type", "stack_id", "type", "orchestrator_id"), MILLION // 2),
    **dict.fromkeys(("status", "source"), MILLION // 4),
    **dict.fromkeys(("pipeline_id", "tag_id"), MILLION // 10),
    "key": MILLION // 20,
    **dict.fromkeys(("artifact_id", "build_id", "code_reference_id", "index", "model_id", "name", "schedule_id",
                     "source_snapshot_id", "template_id"), MILLION // 100),
    **dict.fromkeys(("version", "version_number"), 1000),
    "cache_key": 500, "model_version_id": 50, "original_step_run_id": 20,
    **dict.fromkeys(("created", "updated", "start_time", "end_time"), 3),
    "id": 1, "uri": 1, "orchestrator_run_id": 1,
}
# What refers to a row of a table by this column, as rare as elsewhere it is frequent.
RARE = {("step_run_input_artifact", "artifact_id"), ("step_run_output_artifact", "artifact_id"),
        ("pipeline_run_output", "artifact_id"), ("model_version", "name"), ("model_version", "number"), ("pipeline_run", "name"), ("artifact_visualization", "uri")}


def shared_by(table, columns, is_unique):
    """Rows of a table, and of those how many share the values of the first column, of the first two, and so on."""
    rows = MILLION if table not in FILLED_BY_HAND else 1000
    numbers = [rows]
    for column in columns:
        share = 3 if (table, column) in RARE else SHARED.get(column, 10)
        numbers.append(max(1, min(numbers[-1], share * rows // MILLION)))
    if is_unique:
        numbers[-1] = 1
    return numbers


def sqlite_statistics():
    """Numbers for each index of an empty database with all tables: a planner that knows them decides always the same."""
    database = sqlite3.connect(":memory:")
    folder = ROOT / "migrations" / "sqlite"
    for file in [*sorted((folder / "zendo").glob("*.sql")), folder / "zenml_0.98.0.sql", folder / "zendo_indexes.sql"]:
        database.create_collation("zendo_folded", lambda a, b: 0)
        database.executescript(file.read_text())
    yield "-- Generated by contract/make_migrations.py.\nDELETE FROM sqlite_stat1;\nDELETE FROM sqlite_stat4;\n"
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall():
        for _, index, is_unique, *_ in database.execute(f'PRAGMA index_list("{table}")').fetchall():
            columns = [row[2] for row in database.execute(f'PRAGMA index_info("{index}")')]
            # Without an index that begins with what is asked for there is to be no try with another.
            numbers = " ".join([*map(str, shared_by(table, columns, is_unique)), "noskipscan"])
            yield f"INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{numbers}');\n"


def mariadb_statistics(schema):
    """The same for a MariaDB of the tests; {database} stands for the name of its database."""
    yield "-- Generated by contract/make_migrations.py.\n"
    sql = (ROOT / "migrations" / "mysql" / "zenml_0.98.0.sql").read_text()
    sql += (ROOT / "migrations" / "mysql" / "zendo_indexes.sql").read_text()
    for file in sorted((ROOT / "migrations" / "mysql" / "zendo").glob("*.sql")):
        sql += file.read_text()
    tables = sorted({*schema, *re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?`?(zendo_\w+)", sql)})
    for table in tables:
        rows = shared_by(table, [], False)[0]
        yield f"REPLACE INTO mysql.table_stats VALUES ('{{database}}', '{table}', {rows});\n"
    indexes = []
    for table, facts in schema.items():
        listed = [("PRIMARY", facts["primary_key"], True)]
        listed += [(index["name"], index["columns"], index["unique"]) for index in facts["indexes"]["mysql"]]
        listed += [(unique["name"], unique["columns"], True) for unique in facts["unique"]["mysql"]]
        indexes += [(table, *index) for index in listed]
    made = re.findall(r"CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?`?(\w+)`? ON `?(\w+)`? \((.*)\);", sql)
    for is_unique, name, table, columns in made:
        indexes.append((table, name, re.findall(r"`?([a-z_]+)`?(?:\(\d+\))?", columns), bool(is_unique)))
    for table, name, columns, is_unique in indexes:
        for arity, share in enumerate(shared_by(table, columns, is_unique)[1:], 1):
            yield f"REPLACE INTO mysql.index_stats VALUES ('{{database}}', '{table}', '{name}', {arity}, {share});\n"


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
    (ROOT / "migrations" / "sqlite" / "zendo_statistics.sql").write_text("".join(sqlite_statistics()))
    (ROOT / "tests" / "mariadb_statistics.sql").write_text("".join(mariadb_statistics(schema)))


if __name__ == "__main__":
    main()
