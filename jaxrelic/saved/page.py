"""What the JSON page of an export is called, wherever it stands."""

FORMAT, FORMAT_VERSION = "jaxrelic-export", 1
PAGE = "export.json"
"""File of an export's folder; a network in one file carries the page in its metadata."""
