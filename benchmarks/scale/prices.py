"""List prices that forecasts are made with: us-east-1, US dollars, November 2026, without free tiers and discounts.

They are assumptions: nothing here asks AWS. Change them for your region.
"""

from __future__ import annotations

AS_OF, REGION = "November 2026", "us-east-1"
LAMBDA_GB_SECOND = 0.0000133334
"""On arm64."""
LAMBDA_REQUEST = 0.20 / 1e6
S3_WRITE = 0.005 / 1e3
"""A PUT or a LIST."""
S3_READ = 0.0004 / 1e3
SQS_REQUEST = 0.40 / 1e6
GLUE_DPU_HOUR = 0.44


def described() -> str:
    """The prices, in a sentence."""
    return (
        f"Prices assumed ({REGION}, list, {AS_OF}): Lambda on arm64 ${LAMBDA_GB_SECOND:.10f} a GB-second and "
        f"${LAMBDA_REQUEST * 1e6:.2f} a million requests; S3 ${S3_WRITE * 1e3:.3f} a thousand PUT or LIST and "
        f"${S3_READ * 1e3:.4f} a thousand GET; SQS ${SQS_REQUEST * 1e6:.2f} a million requests; Glue "
        f"${GLUE_DPU_HOUR:.2f} a DPU-hour."
    )
