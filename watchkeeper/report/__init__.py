"""What happened to a model, as one self-contained HTML page: verdict first, then evidence."""

from watchkeeper.report.page import Card, Event, Line, Mail, Report, Sheet, render
from watchkeeper.report.plots import Series, distribution

__all__ = ["Card", "Event", "Line", "Mail", "Report", "Series", "Sheet", "distribution", "render"]
