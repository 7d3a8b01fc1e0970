"""Read a model's YAML file; every mistake is reported with file, line, value and remedy, all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watchkeeper.config import parts, schema
from watchkeeper.config.schema import ModelConfig
from watchkeeper.errors import ConfigError

Location = tuple[str | int, ...]

_FORMS = {
    schema.NAME: "lower-case letters, digits and single hyphens, such as credit-risk",
    schema.EMAIL: "an email address, such as ops@example.com",
    parts.INSTANCE_TYPE: "a SageMaker instance type, such as ml.m5.large",
    schema.SQS_ARN: "the ARN of a queue, such as arn:aws:sqs:eu-west-1:123456789012:alerts",
    schema.LAMBDA_ARN: "the ARN of a function, such as arn:aws:lambda:eu-west-1:123456789012:function:alerts",
    schema.HTTPS_URL: "an https:// address",
    parts.S3_URI: "an S3 address, such as s3://bucket/prefix",
}
"""What a pattern of the schema asks for, in words."""


def load(path: Path | str) -> ModelConfig:
    """Read and validate one model's file.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or breaks the schema; the message lists each mistake on a line of its own.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). Name an existing file, such as models/credit.yaml."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    model = parse(text, str(path))
    _check_code_folder(model, str(path))
    return model


def load_models(paths: Iterable[Path | str]) -> list[ModelConfig]:
    """Read many files, in order of the models' names; two models may not share a name or an endpoint."""
    found: dict[str, tuple[ModelConfig, str]] = {}
    for path in paths:
        model = load(path)
        for other, place in found.values():
            for what, mine, theirs in (
                ("name", model.name, other.name),
                ("endpoint", model.endpoint_name, other.endpoint_name),
            ):
                if mine == theirs:
                    raise ConfigError(
                        f"{path}: {what} {mine!r} is already used in {place}. Give each model its own {what}."
                    )
        found[model.name] = (model, str(path))
    return [model for _, (model, _) in sorted(found.items())]


def parse(text: str, source: str) -> ModelConfig:
    """Validate YAML text; `source` names it in errors."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{source}{line}: is not valid YAML: {problem}. Check indentation, quotes and brackets."
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{source}: is empty or not a mapping. Start with 'name:', 'task:', 'endpoint:'.")
    lines = _lines(node, source)
    data = yaml.safe_load(text)
    try:
        return ModelConfig.model_validate(data)
    except ValidationError as error:
        problems = [_explain(item, source, lines) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(problems)) from error


def _check_code_folder(model: ModelConfig, source: str) -> None:
    if model.code_folder is None:
        return
    for script in ("train.py", "inference.py"):
        if not (model.code_folder / script).is_file():
            raise ConfigError(
                f"{source}: source: {str(model.code_folder)!r} holds no {script}. Name a folder, relative to where you "
                "run the command, that holds train.py and inference.py."
            )


def _lines(node: yaml.Node, source: str, where: Location = ()) -> dict[Location, int]:
    """Line of every key and item; refuses keys that YAML would silently merge or turn into something else."""
    lines = {where: node.start_mark.line + 1}
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines |= _lines(item, source, (*where, index))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{source}:{key.start_mark.line + 1}"
            if key.tag != "tag:yaml.org,2002:str":
                raise ConfigError(
                    f"{place}: YAML reads the key {key.value!r} as {key.tag.rpartition(':')[2]}. Put it in quotes."
                )
            if key.value in seen:
                raise ConfigError(f"{place}: the key {key.value!r} is given twice. Keep one.")
            seen.add(key.value)
            lines |= _lines(value, source, (*where, key.value))
            lines[(*where, key.value)] = key.start_mark.line + 1
    return lines


def _explain(item: ErrorDetails, source: str, lines: dict[Location, int]) -> str:
    """One mistake as `file:line: path: value, what is wrong and what to do`."""
    location = tuple(part for part in item["loc"] if (part in _known_parts(lines)) or part == item["loc"][-1])
    known = location
    while known and known not in lines:
        known = known[:-1]
    path = ".".join(str(part) for part in location) or "the file"
    return f"{source}:{lines.get(known, 1)}: {path}: {_advice(item, location)}"


def _known_parts(lines: dict[Location, int]) -> set[str | int]:
    return {part for location in lines for part in location}


def _advice(item: ErrorDetails, location: Location) -> str:
    kind, context, value = item["type"], item.get("ctx", {}), item["input"]
    if kind == "missing":
        return "is required. Add it."
    if kind == "extra_forbidden":
        choices = _keys_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), choices, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(choices)}."
        return f"is not a known setting. {hint}"
    if kind == "value_error":
        shown = f"{value!r}: " if isinstance(value, str | int | float) else ""
        return f"{shown}{context['error']}."
    if kind in ("enum", "literal_error"):
        return f"{value!r} is not allowed. Use {context['expected']}."
    if kind == "string_pattern_mismatch":
        return f"{value!r} is not {_FORMS.get(context['pattern'], 'of the form ' + context['pattern'])}."
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{_short(value)} is not allowed: {message}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _keys_at(location: Location) -> list[str]:
    """The settings that exist at a place of the file."""
    section: type[BaseModel] = ModelConfig
    for part in location:
        field = section.model_fields.get(str(part))
        nested = _section_of(field.annotation) if field else (section if isinstance(part, int) else None)
        if nested is None:
            return []
        section = nested
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _section_of(argument)) is not None:
            return found
    return None
