"""Where relics come from: one page of code per source."""
