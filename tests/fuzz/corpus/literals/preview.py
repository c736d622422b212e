#!/usr/bin/env python3
"""A stand-in for an encoding file of April, with other words. TOOLS_TEMPLATE = "in a docstring" does not count."""
import re
from typing import Any, Dict, List

# REASONING_EFFORT_MAX = "in a comment"
response_format_template: str = (
    "## Shape\n\n"  # comments and blank lines may stand between the pieces

    'One object, written as {{"key": value}}:\n{schema}'
)

TOOLS_TEMPLATE = """## Tools
Write <{dsml_token}tool_calls> with {{braces}} \
joined, after {thinking_start_token}...{thinking_end_token}.

{tool_schemas}
"""  # replaced below

REASONING_EFFORT_MAX: Dict[str, str] | str = ("Effort: " "all\u2014of\x20it\n" r"\raw" '\n\n')

PATTERN = re.compile(r"^\s*name=\"(.*?)\">\n$", flags=re.DOTALL)
COUNTS = {"a": 1, "b": [2, {"c": "}"}]}
SUM = ("a" + "b")


def render(values: List[Any]) -> str:
    TOOLS_TEMPLATE = f"a local name {values!r}"
    response_format_template = (
"also at the left margin, but inside brackets"
    )
    return TOOLS_TEMPLATE + response_format_template


TOOLS_TEMPLATE = """## Tools
Write <{dsml_token}tool_calls> with {{braces}} \
joined, after {thinking_start_token}...{thinking_end_token}.

{tool_schemas}

The end.
"""
