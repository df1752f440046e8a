#!/usr/bin/env python3
"""Writes contract/run_configuration.json: what schemas of run configurations are made of.

usage: python make_run_configuration.py path/to/zenml.db      with the Python that has zenml[server]==0.98.0

The prose is ZenML's and is left out.
"""
import json
import sqlite3
import sys
from pathlib import Path
from typing import Optional

from make_flavors import ROOT, without_prose
from pydantic import create_model
from zenml.config import ResourceSettings
from zenml.config.base_settings import BaseSettings
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration
from zenml.config.source import StringSerializableSource
from zenml.config.step_configurations import StepConfigurationUpdate
from zenml.utils import source_utils

PER_STACK = ["step_operator", "experiment_tracker", "settings", "parameters"]


def schema_of(model, left_out):
    fields = {}
    for name, field in model.model_fields.items():
        if name not in left_out:
            is_source = field.annotation == Optional[StringSerializableSource]
            fields[name] = (Optional[str] if is_source else field.annotation, field)
    return without_prose(create_model("Part", **fields).model_json_schema())


def settings_of(path):
    database = sqlite3.connect(Path(path).resolve().as_uri() + "?mode=ro", uri=True)
    settings = {}
    for name, kind, source, stored in database.execute(
        "SELECT name, type, source, config_schema FROM flavor WHERE NOT is_custom ORDER BY rowid"
    ):
        known = json.loads(stored)["properties"]
        for base in source_utils.load(source)().config_class.__mro__[1:]:
            if issubclass(base, BaseSettings):
                if base.model_fields:
                    schema = base.model_json_schema()
                    own = {
                        field: without_prose(of)
                        for field, of in schema["properties"].items()
                        if without_prose(of) != without_prose(known[field])
                    }
                    entry = {"title": schema["title"], "fields": list(schema["properties"])}
                    entry |= {"required": schema["required"]} if "required" in schema else {}
                    settings[f"{kind}/{name}"] = entry | ({"own": own} if own else {})
                break
    return settings


def main():
    pipeline = schema_of(PipelineRunConfiguration, ["schedule", "build", "steps", *PER_STACK[2:]])
    step = schema_of(StepConfigurationUpdate, ["name", "outputs", *PER_STACK])
    resources = without_prose(ResourceSettings.model_json_schema())
    definitions = pipeline.pop("$defs") | step.pop("$defs") | resources.pop("$defs")
    parts = {
        "definitions": definitions | {"ResourceSettings": resources},
        "pipeline": pipeline["properties"],
        "step": step["properties"],
        "settings": settings_of(sys.argv[1]),
    }
    path = ROOT / "contract" / "run_configuration.json"
    path.write_text(json.dumps(parts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
