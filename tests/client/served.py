"""A pipeline that is deployed, in a module of its own: the process that serves it imports it."""

from typing import Annotated

from zenml import pipeline, step


@step
def greet(name: str, count: int) -> Annotated[str, "greeting"]:
    print(f"greeting {name}")
    return f"Hello {name}! " * count


@pipeline(enable_cache=False)
def welcome(name: str = "you", count: int = 1) -> Annotated[str, "greeting"]:
    return greet(name, count)
