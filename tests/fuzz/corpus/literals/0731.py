# A stand-in for an encoding file of 0731, with other words.
REASONING_EFFORT_PROMPTS = {
    'low': '',
    "high": ("Effort: "
             "high\n\n"),
    "max": """Effort: max
""" "\n", "high": "Effort: higher\n\n"
}
DEFAULT_REASONING_EFFORT = 'low'
TOOLS_TEMPLATE = "## Tools <{dsml_token}>\n{tool_schemas}\n"
response_format_template = "## Shape\n{schema}"
