"""The two ways a run says no: to the user's request, and to one file."""

from jaxrelic.errors import UserError

__all__ = ["REASONS", "Refusal", "UserError"]

REASONS = (
    "license",
    "ai_opt_out",
    "age",
    "too_large",
    "not_glb",
    "bad_glb",
    "bad_mesh",
    "bad_archive",
    "external_uri",
    "unsupported_extension",
    "no_mesh",
    "degenerate",
    "bomb",
    "timeout",
    "crash",
    "not_a_relic",
    "human_drop",
    "empty_render",
    "clipped",
    "gone",
    "forgotten",
)
"""Why a relic is `rejected`; the codes are stable, the sentences beside them are not."""


class Refusal(Exception):  # noqa: N818 - it is a verdict on a file, not a fault of the program
    """A file that cannot become a relic, with a stable reason and a sentence for people."""

    def __init__(self, reason: str, sentence: str):
        """Takes one of `REASONS` and a sentence that names what was found."""
        if reason not in REASONS:
            raise ValueError(f"reason {reason!r} is not one of {REASONS}")
        super().__init__(reason, sentence)
        self.reason = reason
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.reason}: {self.sentence}"
