"""Published data sets in the layouts they are published in: read once, to be prepared."""
