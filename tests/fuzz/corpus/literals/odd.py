REASONING_EFFORT_MAX=r'\n'
TOOLS_TEMPLATE='''{tool_schemas}{{}}{dsml_token}\u27e7\x41\101'''
response_format_template=(
'a' # c
"{schema}")
