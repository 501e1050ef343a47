"""M-SRN: memory-based single-view reconstruction (Sci. China Inf. Sci. 69(2):122106, 2026)."""
