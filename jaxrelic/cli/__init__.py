"""The `jaxrelic` command: parse, call, report."""
