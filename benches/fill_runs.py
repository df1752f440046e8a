#!/usr/bin/env python3
"""Fills a ZenML 0.98.0 database with pipeline runs, as the official client leaves them.

    benches/fill_runs.py zendo-data/zendo.db                10,000 runs of 5 steps each
    benches/fill_runs.py zendo-data/zendo.db --runs 1000
    benches/fill_runs.py mysql://user:password@127.0.0.1:3306/zendo     by the program mariadb

The database is one that zendo's or ZenML's first start made. Its server should be stopped: indexes are dropped, and made
again when all rows are there. Each run has a snapshot of its own, as with the client, unless --shared gives all runs of a
pipeline one: then a run is a third as large. Of twenty runs one has failed; of four, one took its first step from the cache.
The same seed makes the same rows, but for the ids of what the server made itself.
"""

import argparse
import datetime
import itertools
import json
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import time
import urllib.parse

REVISION = "0.98.0"
BEGINNING = datetime.datetime(2026, 1, 1)
APART = datetime.timedelta(minutes=1)
PIPELINES = ("training", "scoring", "nightly", "report", "retraining")
TAGGED = {"training": ["nightly"], "nightly": ["nightly", "scheduled"]}
WITH_MODEL = "retraining"
AT_ONCE = 500
MODULE = "pipelines"


class Step:
    """A step of every pipeline: where its input comes from, and what it makes and logs."""

    def __init__(self, name, output, named, kind, parameters, upstream=None, logged=()):
        self.name, self.output, self.named, self.kind = name, output, named, kind
        self.parameters, self.upstream, self.logged = parameters, upstream, logged
        self.inputs = {"data": upstream} if upstream else {}
        arguments = [*self.inputs, *(f"{key}: float = {value}" for key, value in parameters.items())]
        returned = f'Annotated[{kind}, "{output}"]' if named else kind
        self.source = f"@step\ndef {name}({', '.join(arguments)}) -> {returned}:\n    return {kind}()\n"


LOAD = Step("load", "numbers", True, "dict", {"limit": 3.0}, logged=[("rows", 3000, "int")])
CLEAN = Step("clean", "output", False, "dict", {}, LOAD)
TRAIN = Step("train", "accuracy", True, "float", {"rate": 0.2}, CLEAN, [("loss", 0.25, "float"), ("kind", "sgd", "str")])
EVALUATE = Step("evaluate", "output", False, "float", {}, TRAIN)
PUBLISH = Step("publish", "note", True, "str", {}, TRAIN, [("places", {"names": ["a", "b"]}, "dict")])
STEPS = (LOAD, CLEAN, TRAIN, EVALUATE, PUBLISH)
FAILING = EVALUATE
METRIC = TRAIN


def compact(value):
    """As the client's models are written."""
    return json.dumps(value, separators=(",", ":"))


def moment(value):
    return value.isoformat(" ", "microseconds")


def dashed(identifier):
    return "-".join(identifier[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def source(attribute, module=MODULE, kind="user"):
    return {"module": module, "attribute": attribute, "type": kind}


def materializer(step):
    name = "BuiltInContainerMaterializer" if step.kind == "dict" else "BuiltInMaterializer"
    return source(name, "zenml.materializers.built_in_materializer", "internal")


def schema(title, parameters):
    properties = {
        name: {"default": value, "title": name.title(), "type": "number"} for name, value in parameters.items()
    }
    return {"additionalProperties": False, "properties": properties, "title": title, "type": "object"}


def step_spec(step):
    return {
        "source": source(step.name),
        "upstream_steps": [step.upstream.name] if step.upstream else [],
        "inputs": {
            name: {"step_name": maker.name, "output_name": maker.output, "chunk_index": None, "chunk_size": None}
            for name, maker in step.inputs.items()
        },
        "invocation_id": step.name,
        "enable_heartbeat": False,
        "parameter_spec": schema(f"{step.name.title()}Parameters", step.parameters) if step.parameters else {},
    }


def step_overrides(step, numbers):
    named = {"name": step.output, "version": None, "tags": ["metric"] if step is METRIC else None, "run_metadata": None,
             "artifact_type": None}
    return {
        **dict.fromkeys(("enable_cache", "enable_artifact_metadata", "enable_artifact_visualization",
                         "enable_step_logs", "step_operator", "experiment_tracker")),
        "parameters": step.parameters, "settings": {}, "environment": {}, "secrets": [], "extra": {},
        **dict.fromkeys(("failure_hook_source", "success_hook_source", "start_hook_source", "end_hook_source", "model",
                         "retry")),
        "substitutions": {},
        "cache_policy": {
            **dict.fromkeys(("include_step_code", "include_step_parameters", "include_artifact_values",
                             "include_artifact_ids"), True),
            **dict.fromkeys(("ignored_inputs", "file_dependencies", "source_dependencies", "cache_func",
                             "expires_after")),
        },
        "runtime": None, "heartbeat_healthy_threshold": 30, "group": None,
        "outputs": {step.output: {
            "materializer_source": [materializer(step)], "default_materializer_source": None,
            "artifact_config": named if step.named else None,
        }},
        "name": step.name, "step_type": None, "template": None,
        "caching_parameters": {
            "step_source": f"{numbers.getrandbits(256):064x}",
            f"{step.output}_materializer_source": f"{numbers.getrandbits(128):032x}",
        },
        "external_input_artifacts": {}, "model_artifacts_or_metadata": {}, "client_lazy_loaders": {}, "command": None,
    }


def pipeline_configuration(name):
    model = {
        "name": name,
        **dict.fromkeys(("license", "description", "audience", "use_cases", "limitations", "trade_offs", "ethics",
                         "tags", "version")),
        "save_models_to_registry": True, "model_version_id": None, "suppress_class_validation_warnings": True,
    }
    return {
        **dict.fromkeys(("enable_cache", "enable_artifact_metadata", "enable_artifact_visualization",
                         "enable_step_logs", "enable_heartbeat")),
        "environment": {}, "secrets": [], "enable_pipeline_logs": None, "execution_mode": "continue_on_failure",
        "settings": {}, "tags": TAGGED.get(name), "extra": {},
        **dict.fromkeys(("failure_hook_source", "success_hook_source", "start_hook_source", "end_hook_source",
                         "pause_hook_source", "resume_hook_source", "init_hook_source", "init_hook_kwargs",
                         "cleanup_hook_source")),
        "model": model if name == WITH_MODEL else None, "parameters": {}, "retry": None, "substitutions": {},
        "cache_policy": None, "name": name, "steps_to_skip": [], "skip_successful_steps": False,
        "step_input_overrides": {}, "step_default_input_overrides": {},
    }


def pipeline_spec(name):
    return {
        "version": "0.5", "source": source(name), "parameters": {}, "input_schema": schema("PipelineInput", {}),
        "output_schema": {"properties": {}, "title": "PipelineOutput", "type": "object"}, "outputs": [],
        "steps": [step_spec(step) for step in STEPS],
    }


ENVIRONMENT = json.dumps({
    "environment": "native", "os": "linux", "linux_distro": "debian", "linux_distro_like": "",
    "linux_distro_version": "12", "python_version": "3.11.7", "zenml_version": REVISION,
    "python_packages": "\n".join([*(f"some-package-{number:02}=={number}.4.2" for number in range(85)), "zenml==0.98.0"]),
})
EXCEPTION = json.dumps({
    "traceback": f'  File "/src/{MODULE}.py", line 10, in {FAILING.name}\n    raise ValueError("no good")\n'
                 "ValueError: no good\n",
    "source": "builtins.ValueError", "message": "no good", "user_code_line": 3,
})


class SQLite:
    def __init__(self, path):
        self.connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=60, isolation_level=None)
        self.indexes = []

    def first(self, query):
        return self.connection.execute(query).fetchone()

    def begin(self):
        """Without its indexes a table is written from its beginning to its end; but for that of its keys, which are
        random: much of it has to be in memory."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        self.connection.execute(f"PRAGMA cache_size = -{memory // 4096}")
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("PRAGMA foreign_keys = OFF")
        self.connection.execute("BEGIN IMMEDIATE")
        self.indexes = self.connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in self.indexes:
            self.connection.execute(f'DROP INDEX "{name}"')

    def insert(self, table, columns, rows):
        names, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
        self.connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)

    def end(self, state):
        self.connection.execute("UPDATE server_settings SET onboarding_state = ?", (state,))
        for _, sql in self.indexes:
            self.connection.execute(sql)
        self.connection.execute("COMMIT")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.close()


class MariaDB:
    """By the client program, which takes statements on its standard input."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.command = ["mariadb", "--no-defaults", f"--user={parts.username}", f"--password={parts.password}",
                        f"--host={parts.hostname}", f"--port={parts.port or 3306}", parts.path.strip("/")]
        self.process = None

    def first(self, query):
        answered = subprocess.run([*self.command, "--batch", "--skip-column-names", "--execute", query.replace('"', "`")],
                                  check=True, capture_output=True, text=True).stdout.split("\n")[0]
        return tuple(answered.split("\t")) if answered else None

    def begin(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, text=True, encoding="utf-8")
        self.say("SET unique_checks = 0, foreign_key_checks = 0, autocommit = 0")

    def say(self, statement):
        self.process.stdin.write(f"{statement};\n")

    def insert(self, table, columns, rows):
        names = ", ".join(f"`{column}`" for column in columns)
        for begin in range(0, len(rows), 200):
            listed = ",".join(f"({','.join(map(self.quoted, row))})" for row in rows[begin:begin + 200])
            self.say(f"INSERT INTO `{table}` ({names}) VALUES {listed}")

    @staticmethod
    def quoted(value):
        if value is None:
            return "NULL"
        if isinstance(value, (int, float)):
            return str(value)
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

    def end(self, state):
        self.say(f"UPDATE server_settings SET onboarding_state = {self.quoted(state)}")
        self.say("COMMIT")
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit("fill_runs: the program mariadb has failed")


class Filler:
    def __init__(self, database, seed, shares_snapshots):
        self.shares_snapshots = shares_snapshots
        self.numbers = random.Random(seed)
        self.rows = {}
        self.pipelines, self.artifacts, self.versions, self.tags, self.loaded = {}, {}, {}, {}, {}

        def the(what, query):
            row = database.first(query)
            if row is None:
                raise SystemExit(f"fill_runs: the database has no {what}; has its server been started and activated?")
            return row[0]

        self.project = the("default project", "SELECT id FROM project WHERE name = 'default'")
        self.user = the("user", "SELECT id FROM user WHERE is_service_account = 0 ORDER BY created LIMIT 1")
        self.stack = the("default stack", "SELECT id FROM stack WHERE name = 'default'")
        self.store = the(
            "artifact store", "SELECT id FROM stack_component WHERE type = 'artifact_store' ORDER BY created LIMIT 1")
        self.folder = f"/var/lib/zenml/local_stores/{dashed(self.store)}"
        self.owned = {"user_id": self.user, "project_id": self.project}

        configured = {step: (step_spec(step), step_overrides(step, self.numbers)) for step in STEPS}
        self.step_configurations = {
            step: compact({"spec": spec, "step_config_overrides": overrides})
            for step, (spec, overrides) in configured.items()
        }

    def id(self):
        number = self.numbers.getrandbits(128)
        return f"{number & ~(0xf << 76 | 0x3 << 62) | 4 << 76 | 2 << 62:032x}"

    def add(self, table, **columns):
        self.rows.setdefault((table, tuple(columns)), []).append(tuple(columns.values()))

    def made(self, table, when, until=None, **columns):
        """Adds a row of a table with an id and times; its id."""
        identifier = columns.pop("id", None) or self.id()
        created = moment(when)
        self.add(table, id=identifier, created=created, updated=moment(until) if until else created, **columns)
        return identifier

    def taken(self):
        """The rows that were made since the last time: what they are of, with them."""
        rows, self.rows = self.rows, {}
        return rows

    def pipeline(self, name, when):
        if name not in self.pipelines:
            self.pipelines[name] = {
                "id": self.id(), "name": name, "created": when, "runs": 0,
                "hash": f"{self.numbers.getrandbits(128):032x}",
                "configuration": compact(pipeline_configuration(name)),
                "spec": json.dumps(pipeline_spec(name), sort_keys=True),
                "keys": {step: f"{self.numbers.getrandbits(128):032x}" for step in STEPS},
                "model": self.made(
                    "model", when, name=name, save_models_to_registry=1, **self.owned) if name == WITH_MODEL else None,
            }
        return self.pipelines[name]

    def tag(self, name, resource, resource_type, when):
        if name not in self.tags:
            self.tags[name] = self.made("tag", when, name=name, user_id=self.user, color="green", exclusive=0)
        self.made("tag_resource", when, tag_id=self.tags[name], resource_id=resource, resource_type=resource_type)

    def metadata(self, resources, key, value, kind, when, step=None):
        identifier = self.made("run_metadata", when, key=key, value=json.dumps(value), type=kind,
                               publisher_step_id=step, **self.owned)
        for resource, resource_type in resources:
            self.link(identifier, resource, resource_type)
        return identifier

    def link(self, metadata, resource, resource_type):
        self.add("run_metadata_resource", id=self.id(), resource_id=resource, resource_type=resource_type,
                 run_metadata_id=metadata)

    def logs(self, origin, when, run=None, step=None):
        identifier = self.id()
        self.made("logs", when, id=identifier, uri=f"{self.folder}/logs/{dashed(identifier)}.log", source=origin,
                  pipeline_run_id=run, step_run_id=step, artifact_store_id=self.store, **self.owned)

    def artifact_version(self, pipeline, step, step_run, when):
        name = step.output if step.named else f"{pipeline['name']}::{step.name}::{step.output}"
        if name not in self.artifacts:
            self.artifacts[name] = self.made("artifact", when, name=name, has_custom_name=int(step.named), **self.owned)
        number = self.versions[name] = self.versions.get(name, 0) + 1
        uri = f"{self.folder}/{step.name}/{step.output}/{dashed(step_run)}/{self.numbers.getrandbits(32):08x}"
        version = self.made(
            "artifact_version", when, version=str(number), version_number=number,
            type="BaseArtifact" if step.kind == "dict" else "DataArtifact", uri=uri,
            materializer=compact(materializer(step)), data_type=compact(source(step.kind, "builtins", "builtin")),
            save_type="step_output", content_hash=f"{self.numbers.getrandbits(128):032x}",
            artifact_id=self.artifacts[name], artifact_store_id=self.store, **self.owned)
        self.made("artifact_visualization", when, type="json", uri=f"{uri}/data.json", artifact_version_id=version)
        resource = [(version, "artifact_version")]
        self.metadata(resource, "storage_size", self.numbers.randrange(1, 10_000), "int", when)
        if step.kind == "dict":
            self.metadata(resource, "length", self.numbers.randrange(1, 100), "int", when)
        elif step.kind == "float":
            self.metadata(resource, "string_representation", str(round(self.numbers.random(), 3)), "str", when)
        if step is METRIC:
            self.tag("metric", version, "artifact_version", when)
        return version

    def snapshot(self, pipeline, start):
        name, snapshot = pipeline["name"], self.id()
        self.made(
            "pipeline_snapshot", start, id=snapshot, is_dynamic=0, pipeline_configuration=pipeline["configuration"],
            client_environment=ENVIRONMENT, run_name_template=f"{name}-{{date}}-{{time}}", client_version=REVISION,
            server_version=REVISION, pipeline_version_hash=pipeline["hash"], pipeline_spec=pipeline["spec"],
            source_code=f"@pipeline\ndef {name}():\n    ...\n", stack_id=self.stack, pipeline_id=pipeline["id"],
            step_count=len(STEPS), **self.owned)
        for index, step in enumerate(STEPS):
            self.made("step_configuration", start, index=index, name=step.name, config=self.step_configurations[step],
                      snapshot_id=snapshot)
        return snapshot

    def run(self, number):
        name = PIPELINES[number % len(PIPELINES)]
        start = BEGINNING + number * APART + datetime.timedelta(microseconds=self.numbers.randrange(1_000_000))
        pipeline = self.pipeline(name, start)
        pipeline["runs"] += 1
        turn = pipeline["runs"]
        cached, failed = turn % 4 == 0, turn % 20 == 10
        run = self.id()
        snapshot = pipeline.get("snapshot") or self.snapshot(pipeline, start)
        if self.shares_snapshots:
            pipeline["snapshot"] = snapshot

        model_version = None
        if pipeline["model"]:
            model_version = self.made(
                "model_version", start, name=str(turn), number=turn, model_id=pipeline["model"],
                producer_run_id_if_numeric=run, **self.owned)
            self.made("model_versions_runs", start, model_version_id=model_version, pipeline_run_id=run)

        when, step_runs, outputs = start, {}, {}
        for step in STEPS:
            begun = when + datetime.timedelta(milliseconds=50)
            when = begun + datetime.timedelta(milliseconds=self.numbers.randrange(100, 5000))
            if step is LOAD and cached:
                step_runs[step], outputs[step] = self.cached_step(pipeline, run, snapshot, begun)
                when = begun
            else:
                step_runs[step], outputs[step] = self.step(
                    pipeline, step, run, snapshot, begun, when, step_runs, outputs, failed and step is FAILING)
                if model_version and outputs[step]:
                    self.made("model_versions_artifacts", when, model_version_id=model_version,
                              artifact_version_id=outputs[step])
            if step.upstream:
                self.add("step_run_parents", parent_id=step_runs[step.upstream], child_id=step_runs[step])

        self.made(
            "pipeline_run", start, when, id=run, name=f"{name}-{start:%Y_%m_%d-%H_%M_%S_%f}",
            orchestrator_run_id=dashed(self.id()), start_time=moment(start), end_time=moment(when), in_progress=0,
            status="failed" if failed else "completed", orchestrator_environment=ENVIRONMENT, index=turn,
            enable_heartbeat=1, snapshot_id=snapshot, pipeline_id=pipeline["id"], model_version_id=model_version,
            **self.owned)
        self.logs("client", start, run=run)
        if turn % 5 == 0:
            self.metadata([(run, "pipeline_run")], "score", round(self.numbers.random(), 3), "float", when)
        for tag in TAGGED.get(name, []) + (["candidate"] if turn % 10 == 0 else []):
            self.tag(tag, run, "pipeline_run", start)

    def step_run(self, pipeline, step, run, snapshot, start, end, **columns):
        return self.made(
            "step_run", start, end, name=step.name, start_time=moment(start), end_time=moment(end),
            cache_key=pipeline["keys"][step], source_code=step.source, version=1, is_retriable=0, snapshot_id=snapshot,
            pipeline_run_id=run, **self.owned, **columns)

    def cached_step(self, pipeline, run, snapshot, when):
        original, output, metadata = self.loaded[pipeline["name"]]
        step_run = self.step_run(pipeline, LOAD, run, snapshot, when, when, status="cached",
                                 original_step_run_id=original)
        self.add("step_run_output_artifact", name=LOAD.output, step_id=step_run, artifact_id=output)
        for entry in metadata:
            self.link(entry, step_run, "step_run")
        return step_run, output

    def step(self, pipeline, step, run, snapshot, start, end, step_runs, outputs, failed):
        if failed:
            step_run = self.step_run(pipeline, step, run, snapshot, start, end, status="failed",
                                     exception_info=EXCEPTION)
        else:
            step_run = self.step_run(pipeline, step, run, snapshot, start, end, status="completed")
        for name, maker in step.inputs.items():
            self.add("step_run_input_artifact", name=name, type="step_output", input_index=0, step_id=step_run,
                     artifact_id=outputs[maker])
        for origin in ("prepare_step", "step"):
            self.logs(origin, start, step=step_run)
        if failed:
            return step_run, None
        metadata = [
            self.metadata([(step_run, "step_run")], key, value, kind, end, step_run)
            for key, value, kind in step.logged
        ]
        output = self.artifact_version(pipeline, step, step_run, end)
        self.add("step_run_output_artifact", name=step.output, step_id=step_run, artifact_id=output)
        if step is LOAD:
            self.loaded[pipeline["name"]] = step_run, output, metadata
        return step_run, output

    def make(self, runs, sent):
        numbers = iter(range(runs))
        while batch := list(itertools.islice(numbers, AT_ONCE)):
            for number in batch:
                self.run(number)
            sent.send(self.taken())
        for name, pipeline in self.pipelines.items():
            self.made("pipeline", pipeline["created"], id=pipeline["id"], name=name, run_count=pipeline["runs"],
                      **self.owned)
        sent.send(self.taken())
        sent.send(None)


def fill(database, filler, runs):
    """Rows are made on one core while those before them are written on another; how many there were."""
    received, sent = multiprocessing.Pipe(duplex=False)
    multiprocessing.get_context("fork").Process(target=filler.make, args=(runs, sent), daemon=True).start()
    sent.close()
    database.begin()
    written = 0
    while (made := received.recv()) is not None:
        for (table, columns), rows in made.items():
            database.insert(table, columns, rows)
            written += len(rows)
    database.end(json.dumps(["pipeline_run", "project_created"]))
    return written


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("database", help="the SQLite file, such as zendo-data/zendo.db, or a mysql:// URL")
    arguments.add_argument("--runs", type=int, default=10_000, help="how many runs (10000)")
    arguments.add_argument("--seed", type=int, default=98, help="of the ids and numbers (98)")
    arguments.add_argument("--shared", action="store_true", help="one snapshot for all runs of a pipeline")
    given = arguments.parse_args()

    begin = time.perf_counter()
    try:
        database = MariaDB(given.database) if "://" in given.database else SQLite(given.database)
        revision = database.first("SELECT version_num FROM alembic_version")
        if revision != (REVISION,):
            raise SystemExit(f"fill_runs: the database is of revision {revision and revision[0]}, not {REVISION}")
        if database.first("SELECT 1 FROM pipeline LIMIT 1"):
            raise SystemExit("fill_runs: the database has pipelines already")
        written = fill(database, Filler(database, given.seed, given.shared), given.runs)
    except (sqlite3.Error, subprocess.CalledProcessError, BrokenPipeError, EOFError) as error:
        raise SystemExit(f"fill_runs: {error or 'the rows have ended early'}") from error
    print(f"{given.runs} runs, {written} rows in {time.perf_counter() - begin:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
