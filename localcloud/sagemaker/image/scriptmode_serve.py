"""The `serve` side of a script-mode image: GET /ping and POST /invocations around the program's handler functions.

The program (`SAGEMAKER_PROGRAM`, in `code/` of the model archive) may define `model_fn`, `input_fn`, `predict_fn`,
`output_fn`, or `transform_fn` in place of the last three; what it leaves out has the toolkit's defaults. The model is
loaded before the port is opened, so a model that cannot be loaded never answers /ping.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

CSV, JSON = "text/csv", "application/json"


class UnsupportedFormatError(Exception):
    """A content type that the handlers do not take or give."""


def default_input_fn(body: bytes, content_type: str) -> Any:
    """Read CSV or JSON into an array."""
    import numpy

    if content_type == CSV:
        return numpy.loadtxt(io.StringIO(body.decode()), delimiter=",", ndmin=2)
    if content_type == JSON:
        return numpy.asarray(json.loads(body))
    raise UnsupportedFormatError(f"Content type {content_type} is not supported by this framework.")


def default_predict_fn(data: Any, model: Any) -> Any:
    """Ask the model itself."""
    return model.predict(data)


def default_output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    """Write an array as JSON or CSV."""
    import numpy

    array = numpy.asarray(prediction)
    if accept == CSV:
        rows = array.reshape(len(array), -1)
        return "\n".join(",".join(str(value) for value in row) for row in rows.tolist()), CSV
    if accept == JSON:
        return json.dumps(array.tolist()), JSON
    raise UnsupportedFormatError(f"Accept type {accept} is not supported by this framework.")


class Model:
    """A loaded model and the functions around it."""

    def __init__(self, program: ModuleType, model_dir: Path) -> None:
        self._model = program.model_fn(str(model_dir))
        self._transform: Callable[..., Any] | None = getattr(program, "transform_fn", None)
        self._input: Callable[..., Any] = getattr(program, "input_fn", default_input_fn)
        self._predict: Callable[..., Any] = getattr(program, "predict_fn", default_predict_fn)
        self._output: Callable[..., Any] = getattr(program, "output_fn", default_output_fn)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the body and content type of the answer to one request."""
        if self._transform is not None:
            answer = self._transform(self._model, body, content_type, accept)
        else:
            decoded = body.decode() if content_type.startswith("text/") or content_type == JSON else body
            data = self._input(body if self._input is default_input_fn else decoded, content_type)
            answer = self._output(self._predict(data, self._model), accept)
        text, kind = answer if isinstance(answer, tuple) else (answer, accept)
        return text.encode() if isinstance(text, str) else bytes(text), kind


def load_program(model_dir: Path) -> ModuleType:
    """Import the program that `SAGEMAKER_PROGRAM` names from the archive's code folder."""
    code = model_dir / "code"
    name = os.environ.get("SAGEMAKER_PROGRAM")
    if not name:
        sys.exit("SAGEMAKER_PROGRAM is not set: name the script in the model archive's code folder.")
    path = code / name
    if not path.is_file():
        there = ", ".join(sorted(str(p.relative_to(model_dir)) for p in model_dir.rglob("*") if p.is_file()))
        sys.exit(f"SAGEMAKER_PROGRAM {name!r} is not in the model archive's code folder; the archive holds: {there}")
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def handler_for(model: Model) -> type[BaseHTTPRequestHandler]:
    """Return the HTTP handler that serves a model."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the access log off the container's output."""

        def do_GET(self) -> None:
            self._send(200 if self.path == "/ping" else 404, b"", JSON)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content_type = (self.headers.get("Content-Type") or JSON).split(";")[0].strip()
            accept = (self.headers.get("Accept") or "*/*").split(",")[0].split(";")[0].strip()
            if accept in ("*/*", ""):
                accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
            try:
                self._send(200, *model.answer(body, content_type, accept))
            except UnsupportedFormatError as error:
                self._send(415, str(error).encode(), "text/plain")
            except Exception as error:
                traceback.print_exc(file=sys.stdout)
                sys.stdout.flush()
                self._send(500, f"{type(error).__name__}: {error}".encode(), "text/plain")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class Server(ThreadingHTTPServer):
    """Answers requests side by side."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Load the model, then serve it on a free port and say which."""
    model_dir = Path(os.environ["SM_ML_ROOT"]) / "model"
    os.environ["SM_MODEL_DIR"] = str(model_dir)
    model = Model(load_program(model_dir), model_dir)
    server = Server(("127.0.0.1", 0), handler_for(model))
    sys.stdout.write(f"serving on port {server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
