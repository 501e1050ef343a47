"""The record contract, transforms and loaders."""
