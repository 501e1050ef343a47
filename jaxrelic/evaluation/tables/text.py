"""Tables as Markdown and LaTeX, from the same cells."""

from collections.abc import Sequence

_LATEX_ESCAPES = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int) -> str:
    """Pipes and dashes; columns from `numbers_from` on are aligned right."""
    rule = ["---" if i < numbers_from else "---:" for i in range(len(header))]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:]))


def latex(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int, caption: str
) -> str:
    """A `table` environment that needs no package."""
    columns = "".join("l" if i < numbers_from else "r" for i in range(len(header)))
    lines = [" & ".join(map(latex_escaped, row)) + r" \\" for row in (header, *rows)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex_escaped(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def latex_escaped(text: str) -> str:
    """Plain text as LaTeX that prints it."""
    return text.translate(_LATEX_ESCAPES)
