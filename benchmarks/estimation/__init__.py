"""Estimated performance beside the realised: ours, plain estimates by scores, NannyML, and the baseline's own."""
