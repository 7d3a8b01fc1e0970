"""Model cards: their content, version by version."""

from __future__ import annotations

import json

from localcloud.cloud import Cloud
from localcloud.operations import ApiError, Handler, Shape

MOST_CHARACTERS = 100_000


class ModelCards:
    """Cards by name; each change of one is a new version. Content is checked for JSON and size, not for its schema."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._versions: dict[str, list[Shape]] = {}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on cards."""
        return {
            "CreateModelCard": self._create,
            "DescribeModelCard": self._describe,
            "UpdateModelCard": self._update,
            "DeleteModelCard": self._delete,
        }

    def _create(self, request: Shape) -> Shape:
        name = request["ModelCardName"]
        if name in self._versions:
            raise ApiError("ConflictException", f"Model card {self._arn(name)} already exists.")
        _check(request["Content"])
        made = {key: value for key, value in request.items() if key != "Tags"} | {"CreatedBy": {}}
        self._versions[name] = [made | {"CreationTime": self._cloud.clock.now(), "ModelCardVersion": 1}]
        return {"ModelCardArn": self._arn(name)}

    def _describe(self, request: Shape) -> Shape:
        versions = self._known(request["ModelCardName"])
        wanted = request.get("ModelCardVersion", len(versions))
        if not 1 <= wanted <= len(versions):
            raise ApiError("ResourceNotFound", f"Model card {request['ModelCardName']!r} has no version {wanted}.")
        return {"ModelCardArn": self._arn(request["ModelCardName"]), **versions[wanted - 1]}

    def _update(self, request: Shape) -> Shape:
        versions = self._known(request["ModelCardName"])
        if "Content" in request and "ModelCardStatus" in request:
            raise ApiError("ValidationException", "Content and status of a model card cannot be changed in one call.")
        if "Content" in request:
            _check(request["Content"])
        newest = {**versions[-1], **request, "LastModifiedTime": self._cloud.clock.now()}
        versions.append(newest | {"ModelCardVersion": len(versions) + 1})
        return {"ModelCardArn": self._arn(request["ModelCardName"])}

    def _delete(self, request: Shape) -> None:
        self._known(request["ModelCardName"])
        del self._versions[request["ModelCardName"]]

    def _known(self, name: str) -> list[Shape]:
        if name not in self._versions:
            raise ApiError("ResourceNotFound", f"Model card {self._arn(name)} does not exist.")
        return self._versions[name]

    def _arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:model-card/{name}"


def _check(content: str) -> None:
    try:
        is_object = isinstance(json.loads(content), dict)
    except ValueError as error:
        raise ApiError("ValidationException", f"Content is not JSON: {error}") from error
    if not is_object or len(content) > MOST_CHARACTERS:
        raise ApiError("ValidationException", f"Content must be an object of at most {MOST_CHARACTERS} characters.")
