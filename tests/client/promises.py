"""Keeps promises one after the other, and says of each whether it was kept.

A program of this folder is run with the unmodified client, signed in by its environment (`ZENML_STORE_URL` and
a password, token or key), with a configuration folder of its own. It ends well when every promise was kept.
"""

import sys
import time
import traceback

promises = []


def promise(function):
    """Marks a promise; they are kept in the order in which they stand."""
    promises.append(function)
    return function


def keep():
    """Tries each promise, even after one is broken; arguments of the program choose some of them."""
    broken = 0
    for function in promises:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        start = time.monotonic()
        try:
            function()
        except Exception:
            traceback.print_exc()
            verdict, broken = "BROKEN", broken + 1
        else:
            verdict = "kept"
        print(f"{verdict}: {function.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    sys.exit(1 if broken else 0)


def equal(found, wanted):
    assert found == wanted, f"found {found!r}, not {wanted!r}"


def refused(name, part, function, /, *args, **kwargs):
    """The call must end in an exception of that name which says that."""
    try:
        answer = function(*args, **kwargs)
    except Exception as error:
        assert type(error).__name__ == name and part in str(error), f"{type(error).__name__}: {error}"
    else:
        raise AssertionError(f"was not refused: {answer!r}")
