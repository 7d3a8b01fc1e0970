"""Replace a function of the interpreter wherever its modules have imported it by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_INTERPRETER = "moto.stepfunctions."


def replace_everywhere(name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `make(original)` in the place of every function called `name` in the interpreter's modules.

    Raises
    ------
    LookupError
        No module has such a function: moto has changed.
    """
    users = [
        module
        for module_name, module in list(sys.modules.items())
        if module_name.startswith(_INTERPRETER) and callable(getattr(module, name, None))
    ]
    if not users:
        raise LookupError(f"moto's interpreter has no function {name!r} any more: the bridge must be written anew.")
    replacement = make(getattr(users[0], name))
    for module in users:
        setattr(module, name, replacement)
