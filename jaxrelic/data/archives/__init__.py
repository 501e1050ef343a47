"""Published data sets, in the archives that their authors hand out."""
