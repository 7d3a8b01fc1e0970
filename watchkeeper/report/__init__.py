"""What happened to a model, as one self-contained HTML page: verdict first, then evidence."""

from watchkeeper.report.page import Card, Event, Mail, Report, render
from watchkeeper.report.plots import Series, distribution

__all__ = ["Card", "Event", "Mail", "Report", "Series", "distribution", "render"]
