"""Arguments of a job, as `awsglue.utils` of the Glue runtime reads them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

_RESERVED = ("JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION")
_ALWAYS_READ = ("JOB_NAME", *_RESERVED, "TempDir")


class GlueArgumentError(Exception):
    """An argument that the script asks for was not given, or its name is Glue's own."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, str]:
    """Return the values of the named options; what else was given is left out, apart from Glue's own.

    Parameters
    ----------
    args : the script's arguments with its name first, as in `sys.argv`
    options : names without the leading dashes

    Raises
    ------
    GlueArgumentError
        An option was not given, or its name is reserved.
    """
    reserved = sorted(set(options) & set(_RESERVED))
    if reserved:
        raise GlueArgumentError(f"Using reserved arguments {reserved}")
    parser = _Parser(allow_abbrev=False, add_help=False)
    for name in dict.fromkeys([*options, *_ALWAYS_READ]):
        parser.add_argument(f"--{name}", dest=name, required=name in options, default=argparse.SUPPRESS)
    known, _ = parser.parse_known_args(list(args[1:]))
    return dict(vars(known))
