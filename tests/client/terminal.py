"""`zenml` as a person types it, in this process, since its imports take seconds."""

import io
import json
import os
import shlex
import sys
import tempfile

from zenml.cli.cli import cli


def run(command, answers=""):
    """What `zenml` prints with these arguments; also where it goes past Python's own streams. It reads the answers."""
    print("$ zenml", command, flush=True)
    streams, sys.stdin = [os.dup(1), os.dup(2)], io.StringIO(answers)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        try:
            cli(shlex.split(command), standalone_mode=False)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, stream in enumerate(streams, 1):
                os.dup2(stream, number)
                os.close(stream)
            said.seek(0)
            text = said.read().decode()
            print(text, flush=True)
    return text


def says(command, *parts, answers=""):
    said = run(command, answers)
    for part in parts:
        assert part in said, f"no {part!r} in what it says"
    return said


def fails(command, part):
    try:
        run(command)
    except Exception as error:
        assert part in str(error), f"{type(error).__name__}: {error}"
    else:
        raise AssertionError("did not fail")


def listed(command, column="name"):
    """That column of what the command lists."""
    said = run(f"{command} --columns {column} --output json")
    if "{" not in said:
        return []
    return sorted(row[column] for row in json.loads(said[said.index("{") :])["items"])
