"""`make check`'s last part: synthesize twice, compare the bytes, and lint what came out.

cdk-nag (AwsSolutions) runs inside the synthesis and fails it; cfn-lint reads every template, the ASL linter every state
machine definition, whose pictures must be those in docs/machines.md. All of it is offline.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from draw_machines import PICTURES, page
from templates import ROOT, machines, run, synthesize


def main() -> None:
    """Run all template checks; the first that fails ends it."""
    with tempfile.TemporaryDirectory() as folder:
        templates = synthesize(Path(folder) / "first", nag=True)
        synthesize(Path(folder) / "second", nag=False)
        for template in templates:
            if template.read_bytes() != (Path(folder) / "second" / template.name).read_bytes():
                sys.exit(f"{template.name}: two syntheses of the same input differ. Find what is not deterministic.")
        run("cfn-lint", "--", *map(str, templates))
        found = {name: text for template in templates for name, text in machines(template).items()}
        for name, text in found.items():
            path = Path(folder) / f"{name}.asl.json"
            path.write_text(text)
            run(str(ROOT / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(path))
        if PICTURES.read_text(encoding="utf-8") != page(found):
            sys.exit(f"{PICTURES.relative_to(ROOT)} shows other machines than these: run `make machines`.")
    print(f"templates: {len(templates)} deterministic, cdk-nag and cfn-lint clean; {len(found)} machines linted, drawn")


if __name__ == "__main__":
    main()
