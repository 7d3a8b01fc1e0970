"""Model cards: what one version is, what it was made of, how good and how fair it is, and what nobody has shown of it.

`Facts` is what is known (`facts`), `limits(facts)` what that leaves open, in words, and `content(facts)` the card in
SageMaker's JSON schema (`content`). `watchkeeper.report.card` draws the same facts as a page.
"""

from __future__ import annotations

from watchkeeper.card.content import MOST_CHARACTERS, content
from watchkeeper.card.facts import Facts, Package
from watchkeeper.card.limits import limits

__all__ = ["MOST_CHARACTERS", "Facts", "Package", "content", "limits"]
