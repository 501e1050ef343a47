"""What a workspace holds, for people: an overview page, contact sheets, figures, lists."""

from data_engine.reports.write import write_reports

__all__ = ["write_reports"]
