"""The catalog and its views in formats that others read and write."""
